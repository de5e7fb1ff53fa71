"""Reading a list whose rows shift between its pages."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.providers.mymailmarket.rows import MAX_PAGE_SIZE, READ_ATTEMPTS, every_row
from tests.support.examples import examples


class CurrentRow:
    """A list at the provider, newest first, on which something happens after each page that is read."""

    def __init__(self, size: int, happens: Callable[[list[int]], None] = lambda rows: None) -> None:
        self.rows = list(range(size))
        self.happens = happens
        self.starts: list[int] = []

    def page(self, start: int) -> list[dict[str, Any]]:
        self.starts.append(start)
        found = [{"Id": str(row)} for row in self.rows[start : start + MAX_PAGE_SIZE]]
        self.happens(self.rows)
        return found


def read(current: CurrentRow) -> list[int]:
    return [int(row["Id"]) for row in every_row(current.page, "subscribers_in_status")]


@pytest.mark.parametrize("size", [0, 1, 249, 250, 251, 498, 499, 500, 1000])
def test_every_row_is_read_once_and_in_order(size: int) -> None:
    current = CurrentRow(size)
    assert read(current) == list(range(size))
    through = [number * 249 for number in range(max(1, -(-(size - 249) // 249) + 1))]
    assert current.starts == through + ([0] if len(through) > 1 else []), "and the front once more at the end"


def test_an_added_or_removed_row_restarts_the_read() -> None:
    def once(change: Callable[[list[int]], None]) -> Callable[[list[int]], None]:
        left = [change]
        return lambda rows: left.pop()(rows) if left else None

    for change in (
        lambda rows: rows.insert(0, 9999),
        lambda rows: rows.pop(3),
        lambda rows: rows.__delitem__(slice(0, 400)),
    ):
        current = CurrentRow(600, once(change))
        found = read(current)
        assert set(current.rows) <= set(found) and len(found) == len(set(found))
        assert current.starts.count(0) == (3 if len(current.rows) > 250 else 2), (
            "twice through, and the front if it is long"
        )


def test_a_row_moving_to_the_front_while_another_is_removed_is_not_missed() -> None:
    def swapped(rows: list[int]) -> None:
        if rows[0] == 0:
            rows.pop(3)
            rows.insert(0, rows.pop(rows.index(400)))

    current = CurrentRow(600, swapped)
    assert set(read(current)) == set(range(600))
    assert current.starts == [0, 249, 498, 0, 249]


def test_new_rows_at_the_front_are_read() -> None:
    def many(rows: list[int]) -> None:
        """As many as move to the front, 200, leave the part that was read."""
        if len(current.starts) <= 2:
            moved, first = rows[-200:], 5 if len(current.starts) == 1 else 230
            del rows[-200:]
            del rows[first : first + 200]
            rows[:0] = moved

    current = CurrentRow(1000, many)
    assert set(current.rows) <= set(read(current))
    assert current.starts == [0, 249, 498, 0, 249, 498], "no shift, and new rows on two pages at the front"


@pytest.mark.no_cover
def test_no_remaining_row_is_missed_whatever_changes() -> None:
    for seed in range(examples(15)):
        chance = random.Random(seed)

        def happens(rows: list[int], chance: random.Random = chance) -> None:
            if chance.random() < 0.3:
                rows.pop(chance.randrange(len(rows)))
            if chance.random() < 0.3:
                rows.insert(0, chance.randrange(10_000, 99_999))
            if chance.random() < 0.3:
                rows.insert(0, rows.pop(chance.randrange(len(rows))))

        current = CurrentRow(900, happens)
        before = set(current.rows)
        try:
            found = read(current)
        except ProviderError:
            continue
        assert not (before & set(current.rows)) - set(found), seed


def test_a_list_that_keeps_changing_is_retried() -> None:
    current = CurrentRow(600, lambda rows: rows.insert(0, -len(rows)))
    with pytest.raises(ProviderError) as caught:
        read(current)
    assert caught.value.kind is Kind.LATER
    assert current.starts.count(0) == READ_ATTEMPTS


def test_a_server_repeating_the_first_page_is_stopped() -> None:
    with pytest.raises(ProviderError):
        list(every_row(lambda start: CurrentRow(250).page(0), "subscribers_in_status"))


def test_rows_without_an_id_are_compared_by_content() -> None:
    page = [
        {"MailAddress": "a@example.com"},
        {"MailAddress": "A@example.com"},
        {"MobileNumber": "1"},
        {"MobileNumber": "2"},
    ]
    assert len(list(every_row(lambda start: page, "x"))) == 3
