"""Calls at once: so many and no more, results in order, trouble in its place."""

from __future__ import annotations

import threading

import pytest

from chalicelib.providers.concurrency import concurrent_map


def test_so_many_are_under_way_and_results_come_in_order() -> None:
    together = threading.Barrier(4, timeout=10)  # breaks unless four wait for one another

    def ask(number: int) -> int:
        together.wait()
        return number * 10

    assert list(concurrent_map(ask, range(8), 4)) == [0, 10, 20, 30, 40, 50, 60, 70]


def test_no_more_are_asked_ahead_of_the_reader() -> None:
    asked: list[int] = []
    results = concurrent_map(asked.append, iter(range(100)), 3)
    for _ in range(5):
        next(results)
    results.close()
    assert len(asked) <= 8


def test_trouble_comes_in_its_place_and_ends_it() -> None:
    asked: list[int] = []

    def ask(number: int) -> int:
        asked.append(number)
        if number == 2:
            raise ValueError("trouble")
        return number

    results = concurrent_map(ask, range(1000), 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="trouble"):
        next(results)
    assert list(results) == []
    assert max(asked) <= 4
