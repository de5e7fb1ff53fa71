"""Logs and counts events when they are accepted and when their deliveries change state.

One line covers up to `IDS_A_LINE` events: an operator can follow any event by its id, and a thousand events at once
take a few lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from ..domain.errors import LedgerUnavailable
from ..domain.events import Delivery, Event, EventType, Status
from ..domain.reasons import EXPECTED_REFUSALS, ReasonCode
from . import metrics
from .logs import logger

IDS_A_LINE = 250
ACCEPTED = "accepted"


def accepted(events: Iterable[Event]) -> None:
    """Logs events that were stored just now, for the first time; events refused on arrival with their reason."""
    grouped: dict[tuple[str, str | None, ReasonCode | None], list[str]] = {}
    for event in events:
        code = None if event.refused is None else event.refused_code
        for account in event.accounts:
            metrics.count(ACCEPTED, account=account)
            if code is not None:
                _count_refused(account, code)
        grouped.setdefault((event.type.value, event.refused, code), []).append(event.id)
    for (event_type, refused, code), ids in grouped.items():
        status = None if refused is None else Status.REFUSED.value
        facts = {"event_type": event_type, "status": status, "reason": refused, "reason_code": code}
        _write(logger.info, ACCEPTED, ids, facts)


def quarantined(form: str, event_type: EventType, limit: str, events: Sequence[Event]) -> None:
    """Logs events of one form and type that were quarantined just now. `limit`: `form`, `network` or `doubt`."""
    ids, facts = [event.id for event in events], {"form": form, "limit": limit}
    if event_type is EventType.UNSUBSCRIBE:
        metrics.count("unsubscribes_quarantined", len(events))
        _write(logger.warning, "unsubscribes quarantined", ids, facts)
    else:
        metrics.count("signups_quarantined", len(events))
        _write(logger.warning, "signups quarantined", ids, facts)


def ended(deliveries: Iterable[tuple[str, Delivery]]) -> None:
    """Logs deliveries, each with its event's id, whose final status was written just now.

    Parked deliveries, and refusals other than `EXPECTED_REFUSALS`, are warnings: somebody should look at them.
    """
    grouped: dict[tuple[str, Status, str | None, ReasonCode | None, bool], list[str]] = {}
    for event_id, delivery in deliveries:
        if delivery.status is Status.REFUSED:
            _count_refused(delivery.account, delivery.reason_code)
        else:
            metrics.count(delivery.status.value, account=delivery.account)
        key = (delivery.account, delivery.status, delivery.reason, delivery.reason_code, delivery.unknown_outcome)
        grouped.setdefault(key, []).append(event_id)
    for (account, status, reason, code, unknown), ids in grouped.items():
        unexpected = status is Status.REFUSED and code not in EXPECTED_REFUSALS
        log = logger.warning if status is Status.PARKED or unexpected else logger.info
        facts = {"account": account, "status": status.value, "reason": reason, "reason_code": code}
        _write(log, status.value, ids, {**facts, "unknown_outcome": unknown or None})


def _count_refused(account: str, code: ReasonCode | None) -> None:
    metrics.count(Status.REFUSED.value, account=account)
    if code not in EXPECTED_REFUSALS:
        metrics.count("unexpected_refusals", account=account)


def retry_scheduled(account: str, event_ids: Iterable[str], reason: str, until: datetime) -> None:
    """Logs deliveries that failed for now, and are due again at `until`."""
    facts = {"account": account, "reason": reason, "until": until.isoformat()}
    _write(logger.info, "delivery retry scheduled", list(event_ids), facts)


def deferred(error: LedgerUnavailable, account: str | None = None) -> None:
    """Logs and counts a failure of the ledger that leaves deliveries pending: `sweep` enqueues them again."""
    facts = {"error": str(error)} if account is None else {"account": account, "error": str(error)}
    logger.warning("delivery deferred: ledger unavailable", extra=facts)
    metrics.count("ledger_failures", account=account)


def _write(log: Callable[..., None], message: str, ids: Sequence[str], facts: Mapping[str, object]) -> None:
    known = {name: fact for name, fact in facts.items() if fact is not None}
    for start in range(0, len(ids), IDS_A_LINE):
        log(message, extra={**known, "event_ids": ids[start : start + IDS_A_LINE]})
