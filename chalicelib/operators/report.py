"""`report`: counts deliveries by status, overall and for each account, and shows which accounts are paused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ..config.model import MAIL_BY_SES
from ..delivery.deadline import Deadline
from ..domain.backoff import AccountState
from ..domain.errors import LedgerUnavailable
from ..domain.events import QUARANTINED, Status
from ..domain.times import epoch_milliseconds, format_time, from_epoch_milliseconds
from ..observability import metrics
from ..reconciliation.queue_waits import QueueWaits, longest
from ..services import Services
from .call_input import TOO_LARGE, failed
from .ledger_scan import DeliveryCounts, LedgerScan, OutOfTime, time_check

_SHOWN = (Status.DELIVERED, Status.SUPERSEDED, Status.REFUSED, Status.PARKED, Status.PENDING)
_WITH_REASONS = (Status.REFUSED, Status.PARKED, Status.PENDING)


def report(services: Services, deadline: Deadline) -> dict[str, Any]:
    """Returns counts of deliveries, in total and by account; `{"error"}` if the ledger fails or the time is too short.

    Every delivery of a stored event counts as accepted. Accounts that are no longer configured are listed while they
    have deliveries. Amazon SES is listed, without deliveries, where it sends confirmation mails: it may be paused.
    """
    configured, now = tuple(services.settings.accounts), services.effects.clock()
    try:
        delivery_counts = LedgerScan(services.table).delivery_counts(now, time_check(deadline))
        sender = (MAIL_BY_SES,) if services.settings.mails_by_ses else ()
        names = dict.fromkeys((*configured, *sender, *sorted(delivery_counts.counts)))
        states = {name: services.accounts.read(name) for name in names}
        waits = QueueWaits(services).read()
    except OutOfTime:
        return failed(TOO_LARGE)
    except LedgerUnavailable as error:
        return failed(str(error))
    for name in configured:
        pending = delivery_counts.counts.get(name, Counter())[Status.PENDING]
        metrics.count(Status.PENDING.value, pending, account=name)
    accounts = {
        name: {**_figures(delivery_counts, [name], now), "paused": _paused(state)} for name, state in states.items()
    }
    whole = _figures(delivery_counts, list(states), now)
    on_queues = longest(waits.values())  # of any type and for any account, as long as no worker has read it
    for age in ("oldest_pending_seconds", "oldest_unsubscribe_seconds"):
        whole[age] = max(whole[age], on_queues)
    queues = {kind: {"messages": wait.messages, "oldest_seconds": wait.seconds} for kind, wait in waits.items()}
    return {**whole, "queues": queues, "accounts": accounts}


def _figures(delivery_counts: DeliveryCounts, accounts: list[str], now: datetime) -> dict[str, Any]:
    counts: Counter[Status] = sum((delivery_counts.counts.get(name, Counter()) for name in accounts), Counter())
    return {
        "accepted": counts.total(),
        **{status.value: counts[status] for status in _SHOWN},
        QUARANTINED: sum(delivery_counts.quarantined[name] for name in accounts),
        "oldest_pending_seconds": _age(delivery_counts.oldest, accounts, now),
        "oldest_unsubscribe_seconds": _age(delivery_counts.oldest_unsubscribe, accounts, now),
        "reasons": _reasons(delivery_counts, accounts),
    }


def _reasons(delivery_counts: DeliveryCounts, accounts: list[str]) -> dict[str, dict[str, int]]:
    """Returns the deliveries of each status that has reasons, by reason code, the most frequent first."""
    counts: Counter[tuple[Status, str]] = Counter()
    for name in accounts:
        counts.update(delivery_counts.reasons.get(name, Counter()))
    found: dict[str, dict[str, int]] = {status.value: {} for status in _WITH_REASONS}
    for (status, code), count in sorted(counts.items(), key=lambda each: (-each[1], each[0][1])):
        if status in _WITH_REASONS:
            found[status.value][code] = count
    return found


def _age(oldest: Mapping[str, int], accounts: Iterable[str], now: datetime) -> int:
    """Returns whole seconds since the earliest of those times (ms) of `accounts`; 0 when they have none."""
    accepted = min((oldest[name] for name in accounts if name in oldest), default=None)
    return 0 if accepted is None else max(0, (epoch_milliseconds(now) - accepted) // 1000)


def _paused(state: AccountState) -> dict[str, Any] | None:
    """Returns the account's pause, or that of the list to be retried first when only lists are paused."""
    pause = state.pause or min(state.lists.values(), key=lambda each: each.until, default=None)
    if pause is None:
        return None
    until = format_time(from_epoch_milliseconds(pause.until))
    return {"until": until, "reason": pause.reason, "lists": sorted(state.lists)}
