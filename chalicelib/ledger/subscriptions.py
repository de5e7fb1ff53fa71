"""Stores subscription states and leases addresses: applies the order rules under concurrent workers.

The lease of an address is an attribute of its subscription state. No worker calls a provider about an address without
the lease, and once an unsubscribe's time is written to the state no older signup can take the lease.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import assert_never

from ..domain.addresses import Reading, mailbox, readings
from ..domain.consent import evidence_by_event
from ..domain.events import Event, EventType, Status
from ..domain.ordering import (
    Decision,
    Lease,
    LeaseState,
    SubscriptionState,
    all_settled,
    decide_signup,
    decide_unsubscribe,
    lease_state,
    merge,
    settled,
)
from ..domain.times import epoch_milliseconds as to_ms
from . import kept_consent
from .attributes import strictly, well_formed
from .keys import EVERY_ACCOUNT, AddressKeys, forgotten_mailbox_key
from .subscription_items import REMOVE_LEASE, evidence_items, lease_change, state_from
from .table import ConditionFailed, Key, Table

StatusOf = Callable[[str], Status | None]
"""Returns the status of an event's delivery to the account in question; None if the event does not exist."""

OnLost = Callable[[Lease], None]
"""Records that the attempt of an expired lease may have taken effect."""

NO_STATE = SubscriptionState()
TRIES = 5


