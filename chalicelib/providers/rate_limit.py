"""Enforces one call budget across all workers and accounts that share it, by an item in the ledger.

Permits are taken in blocks, so that one conditional write serves many calls. A block is valid for `BLOCK_SECONDS` and
counts against the limit until every call that it may have permitted is out of the window; so no window, wherever it
starts, has more calls than the limit. Fixed minutes would allow twice as many around the end of a minute, and how a
provider counts is not documented.

A worker that makes few calls takes small blocks; one that uses up its blocks takes larger ones.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..domain.errors import Kind, LedgerUnavailable, ProviderError
from ..domain.reasons import ReasonCode
from ..effects import Clock
from ..ledger.table import ConditionFailed, Key, Table

SMALLEST_BLOCK = 5
LARGEST_BLOCK = 50
BLOCK_SECONDS = 5.0
SLACK_SECONDS = 2.0
"""Tolerance for differing clocks and for the time to reach the provider."""
_ATTEMPTS = 20
_DAY_SECONDS = 86400

Block = tuple[int, int]
"""When it was taken, in epoch milliseconds, and its number of permits."""


def rate_key(name: str) -> Key:
    """Returns the key of a budget's item."""
    return f"S#rate#{name}", "blocks"


@dataclass(slots=True)
class _Budget:
    """This process's share of a budget: permits `left` until `until`, of a block of `size`; times in epoch ms."""

    left: int = 0
    until: int = 0
    size: int = SMALLEST_BLOCK
    item: Mapping[str, Any] | None = None
    """The item as this process last wrote or read it."""
    exhausted_until: int = 0
    """No permit is free before this."""
    half_free_at: int = 0


class RateLimiter:
    """Permits for calls, by the name of the budget. One per process, safe to use from several threads."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._budgets: dict[str, _Budget] = {}
        self._lock = threading.Lock()

    def admit(self, name: str, calls: int, seconds: float) -> None:
        """Uses one permit of a budget of at most `calls` in any `seconds`.

        Raises `ProviderError` (later) when there is none, with the seconds until half of the budget is free again, so
        that a retry can proceed; and when the ledger does not answer, since the number of calls is then unknown.
        """
        with self._lock:
            budget = self._budgets.setdefault(name, _Budget())
            now = self._now()
            if budget.left < 1 or now >= budget.until:
                if now >= budget.exhausted_until:
                    self._take_block(name, budget, calls, seconds)
                if now < budget.exhausted_until:
                    wait = (budget.half_free_at - now) / 1000
                    message, code = f"{name}: the limit of {calls} calls is reached", ReasonCode.THROTTLED
                    raise ProviderError(Kind.LATER, message, retry_after=wait, reason_code=code)
            budget.left -= 1

    def _take_block(self, name: str, budget: _Budget, calls: int, seconds: float) -> None:
        used_up = budget.left < 1 and self._now() < budget.until
        wanted = min(LARGEST_BLOCK, budget.size * 2) if used_up else SMALLEST_BLOCK
        try:
            for _ in range(_ATTEMPTS):
                if self._take(name, budget, wanted, calls, seconds):
                    return
        except LedgerUnavailable:
            reason = "the ledger is unavailable, so the number of calls is unknown"
        else:
            reason = "too many workers ask for permits at once"
        raise ProviderError(Kind.LATER, f"{name}: {reason}")

    def _take(self, name: str, budget: _Budget, wanted: int, calls: int, seconds: float) -> bool:
        """Takes a block, or finds that none is free; returns False if another worker was faster and it must retry."""
        item = budget.item if budget.item is not None else self._table.get(rate_key(name)) or {}
        now = self._now()
        life = round((BLOCK_SECONDS + seconds + SLACK_SECONDS) * 1000)
        blocks = _living(item, now - life)
        free = calls - sum(size for _, size in blocks)
        if free < 1:
            if budget.item is not None:
                # The item in memory may be old; the wait is computed from the stored one.
                budget.item = None
                return False
            budget.exhausted_until = min(taken for taken, _ in blocks) + life
            budget.half_free_at = _half_free(blocks, calls) + life
            return True
        block = (now, min(wanted, free))
        version = item.get("version", 0)
        try:
            budget.item = self._table.update(
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
            budget.item = failed.found
            return False
        budget.size, budget.left, budget.until = wanted, block[1], now + round(BLOCK_SECONDS * 1000)
        return True

    def _now(self) -> int:
        return round(self._clock().timestamp() * 1000)


def _living(item: Mapping[str, Any], horizon: int) -> list[Block]:
    """Returns the blocks that still count: those taken after `horizon`."""
    return [(taken, size) for taken, size in item.get("blocks", []) if taken > horizon]


def _half_free(blocks: list[Block], calls: int) -> int:
    """Returns when the block was taken whose end frees half of the budget."""
    freed = calls - sum(size for _, size in blocks)
    for taken, size in sorted(blocks):
        freed += size
        if freed * 2 >= calls:
            return taken
    return max(taken for taken, _ in blocks)
