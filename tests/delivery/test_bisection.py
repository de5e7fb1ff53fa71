"""Bisection of refused batches: number of calls, rejected rows, and detection of list errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from math import ceil, log2

import pytest
from hypothesis import given, strategies as st

from chalicelib.delivery.bisection import SAMPLES, SINGLES_THAT_BLAME_THE_LIST, Bisection
from chalicelib.domain.errors import Kind, ProviderError

MESSAGES = "no such mailbox"


def split(
    rows: Sequence[int], says: Callable[[Sequence[int]], str | None], size: int = 1000
) -> tuple[Bisection[int], list[int], int]:
    """Send `rows` to a provider that `says` with which message it refuses a part; returns accepted rows and calls."""
    bisection: Bisection[int] = Bisection(rows, size)
    accepted: list[int] = []
    calls = 0
    while (part := bisection.next_part()) is not None:
        calls += 1
        assert 0 < len(part) <= size
        if (message := says(part)) is None:
            bisection.accepted(part)
            accepted += part
        else:
            bisection.refused(part, ProviderError(Kind.CONTACT, message))
    return bisection, accepted, calls


def rejected(bisection: Bisection[int]) -> list[tuple[int, str]]:
    return [(row, error.message) for row, error in bisection.rejected]


def refusing(bad: set[int]) -> Callable[[Sequence[int]], str | None]:
    return lambda part: MESSAGES if bad & set(part) else None


@given(st.integers(1, 300), st.data())
def test_one_bad_row_costs_at_most_two_calls_per_halving(count: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(0, count - 1))
    bisection, accepted, calls = split(range(count), refusing({bad}))
    assert calls <= 1 + 2 * ceil(log2(count))
    assert rejected(bisection) == [(bad, MESSAGES)]
    assert sorted(accepted) == [row for row in range(count) if row != bad]


def test_one_bad_row_in_255_costs_sixteen_calls_more() -> None:
    assert max(split(range(255), refusing({bad}))[2] for bad in range(255)) <= 17


@given(st.integers(0, 80), st.sets(st.integers(0, 79)), st.integers(1, 90))
def test_every_row_is_accepted_rejected_or_remaining_exactly_once(count: int, bad: set[int], size: int) -> None:
    bisection, accepted, _ = split(range(count), refusing(bad), size)
    accused = [row for row, _ in bisection.rejected]
    assert Counter([*accepted, *accused, *bisection.remaining]) == Counter(range(count))
    assert bad.isdisjoint(accepted) and set(accused) <= bad and bisection.accepted_rows == accepted
    assert bisection.list_is_at_fault or not bisection.remaining


@given(st.integers(0, 80), st.sets(st.integers(0, 79)), st.lists(st.sampled_from("ab"), min_size=80, max_size=80))
def test_the_list_is_at_fault_only_when_all_rows_were_refused_with_the_same_message(
    count: int, bad: set[int], message: list[str]
) -> None:
    def says(part: Sequence[int]) -> str | None:
        return next((message[row] for row in part if row in bad), None)

    bisection, accepted, _ = split(range(count), says)
    if bisection.list_is_at_fault:
        assert not accepted and len({said for _, said in rejected(bisection)}) == 1
        assert len(bisection.rejected) >= SINGLES_THAT_BLAME_THE_LIST


@pytest.mark.parametrize("count", [9, 10, 20, 100, 255, 1000])
def test_a_list_that_refuses_every_row_costs_few_calls(count: int) -> None:
    bisection, accepted, calls = split(range(count), lambda _: MESSAGES)
    assert bisection.list_is_at_fault and not accepted
    assert len(bisection.rejected) <= SINGLES_THAT_BLAME_THE_LIST + SAMPLES
    assert calls <= (25 if count <= 255 else 29)


def test_eight_single_refusals_are_enough() -> None:
    bisection, _, _ = split(range(8), lambda _: MESSAGES)
    assert bisection.list_is_at_fault and not bisection.remaining


@pytest.mark.seconds
@given(st.integers(9, 255), st.data())
def test_bad_rows_at_the_start_are_not_a_list_error(count: int, data: st.DataObject) -> None:
    """The last row is asked before the list is blamed, and it is taken."""
    bad = set(range(data.draw(st.integers(8, count - 1))))
    bisection, accepted, _ = split(range(count), refusing(bad))
    assert not bisection.list_is_at_fault
    assert {row for row, _ in bisection.rejected} == bad and len(accepted) == count - len(bad)


def test_words_are_the_same_whatever_number_or_value_they_quote() -> None:
    bisection, _, _ = split(range(10), lambda part: f"row {part[0]}: the value 'x{part[0]}' of prenom is not known")
    assert bisection.list_is_at_fault


def test_no_rows_make_no_calls() -> None:
    bisection, accepted, calls = split([], lambda _: MESSAGES)
    assert (calls, accepted, bisection.remaining, bisection.list_is_at_fault) == (0, [], [], False)
