"""Sends the confirmation mails of signups, with retries and pauses, and ends signups that nobody confirmed in time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from ..config.model import Form
from ..delivery.circuit_breaker import CircuitBreaker
from ..delivery.deadline import Deadline
from ..domain.addresses import mailbox
from ..domain.confirmation import MOST_MAILS, may_mail
from ..domain.errors import Kind, LedgerUnavailable, ProviderError, SecretUnavailable
from ..domain.events import Delivery, Event, Status, StoredEvent
from ..domain.languages import DEFAULT_LANGUAGE
from ..domain.reasons import ReasonCode
from ..domain.times import from_epoch_milliseconds, to_milliseconds
from ..ledger.confirmations import ConfirmationStore
from ..observability import ContextPool, event_log, log_context, logger, metrics
from ..providers.spec import Mail
from ..services import Services
from .mails import compose

AT_ONCE = 8
"""Mails that one worker sends at once."""
SHORTEST_SECONDS = 10.0
"""Time that must be left for a mail to be begun: with the end of an invocation, as long as a client may take."""
LONGEST_MAIL_SECONDS = 20.0
_TRIES = 5
"""Attempts to record a mail to a mailbox that other workers mail to at the same time."""
MAIL_REFUSED = "confirmation mail: "
"""Prefix of the reason of a signup whose mail was refused for good."""


class MailSender(Protocol):
    """Sends mails: a provider, or Amazon SES."""

    def send_mail(self, mail: Mail, *, budget: float) -> None:
        """Sends one mail within `budget` seconds. Raises ProviderError."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A signup that waits for its confirmation."""

    event: Event
    delivery: Delivery


