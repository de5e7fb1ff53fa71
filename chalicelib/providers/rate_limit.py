"""One budget of calls for all workers and accounts that share it, kept in the ledger.

Permits are taken in blocks by one conditional write, so that a write serves many calls; a block serves calls for
`BLOCK_SECONDS` only and counts against the limit until the calls that it may have served are all out of the window. So
in no window, wherever it begins, are there more calls than the limit. Fixed minutes would let twice as many through
round the end of a minute, and nobody says how a provider counts.

A worker that makes few calls takes small blocks; one that uses up its blocks takes larger ones.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..clock import Clock
from ..domain.errors import Kind, LedgerUnavailable, ProviderError
from ..ledger.table import ConditionFailed, Key, Table

SMALLEST_BLOCK = 5
LARGEST_BLOCK = 50
BLOCK_SECONDS = 5.0
SLACK_SECONDS = 2.0
"""For clocks that differ and for the way to the provider."""
_ATTEMPTS = 20
_DAY_SECONDS = 86400

Block = tuple[int, int]
"""When it was taken, in epoch milliseconds, and how many permits."""


def rate_key(name: str) -> Key:
    """The item of a budget."""
    return f"S#rate#{name}", "blocks"


@dataclass(slots=True)
class _Held:
    """What this process holds of a budget: permits `left` until `until`, and `size` of the block; times in epoch ms."""

    left: int = 0
    until: int = 0
    size: int = SMALLEST_BLOCK
    seen: Mapping[str, Any] | None = None
    """The item as it was when this process last wrote or met it."""
    shut_until: int = 0
    """Nothing is free before this, whoever asks."""
    half_free_at: int = 0


class Rates:
    """Permits for calls, by the name of the budget. One per process, safe to use from several threads."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()

    def admit(self, name: str, calls: int, seconds: float) -> None:
        """Use one permit of a budget of at most `calls` in any `seconds`.

        Raises `ProviderError` (later) when there is none, with the seconds until half of the budget is free again, so
        that whoever comes back can get on; and when the ledger does not answer, for then nobody knows.
        """
        with self._lock:
            held = self._held.setdefault(name, _Held())
            now = self._now()
            if held.left < 1 or now >= held.until:
                if now >= held.shut_until:
                    self._take_block(name, held, calls, seconds)
                if now < held.shut_until:
                    wait = (held.half_free_at - now) / 1000
                    raise ProviderError(Kind.LATER, f"{name}: the limit of {calls} calls is reached", retry_after=wait)
            held.left -= 1

    def _take_block(self, name: str, held: _Held, calls: int, seconds: float) -> None:
        used_up = held.left < 1 and self._now() < held.until
        wanted = min(LARGEST_BLOCK, held.size * 2) if used_up else SMALLEST_BLOCK
        try:
            for _ in range(_ATTEMPTS):
                if self._take(name, held, wanted, calls, seconds):
                    return
        except LedgerUnavailable:
            why = "the ledger does not say how many calls may be made"
        else:
            why = "too many workers ask for permits at once"
        raise ProviderError(Kind.LATER, f"{name}: {why}")

    def _take(self, name: str, held: _Held, wanted: int, calls: int, seconds: float) -> bool:
        """Take a block, or find that there is none; False if somebody else was faster and another look is needed."""
        item = held.seen if held.seen is not None else self._table.get(rate_key(name)) or {}
        now = self._now()
        life = round((BLOCK_SECONDS + seconds + SLACK_SECONDS) * 1000)
        blocks = _living(item, now - life)
        free = calls - sum(size for _, size in blocks)
        if free < 1:
            if held.seen is not None:
                # What is remembered may be old; the wait is told from what stands there.
                held.seen = None
                return False
            held.shut_until = min(taken for taken, _ in blocks) + life
            held.half_free_at = _half_free(blocks, calls) + life
            return True
        block = (now, min(wanted, free))
        version = item.get("version", 0)
        try:
            held.seen = self._table.update(
                rate_key(name),
                "SET #blocks = :blocks, #version = :next, expires_at = :expires",
                {
                    "blocks": [list(each) for each in (*blocks, block)],
                    "next": version + 1,
                    "expires": now // 1000 + _DAY_SECONDS,
                    **({"seen": version} if version else {}),
                },
                condition="#version = :seen" if version else "attribute_not_exists(#version)",
                names={"blocks": "blocks", "version": "version"},
            )
        except ConditionFailed as failed:
            held.seen = failed.found
            return False
        held.size, held.left, held.until = wanted, block[1], now + round(BLOCK_SECONDS * 1000)
        return True

    def _now(self) -> int:
        return round(self._clock().timestamp() * 1000)


def _living(item: Mapping[str, Any], horizon: int) -> list[Block]:
    """The blocks that still count: those taken after `horizon`."""
    return [(taken, size) for taken, size in item.get("blocks", []) if taken > horizon]


def _half_free(blocks: list[Block], calls: int) -> int:
    """When the block was taken with whose end half of the budget is free again."""
    freed = calls - sum(size for _, size in blocks)
    for taken, size in sorted(blocks):
        freed += size
        if freed * 2 >= calls:
            return taken
    return max(taken for taken, _ in blocks)
