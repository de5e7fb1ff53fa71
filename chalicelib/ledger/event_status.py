"""Shows an event to operators: states, counts, times and reasons; never an address or a field."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ..clock import Clock
from ..domain.backoff import AccountState, Pause
from ..domain.events import EventType, Status, overall
from ..domain.ordering import SUPPRESSED
from ..domain.times import format_time, from_epoch_milliseconds as from_ms
from .keys import event_key
from .table import Table


class EventView:
    """Reads events for `GET /events/{id}`.

    `remedy_of(account, may_lift_suppression)` returns what can be done for a signup that was refused as suppressed.
    """

    def __init__(
        self,
        table: Table,
        state_of: Callable[[str], AccountState],
        clock: Clock,
        remedy_of: Callable[[str, bool], str | None] = lambda account, may_lift_suppression: None,
    ) -> None:
        self._table = table
        self._state_of = state_of
        self._clock = clock
        self._remedy_of = remedy_of

    def find(self, event_id: str) -> dict[str, Any] | None:
        """Returns the event and its deliveries as JSON values; None if it is not stored or has expired."""
        pk, sk = event_key(event_id)
        items = {item["sk"]: item for item in self._table.query(pk)}
        event = items.get(sk)
        if event is None or event.get("expires_at", math.inf) <= self._clock().timestamp():
            return None  # DynamoDB deletes expired items up to days later
        deliveries = [
            self._delivery(account, item, event)
            for account in event["accounts"]
            if (item := items.get(f"D#{account}", event)).get("status")
        ]
        if not deliveries:
            return None  # it deletes items one by one, and has deleted the deliveries first
        return {
            "id": event_id,
            "type": event["type"],
            "status": overall(Status(delivery["status"]) for delivery in deliveries).value,
            "occurred_at": _time(event["occurred"]),
            "accepted_at": _time(event["accepted"]),
            "deliveries": deliveries,
        }

    def _delivery(self, account: str, item: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
        status, reason, upcoming = item["status"], item.get("reason"), item.get("next_at")
        if status == Status.PENDING.value and EventType(event["type"]).waits_for_account:
            pause = _pause_in_force(self._state_of(account), event.get("list"))
            if pause is not None and pause.until >= (upcoming or 0):  # a longer quarantine has its own reason
                reason, upcoming = pause.reason, pause.until
        return {
            "account": account,
            "status": status,
            "attempts": item.get("attempts", 0),
            "reason": reason,
            "unknown_outcome": bool(item.get("unknown_outcome")),
            "next_attempt_at": _time(upcoming),
            "updated_at": _time(item.get("updated")),
            **self._remedy(account, item, event),
        }

    def _remedy(self, account: str, item: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, str]:
        """Returns `remedy` for a signup refused as suppressed; an empty mapping for any other delivery."""
        if (item["status"], item.get("reason")) != (Status.REFUSED.value, SUPPRESSED):
            return {}
        remedy = self._remedy_of(account, not event.get("may_not_lift_suppression"))
        return {} if remedy is None else {"remedy": remedy}


def _pause_in_force(state: AccountState, list_id: str | None) -> Pause | None:
    return state.pause or (state.lists.get(list_id) if list_id else None)


def _time(milliseconds: int | None) -> str | None:
    moment: datetime | None = from_ms(milliseconds) if milliseconds is not None else None
    return format_time(moment) if moment else None
