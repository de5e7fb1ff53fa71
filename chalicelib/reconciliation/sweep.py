"""Enqueues every pending delivery that is due and not claimed, however its notification was lost."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import assert_never

from ..delivery.account_state import read_state
from ..domain import backoff
from ..domain.backoff import AccountState
from ..domain.errors import LedgerUnavailable
from ..domain.events import EventType
from ..domain.times import epoch_milliseconds, from_epoch_milliseconds
from ..ledger.event_items import FIRST_DUE, FIRST_DUE_SPREAD_SECONDS
from ..ledger.oldest_pending import Waiting
from ..notification.notifier import IDS_A_MESSAGE, QUEUE_OF
from ..observability import logger, metrics
from ..services import Services
from .queue_waits import QueueWaits, longest

_ORDER = (EventType.UNSUBSCRIBE, EventType.SIGNUP, EventType.SYNC)
BY_URGENCY = tuple(sorted(EventType, key=_ORDER.index))
MOST_A_RUN = 20_000
"""Most ids enqueued per account, event type and run."""
BACKLOG_ENOUGH = 2_000
"""With so many messages waiting in a queue, further ones would only repeat them."""
LONGEST_MAIL_PAUSE = timedelta(days=1)
"""A sender's `Retry-After` counts for a day at most: no mail that waits for it is due later."""
MOST_UNCONFIRMED_READ = 100
FIRST_DUE_AT_MOST = FIRST_DUE + timedelta(seconds=FIRST_DUE_SPREAD_SECONDS)


