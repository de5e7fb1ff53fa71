"""Handles queue messages: stores the events they carry, loads the events they announce, delivers what is pending."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ..domain.errors import LedgerUnavailable
from ..domain.events import Delivery, Event, EventType, Status, StoredEvent
from ..ingestion.accept import notify
from ..ingestion.queue_messages import Message, accept_messages, dead_letter_attributes, read_message
from ..names import QueueKind
from ..notification.notifier import QUEUE_OF, TYPE_OF, notified_ids
from ..observability import ContextPool, event_log, logger, metrics
from ..services import Services
from .batching import Task
from .deadline import Context, Deadline
from .dispatcher import Dispatcher
from .form_limits import FormLimits
from .missing_keys import without_waiting

MOST_EVENTS = 10_000
"""Most events that one invocation loads, the others are announced again: an import can have more than fit in memory."""


class Worker:
    """Handles one batch of messages of any queue.

    `notify_again(account)` enqueues what waited for an account; `sync(tasks, deadline)` runs syncs; `confirm(waiting,
    deadline)` handles the signups that wait for their confirmation.
    """

    def __init__(
        self,
        services: Services,
        dispatcher: Dispatcher,
        *,
        notify_again: Callable[[str], int],
        sync: Callable[[Sequence[Task], Deadline], None],
        confirm: Callable[[Sequence[StoredEvent], Deadline], None],
    ) -> None:
        self._services = services
        self._dispatcher = dispatcher
        self._notify_again = notify_again
        self._sync = sync
        self._confirm = confirm
        self._limits = FormLimits(services)

    def handle(self, kind: QueueKind, event: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """Handles one SQS event of the queue `kind`; returns the messages that SQS must redeliver.

        Only a message whose event could not be stored is redelivered: all else is in the ledger, for sweep to enqueue.
        """
        deadline = Deadline.of(context, self._services.effects.clock)
        messages = [read_message(record) for record in event.get("Records", ())]
        enqueued, whole, failed = self._sorted(kind, messages)
        accepted = accept_messages(self._services, whole, kind)
        failed += [message.id for message in accepted.too_large if not self._set_aside(kind, message)]
        new = [_new(event) for event in accepted.new if event.refused is None]
        for event_refused in (one for one in accepted.new if one.refused is not None):
            self._services.counts.record_refused(event_refused)
        if len(new) > MOST_EVENTS:
            notify(self._services, [one.event for one in new[MOST_EVENTS:]])
        ids = list(dict.fromkeys([*accepted.known, *enqueued]))
        if len(ids) > MOST_EVENTS:
            self._services.notifier.notify(TYPE_OF[kind], ids[MOST_EVENTS:])
        stored = [*new[:MOST_EVENTS], *self._load(ids[:MOST_EVENTS])]
        syncs = self._deliver(stored, deadline)
        if syncs:
            self._run_syncs(kind, syncs, deadline)
        self._services.counts.flush()
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in (*failed, *accepted.failed)]}

    def deliver(self, event_ids: Iterable[str], deadline: Deadline) -> None:
        """Delivers stored signups and unsubscribes now, without a message; the rest is enqueued by `sweep`."""
        self._deliver(self._load(event_ids), deadline)
        self._services.counts.flush()

    def _sorted(self, kind: QueueKind, messages: Sequence[Message]) -> tuple[list[str], list[Message], list[str]]:
        """Returns announced event ids, messages with events, and ids of unreadable messages that were not set aside."""
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
        """Puts a message that cannot be read or stored into the dead-letter queue; False if SQS has to do that."""
        metrics.count("unreadable_messages")
        if message.readable:
            logger.error("invalid message too large to keep", extra={"message_id": message.id})
        else:
            logger.error("unreadable message sent to dead-letter queue", extra={"message_id": message.id})
        attributes = dead_letter_attributes(message)
        if attributes is None:
            return False
        try:
            self._services.notifier.set_aside(kind, message.body, attributes)
        except (ClientError, BotoCoreError):
            return False  # SQS redelivers it, and moves it there itself after its last receive
        return True

    def _load(self, event_ids: Iterable[str]) -> list[StoredEvent]:
        try:
            return self._services.events.load_well_formed(event_ids).stored
        except LedgerUnavailable as error:
            event_log.deferred(error)
            return []

    def _deliver(self, stored: Sequence[StoredEvent], deadline: Deadline) -> list[Task]:
        """Delivers what is due to the providers, and confirmation mails concurrently; returns the syncs that are due.

        A slow sender of mails must not delay what is confirmed.
        """
        self._services.counts.record_robots(stored)
        stored = self._limits.apply(stored, deadline)
        waiting = [one for one in stored if one.event.awaits_confirmation]
        if not waiting:
            return self._deliver_confirmed(stored, deadline)
        with ContextPool(1, thread_name_prefix="confirmations") as pool:
            mails = pool.submit(self._confirm, waiting, deadline)
            syncs = self._deliver_confirmed([one for one in stored if not one.event.awaits_confirmation], deadline)
            mails.result()
        return syncs

    def _deliver_confirmed(self, stored: Sequence[StoredEvent], deadline: Deadline) -> list[Task]:
        now = self._services.effects.clock()
        calls: list[Task] = []
        syncs: list[Task] = []
        postponed: list[Task] = []
        tasks = [Task(one.event, delivery) for one in stored for delivery in one.deliveries.values()]
        for task in self._with_keys(tasks):
            is_sync = task.event.type is EventType.SYNC
            if task.delivery.is_due(now):
                (syncs if is_sync else calls).append(task)
            elif not is_sync and task.delivery.is_postponed:  # due all the same if the account's pause has ended early
                postponed.append(task)
        if any(task.event.all_accounts for task in calls):
            calls = self._with_unsubscribes_recorded(calls)
        for account in self._dispatcher.deliver([*calls, *postponed], deadline):
            self._notify_again(account)
        return syncs

    def _with_keys(self, tasks: Sequence[Task]) -> list[Task]:
        """Returns the pending tasks, without those that wait for an address key."""
        try:
            return without_waiting(self._services, [task for task in tasks if task.delivery.status is Status.PENDING])
        except LedgerUnavailable as error:
            event_log.deferred(error)
            return []

    def _run_syncs(self, kind: QueueKind, syncs: Sequence[Task], deadline: Deadline) -> None:
        """Runs the syncs, or leaves them to the worker of their own queue, which has the time and the memory."""
        if kind == QUEUE_OF[EventType.SYNC]:
            self._sync(syncs, deadline)
        else:
            self._services.notifier.notify(EventType.SYNC, list(dict.fromkeys(task.event.id for task in syncs)))

    def _with_unsubscribes_recorded(self, tasks: Sequence[Task]) -> list[Task]:
        """Records unsubscribes from all accounts for accounts configured later; returns tasks but those that failed.

        Without the record an import could undo the unsubscribe there, and no worker writes it after the delivery.
        """
        events = {task.event.id: task.event for task in tasks if task.event.all_accounts}
        unsubscribes = [event for event in events.values() if event.type is EventType.UNSUBSCRIBE]

        def fails(event: Event) -> bool:
            try:
                self._services.subscriptions.record_unsubscribe_for_all_accounts(event)
            except LedgerUnavailable as error:
                event_log.deferred(error)
                return True
            return False

        failed = self._services.table.in_parallel(fails, unsubscribes)
        waiting = {event.id for event, fail in zip(unsubscribes, failed, strict=True) if fail}
        return [task for task in tasks if task.event.id not in waiting]


def _new(event: Event) -> StoredEvent:
    return StoredEvent(event, {account: Delivery(account) for account in event.accounts})
