"""`resume`: ends the pause of an account and its lists, and enqueues at once what waits for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..config.model import MAIL_BY_SES
from ..delivery.circuit_breaker import TRIES
from ..delivery.deadline import Deadline
from ..domain.backoff import AccountState
from ..domain.errors import LedgerUnavailable, ProviderError
from ..domain.events import EventType, StoredEvent
from ..domain.times import epoch_milliseconds
from ..observability import logger
from ..reconciliation.sweep import BY_URGENCY, LONGEST_MAIL_PAUSE, MOST_A_RUN
from ..services import Services
from .call_input import CALL_AGAIN, OUT_OF_TIME, checked, failed, nearest, wrong
from .ledger_scan import OutOfTime, batches, time_check
from .requeue import Requeues

KEYS = ("account",)


def resume(services: Services, event: Any, deadline: Deadline) -> dict[str, Any]:
    """Handles `{"account"}`; returns `{"resumed", "enqueued"}`, with `error` where it stopped half way, or `{"error"}`.

    `resumed` says whether the account or one of its lists was paused. `enqueued` counts the deliveries that were
    announced, due or not; quarantined ones are left alone. Never raises; a repetition is harmless.
    """
    try:
        account = _account(services, event)
    except ProviderError as error:
        return failed(error)
    run = _Resumption(services, account, deadline)
    failure = run.resume()
    done = {"resumed": run.resumed, "enqueued": run.enqueued}
    logger.info("resume finished", extra={"account": account, **done, "failure": failure})
    return {**done, **({} if failure is None else failed(failure))}


class _Resumption:
    """One call for one account."""

    def __init__(self, services: Services, account: str, deadline: Deadline) -> None:
        self.resumed = False
        self.enqueued = 0
        self._services = services
        self._account = account
        self._requeues = Requeues(services)
        self._check_time = time_check(deadline)

    def resume(self) -> str | None:
        """Ends the pauses, then enqueues; the reason if it stopped before the end."""
        try:
            if not self._end_pauses():
                return f"another worker kept changing the account's state; {CALL_AGAIN}"
            for event_type in BY_URGENCY:
                self._enqueue(event_type)
            self._enqueue_mails()
        except OutOfTime:
            return OUT_OF_TIME
        except LedgerUnavailable as error:
            return f"{error}; {CALL_AGAIN}"
        return None

    def _end_pauses(self) -> bool:
        """Ends the pauses of account and lists; False if other workers were faster each time."""
        accounts, now = self._services.accounts, epoch_milliseconds(self._services.effects.clock())
        for _ in range(TRIES):
            seen = accounts.read(self._account)
            if seen.pause is None and not seen.lists:
                return True
            if accounts.write(self._account, seen, resumed(seen, now)) is not None:
                self.resumed = True
                return True
        return False

    def _enqueue(self, event_type: EventType) -> None:
        """Makes what waits for the account due, and announces it."""
        ids = self._services.events.due(self._account, event_type, None, MOST_A_RUN)
        for batch in batches(list(dict.fromkeys(ids)), self._check_time):
            stored = self._services.events.load_well_formed(batch).stored
            waiting = [one.event.id for one in stored if self._make_due(one)]
            if waiting and self._services.notifier.notify(event_type, waiting):
                self.enqueued += len(waiting)

    def _enqueue_mails(self) -> None:
        """Announces signups whose confirmation mail the account is still to send; a worker sends it, due or not."""
        forms = self._services.settings.forms.values()
        theirs = {form.name for form in forms if form.confirm == self._account}
        if not theirs:
            return
        until = self._services.effects.clock() + LONGEST_MAIL_PAUSE
        for batch in batches(self._services.events.due_unconfirmed(until, MOST_A_RUN), self._check_time):
            stored = self._services.events.load_well_formed(batch).stored
            waiting = [one.event.id for one in stored if one.event.form in theirs and one.event.lacks_its_mail]
            if waiting and self._services.notifier.notify(EventType.SIGNUP, waiting):
                self.enqueued += len(waiting)

    def _make_due(self, stored: StoredEvent) -> bool:
        """Makes a delivery due if it only waits for its time; returns whether a worker may take it now."""
        delivery, now = stored.deliveries.get(self._account), self._services.effects.clock()
        if delivery is None or delivery.waits_for_release(now):
            return False
        return delivery.is_due(now) or self._requeues.make_due(stored, self._account, now)


def resumed(state: AccountState, now: int) -> AccountState:
    """Returns the state without pauses.

    After a call of unknown outcome the pause is over instead: one worker then asks whether the account answers, before
    another signup is sent that might leave a second row.
    """
    pause = state.pause
    half_open = replace(pause, until=now) if pause is not None and pause.outcome_unknown else None
    return replace(state, pause=half_open, lists={}, probe_until=None, resumed_at=now)


def _account(services: Services, event: Any) -> str:
    """Parses a call. Raises `ProviderError` (caller) with the correction."""
    account, accounts = checked(event, KEYS).get("account"), list(services.settings.accounts)
    if services.settings.mails_by_ses:
        accounts.append(MAIL_BY_SES)
    if not isinstance(account, str):
        raise wrong("account is missing", f"it is one of {', '.join(accounts)}")
    if account not in accounts:
        raise wrong(f"there is no account {account[:60]!r}", nearest(account, accounts))
    return account
