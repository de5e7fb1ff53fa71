"""Reading a list whose rows shift between its pages."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.errors import Kind, ProviderError
from chalicelib.providers.mymailmarket.pages import ATTEMPTS, every_row
from chalicelib.providers.mymailmarket.parameters import LARGEST_PAGE


class Held:
    """A list at the provider, newest first, on which something happens after each page that is read."""

    def __init__(self, size: int, happens: Callable[[list[int]], None] = lambda rows: None) -> None:
        self.rows = list(range(size))
        self.happens = happens
        self.starts: list[int] = []

    def page(self, start: int) -> list[dict[str, Any]]:
        self.starts.append(start)
        found = [{"Id": str(row)} for row in self.rows[start : start + LARGEST_PAGE]]
        self.happens(self.rows)
        return found


def read(held: Held) -> list[int]:
    return [int(row["Id"]) for row in every_row(held.page, "subscribers_in_status")]


@pytest.mark.parametrize("size", [0, 1, 249, 250, 251, 498, 499, 500, 1000])
def test_every_row_comes_once_and_in_order(size: int) -> None:
    held = Held(size)
    assert read(held) == list(range(size))
    assert held.starts == [number * 249 for number in range(len(held.starts))]


def test_a_row_that_comes_or_goes_makes_it_read_again() -> None:
    def once(change: Callable[[list[int]], None]) -> Callable[[list[int]], None]:
        left = [change]
        return lambda rows: left.pop()(rows) if left else None

    for change in (
        lambda rows: rows.insert(0, 9999),
        lambda rows: rows.pop(3),
        lambda rows: rows.__delitem__(slice(0, 400)),
    ):
        held = Held(600, once(change))
        found = read(held)
        assert set(held.rows) <= set(found) and len(found) == len(set(found))
        assert held.starts.count(0) == 2


def test_nobody_who_stays_is_missed_whatever_happens() -> None:
    for seed in range(40):
        chance = random.Random(seed)

        def happens(rows: list[int], chance: random.Random = chance) -> None:
            if chance.random() < 0.3:
                rows.pop(chance.randrange(len(rows)))
            if chance.random() < 0.3:
                rows.insert(0, chance.randrange(10_000, 99_999))

        held = Held(900, happens)
        before = set(held.rows)
        try:
            found = read(held)
        except ProviderError:
            continue
        assert not (before & set(held.rows)) - set(found), seed


def test_a_list_that_never_holds_still_is_for_later() -> None:
    held = Held(600, lambda rows: rows.insert(0, -len(rows)))
    with pytest.raises(ProviderError) as caught:
        read(held)
    assert caught.value.kind is Kind.LATER
    assert held.starts.count(0) == ATTEMPTS


def test_a_server_that_gives_the_first_page_again_and_again_ends() -> None:
    with pytest.raises(ProviderError):
        list(every_row(lambda start: Held(250).page(0), "subscribers_in_status"))


def test_rows_without_an_id_are_told_apart_by_what_they_hold() -> None:
    page = [
        {"MailAddress": "a@example.com"},
        {"MailAddress": "A@example.com"},
        {"MobileNumber": "1"},
        {"MobileNumber": "2"},
    ]
    assert len(list(every_row(lambda start: page, "x"))) == 3
