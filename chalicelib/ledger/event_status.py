"""Shows an event to operators: states, counts, times and reasons; never an address or a field."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from ..domain.backoff import AccountState
from ..domain.events import Delivery, Event, KeptMessage, Status, overall
from ..domain.ordering import SUPPRESSED
from ..domain.times import format_time, from_epoch_milliseconds
from ..effects import Clock
from .attributes import strictly, well_formed
from .event_items import delivery_from, event_from
from .keys import event_key, refused_partition
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
        """Returns the event and its deliveries as JSON values; None if it is not stored or has expired.

        While no event has this id, the newest message that was refused under it is shown. A malformed delivery is left
        out. Raises MalformedItem if the event itself is malformed.
        """
        found = self._find(event_id)
        if found is None:
            for reference in reversed(self._table.query(refused_partition(event_id))):
                found = self._find(str(reference.get("refused")))
                if found is not None:
                    return found | {"id": event_id}
        return found

    def _find(self, event_id: str) -> dict[str, Any] | None:
        pk, sk = event_key(event_id)
        items = {item["sk"]: item for item in self._table.query(pk)}
        item = items.get(sk)
        if item is None or item.get("expires_at", math.inf) <= self._clock().timestamp():
            return None  # DynamoDB deletes expired items up to days later
        event = strictly(event_from, item)
        of_account = {account: items.get(f"D#{account}", item) for account in event.accounts}
        deliveries = [
            self._shown(delivery, event)
            for account, one in of_account.items()
            if "status" in one and (delivery := well_formed(partial(delivery_from, account), one)) is not None
        ]
        if not deliveries:
            return None  # it deletes items one by one, and has deleted the deliveries first
        return {
            "id": event_id,
            "type": event.type.value,
            "status": overall(Status(delivery["status"]) for delivery in deliveries).value,
            "occurred_at": format_time(event.occurred_at),
            "accepted_at": format_time(event.accepted_at),
            "deliveries": deliveries,
            "notes": list(event.notes),
            "errors": [asdict(error) for error in event.errors],
            **({"message": _message(event.kept)} if event.kept else {}),
        }

    def _shown(self, delivery: Delivery, event: Event) -> dict[str, Any]:
        reason, code, upcoming = delivery.reason, delivery.reason_code, delivery.next_attempt_at
        if delivery.status is Status.PENDING and event.type.waits_for_account:
            state = self._state_of(delivery.account)
            pause = state.pause or (state.lists.get(event.list) if event.list else None)
            until = from_epoch_milliseconds(pause.until) if pause else None
            if pause and until and (upcoming is None or until >= upcoming):  # a longer quarantine has its own reason
                reason, code, upcoming = pause.reason, pause.reason_code, until
        shown: dict[str, Any] = {
            "account": delivery.account,
            "status": delivery.status.value,
            "attempts": delivery.attempts,
            "reason": reason,
            "reason_code": code.value if code else None,
            "unknown_outcome": delivery.unknown_outcome,
            "next_attempt_at": format_time(upcoming) if upcoming else None,
            "updated_at": format_time(delivery.updated_at) if delivery.updated_at else None,
        }
        if delivery.status is Status.REFUSED and delivery.reason == SUPPRESSED:
            remedy = self._remedy_of(delivery.account, event.may_lift_suppression)
            if remedy is not None:
                shown["remedy"] = remedy
        return shown


def _message(kept: KeptMessage) -> dict[str, Any]:
    return {"id": kept.id, "queue": kept.queue, "sent_at": format_time(kept.sent_at)}