class ConfirmationMails:
    """Handles the signups of a batch that are not confirmed.

    `sender_of(name)` returns the sender that a form's `confirm` names, None if no account of that name can send;
    `link_to(event_id)` returns the link that confirms a signup.
    """

    def __init__(
        self,
        services: Services,
        sender_of: Callable[[str], MailSender | None],
        link_to: Callable[[str], str],
    ) -> None:
        self._services = services
        self._sender_of = sender_of
        self._link_to = link_to
        policy = services.settings.delivery
        self._shortest_wait = timedelta(seconds=policy.first_retry_seconds)
        self._longest_wait = timedelta(seconds=policy.longest_retry_seconds)
        self._store = ConfirmationStore(services.table, services.address_keys, services.events, services.counts)

    def apply(self, waiting: Sequence[StoredEvent], deadline: Deadline) -> None:
        """Sends the mails of signups that are not confirmed, and ends those that were not confirmed in time.

        A mail that fails, or for which no time is left, is due again later: sweep enqueues it.
        """
        now = self._services.effects.clock()
        by_sender: dict[str, list[Waiting]] = {}
        for one in waiting:
            for delivery in one.deliveries.values():
                signup = Waiting(one.event, delivery)
                if delivery.status is not Status.PENDING or delivery.waits_for_release(now):
                    continue
                if _has_expired(signup.event, now) and not _begins_again(signup):
                    self._guarded(partial(self._end, signup, "nobody confirmed it in time"))
                elif signup.event.confirmation and signup.event.confirmation.sent_at is None:
                    form = self._services.settings.forms.get(signup.event.form or "")
                    by_sender.setdefault((form and form.confirm) or "", []).append(signup)
        for name, signups in by_sender.items():
            with log_context(account=name or None):
                self._guarded(partial(self._send_all, name, signups, deadline))

    def _send_all(self, name: str, signups: Sequence[Waiting], deadline: Deadline) -> None:
        sender = self._sender_of(name) if name else None
        if sender is None:  # form or sender not configured: it waits for the configuration until it expires
            logger.error("confirmation mail without a sender", extra={"events": len(signups), "sender": name or None})
            self._postpone(signups, self._services.effects.clock() + self._longest_wait)
            return
        breaker = CircuitBreaker(self._services, name)
        pause = breaker.pause_of(None)
        if pause is not None and not breaker.may_probe(deadline.lease_until):
            self._postpone(signups, max(from_epoch_milliseconds(pause.until), self._services.effects.clock()))
            return
        by_mailbox: dict[str, list[Waiting]] = {}  # mailed one by one, so that each is counted
        for each in signups:
            by_mailbox.setdefault(mailbox(each.event.email), []).append(each)
        left = list(by_mailbox.values())
        while left:
            at_once = AT_ONCE if breaker.pause_of(None) is None else 1  # a paused sender is probed by one
            part, left = left[:at_once], left[at_once:]
            until = self._concurrently(partial(self._send_to_mailbox, sender, breaker, deadline), part)
            if until is not None:
                self._postpone([each for rest in left for each in rest], until)
                return

    def _concurrently(
        self, work: Callable[[list[Waiting]], datetime | None], mailboxes: Sequence[list[Waiting]]
    ) -> datetime | None:
        """Sends to several mailboxes at once; returns when the next mail may be tried, if the sender failed."""
        if len(mailboxes) == 1:
            return work(mailboxes[0])
        with ContextPool(len(mailboxes), thread_name_prefix="mails") as pool:
            return max((until for until in pool.map(work, mailboxes) if until), default=None)

    def _send_to_mailbox(
        self, sender: MailSender, breaker: CircuitBreaker, deadline: Deadline, signups: list[Waiting]
    ) -> datetime | None:
        until: datetime | None = None
        for index, signup in enumerate(signups):
            if deadline.seconds_left < SHORTEST_SECONDS:
                break
            try:
                until = self._send(sender, breaker, deadline, signup)
            except LedgerUnavailable as error:
                logger.warning("confirmation deferred: ledger unavailable", extra={"error": str(error)})
                metrics.count("ledger_failures")
                break
            if until is not None:
                self._postpone(signups[index + 1 :], until)
                break
        return until

    def _send(
        self, sender: MailSender, breaker: CircuitBreaker, deadline: Deadline, signup: Waiting
    ) -> datetime | None:
        """Sends one mail; returns when the next may be tried, if the sender failed."""
        event, confirmation = signup.event, signup.event.confirmation
        form = self._services.settings.forms.get(event.form or "")
        now = to_milliseconds(self._services.effects.clock())  # as it is stored, so that the record can be withdrawn
        if form is None or confirmation is None:
            return None
        if confirmation.mails >= MOST_MAILS:  # a worker died, or lost the answer, twice
            self._store.mailed(event, None, now)
            return None
        if _begins_again(signup):  # the time to confirm counts from the operator's release or resend
            confirmation = replace(confirmation, expires_at=now + timedelta(hours=form.confirm_within_hours))
            signup = replace(signup, event=replace(event, confirmation=confirmation))
            event = signup.event
        # While an address key is missing, forget requests may not be found: everybody may have made one.
        may_be_forgotten = self._services.address_key_check.look().missing is not None
        if not self._store.begin(event, deadline.lease_until, now):
            return None
        if self._may_mail(event, now, may_be_forgotten=may_be_forgotten):
            return self._call(sender, breaker, deadline, signup, form, now)
        self._withhold(signup, now, may_be_forgotten=may_be_forgotten)
        return None

    def _withhold(self, signup: Waiting, now: datetime, *, may_be_forgotten: bool) -> None:
        """Records that a mail was not sent because its mailbox has had too many, or may have had."""
        if may_be_forgotten:
            self._retry_unsent(signup.event, now + self._longest_wait)
            return
        metrics.count("confirmation_mails_withheld")
        if signup.event.confirmation and signup.event.confirmation.mails:
            self._store.mailed(signup.event, None, now)  # the earlier one may have arrived: its link stays valid
        else:
            self._end(signup, "too many confirmation mails to this mailbox")

    def _retry_unsent(self, event: Event, due: datetime) -> None:
        """Records that a mail was begun and not sent; it is due again at `due` or, if earlier, when it expires."""
        expires = event.confirmation.expires_at if event.confirmation else due
        self._store.retry(event, min(due, expires), unknown=False)

    def _call(
        self,
        sender: MailSender,
        breaker: CircuitBreaker,
        deadline: Deadline,
        signup: Waiting,
        form: Form,
        begun: datetime,
    ) -> datetime | None:
        event, confirmation = signup.event, signup.event.confirmation
        language = confirmation.language if confirmation else DEFAULT_LANGUAGE
        try:
            composed = compose(self._services.settings, form, language, event.email, self._link_to(event.id))
            sender.send_mail(composed.mail, budget=min(deadline.seconds_left, LONGEST_MAIL_SECONDS))
        except SecretUnavailable as error:
            failure = ProviderError(Kind.ACCOUNT, str(error), reason_code=ReasonCode.SECRET_UNAVAILABLE)
        except ProviderError as error:
            failure = error
        except Exception as error:  # as in the delivery: a client that fails unexpectedly may have sent the mail
            logger.exception("mail client failed unexpectedly", extra={"event_id": event.id})
            failure = ProviderError(Kind.UNKNOWN, f"{type(error).__name__} in the client of the mails")
        else:
            self._store.mailed(event, composed.words, self._services.effects.clock())
            breaker.answered(None)
            metrics.count("confirmation_mails")
            logger.info("confirmation mail sent", extra={"event_id": event.id})
            return None
        if failure.kind is not Kind.UNKNOWN:
            self._store.withdraw_mail(mailbox(event.email), begun)
        if failure.kind in (Kind.CONTACT, Kind.CALLER):
            breaker.answered(None)
            self._refuse(signup, failure)
            return None
        until = breaker.failed(failure)
        self._store.retry(event, until, unknown=failure.kind is Kind.UNKNOWN)
        return until

    def _refuse(self, signup: Waiting, failure: ProviderError) -> None:
        """Ends a signup whose mail was refused for good; it counts among the refusals, as one by a provider does."""
        event, reason, code = signup.event, f"{MAIL_REFUSED}{failure.message}", failure.reason_code
        logger.warning("confirmation mail refused", extra={"event_id": event.id, "reason": failure.message})
        if self._store.refuse(event, signup.delivery, reason, code, self._services.effects.clock()):
            ended = replace(signup.delivery, status=Status.REFUSED, reason=reason, reason_code=code)
            event_log.ended([(event.id, ended)])

    def _may_mail(self, event: Event, now: datetime, *, may_be_forgotten: bool) -> bool:
        """Records one more mail to the mailbox, unless it has had too many; returns whether the mail may be sent."""
        to = mailbox(event.email)
        try:
            is_forgotten = self._services.subscriptions.is_forgotten(event.email)
            for _ in range(_TRIES):
                sent = self._store.mails_to(to)
                if not may_mail(sent, now, forgotten=may_be_forgotten or is_forgotten):
                    return False
                if self._store.record_mail(to, sent, now):
                    return True
            raise LedgerUnavailable("other workers write to the same mailbox")
        except LedgerUnavailable:
            with suppress(LedgerUnavailable):  # else it counts as one of the two mails that may have been sent
                self._retry_unsent(event, now + self._shortest_wait)
            raise

    def _end(self, signup: Waiting, why: str) -> None:
        if self._store.end(signup.event, signup.delivery, self._services.effects.clock()):
            metrics.count(Status.REFUSED.value, account=signup.delivery.account)
            logger.info("signup ended unconfirmed", extra={"event_id": signup.event.id, "why": why})

    def _postpone(self, signups: Sequence[Waiting], until: datetime) -> None:
        """Postpones mails that were not tried to `until` or, if earlier, to the time when their signup expires."""

        def postpone(signup: Waiting) -> None:
            confirmation = signup.event.confirmation
            due = min(until, confirmation.expires_at) if confirmation else until
            self._services.events.defer(signup.event, signup.delivery, due)

        self._services.table.in_parallel(postpone, signups)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except LedgerUnavailable as error:
            logger.warning("confirmation deferred: ledger unavailable", extra={"error": str(error)})
            metrics.count("ledger_failures")


def _begins_again(signup: Waiting) -> bool:
    """Returns whether an operator has released or resent a signup whose mail was never sent."""
    released = signup.delivery.released or signup.delivery.resent_at is not None
    return released and signup.event.confirmation is not None and signup.event.confirmation.mails == 0


def _has_expired(event: Event, now: datetime) -> bool:
    return event.confirmation is not None and now >= event.confirmation.expires_at
