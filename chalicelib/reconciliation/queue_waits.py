"""Measures for how long messages wait on the queues: whole events of back ends that no worker has stored yet.

SQS returns how many messages wait, but reports their age to CloudWatch only. So `sweep` records when it first sees
messages, and counts the wait from a minute earlier, when its previous run saw none. While `sweep` runs every minute, no
message waits for longer than that. It may wait for less: others may have been taken without the queue being seen empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from ..domain.errors import LedgerUnavailable
from ..domain.times import epoch_milliseconds
from ..ledger.queue_waits import KINDS, QueueWaitStore
from ..names import QueueKind
from ..notification.notifier import TYPE_OF
from ..observability import logger, metrics
from ..services import Services

PERIOD_MILLISECONDS = 60_000
"""The period of `sweep`."""
LONG_SECONDS = 300
"""Messages wait for less while workers take them."""


@dataclass(frozen=True, slots=True)
class QueueWait:
    """The messages of a queue that no worker has taken: how many (None: SQS does not say), for how long at most."""

    messages: int | None
    seconds: int = 0


def waiting_since(
    before: Mapping[QueueKind, int], messages: Mapping[QueueKind, int | None], now: int
) -> dict[QueueKind, int]:
    """Returns since when messages wait (ms) on each queue that has some, or had some and cannot be asked now."""
    return {
        kind: before.get(kind, now - PERIOD_MILLISECONDS)
        for kind in KINDS
        if messages[kind] or (messages[kind] is None and kind in before)
    }


class QueueWaits:
    """Counts waiting messages, and records since when there are some."""

    def __init__(self, services: Services) -> None:
        self._notifier = services.notifier
        self._store = QueueWaitStore(services.table)
        self._clock = services.effects.clock

    def record(self) -> dict[QueueKind, QueueWait]:
        """Counts the messages, records since when there are some, and logs queues on which they wait for long.

        If the ledger does not answer, the messages are counted all the same.
        """
        messages, now = {kind: self._count(kind) for kind in KINDS}, epoch_milliseconds(self._clock())
        since: dict[QueueKind, int] = {}
        try:
            before = self._store.read()
            since = waiting_since(before, messages, now)
            if since != before:
                self._store.write(since)
        except LedgerUnavailable as error:
            logger.error("queue waits not recorded: ledger unavailable", extra={"error": str(error)})
            metrics.count("ledger_failures")
        waits = _waits(messages, since, now)
        for kind, wait in waits.items():
            if wait.seconds >= LONG_SECONDS:
                facts = {"queue": kind, "messages": wait.messages, "seconds": wait.seconds}
                logger.warning("messages wait on a queue", extra=facts)
        return waits

    def read(self) -> dict[QueueKind, QueueWait]:
        """Counts the messages, and reads for how long some wait, as `sweep` recorded it. Raises LedgerUnavailable."""
        messages = {kind: self._count(kind) for kind in KINDS}
        since = {kind: at for kind, at in self._store.read().items() if messages[kind] != 0}
        return _waits(messages, since, epoch_milliseconds(self._clock()))

    def _count(self, kind: QueueKind) -> int | None:
        try:
            return self._notifier.backlog(TYPE_OF[kind])
        except (ClientError, BotoCoreError) as error:
            logger.warning("queue backlog unknown", extra={"queue": kind, "error": type(error).__name__})
            return None


def longest(waits: Iterable[QueueWait]) -> int:
    """Returns for how many seconds the oldest message waits at most; 0 if none does."""
    return max((wait.seconds for wait in waits), default=0)


def _waits(
    messages: Mapping[QueueKind, int | None], since: Mapping[QueueKind, int], now: int
) -> dict[QueueKind, QueueWait]:
    return {
        kind: QueueWait(count, max(0, now - since[kind]) // 1000 if kind in since else 0)
        for kind, count in messages.items()
    }
