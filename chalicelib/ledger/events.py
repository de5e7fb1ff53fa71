"""Events and their deliveries in the ledger. Every transition is a condition on what stands there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from ..domain.errors import IdConflict
from ..domain.events import Delivery, Event, EventType, Status, StoredEvent
from ..domain.ids import is_valid_id
from ..domain.times import epoch_milliseconds as to_ms
from ..names import DUE_INDEX
from .attributes import Attributes, strictly, well_formed
from .erasing import PERSONAL, PERSONAL_NAME, Outcome, erase_items, person_is_forgotten
from .event_items import content_of, delivery_from, event_from, event_item
from .keys import (
    AddressKeys,
    delivery_key,
    due_partition,
    due_partitions,
    event_id_of,
    event_key,
    held_back_partition,
    shard_of,
)
from .table import ConditionFailed, Table

FIRST_DUE = timedelta(seconds=60)
FIRST_DUE_SPREAD_SECONDS = 30
PENDING = "#status = :pending"
STATUS_NAME = {"status": "status"}
_FINAL = tuple(status.value for status in Status if status is not Status.PENDING)
Read = Callable[[Callable[[Attributes], Any], Mapping[str, Any]], Any]
"""Makes of an item what a parser gives: `attributes.strictly` or `attributes.well_formed`."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Events that are held, without the parts that are malformed."""

    held: list[StoredEvent]
    malformed: frozenset[str]
    """Ids of events that are held and malformed, as a whole or in one of their deliveries."""