@dataclass(frozen=True, slots=True)
class LeaseResult:
    """The result of `take_lease`. `decision` is None if another attempt has the lease (until `busy_until`, ms)."""

    decision: Decision | None
    busy_until: int | None = None
    state: SubscriptionState = field(default_factory=SubscriptionState, compare=False)
    """The subscription state that the decision is based on; not part of the outcome."""


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One worker's attempt at one event: its lease ends at `until` and is identified by `token`.

    An unsubscribe whose address may mean two mailboxes makes an attempt for each. Signups of one row make one attempt,
    that of the latest `event`.
    """

    event: Event
    account: str
    until: datetime
    token: str
    reading: Reading
    """The address that is leased, by its clean spelling."""
    provider_lifts_suppression: bool = False
    reverted_at: datetime | None = None
    """See `Delivery.reverted_unsubscribe_at`."""
    others: tuple[Event, ...] = ()
    """The earlier signups of the same row."""

    def lease(self) -> Lease:
        """Builds the lease that this attempt takes."""
        occurred, until = to_ms(self.event.occurred_at), to_ms(self.until)
        others = {other.id: to_ms(other.occurred_at) for other in self.others}
        consents = evidence_by_event((*self.others, self.event))
        return Lease(self.event.id, self.event.type, occurred, until, self.token, others, consents)


class SubscriptionStore:
    """Reads and writes the subscription states of all addresses.

    `before_writing` is called before each write with an address key, to record that the key is used.
    """

    def __init__(self, table: Table, keys: AddressKeys, before_writing: Callable[[], None] = lambda: None) -> None:
        self._table = table
        self._keys = keys
        self._before_writing = before_writing

    def read(self, emails: Iterable[str], account: str) -> dict[str, dict[Key, SubscriptionState]]:
        """Reads the states of each address at `account` and for all accounts, under every address key; by item key.

        Leaves out an address with a malformed state, which must not be mistaken for one without a state.
        """
        keys_of = {
            email: [(pk, name) for pk in self._keys.partitions(email) for name in (account, EVERY_ACCOUNT)]
            for email in dict.fromkeys(emails)
        }
        states, malformed = self._states(key for keys in keys_of.values() for key in keys)
        return {
            email: {key: states.get(key, NO_STATE) for key in keys}
            for email, keys in keys_of.items()
            if malformed.isdisjoint(keys)
        }

    def read_at(self, emails: Iterable[str], accounts: Sequence[str]) -> dict[str, dict[str, list[SubscriptionState]]]:
        """Reads the states of each address by account and for all (`EVERY_ACCOUNT`), one for each address key.

        Leaves out an address with a malformed state.
        """
        names = [*dict.fromkeys(accounts), EVERY_ACCOUNT]
        partitions = {email: self._keys.partitions(email) for email in dict.fromkeys(emails)}
        states, malformed = self._states((pk, name) for pks in partitions.values() for pk in pks for name in names)
        return {
            email: {name: [states.get((pk, name), NO_STATE) for pk in pks] for name in names}
            for email, pks in partitions.items()
            if not any((pk, name) in malformed for pk in pks for name in names)
        }

    def _states(self, keys: Iterable[Key]) -> tuple[dict[Key, SubscriptionState], set[Key]]:
        """Reads the states stored under `keys`, and the keys of malformed ones, which are logged and counted."""
        parsed = {key: well_formed(state_from, item) for key, item in self._table.get_many(keys).items()}
        states = {key: state for key, state in parsed.items() if state is not None}
        return states, parsed.keys() - states.keys()

    def record_unsubscribed(self, email: str, account: str, at: int, event_id: str, provider_id: str | None) -> None:
        """Records an unsubscribe reported by an account's provider: its time (ms), event and the provider's row id."""
        values = {"at": at, "id": event_id, "row": provider_id}
        self._before_writing()
        for reading in readings(email):
            partition, *older = self._keys.partitions(reading.clean)
            kept_consent.record_unsubscribe(self._table, ((pk, account) for pk in older), at, event_id)
            self._table.try_update(  # unless a later unsubscribe is already recorded
                (partition, account),
                "SET unsubscribed_at = :at, unsubscribed_by = :id" + (", provider_id = :row" if provider_id else ""),
                values,
                condition="attribute_not_exists(unsubscribed_at) OR unsubscribed_at <= :at",
            )

    def look(self, email: str, account: str, status_of: StatusOf) -> SubscriptionState:
        """Reads the merged state of an address at `account`, delivered signups included and leases removed.

        Raises MalformedItem.
        """
        keys = [(pk, name) for pk in self._keys.partitions(email) for name in (account, EVERY_ACCOUNT)]
        return self._settled(keys, status_of)

    def look_by_hash(self, hashed: str, account: str, status_of: StatusOf) -> SubscriptionState:
        """Reads as `look`, for an address known only by its keyed hash, under that one key."""
        return self._settled([(f"A#{hashed}", name) for name in (account, EVERY_ACCOUNT)], status_of)

    def _settled(self, keys: Iterable[Key], status_of: StatusOf) -> SubscriptionState:
        found = self._table.get_many(keys)
        return all_settled([strictly(state_from, found[key]) for key in keys if key in found], status_of)

    def record_unsubscribe_for_all_accounts(self, event: Event) -> None:
        """Records an unsubscribe from all accounts, so that it also applies to accounts configured later."""
        self._before_writing()
        for reading in readings(event.email):
            self._record_for_all(self._keys.partitions(reading.clean), event)

    def _record_for_all(self, partitions: Sequence[str], event: Event) -> None:
        """Records an unsubscribe of one mailbox; also on states with evidence that its deliveries do not reach."""
        found = {(item["pk"], item["sk"]): item for pk in partitions for item in self._table.query(pk)}
        key, at = (partitions[0], EVERY_ACCOUNT), to_ms(event.occurred_at)
        known = found.pop(key, {}).get("unsubscribed_at")
        if isinstance(known, int) and known >= at:
            return  # recorded by an earlier attempt
        reached = {(partitions[0], account) for account in event.accounts}
        unreached = (key for key, item in found.items() if key not in reached and kept_consent.has_evidence(item))
        kept_consent.record_unsubscribe(self._table, unreached, at, event.id)
        self._record_unsubscribe(key, event)

    def forget(self, email: str, at: datetime, by: str) -> None:
        """Records, in one write, an unsubscribe from all accounts and a forget request, and erases evidence of consent.

        `by` is the request's event.
        """
        values = {"at": to_ms(at), "id": by}
        self._before_writing()
        for reading in readings(email):
            key = (self._keys.partition(reading.clean), EVERY_ACCOUNT)
            if not self._table.try_update(
                key,
                "SET unsubscribed_at = :at, unsubscribed_by = :id, forgotten_at = :at",
                values,
                condition="attribute_not_exists(unsubscribed_at) OR unsubscribed_at <= :at",
            ):  # a later unsubscribe, from a clock that is ahead, is retained
                self._table.update(key, "SET forgotten_at = :at", {"at": values["at"]})
            if mailbox(reading.clean) != reading.clean:
                self._table.update(self._mailbox_key(reading.clean), "SET forgotten_at = :at", {"at": values["at"]})
        for partition in self._keys.partitions_of_readings(email):
            kept_consent.erase(self._table, self._table.query(partition))

    def is_forgotten(self, email: str) -> bool:
        """Reads whether the person of a clean address, or of another one of its mailbox, ever asked to be forgotten."""
        spellings = {email, mailbox(email)}
        keys = [(partition, EVERY_ACCOUNT) for each in spellings for partition in self._keys.partitions(each)]
        found = self._table.get_many([*keys, self._mailbox_key(email)])
        return any("forgotten_at" in item for item in found.values())

    def _mailbox_key(self, email: str) -> Key:
        return forgotten_mailbox_key(self._keys.lasting_hash(mailbox(email)))

    def of(self, email: str) -> dict[str, list[SubscriptionState]]:
        """Reads all states of an address in all its readings: by account and for all (`*`), those that exist.

        Raises MalformedItem.
        """
        found: dict[str, list[SubscriptionState]] = {}
        for partition in self._keys.partitions_of_readings(email):
            for item in self._table.query(partition):
                found.setdefault(item["sk"], []).append(strictly(state_from, item))
        return found

    def take_lease(
        self,
        attempt: DeliveryAttempt,
        known: Mapping[Key, SubscriptionState],
        status_of: StatusOf,
        on_lost: OnLost,
        now: datetime,
    ) -> LeaseResult:
        """Takes the lease of the address of `attempt` if the order rules and other workers allow it.

        `known` are the states just read for this address (`read`). A concurrent change makes the conditional write
        fail; the decision is then repeated on the item that the failure returns. Without one, a single write suffices.
        `on_lost` receives the expired lease of an attempt without a recorded outcome before it is overwritten.
        Raises MalformedItem.
        """
        self._before_writing()
        key = (self._keys.partition(attempt.reading.clean), attempt.account)
        elsewhere = [settled(one, status_of) for other, one in known.items() if other != key and one != NO_STATE]
        self._record_under_older_keys(attempt, known)
        state = known.get(key, NO_STATE)
        for _ in range(TRIES):
            if attempt.event.type is EventType.UNSUBSCRIBE and _is_newer(state, attempt.event):
                state = self._unsubscribe_first(key, state, attempt)
            base, previous = _without_lease(state, attempt, status_of, now)
            if state.lease is not None and previous is LeaseState.BUSY:
                return LeaseResult(None, busy_until=state.lease.until)
            if state.lease is not None and previous is LeaseState.LOST:
                on_lost(state.lease)
            merged = merge(base, *elsewhere)
            result = LeaseResult(decision(attempt, merged), state=merged)
            if result.decision in (Decision.SUPERSEDED, Decision.SUPPRESSED):
                return self._without_call(state, attempt, result)
            if state.lease is not None and state.lease.token == attempt.token:
                return result  # from `_unsubscribe_first`, or a write without a response
            with_older_evidence = replace(
                base, first_consent=merged.first_consent, latest_consent=merged.latest_consent
            )
            try:
                self._write_lease(key, state, with_older_evidence, attempt)
                return result
            except ConditionFailed as changed:
                state = strictly(state_from, changed.found)
        return LeaseResult(None, busy_until=to_ms(now) + 1000)

    def release(self, attempt: DeliveryAttempt) -> None:
        """Releases the lease of an attempt that is known to have ended; does nothing if another attempt has it."""
        key = (self._keys.partition(attempt.reading.clean), attempt.account)
        self._table.try_update(
            key, f"REMOVE {REMOVE_LEASE}", {"token": attempt.token}, condition="lease_token = :token"
        )

    def settle_row(self, attempt: DeliveryAttempt, delivered: Sequence[Event]) -> None:
        """Reduces the lease of a row whose signups have all ended to its latest `delivered` one, if it still exists.

        The lease stays, as every lease of a delivered event does; the names of the others would stay with it.
        """
        key = (self._keys.partition(attempt.reading.clean), attempt.account)
        latest, consents = max(delivered, key=lambda event: event.occurred_at), evidence_by_event(delivered)
        values = {"token": attempt.token, "event": latest.id, "at": to_ms(latest.occurred_at)}
        change = "SET lease_event = :event, lease_at = :at REMOVE lease_others, lease_consents"
        if consents:
            values["consents"] = evidence_items(consents)
            change = "SET lease_event = :event, lease_at = :at, lease_consents = :consents REMOVE lease_others"
        self._table.try_update(key, change, values, condition="lease_token = :token")

    def record_row(self, attempt: DeliveryAttempt, provider_id: str | None) -> None:
        """Records the provider's id of the row that this attempt's unsubscribe created; nothing if the lease ended.

        None if it created several rows: then all rows of the address must be looked up.
        """
        key = (self._keys.partition(attempt.reading.clean), attempt.account)
        values = {"token": attempt.token, "row": provider_id}
        change = "SET provider_id = :row" if provider_id is not None else "REMOVE provider_id"
        self._table.try_update(key, change, values, condition="lease_token = :token")

    def _record_under_older_keys(self, attempt: DeliveryAttempt, known: Mapping[Key, SubscriptionState]) -> None:
        """Records an unsubscribe also on states with evidence of consent that stand under an older address key."""
        if attempt.event.type is not EventType.UNSUBSCRIBE:
            return
        partition = self._keys.partition(attempt.reading.clean)
        older = [
            key
            for key, state in known.items()
            if key[0] != partition and state.has_evidence and _is_newer(state, attempt.event)
        ]
        kept_consent.record_unsubscribe(self._table, older, to_ms(attempt.event.occurred_at), attempt.event.id)

    def _without_call(self, state: SubscriptionState, attempt: DeliveryAttempt, result: LeaseResult) -> LeaseResult:
        """Releases the lease of a delivery that ends without a call, and returns `result`.

        A lease that remained would count as a delivered event once its event is deleted.
        """
        if state.lease is not None and state.lease.token == attempt.token:
            self.release(attempt)
        return result

    def _unsubscribe_first(self, key: Key, state: SubscriptionState, attempt: DeliveryAttempt) -> SubscriptionState:
        """Writes an unsubscribe's time, and the lease in the same write if no other attempt has it."""
        if state.lease is None:
            try:
                self._write_lease(key, state, state, attempt)
                at, by = to_ms(attempt.event.occurred_at), attempt.event.id
                return replace(state, unsubscribed_at=at, unsubscribed_by=by, lease=attempt.lease())
            except ConditionFailed as changed:
                state = strictly(state_from, changed.found)
        return self._record_unsubscribe(key, attempt.event) if _is_newer(state, attempt.event) else state

    def _record_unsubscribe(self, key: Key, event: Event) -> SubscriptionState:
        try:
            found = self._table.update(
                key,
                "SET unsubscribed_at = :at, unsubscribed_by = :id",
                {"at": to_ms(event.occurred_at), "id": event.id},
                condition="attribute_not_exists(unsubscribed_at) OR unsubscribed_at < :at",
            )
        except ConditionFailed as later:
            found = dict(later.found)
        return strictly(state_from, found)

    def _write_lease(
        self, key: Key, seen: SubscriptionState, base: SubscriptionState, attempt: DeliveryAttempt
    ) -> None:
        """Writes the attempt's lease if the state is still `seen`; `base` is the state without the previous lease."""
        is_newer = attempt.event.type is EventType.UNSUBSCRIBE and _is_newer(seen, attempt.event)
        at = to_ms(attempt.event.occurred_at) if is_newer else None
        if attempt.event.forget:  # also what a worker has written since the request was recorded
            base = replace(base, first_consent=None, latest_consent=None)
        expression, values, condition = lease_change(seen, base, attempt.lease(), at)
        self._table.update(key, expression, values, condition=condition)


