"""Concurrent calls: a limit, results in order, errors in order."""

from __future__ import annotations

import threading

import pytest

from chalicelib.providers.concurrency import concurrent_map


def test_concurrency_is_limited_and_results_are_in_order() -> None:
    together = threading.Barrier(4, timeout=10)  # breaks unless four wait for one another

    def ask(number: int) -> int:
        together.wait()
        return number * 10

    assert list(concurrent_map(ask, range(8), 4)) == [0, 10, 20, 30, 40, 50, 60, 70]


def test_requests_are_not_made_far_ahead_of_the_reader() -> None:
    asked: list[int] = []
    results = concurrent_map(asked.append, iter(range(100)), 3)
    for _ in range(5):
        next(results)
    results.close()
    assert len(asked) <= 8


def test_an_error_is_raised_in_order_and_ends_the_iteration() -> None:
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