class EventStore:
    """Holds events, and moves their deliveries from state to state."""

    def __init__(self, table: Table, keys: AddressKeys, keep: timedelta) -> None:
        self._table = table
        self._keys = keys
        self._keep = keep

    def hold(self, event: Event) -> bool:
        """Hold an event for good; False if the same event was held already.

        Raises IdConflict where the id is held with other content, LedgerUnavailable when nothing can be promised.
        """
        content = content_of(event)
        item = event_item(event) | {"content": self._keys.digest(content)}
        if event.refused is not None:
            item["expires_at"] = self.expiry(event.accepted_at)
        try:
            if len(event.accounts) == 1:
                self._table.put_new(item | self._delivery_fields(event, event.accounts[0]))
            else:
                self._put_whole(event, item)
        except ConditionFailed as refused:
            if self._keys.matches(content, str(refused.found.get("content", ""))):
                return False
            raise IdConflict(f"event {event.id} is already held with other content") from None
        return True

    def load(self, event_ids: Iterable[str]) -> list[StoredEvent]:
        """The events of those ids that are held, each with its deliveries. Read consistently.

        Raises MalformedItem if one of them cannot be read: whoever needs it must not take it for gone.
        """
        return self._load(event_ids, strictly).held

    def load_well_formed(self, event_ids: Iterable[str]) -> Loaded:
        """The same for whoever goes through many events: what is malformed is passed over, logged and counted."""
        return self._load(event_ids, well_formed)

    def _load(self, event_ids: Iterable[str], read: Read) -> Loaded:
        found = self._table.get_many(event_key(event_id) for event_id in event_ids)
        parsed: dict[str, Event | None] = {event_id_of(pk): read(event_from, item) for (pk, _), item in found.items()}
        events = [event for event in parsed.values() if event is not None]
        items = found | self._table.get_many(
            delivery_key(event.id, account, event.accounts)
            for event in events
            if len(event.accounts) > 1
            for account in event.accounts
        )
        held: list[StoredEvent] = []
        malformed = {event_id for event_id, event in parsed.items() if event is None}
        for event in events:
            keys = {account: delivery_key(event.id, account, event.accounts) for account in event.accounts}
            deliveries: dict[str, Delivery | None] = {
                account: read(partial(delivery_from, account), items[key])
                for account, key in keys.items()
                if key in items
            }
            if None in deliveries.values():
                malformed.add(event.id)
            held.append(StoredEvent(event, {name: one for name, one in deliveries.items() if one is not None}))
        return Loaded(held, frozenset(malformed))

    def deliveries(self, events: Iterable[Event], account: str) -> dict[str, Delivery]:
        """How far events have come at `account`, by event id; those that are gone are left out. Read consistently."""
        keys = {event.id: delivery_key(event.id, account, event.accounts) for event in events}
        found = self._table.get_many(keys.values())
        parse = partial(delivery_from, account)
        return {event_id: strictly(parse, found[key]) for event_id, key in keys.items() if key in found}

    def status(self, event_id: str, account: str) -> Status | None:
        """A delivery's status; None if the event is gone."""
        for held in self.load([event_id]):
            if account in held.deliveries:
                return held.deliveries[account].status
        return None

    def finish(self, event: Event, delivery: Delivery, now: datetime, *, forgotten: bool = False) -> bool:
        """Write a delivery's final state; False if it was final already. It leaves the index with this write.

        With `forgotten` an event for one account loses its personal data in the same write, as its person wished. One
        for several is asked about once it is whole.
        """
        single = len(event.accounts) == 1 and not event.forget  # a wish erases others before itself
        at_once = forgotten and single
        changed = self._transition(
            event,
            delivery,
            "SET #status = :status, attempts = :attempts, updated = :now"
            + (", expires_at = :expires" if single else "")
            + (", erased = :now" if at_once else "")
            + _optional(delivery)
            + " REMOVE due_pk, due_at, next_at"
            + (", reason" if delivery.reason is None else "")
            + (f", {PERSONAL}" if at_once else ""),
            {"now": to_ms(now), **({"expires": self.expiry(now)} if single else {})},
            names=PERSONAL_NAME if at_once else {},
        )
        if not single:  # also when it was final: that may be our own write, whose answer was lost
            self.expire_when_whole(event, now)
        return changed

    def postpone(self, event: Event, delivery: Delivery, due: datetime, now: datetime) -> bool:
        """Note a failed attempt, or one put off; the delivery stays pending and is due again at `due`."""
        return self._transition(
            event,
            delivery,
            "SET #status = :status, attempts = :attempts, updated = :now, due_at = :due"
            + _optional(delivery)
            + (", next_at = :next" if delivery.next_attempt_at else "")
            + " REMOVE held_back",  # it waits for its provider from here on, not for an operator
            {
                "now": to_ms(now),
                "due": to_ms(due) // 1000,
                "next": to_ms(delivery.next_attempt_at) if delivery.next_attempt_at else None,
            },
        )

    def defer(self, event: Event, delivery: Delivery, due: datetime) -> bool:
        """Have an untried delivery rung for at `due`; False if an attempt was noted since `delivery` was read.

        Whoever made that attempt has said when it is due again, and what came of it must not be written over.
        """
        try:
            self._table.update(
                delivery_key(event.id, delivery.account, event.accounts),
                "SET due_at = :due",
                {"due": to_ms(due) // 1000, "attempts": delivery.attempts, "pending": "pending"},
                condition=f"{PENDING} AND attempts = :attempts",
                names=STATUS_NAME,
            )
        except ConditionFailed:
            return False
        return True

    def mark_unknown(self, event_id: str, account: str, attempt: str) -> None:
        """Note, once, that this attempt at a pending delivery may have taken effect without anybody recording it."""
        for held in self.load([event_id]):
            delivery = held.deliveries.get(account)
            if delivery and delivery.status is Status.PENDING:
                key = delivery_key(event_id, account, held.event.accounts)
                try:
                    self._table.update(
                        key,
                        "SET unknown_outcome = :yes, lost_attempt = :lost, "
                        "attempts = if_not_exists(attempts, :none) + :one",
                        {"yes": True, "lost": attempt, "none": 0, "one": 1, "pending": "pending"},
                        condition=f"{PENDING} AND (attribute_not_exists(lost_attempt) OR lost_attempt <> :lost)",
                        names=STATUS_NAME,
                    )
                except ConditionFailed:
                    return  # final by now, or noted: somebody did record it

    def due(self, account: str, verb: EventType, horizon: datetime | None, limit: int) -> list[str]:
        """Ids of events with a pending delivery to `account` due by `horizon` (None: at any time), earliest first."""
        until = to_ms(horizon) // 1000 if horizon else None
        found = self._table.in_parallel(
            lambda partition: self._table.query_due(DUE_INDEX, partition, until, limit), due_partitions(account, verb)
        )
        due = (well_formed(due_from, item) for items in found for item in items)
        earliest = sorted(each for each in due if each is not None)[:limit]
        return [event_id for _, event_id in earliest]

    def _transition(
        self,
        event: Event,
        delivery: Delivery,
        change: str,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
    ) -> bool:
        try:
            self._table.update(
                delivery_key(event.id, delivery.account, event.accounts),
                change,
                {
                    "status": delivery.status.value,
                    "attempts": delivery.attempts,
                    "reason": delivery.reason,
                    "unknown": delivery.unknown_outcome or None,
                    "pending": "pending",
                    **values,
                },
                condition=PENDING,
                names={**STATUS_NAME, **(names or {})},
            )
        except ConditionFailed:
            return False
        return True

    def _put_whole(self, event: Event, item: Mapping[str, Any]) -> None:
        """Put an event for several accounts with its deliveries, so that an event that is there is whole.

        One call for all of it lets a request with a thousand unsubscribes end in time, and leaves no deliveries behind
        where the id is taken: worth a transaction's double price. Where that cannot be, the deliveries go first.
        """
        if self._table.put_new_together([item, *(self._delivery_item(event, account) for account in event.accounts)]):
            return
        self._table.in_parallel(lambda account: self._hold_delivery(event, account), event.accounts)
        self._table.put_new(item)

    def _hold_delivery(self, event: Event, account: str) -> None:
        try:
            self._table.put_new(self._delivery_item(event, account))
        except ConditionFailed as earlier:  # an earlier try of the same request came this far
            if "due_pk" not in earlier.found:
                self._wake(event, account)

    def _wake(self, event: Event, account: str) -> None:
        """Put back a delivery that stands for an event which nobody held for long, so that it was given up."""
        due = {name: value for name, value in self._delivery_fields(event, account).items() if name.startswith("due_")}
        try:
            self._table.update(
                delivery_key(event.id, account, event.accounts),
                "SET due_pk = :due_pk, due_at = :due_at REMOVE expires_at",
                {**due, "pending": Status.PENDING.value},
                condition=f"{PENDING} AND attribute_not_exists(due_pk)",
                names=STATUS_NAME,
            )
        except ConditionFailed:
            return  # it is final: then the event is held, or was

    def _delivery_item(self, event: Event, account: str) -> dict[str, Any]:
        pk, sk = delivery_key(event.id, account, event.accounts)
        return {"pk": pk, "sk": sk, **self._delivery_fields(event, account)}

    def _delivery_fields(self, event: Event, account: str) -> dict[str, Any]:
        if event.refused is not None:
            return {
                "status": Status.REFUSED.value,
                "attempts": 0,
                "reason": event.refused,
                "updated": to_ms(event.accepted_at),
                "expires_at": self.expiry(event.accepted_at),
            }
        fields = {"status": Status.PENDING.value, "attempts": 0, "updated": to_ms(event.accepted_at)}
        held_back = event.held_back
        if held_back is not None:
            return fields | {
                "held_back": True,
                "reason": held_back.reason,
                "next_at": to_ms(held_back.until),
                "due_pk": held_back_partition(account),
                "due_at": to_ms(held_back.until) // 1000,
            }
        spread = timedelta(seconds=shard_spread(event.id))
        return fields | {
            "due_pk": due_partition(account, event.type, shard_of(event.id)),
            "due_at": to_ms(event.accepted_at + FIRST_DUE + spread) // 1000,
        }

    def expiry(self, now: datetime) -> int:
        """When what is final at `now` expires (seconds since 1970)."""
        return int((now + self._keep).timestamp())

    def expire_when_whole(self, event: Event, now: datetime) -> None:
        """Let an event for several accounts expire as a whole, once its last delivery is final.

        If the person asked to be forgotten it loses their data first, so that one without an expiry is not done with.
        """
        items = self._table.query(event_key(event.id)[0])
        if not all(_is_final(item) for item in items):
            return
        forgotten = person_is_forgotten(self._table, self._keys, event, items)
        if forgotten and erase_items(self._table, items, now) is Outcome.WAITING:
            return  # it was sent again just now
        self._table.in_parallel(lambda item: self._expire(item, now), items)

    def _expire(self, item: Mapping[str, Any], now: datetime) -> None:
        """Let an item of an event expire, unless a delivery of the event was sent again since `item` was read."""
        seen = item.get("reopened")
        same = "attribute_not_exists(reopened)" if seen is None else "reopened = :seen"
        try:
            self._table.update(
                (item["pk"], item["sk"]),
                "SET expires_at = :expires",
                {"expires": self.expiry(now), "seen": seen},
                condition=f"attribute_exists(pk) AND {same}",
            )
        except ConditionFailed:
            return


def due_from(item: Attributes) -> tuple[int, str]:
    """When a delivery in the `due` index is due (seconds since 1970), and the id of its event."""
    due_at, pk = item.whole("due_at"), item.text("pk")
    if pk == event_id_of(pk) or not is_valid_id(event_id_of(pk)):
        raise item.malformed("pk", "is no event's")
    return due_at, event_id_of(pk)


def _is_final(item: Mapping[str, Any]) -> bool:
    """True for a delivery that has ended (a malformed one has not) and for an event with its deliveries beside it."""
    status = item.get("status")
    return status in _FINAL if "status" in item else item["sk"] == "E"


def shard_spread(event_id: str) -> float:
    """Seconds by which an event's first due time is spread, so that what was accepted at once is not due at once."""
    return (sum(event_id.encode()) * 7919) % (FIRST_DUE_SPREAD_SECONDS * 1000) / 1000


def _optional(delivery: Delivery) -> str:
    return (", reason = :reason" if delivery.reason is not None else "") + (
        ", unknown_outcome = :unknown" if delivery.unknown_outcome else ""
    )