def _without_lease(
    state: SubscriptionState, attempt: DeliveryAttempt, status_of: StatusOf, now: datetime
) -> tuple[SubscriptionState, LeaseState]:
    """Returns the state with its lease resolved and removed, and the state of that lease."""
    lease = state.lease
    if lease is None or lease.token == attempt.token:
        return replace(state, lease=None), LeaseState.DONE
    status_of = cache(status_of)
    pending = any(status_of(event_id) is Status.PENDING for event_id in lease.events)
    found = lease_state(lease, pending, to_ms(now))
    return (replace(state, lease=None) if found is LeaseState.BUSY else settled(state, status_of)), found


def decision(attempt: DeliveryAttempt, state: SubscriptionState) -> Decision:
    """Returns the decision of the order rules on the event of `attempt`."""
    at = to_ms(attempt.event.occurred_at)
    match attempt.event.type:
        case EventType.UNSUBSCRIBE:
            return decide_unsubscribe(at, state)
        case EventType.SIGNUP:
            return decide_signup(
                at,
                state,
                may_lift_suppression=attempt.event.may_lift_suppression,
                provider_lifts_suppression=attempt.provider_lifts_suppression,
                reverted_at=to_ms(attempt.reverted_at) if attempt.reverted_at else None,
            )
        case EventType.SYNC:
            raise ValueError(f"event {attempt.event.id} is a sync: it has no address, so the order rules do not apply")
        case _:
            assert_never(attempt.event.type)


def _is_newer(state: SubscriptionState, event: Event) -> bool:
    return state.unsubscribed_at is None or state.unsubscribed_at < to_ms(event.occurred_at)
