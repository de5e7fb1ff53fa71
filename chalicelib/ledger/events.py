"""Stores events and their deliveries. Every state transition is a conditional write on the current state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from ..domain.errors import IdConflict, MalformedItem
from ..domain.events import DISCARDED, QUARANTINED, Delivery, Event, EventType, Status, StoredEvent
from ..domain.ids import is_valid_id
from ..domain.times import epoch_milliseconds as to_ms
from ..names import DUE_INDEX
from ..observability import metrics
from .attributes import Attributes, Milliseconds, strictly, well_formed
from .day_counts import TOUCH, TOUCHED, DayCounts
from .erasing import PERSONAL, ErasureOutcome, erase_items, person_is_forgotten
from .event_items import (
    content_of,
    delivery_fields,
    delivery_from,
    event_from,
    event_item,
    reference_item,
)
from .event_puts import put_whole
from .keys import (
    LATEST,
    UNCONFIRMED_PARTITION,
    AddressKeys,
    IndexRange,
    attention_entry,
    delivery_key,
    due_entry,
    event_id_of,
    event_key,
    parse_sort_key,
    refused_partition,
    sort_keys,
    swept_ranges,
)
from .recent_unsubscribes import RecentUnsubscribes
from .table import ConditionFailed, Table

PENDING = "#status = :pending"
STATUS_NAME = {"status": "status"}
_FINAL = tuple(status.value for status in Status if status is not Status.PENDING)
Read = Callable[[Callable[[Attributes], Any], Mapping[str, Any]], Any]
"""Applies a parser to an item: `attributes.strictly` or `attributes.well_formed`."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Stored events, without malformed parts."""

    stored: list[StoredEvent]
    malformed: frozenset[str]
    """Ids of stored events that are malformed, as a whole or in one of their deliveries."""


