"""The trail of events: a line with their ids, and a count, wherever events are accepted and deliveries move on.

What happens to many at once is said in one line for up to `IDS_A_LINE` of them: an operator can follow any event by its
id, and a thousand at once cost a handful of lines.
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
    """Events that were held just now, for the first time. Those that stand refused from the start are told as such."""
    said: dict[tuple[str, str | None], list[str]] = {}
    waiting: dict[tuple[str | None, str], list[str]] = {}
    for event in events:
        for account in event.accounts:
            metrics.count(ACCEPTED, account=account)
            if event.refused is not None:
                metrics.count(Status.REFUSED.value, account=account)
        said.setdefault((event.type.value, event.refused), []).append(event.id)
        if event.held_back is not None:
            metrics.count("unsubscribes_held_back")
            waiting.setdefault((event.form, event.held_back.reason), []).append(event.id)
    for (verb, refused), ids in said.items():
        facts = {"verb": verb} if refused is None else {"verb": verb, "status": Status.REFUSED.value, "reason": refused}
        _say(logger.info, ACCEPTED, ids, facts)
    for (form, reason), ids in waiting.items():
        _say(logger.warning, "held back", ids, {"form": form, "reason": reason})


def ended(deliveries: Iterable[tuple[str, Delivery]]) -> None:
    """Deliveries, each with its event's id, whose final state was written just now."""
    said: dict[tuple[str, Status, str | None, bool], list[str]] = {}
    for event_id, delivery in deliveries:
        metrics.count(delivery.status.value, account=delivery.account)
        key = (delivery.account, delivery.status, delivery.reason, delivery.unknown_outcome)
        said.setdefault(key, []).append(event_id)
    for (account, status, reason, unknown), ids in said.items():
        write = logger.warning if status is Status.PARKED else logger.info
        facts = {"account": account, "status": status.value, "reason": reason, "unknown_outcome": unknown or None}
        _say(write, status.value, ids, facts)


def put_off(account: str, event_ids: Iterable[str], reason: str, until: datetime) -> None:
    """Deliveries that failed for now, and are due again at `until`."""
    _say(logger.info, "put off", list(event_ids), {"account": account, "reason": reason, "until": until.isoformat()})


def _say(write: Callable[..., None], message: str, ids: Sequence[str], facts: Mapping[str, object]) -> None:
    told = {name: fact for name, fact in facts.items() if fact is not None}
    for start in range(0, len(ids), IDS_A_LINE):
        write(message, extra={**told, "event_ids": ids[start : start + IDS_A_LINE]})