class Sweep:
    """Enqueues due deliveries of all accounts, or of one."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._events = services.events
        self._accounts = services.accounts
        self._notifier = services.notifier
        self._clock = services.effects.clock
        self._oldest = Waiting(services.table).oldest
        self._queue_waits = QueueWaits(services)
        self._give_up_after = timedelta(hours=services.settings.delivery.give_up_after_hours)
        self._names = tuple(services.settings.accounts)
        targets = json.dumps(services.settings.targets, sort_keys=True)
        self._targets = sha256(targets.encode()).hexdigest()

    def run(self) -> dict[str, int]:
        """Enqueues due deliveries of all accounts; `{"enqueued": n}` counts them.

        Those of accounts that are no longer configured are enqueued, too, for a worker to move or park. When forms have
        changed, all waiting signups are enqueued once, due or not: they may wait for this change. That includes those
        of paused accounts, since a worker may move them to another account. When a missing address key is back, all
        waiting signups and syncs are enqueued once.
        """
        waits = self._queue_waits.record()
        event_types = [
            event_type for event_type in BY_URGENCY if (waits[QUEUE_OF[event_type]].messages or 0) <= BACKLOG_ENOUGH
        ]
        enqueued, complete, removed, forms_changed, key_returned = 0, True, list[str](), False, False
        try:
            removed, forms_changed = self._accounts.record_configured(self._names, self._targets)
            key_returned = self._look_at_keys()
        except LedgerUnavailable as error:
            logger.error("configuration change not swept: ledger unavailable", extra={"error": str(error)})
            metrics.count("ledger_failures")
        whole = {EventType.SIGNUP} if forms_changed or key_returned else set[EventType]()
        whole |= {EventType.SYNC} if key_returned else set()
        for account in (*self._rotated(), *removed):
            try:
                announced, all_announced = self._enqueue(account, event_types, whole)
                enqueued, complete = enqueued + announced, complete and all_announced
                if account in self._names:
                    self._measure(account)
            except LedgerUnavailable as error:
                complete = False
                logger.error("account not swept: ledger unavailable", extra={"account": account, "error": str(error)})
                metrics.count("ledger_failures", account=account)
        complete = complete and whole <= set(event_types)
        enqueued += self._enqueue_unconfirmed()
        self._measure_senders()
        if forms_changed and complete:
            self._record_targets()
        if key_returned and complete:
            self._record_return()
        # What waits on a queue may be of any type and for any account.
        metrics.seconds("oldest_pending_seconds", longest(waits.values()))
        metrics.seconds("oldest_unsubscribe_seconds", longest(waits.values()))
        metrics.count("enqueued", enqueued)
        return {"enqueued": enqueued}

    def _rotated(self) -> tuple[str, ...]:
        """Returns all accounts, starting with another one each minute: if runs are cut short, none is always last."""
        first = int(self._clock().timestamp()) // 60 % max(1, len(self._names))
        return self._names[first:] + self._names[:first]

    def _record_targets(self) -> None:
        """Records the forms whose waiting signups have been enqueued; if that fails, they are enqueued once more."""
        logger.info("forms changed: waiting signups enqueued")
        try:
            self._accounts.record_targets(self._targets)
        except LedgerUnavailable as error:
            logger.error("configuration change not swept: ledger unavailable", extra={"error": str(error)})
            metrics.count("ledger_failures")

    def _look_at_keys(self) -> bool:
        """Counts a missing address key; returns whether one is back, so that what waited for it must be enqueued."""
        findings = self._services.address_key_check.look_and_record()
        metrics.count("address_keys_missing", findings.missing is not None)
        if findings.missing is not None:
            logger.error("address key missing", extra={"reason": findings.missing})
        return findings.returned

    def _record_return(self) -> None:
        """Records that what waited for an address key has been enqueued; if that fails, it is enqueued once more."""
        logger.info("address key is back: waiting signups enqueued")
        try:
            self._services.address_key_check.record_return()
        except LedgerUnavailable as error:
            logger.error("configuration change not swept: ledger unavailable", extra={"error": str(error)})
            metrics.count("ledger_failures")

    def _measure(self, account: str) -> None:
        """Measures the age of the oldest delivery, of the oldest unsubscribe, and of the account's pause, in seconds.

        A pause ends only with a successful call, so a pause that no delivery waits for is reported as 0.
        """
        oldest, now = self._oldest(account), epoch_milliseconds(self._clock())
        pause = self._accounts.read(account).pause
        paused_since = None if oldest.of_all is None or pause is None else pause.since
        metrics.seconds("oldest_pending_seconds", _age(oldest.of_all, now), account)
        metrics.seconds("oldest_unsubscribe_seconds", _age(oldest.unsubscribe, now), account)
        metrics.seconds("paused_seconds", _age(paused_since, now), account)

    def _measure_senders(self) -> None:
        """Measures the pauses of senders of confirmation mails for which mails wait: nobody can confirm meanwhile."""
        forms, now = self._services.settings.forms.values(), self._clock()
        for sender in sorted({form.confirm for form in forms if form.confirm}):
            theirs = {form.name for form in forms if form.confirm == sender}
            try:
                pause = self._accounts.read(sender).pause
                if pause is not None and self._mail_waits(theirs, now):
                    metrics.seconds("paused_seconds", _age(pause.since, epoch_milliseconds(now)), sender)
            except LedgerUnavailable as error:
                logger.error("account not swept: ledger unavailable", extra={"account": sender, "error": str(error)})
                metrics.count("ledger_failures", account=sender)

    def _mail_waits(self, forms: Collection[str], now: datetime) -> bool:
        """Reads whether a mail of some forms is still to be sent, among the unconfirmed signups that are due first."""
        ids = self._events.due_unconfirmed(now + LONGEST_MAIL_PAUSE, MOST_UNCONFIRMED_READ)
        stored = self._events.load_well_formed(ids).stored
        return any(one.event.form in forms and one.event.lacks_its_mail for one in stored)

    def enqueue_account(self, account: str) -> int:
        """Enqueues what waits for an account that has just resumed, before the next run; returns how many."""
        try:
            return self._enqueue(account, BY_URGENCY)[0]
        except LedgerUnavailable as error:
            logger.warning("account not enqueued: ledger unavailable", extra={"account": account, "error": str(error)})
            metrics.count("ledger_failures", account=account)
            return 0

    def _enqueue_unconfirmed(self) -> int:
        """Enqueues signups whose confirmation mail is due, or whose time to be confirmed is over."""
        try:
            ids = self._events.due_unconfirmed(self._clock(), MOST_A_RUN)
        except LedgerUnavailable as error:
            logger.error("confirmations not swept: ledger unavailable", extra={"error": str(error)})
            metrics.count("ledger_failures")
            return 0
        return len(ids) if ids and self._notifier.notify(EventType.SIGNUP, ids) else 0

    def _enqueue(
        self, account: str, event_types: Iterable[EventType], whole: Collection[EventType] = ()
    ) -> tuple[int, bool]:
        """Enqueues deliveries of an account that are due; those of the types in `whole` due or not.

        Returns how many were announced, and whether the queues accepted all of them. Those of a type whose announcement
        failed, even in part, are not counted.
        """
        state, now, removed = read_state(self._services, account), self._clock(), account not in self._names
        enqueued, complete = 0, True
        for event_type in event_types:
            window = (now, MOST_A_RUN) if removed else self._window(state, event_type, now)
            if event_type in whole:
                window = None, MOST_A_RUN
            ids = [] if window is None else list(dict.fromkeys(self._events.due(account, event_type, *window)))
            if ids and self._notifier.notify(event_type, ids):
                enqueued += len(ids)
            elif ids:
                complete = False
        return enqueued, complete

    def _window(self, state: AccountState, event_type: EventType, now: datetime) -> tuple[datetime | None, int] | None:
        """Returns up to which due time deliveries are enqueued (None: any), and how many; None to enqueue none.

        For a paused account only overdue signups are enqueued, to be parked; an account whose pause is over is probed
        with a few deliveries, due or not; one that has resumed, or has a list whose pause another configuration has
        ended, gets all that waited, due or not. A sync keeps its own times: what it creates is stored whatever the
        account's state.
        """
        if not event_type.waits_for_account:
            return now, MOST_A_RUN
        if backoff.is_open(state.pause, epoch_milliseconds(now)):
            return self._window_while_paused(event_type, now)
        if state.pause is not None:
            return None, IDS_A_MESSAGE
        waited_until = max(state.resumed_at or 0, state.waived_until or 0)
        return max(now, from_epoch_milliseconds(waited_until) + FIRST_DUE_AT_MOST), MOST_A_RUN

    def _window_while_paused(self, event_type: EventType, now: datetime) -> tuple[datetime, int] | None:
        match event_type:
            case EventType.SIGNUP:
                return now - self._give_up_after + FIRST_DUE_AT_MOST, MOST_A_RUN
            case EventType.UNSUBSCRIBE:
                return None  # it is retried without limit
            case EventType.SYNC:
                return now, MOST_A_RUN
            case _:
                assert_never(event_type)


def _age(since: int | None, now: int) -> float:
    """Returns seconds from `since` (ms) to `now` (ms); 0 if `since` is None."""
    return 0.0 if since is None else max(0.0, (now - since) / 1000)