class EventStore:
    """Stores events and changes the state of their deliveries."""

    def __init__(self, table: Table, keys: AddressKeys, keep: timedelta, counts: DayCounts | None = None) -> None:
        self._counts = counts or DayCounts(table)
        self._table = table
        self._keys = keys
        self._keep = keep
        self.recent_unsubscribes = RecentUnsubscribes(table, keys)

    def store(self, event: Event) -> bool:
        """Stores an event durably; returns False if the same event was already stored.

        Raises IdConflict if the id is stored with other content, LedgerUnavailable if the event may not be stored.
        """
        if event.type is EventType.UNSUBSCRIBE and event.refused is None:
            self.recent_unsubscribes.record(event)  # before: a repeat that is not recognised is harmless
        found = self.put_new(event)
        if found is None:
            return True
        digest = str(found.get("content", ""))
        if self.matches(event, digest):
            return False
        raise IdConflict(f"event {event.id} is already stored with other content", digest)

    def put_new(self, event: Event) -> Mapping[str, Any] | None:
        """Puts a new event with its deliveries; returns the item that has its id if there is one, see `accepted_at`.

        Raises LedgerUnavailable if the event may not be stored.
        """
        item = event_item(event) | {"content": self._keys.digest(content_of(event))}
        if event.refused is not None:
            item["expires_at"] = self.expiry(event.accepted_at)
        if len(event.accounts) == 1:
            item |= delivery_fields(event, event.accounts[0], self.expiry)
        try:
            if len(event.accounts) == 1 and event.kept is None:
                self._table.put_new(item)
            else:
                put_whole(self._table, event, item, self.expiry)
        except ConditionFailed as refused:
            return refused.found
        return None

    def matches(self, event: Event, digest: str) -> bool:
        """Returns True if `digest`, of the content stored under its id (see `IdConflict`), is that of the event."""
        return self._keys.matches(content_of(event), digest)

    def refused_under(self, event_id: str) -> list[str]:
        """Reads the ids under which invalid messages with the event's id are stored, the newest message first."""
        references = reversed(self._table.query(refused_partition(event_id)))
        return [str(item["refused"]) for item in references if "refused" in item]

    def dismiss(self, refused: Event, now: datetime) -> None:
        """Erases the body of a refused message and lets its items expire, once its event is stored under its own id."""
        keys = {event_key(refused.id), *(delivery_key(refused.id, name, refused.accounts) for name in refused.accounts)}
        if refused.kept is not None:
            reference = reference_item(refused, refused.kept)
            keys.add((reference["pk"], reference["sk"]))
        for key in sorted(keys):
            self._table.try_update(
                key,
                "SET expires_at = :now REMOVE body, due_pk, due_sk",
                {"now": to_ms(now) // 1000},
                condition="attribute_exists(pk)",
            )

    def load(self, event_ids: Iterable[str]) -> list[StoredEvent]:
        """Reads the stored events of `event_ids` consistently, each with its deliveries.

        Raises MalformedItem if one of them cannot be read, so that it is not mistaken for a deleted event.
        """
        return self.load_well_formed(event_ids, read=strictly).stored

    def load_well_formed(self, event_ids: Iterable[str], *, read: Read = well_formed) -> Loaded:
        """Reads as `load`, but skips, logs and counts malformed items; for callers that process many events."""
        found = self._table.get_many(event_key(event_id) for event_id in event_ids)
        parsed: dict[str, Event | None] = {event_id_of(pk): read(event_from, item) for (pk, _), item in found.items()}
        events = [event for event in parsed.values() if event is not None]
        items = found | self._table.get_many(
            delivery_key(event.id, account, event.accounts)
            for event in events
            if len(event.accounts) > 1
            for account in event.accounts
        )
        stored: list[StoredEvent] = []
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
            stored.append(StoredEvent(event, {name: one for name, one in deliveries.items() if one is not None}))
        return Loaded(stored, frozenset(malformed))

    def deliveries(self, events: Iterable[Event], account: str) -> dict[str, Delivery]:
        """Reads the deliveries of `events` to `account` consistently, by event id.

        Omits those that do not exist, are malformed, or have moved to another account.
        """
        keys = {event.id: delivery_key(event.id, account, event.accounts) for event in events}
        found = self._table.get_many(keys.values())
        parse = partial(delivery_from, account)
        parsed = {
            event_id: well_formed(parse, found[key])
            for event_id, key in keys.items()
            if key in found and found[key].get("accounts") in (None, [account])
        }
        return {event_id: delivery for event_id, delivery in parsed.items() if delivery is not None}

    def status(self, event_id: str, account: str) -> Status | None:
        """Reads a delivery's status; None if the event does not exist."""
        for stored in self.load([event_id]):
            if account in stored.deliveries:
                return stored.deliveries[account].status
        return None

    def finish(self, event: Event, delivery: Delivery, now: datetime, *, forgotten: bool = False) -> bool:
        """Writes a delivery's final state and takes it out of what is due; False if it was final already.

        What needs attention stays in the index, in another range (`keys.attention_entry`).

        With `forgotten` the same write erases the personal data of an event for one account, for a forget request. For
        an event for several accounts this is checked once all its deliveries are final.
        """
        single = len(event.accounts) == 1 and not event.forget  # a forget request erases other events first
        at_once = forgotten and single
        listed = delivery.needs_attention and not at_once
        changed = self._transition(
            event,
            delivery,
            now,
            {
                "expires_at": self.expiry(now) if single else None,
                "erased": to_ms(now) if at_once else None,
                **(attention_entry(delivery.account, delivery.status, event.accepted_at) if listed else {}),
                "list": event.list if event.form is not None and delivery.status is Status.DELIVERED else None,
            },
            remove=[
                *(() if listed else ("due_pk", "due_sk")),
                "next_at",
                *(["reason"] if delivery.reason is None else []),
                *(["reason_code"] if delivery.reason_code is None else []),
                *(PERSONAL if at_once else []),
            ],
        )
        if changed:
            self._counts.record_final(event, delivery)
        if not single:  # also if it was final: this may be our own write whose response was lost
            self.expire_when_whole(event, now)
        return changed

    def postpone(self, event: Event, delivery: Delivery, due: datetime, now: datetime) -> bool:
        """Records a failed or postponed attempt; the delivery stays pending and is due again at `due`."""
        next_at = to_ms(delivery.next_attempt_at) if delivery.next_attempt_at else None
        return self._transition(
            event,
            delivery,
            now,
            {**due_entry(delivery.account, event.type, due), "next_at": next_at},
            # From now on it waits for its provider, not for an operator.
            remove=["quarantined", *(["reason_code"] if delivery.reason_code is None else [])],
        )

    def defer(self, event: Event, delivery: Delivery, due: datetime) -> bool:
        """Sets when an untried delivery is due, and its reason if that is its next attempt; False if tried meanwhile.

        The worker that made that attempt has set the due time; its outcome must not be overwritten.
        """
        change, key = f"SET due_sk = :due ADD {TOUCH}", delivery_key(event.id, delivery.account, event.accounts)
        place = due_entry(delivery.account, event.type, due)
        values: dict[str, Any] = {"due": place["due_sk"], "attempts": delivery.attempts, "pending": "pending"}
        if delivery.reason_code is not None and delivery.next_attempt_at == due:
            change = f"SET due_sk = :due, next_at = :next, reason = :reason, reason_code = :code ADD {TOUCH}"
            values |= {"next": to_ms(due), "reason": delivery.reason, "code": delivery.reason_code.value}
        condition = f"{PENDING} AND attempts = :attempts"
        item = self._table.changed(key, change, values | TOUCHED, condition=condition, names=STATUS_NAME)
        self._counts.record_touch(event, delivery.account, item)
        return item is not None

    def mark_unknown(self, event_ids: Iterable[str], account: str, attempt: str) -> None:
        """Records, once, that `attempt` at pending deliveries may have taken effect and its outcome is unknown."""
        for stored in self.load(event_ids):
            delivery = stored.deliveries.get(account)
            if delivery and delivery.status is Status.PENDING:
                key = delivery_key(stored.event.id, account, stored.event.accounts)
                marked = self._table.try_update(
                    key,
                    "SET unknown_outcome = :yes, lost_attempt = :lost, "
                    "attempts = if_not_exists(attempts, :none) + :one, "
                    "unknown_attempts = if_not_exists(unknown_attempts, :none) + :one",
                    {"yes": True, "lost": attempt, "none": 0, "one": 1, "pending": "pending"},
                    condition=f"{PENDING} AND (attribute_not_exists(lost_attempt) OR lost_attempt <> :lost)",
                    names=STATUS_NAME,
                )
                if marked:  # neither final meanwhile, nor is this attempt already recorded
                    metrics.count("unknown_outcomes", account=account)

    def due(self, account: str, event_type: EventType, horizon: datetime | None, limit: int) -> list[str]:
        """Reads ids of events with a pending delivery to `account` due by `horizon`, earliest first.

        `horizon` None: all, but quarantined signups, which wait for an operator whatever else changes.
        """
        until = to_ms(horizon) if horizon else LATEST
        waits_on = IndexRange.QUARANTINED_SIGNUP if horizon is None else None
        found = self._table.in_parallel(
            lambda part: self._table.query_due(DUE_INDEX, account, sort_keys(part, until=until), limit),
            [part for part in swept_ranges(event_type) if part is not waits_on],
        )
        due = (well_formed(due_from, item) for items in found for item in items)
        earliest = sorted(each for each in due if each is not None)[:limit]
        return [event_id for _, event_id in earliest]

    def due_unconfirmed(self, horizon: datetime, limit: int) -> list[str]:
        """Reads ids of signups that wait for their confirmation and are due by `horizon`, earliest first."""
        keys = sort_keys(IndexRange.SIGNUP, until=to_ms(horizon))
        items = self._table.query_due(DUE_INDEX, UNCONFIRMED_PARTITION, keys, limit)
        due = (well_formed(due_from, item) for item in items)
        return [entry[1] for entry in due if entry is not None]

    def _transition(
        self, event: Event, delivery: Delivery, now: datetime, changes: Mapping[str, Any], remove: Sequence[str]
    ) -> bool:
        """Writes the state of a pending delivery and those of `changes` that are not None.

        Returns False if it was final, or has moved to another account.
        """
        values = {
            "status": delivery.status.value,
            "attempts": delivery.attempts,
            "updated": to_ms(now),
            "reason": delivery.reason,
            "reason_code": delivery.reason_code.value if delivery.reason_code else None,
            "unknown_outcome": delivery.unknown_outcome or None,
            "unknown_attempts": delivery.unknown_attempts or None,
            **changes,
        }
        values = {name: value for name, value in values.items() if value is not None}
        same_account = " AND accounts = :accounts" if len(event.accounts) == 1 else ""
        accounts = list(event.accounts) if same_account else None
        item = self._table.changed(
            delivery_key(event.id, delivery.account, event.accounts),
            f"SET {', '.join(f'#{name} = :{name}' for name in values)} "
            f"REMOVE {', '.join(f'#{name}' for name in remove)} ADD {TOUCH}",
            {**values, "pending": Status.PENDING.value, "accounts": accounts, **TOUCHED},
            condition=f"{PENDING}{same_account}",
            names={name: name for name in (*values, *remove)},
        )
        self._counts.record_touch(event, delivery.account, item)
        return item is not None

    def expiry(self, now: datetime) -> int:
        """Returns when an event that is final at `now` expires (seconds since 1970)."""
        return int((now + self._keep).timestamp())

    def expire_when_whole(self, event: Event, now: datetime) -> None:
        """Sets the expiry of all items of an event for several accounts, once its last delivery is final.

        If its person asked to be forgotten, it is erased first: an event without an expiry is still to be processed.
        """
        items = self._table.query(event_key(event.id)[0])
        if not all(_is_final(item) for item in items):
            return
        try:
            forgotten = person_is_forgotten(self._table, self._keys, event, items)
        except MalformedItem:
            return  # it does not expire before its person's state is put right
        if (forgotten or _is_discarded(items)) and erase_items(self._table, items, now) is ErasureOutcome.WAITING:
            return  # it was requeued meanwhile
        self._table.in_parallel(lambda item: self._expire(item, now), items)

    def _expire(self, item: Mapping[str, Any], now: datetime) -> None:
        """Sets the expiry of an event's item, unless a delivery of the event was requeued since `item` was read."""
        seen = item.get("requeued")
        same = "attribute_not_exists(requeued)" if seen is None else "requeued = :seen"
        self._table.try_update(
            (item["pk"], item["sk"]),
            "SET expires_at = :expires",
            {"expires": self.expiry(now), "seen": seen},
            condition=f"attribute_exists(pk) AND {same}",
        )


def accepted_at(item: Mapping[str, Any]) -> int:
    """Reads when the event of an item was accepted, in milliseconds. Raises MalformedItem."""
    return strictly(lambda read: read.required("accepted", Milliseconds), item)


def due_from(item: Attributes) -> tuple[int, str]:
    """Reads an entry of the `due` index: when the delivery is due (ms), and the id of its event."""
    pk = item.required("pk", str)
    try:
        _, due = parse_sort_key(item.required("due_sk", str))
    except ValueError as error:
        raise item.malformed("due_sk", str(error)) from None
    if pk == event_id_of(pk) or not is_valid_id(event_id_of(pk)):
        raise item.malformed("pk", "is not the key of an event")
    return due, event_id_of(pk)


def _is_discarded(items: Iterable[Mapping[str, Any]]) -> bool:
    """Returns True if a delivery of these was discarded, by an operator or after its time in quarantine.

    What is left of the event is erased.
    """
    ended = [item.get("reason") for item in items if item.get("status") == Status.REFUSED.value]
    return DISCARDED in ended or QUARANTINED in ended


def _is_final(item: Mapping[str, Any]) -> bool:
    """Returns True for a final delivery (a malformed one is not final) and for an event with separate deliveries."""
    status = item.get("status")
    return status in _FINAL if "status" in item else item["sk"] == "E"
