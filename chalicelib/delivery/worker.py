"""What the queue functions do: hold whole events, look up those that were rung for, deliver what is pending."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, assert_never

from botocore.exceptions import BotoCoreError, ClientError

from ..domain.errors import LedgerUnavailable
from ..domain.events import Delivery, Event, EventType, StoredEvent
from ..effects import Effects
from ..ingestion.accept import LeaseState
from ..ingestion.queue_intake import Message, read_message
from ..ledger.events import EventStore
from ..ledger.subscriptions import SubscriptionStore
from ..ledger.table import Table
from ..names import QueueKind
from ..notification.notifier import QUEUE_OF, Notifier, notified_ids
from ..observability import event_log, logger, metrics
from .batching import Task
from .deadline import Context, Deadline
from .dispatcher import Dispatcher

MOST_EVENTS = 10_000
"""Events that one invocation looks up: a long import can ring for far more at once than its memory holds."""
TYPE_OF: Mapping[QueueKind, EventType] = {queue: verb for verb, queue in QUEUE_OF.items()}


class Worker:
    """One batch of messages of any queue to the end.

    `ring_again(account)` rings for what waited for an account; `sync(tasks, deadline)` makes syncs.
    """

    def __init__(
        self,
        *,
        table: Table,
        events: EventStore,
        words: SubscriptionStore,
        holder: LeaseState,
        dispatcher: Dispatcher,
        notifier: Notifier,
        notify_again: Callable[[str], int],
        sync: Callable[[Sequence[Task], Deadline], None],
        effects: Effects,
    ) -> None:
        self._table = table
        self._events = events
        self._words = words
        self._holder = holder
        self._dispatcher = dispatcher
        self._notifier = notifier
        self._notify_again = notify_again
        self._sync = sync
        self._effects = effects

    def handle(self, kind: QueueKind, event: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """Work on one SQS event of the queue `kind`; the answer names the messages that must come again.

        Only a message whose event could not be held comes again: all else is in the ledger, and sweep rings for it.
        """
        deadline = Deadline.of(context, self._effects.clock)
        messages = [read_message(record) for record in event.get("Records", ())]
        enqueued, whole, failed = self._sorted(kind, messages)
        fresh, known, not_held = self._hold(kind, whole)
        held = [*fresh, *self._load(self._not_too_many(kind, [*known, *enqueued]))]
        syncs = self._deliver(held, deadline)
        self._make(kind, syncs, deadline)
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in (*failed, *not_held)]}

    def deliver(self, event_ids: Iterable[str], deadline: Deadline) -> None:
        """Deliver held signups and unsubscribes now, without a message; what is left is rung for by `sweep`."""
        self._deliver(self._load(event_ids), deadline)

    def _sorted(self, kind: QueueKind, messages: Sequence[Message]) -> tuple[list[str], list[Message], list[str]]:
        """Ids rung for, messages with events, and the ids of unreadable messages that could not be set aside."""
        enqueued: list[str] = []
        whole: list[Message] = []
        failed: list[str] = []
        for message in messages:
            ids = notified_ids(message.data)
            if ids is not None:
                enqueued += ids
            elif message.readable:
                whole.append(message)
            elif not self._set_aside(kind, message):
                failed.append(message.id)
        return enqueued, whole, failed

    def _set_aside(self, kind: QueueKind, message: Message) -> bool:
        metrics.count("unreadable_messages")
        logger.error("a message that cannot be read goes to the dead-letter queue", extra={"message_id": message.id})
        try:
            self._notifier.set_aside(kind, message.body)
        except (ClientError, BotoCoreError):
            return False  # it comes again, and SQS itself sets it aside in the end
        return True

    def _hold(self, kind: QueueKind, messages: Sequence[Message]) -> tuple[list[StoredEvent], list[str], list[str]]:
        """New events ready to deliver, ids of events that were held before, ids of messages that must come again."""

        def hold(message: Message) -> tuple[Event, bool] | LedgerUnavailable:
            try:
                return self._holder.hold(message, TYPE_OF[kind])
            except LedgerUnavailable as error:
                return error

        fresh: list[StoredEvent] = []
        known: list[str] = []
        failed: list[str] = []
        accepted: list[Event] = []
        for message, result in zip(messages, self._table.in_parallel(hold, messages), strict=True):
            if isinstance(result, LedgerUnavailable):
                logger.error("an event could not be held", extra={"message_id": message.id, "error": str(result)})
                metrics.count("ledger_failures")
                failed.append(message.id)
                continue
            event, new = result
            if not new:
                known.append(event.id)
                continue
            accepted.append(event)
            if event.refused is None:
                fresh.append(_new(event))
        event_log.accepted(accepted)
        return fresh, known, failed

    def _not_too_many(self, kind: QueueKind, event_ids: Iterable[str]) -> list[str]:
        """As many ids as fit into memory as events; for the others the bell is rung again."""
        unique = list(dict.fromkeys(event_ids))
        if len(unique) > MOST_EVENTS:
            self._notifier.notify(TYPE_OF[kind], unique[MOST_EVENTS:])
        return unique[:MOST_EVENTS]

    def _load(self, event_ids: Iterable[str]) -> list[StoredEvent]:
        try:
            return self._events.load_well_formed(event_ids).held
        except LedgerUnavailable as error:
            logger.warning("left for a later ring", extra={"error": str(error)})
            return []

    def _deliver(self, held: Sequence[StoredEvent], deadline: Deadline) -> list[Task]:
        """Deliver what is due to the providers; gives the syncs that are due."""
        now = self._effects.clock()
        tasks = [
            Task(one.event, delivery) for one in held for delivery in one.deliveries.values() if delivery.is_due(now)
        ]
        calls, syncs = _by_what_delivers_them(tasks)
        for account in self._dispatcher.deliver(self._noted(calls), deadline):
            self._notify_again(account)
        return syncs

    def _make(self, kind: QueueKind, syncs: Sequence[Task], deadline: Deadline) -> None:
        """Make the syncs, or leave them to the worker of their own queue, which has the time and the memory."""
        if syncs and kind == QUEUE_OF[EventType.SYNC]:
            self._sync(syncs, deadline)
        elif syncs:
            self._notifier.notify(EventType.SYNC, list(dict.fromkeys(task.event.id for task in syncs)))

    def _noted(self, tasks: Sequence[Task]) -> list[Task]:
        """Tasks that may go. An unsubscribe from all accounts is first noted for accounts to come, or waits for that.

        Without the note an import could undo it there, and once it is delivered nobody would come back to write it.
        """
        events = {task.event.id: task.event for task in tasks if task.event.all_accounts}
        unsubscribes = [event for event in events.values() if event.type is EventType.UNSUBSCRIBE]

        def fails(event: Event) -> bool:
            try:
                self._words.record_unsubscribe_for_all_accounts(event)
            except LedgerUnavailable as error:
                logger.warning("left for a later ring", extra={"error": str(error)})
                return True
            return False

        failed = self._table.in_parallel(fails, unsubscribes)
        waiting = {event.id for event, fail in zip(unsubscribes, failed, strict=True) if fail}
        return [task for task in tasks if task.event.id not in waiting]


def _by_what_delivers_them(tasks: Iterable[Task]) -> tuple[list[Task], list[Task]]:
    """Tasks that a provider is called for, and syncs."""
    calls: list[Task] = []
    syncs: list[Task] = []
    for task in tasks:
        match task.event.type:
            case EventType.SIGNUP | EventType.UNSUBSCRIBE:
                calls.append(task)
            case EventType.SYNC:
                syncs.append(task)
            case _:
                assert_never(task.event.type)
    return calls, syncs


def _new(event: Event) -> StoredEvent:
    return StoredEvent(event, {account: Delivery(account) for account in event.accounts})
