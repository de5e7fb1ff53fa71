"""Collects the addresses that the ledger suppresses for an account, by keyed hash and in little memory."""

from __future__ import annotations

from array import array
from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from ..domain.ordering import SubscriptionState, latest
from ..ledger.keys import EVERY_ACCOUNT
from ..ledger.table import Table
from .ledger_scan import PARTS

SIZE = 32
"""Bytes of a keyed hash."""
_ATTRIBUTES = ("pk", "sk", "unsubscribed_at", "signed_up_at")


class Hashes:
    """Sorted hashes; looked up by their first eight bytes, which no two of some millions share."""

    def __init__(self, content: bytes | bytearray) -> None:
        self._all = b"".join(sorted({bytes(content[at : at + SIZE]) for at in range(0, len(content), SIZE)}))
        self._heads = array("Q", (_head(self._all[at : at + SIZE]) for at in range(0, len(self._all), SIZE)))

    def __len__(self) -> int:
        return len(self._heads)

    def position(self, text: str) -> int | None:
        """Returns the position of a hash in the ledger's text form; None if absent."""
        raw = _raw(text)
        at = bisect_left(self._heads, _head(raw))
        return at if at < len(self._heads) and self._all[at * SIZE : (at + 1) * SIZE] == raw else None

    def text(self, position: int) -> str:
        """Returns a hash in the ledger's text form."""
        return urlsafe_b64encode(self._all[position * SIZE : (position + 1) * SIZE]).rstrip(b"=").decode()


def suppressed(table: Table, accounts: Sequence[str], check_time: Callable[[], None]) -> dict[str, bytearray]:
    """Returns the hashes of each account's suppressed addresses, from one scan of all subscription states.

    What the scan cannot resolve (a signup delivered a moment ago, an older address key) is left to a second look at the
    few that matter. Raises LedgerUnavailable, and what `check_time` raises.
    """

    def one_part(part: int) -> dict[str, bytearray]:
        found = {name: bytearray() for name in accounts}
        for pk, items in groupby(_states(table, part, check_time), key=lambda item: item["pk"]):
            by_account = {item["sk"]: item for item in items}
            for name in accounts:
                if _suppressed(by_account.get(name, {}), by_account.get(EVERY_ACCOUNT, {})):
                    found[name] += _raw(pk.removeprefix("A#"))
        return found

    together = {name: bytearray() for name in accounts}
    for found in table.in_parallel(one_part, range(PARTS)):
        for name, content in found.items():
            together[name] += content
    return together


def _states(table: Table, part: int, check_time: Callable[[], None]) -> Iterator[dict[str, Any]]:
    check_time()
    for page in table.scan(part, PARTS, "begins_with(#pk, :prefix)", _ATTRIBUTES, {"prefix": "A#"}):
        yield from page
        check_time()


def _suppressed(own: Mapping[str, Any], all_accounts: Mapping[str, Any]) -> bool:
    unsubscribed_at = latest(own.get("unsubscribed_at"), all_accounts.get("unsubscribed_at"))
    return SubscriptionState(unsubscribed_at=unsubscribed_at, signed_up_at=own.get("signed_up_at")).is_suppressed


def first_position(hashes: Hashes, texts: Iterable[str]) -> int | None:
    """Returns the position of the first of an address's hashes that is present."""
    return next((position for text in texts if (position := hashes.position(text)) is not None), None)


def _raw(text: str) -> bytes:
    return urlsafe_b64decode(text + "=")


def _head(raw: bytes) -> int:
    return int.from_bytes(raw[:8], "big")
