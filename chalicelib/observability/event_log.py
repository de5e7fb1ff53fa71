"""Logs and counts events when they are accepted and when their deliveries change state.

One line covers up to `IDS_A_LINE` events: an operator can follow any event by its id, and a thousand events at once
take a few lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from ..domain.events import Delivery, Event, Status
from . import metrics
from .logs import logger

IDS_A_LINE = 250
ACCEPTED = "accepted"


def accepted(events: Iterable[Event]) -> None:
    """Log events that were stored just now, for the first time; events refused on arrival with their reason."""
    grouped: dict[tuple[str, str | None], list[str]] = {}
    for event in events:
        for account in event.accounts:
            metrics.count(ACCEPTED, account=account)
            if event.refused is not None:
                metrics.count(Status.REFUSED.value, account=account)
        grouped.setdefault((event.type.value, event.refused), []).append(event.id)
    for (verb, refused), ids in grouped.items():
        facts = {"verb": verb} if refused is None else {"verb": verb, "status": Status.REFUSED.value, "reason": refused}
        _write(logger.info, ACCEPTED, ids, facts)


def quarantined(form: str, events: Sequence[Event]) -> None:
    """Log unsubscribes that were quarantined just now, because `form` brought too many."""
    if events:
        metrics.count("unsubscribes_quarantined", len(events))
        _write(logger.warning, "unsubscribes quarantined", [event.id for event in events], {"form": form})


def ended(deliveries: Iterable[tuple[str, Delivery]]) -> None:
    """Log deliveries, each with its event's id, whose final status was written just now."""
    grouped: dict[tuple[str, Status, str | None, bool], list[str]] = {}
    for event_id, delivery in deliveries:
        metrics.count(delivery.status.value, account=delivery.account)
        key = (delivery.account, delivery.status, delivery.reason, delivery.unknown_outcome)
        grouped.setdefault(key, []).append(event_id)
    for (account, status, reason, unknown), ids in grouped.items():
        log = logger.warning if status is Status.PARKED else logger.info
        facts = {"account": account, "status": status.value, "reason": reason, "unknown_outcome": unknown or None}
        _write(log, status.value, ids, facts)


def retry_scheduled(account: str, event_ids: Iterable[str], reason: str, until: datetime) -> None:
    """Log deliveries that failed for now, and are due again at `until`."""
    facts = {"account": account, "reason": reason, "until": until.isoformat()}
    _write(logger.info, "delivery retry scheduled", list(event_ids), facts)


def _write(log: Callable[..., None], message: str, ids: Sequence[str], facts: Mapping[str, object]) -> None:
    known = {name: fact for name, fact in facts.items() if fact is not None}
    for start in range(0, len(ids), IDS_A_LINE):
        log(message, extra={**known, "event_ids": ids[start : start + IDS_A_LINE]})
