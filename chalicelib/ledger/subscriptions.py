"""Taking an address in hand: the one place where the order rules meet concurrent workers.

Holding the word is the lease. Nobody calls a provider about an address without it, and from the moment an unsubscribe's
time stands in the word no older signup can take it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, assert_never

from ..domain.events import Event, EventType, Status
from ..domain.ordering import (
    Decision,
    Lease,
    LeaseState,
    SubscriptionState,
    decide_signup,
    decide_unsubscribe,
    lease_state,
    merge,
    settled,
)
from ..domain.times import epoch_milliseconds as to_ms
from .keys import EVERY_ACCOUNT, AddressKeys
from .table import ConditionFailed, Key, Table

StatusOf = Callable[[str], Status | None]
"""Gives the status of an event's delivery to the account in question; None if the event is gone."""

OnLost = Callable[[Lease], None]

TRIES = 5
_REMOVE_LEASE = "lease_event, lease_type, lease_at, lease_until, lease_token"


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of taking an address in hand. `verdict` None: somebody else has it (until `busy_until`, ms)."""

    decision: Decision | None
    busy_until: int | None = None
    word: SubscriptionState = field(default_factory=SubscriptionState, compare=False)
    """What is known of the address, as it was judged by; no part of the outcome."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One worker's attempt at one event: `until` is when its hold ends, `token` names it."""

    event: Event
    account: str
    until: datetime
    token: str
    provider_lifts: bool = False
    taken_back: datetime | None = None
    """See `Delivery.taken_back`."""

    def lease(self) -> Lease:
        """The hold that this attempt takes."""
        occurred, until = to_ms(self.event.occurred_at), to_ms(self.until)
        return Lease(event=self.event.id, type=self.event.type, at=occurred, until=until, token=self.token)


class SubscriptionStore:
    """The words of all addresses."""

    def __init__(self, table: Table, keys: AddressKeys) -> None:
        self._table = table
        self._keys = keys

    def read(self, emails: Iterable[str], account: str) -> dict[str, dict[Key, SubscriptionState]]:
        """What is known of each address at `account`, at all accounts, and under older keys: words by their place."""
        places = {email: self._places(email, account) for email in dict.fromkeys(emails)}
        found = self._table.get_many(key for keys in places.values() for key in keys)
        return {
            email: {key: _word_from(found[key]) if key in found else SubscriptionState() for key in keys}
            for email, keys in places.items()
        }

    def read_at(self, emails: Iterable[str], accounts: Sequence[str]) -> dict[str, dict[str, list[SubscriptionState]]]:
        """What is known of each address at several accounts and at all (`EVERY_ACCOUNT`): the words under every key."""
        names = [*dict.fromkeys(accounts), EVERY_ACCOUNT]
        places = {email: self._partitions(email) for email in dict.fromkeys(emails)}
        found = self._table.get_many((pk, name) for pks in places.values() for pk in pks for name in names)
        return {
            email: {name: [_word_from(found.get((pk, name), {})) for pk in pks] for name in names}
            for email, pks in places.items()
        }

    def record_unsubscribed(self, email: str, account: str, at: int, event_id: str, provider_id: str | None) -> None:
        """Note that an account's provider tells of somebody who left: at (ms), by which event, under which row."""
        values = {"at": at, "id": event_id, "row": provider_id}
        try:
            self._table.update(
                (self._keys.partition(email), account),
                "SET unsubscribed_at = :at, unsubscribed_by = :id" + (", provider_id = :row" if provider_id else ""),
                values,
                condition="attribute_not_exists(unsubscribed_at) OR unsubscribed_at <= :at",
            )
        except ConditionFailed:
            return  # the person has left since, and that is known

    def look(self, email: str, account: str, status_of: StatusOf) -> SubscriptionState:
        """What is known of one address at `account` from all places, delivered signups included, its hold left out."""
        known = self.read([email], account)[email]
        return merge(SubscriptionState(), *(_settled_by(word, status_of) for word in known.values()))

    def look_by_hash(self, hashed: str, account: str, status_of: StatusOf) -> SubscriptionState:
        """The same of an address whose keyed hash is all that is known, under that one key."""
        found = self._table.get_many((f"A#{hashed}", name) for name in (account, EVERY_ACCOUNT))
        return merge(SubscriptionState(), *(_settled_by(_word_from(item), status_of) for item in found.values()))

    def record_unsubscribe_for_all_accounts(self, event: Event) -> None:
        """Note that a person left all accounts, so that one configured later knows it, too."""
        key = (self._keys.partition(event.email), EVERY_ACCOUNT)
        self._record_unsubscribe(key, event)

    def forget(self, email: str, at: datetime, by: str) -> None:
        """Note, in one write, that a person left all accounts and is to be forgotten; `by`: the event of that wish."""
        key = (self._keys.partition(email), EVERY_ACCOUNT)
        values = {"at": to_ms(at), "id": by}
        try:
            self._table.update(
                key,
                "SET unsubscribed_at = :at, unsubscribed_by = :id, forgotten_at = :at",
                values,
                condition="attribute_not_exists(unsubscribed_at) OR unsubscribed_at <= :at",
            )
        except ConditionFailed:  # somebody's clock is ahead: their later unsubscribe stays
            self._table.update(key, "SET forgotten_at = :at", {"at": values["at"]})

    def of(self, email: str) -> dict[str, list[SubscriptionState]]:
        """All that is known of an address: by account, and for all (`*`), one word for each key that has any."""
        found: dict[str, list[SubscriptionState]] = {}
        for partition in self._partitions(email):
            for item in self._table.query(partition):
                found.setdefault(item["sk"], []).append(_word_from(item))
        return found

    def take(
        self,
        attempt: Attempt,
        known: Mapping[Key, SubscriptionState],
        status_of: StatusOf,
        on_lost: OnLost,
        now: datetime,
    ) -> Taken:
        """Take the address of `attempt.event` in hand if the order rules and other workers allow it.

        `known` are the words as just read for this address (`read`); what has changed since makes a condition fail,
        and the answer to that is looked at again. One write where nobody interferes. `on_lost` is told of the hold of
        an attempt whose outcome nobody recorded, before the trace of it is overwritten.
        """
        key = (self._keys.partition(attempt.event.email), attempt.account)
        background = self._background(known, key, status_of)
        word = known.get(key, SubscriptionState())
        for _ in range(TRIES):
            if attempt.event.type is EventType.UNSUBSCRIBE and _is_news(word, attempt.event):
                word = self._unsubscribe_first(key, word, attempt)
            base, state = _without_lease(word, attempt, status_of, now)
            if word.lease is not None and state is LeaseState.BUSY:
                return Taken(None, busy_until=word.lease.until)
            if word.lease is not None and state is LeaseState.LOST:
                on_lost(word.lease)
            known_now = merge(base, background)
            taken = Taken(_decision(attempt, known_now), word=known_now)
            if taken.decision in (Decision.SUPERSEDED, Decision.SUPPRESSED):
                return self._let_go(word, attempt, taken)
            if _is_mine(word, attempt):
                return taken
            try:
                self._write_lease(key, word, base, attempt)
                return taken
            except ConditionFailed as changed:
                word = _word_from(changed.found)
        return Taken(None, busy_until=to_ms(now) + 1000)

    def release(self, attempt: Attempt) -> None:
        """Give the address back after an attempt that is known to have ended; nothing if somebody else has it."""
        key = (self._keys.partition(attempt.event.email), attempt.account)
        try:
            self._table.update(
                key, f"REMOVE {_REMOVE_LEASE}", {"token": attempt.token}, condition="lease_token = :token"
            )
        except ConditionFailed:
            return

    def record_row(self, attempt: Attempt, provider_id: str) -> None:
        """Note what the provider calls the row that this attempt's unsubscribe made; nothing if the hold is past."""
        key = (self._keys.partition(attempt.event.email), attempt.account)
        values = {"token": attempt.token, "row": provider_id}
        try:
            self._table.update(key, "SET provider_id = :row", values, condition="lease_token = :token")
        except ConditionFailed:
            return

    def _let_go(self, word: SubscriptionState, attempt: Attempt, taken: Taken) -> Taken:
        """A delivery that ends without a call leaves no hold: once its event is gone, that would look like one."""
        if _is_mine(word, attempt):
            self.release(attempt)
        return taken

    def _places(self, email: str, account: str) -> list[Key]:
        return [(partition, sort) for partition in self._partitions(email) for sort in (account, EVERY_ACCOUNT)]

    def _partitions(self, email: str) -> list[str]:
        return [self._keys.partition(email), *self._keys.older_partitions(email)]

    def _background(self, known: Mapping[Key, SubscriptionState], key: Key, status_of: StatusOf) -> SubscriptionState:
        """What other places say: the word for all accounts, and those under older keys."""
        return merge(
            SubscriptionState(), *(_settled_by(word, status_of) for place, word in known.items() if place != key)
        )

    def _unsubscribe_first(self, key: Key, word: SubscriptionState, attempt: Attempt) -> SubscriptionState:
        """Write an unsubscribe's time, with the hold in the same write where nobody has the address."""
        if word.lease is None:
            try:
                self._write_lease(key, word, word, attempt)
                at, by = to_ms(attempt.event.occurred_at), attempt.event.id
                return replace(word, unsubscribed_at=at, unsubscribed_by=by, lease=attempt.lease())
            except ConditionFailed as changed:
                word = _word_from(changed.found)
        return self._record_unsubscribe(key, attempt.event) if _is_news(word, attempt.event) else word

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
        return _word_from(found)

    def _write_lease(self, key: Key, seen: SubscriptionState, base: SubscriptionState, attempt: Attempt) -> None:
        """Take the word, provided that it is still as `seen`; `base` is what it says without the hold before."""
        lease = attempt.lease()
        values: dict[str, Any] = {
            "event": lease.event,
            "type": lease.type.value,
            "at": lease.at,
            "until": lease.until,
            "token": lease.token,
        }
        change = (
            "SET lease_event = :event, lease_type = :type, lease_at = :at, lease_until = :until, lease_token = :token"
        )
        if base.signed_up_at is not None:
            change += ", signed_up_at = :signed"
            values["signed"] = base.signed_up_at
        if lease.type is EventType.UNSUBSCRIBE and _is_news(seen, attempt.event):
            change += ", unsubscribed_at = :at, unsubscribed_by = :event"
        conditions = ["attribute_not_exists(lease_token)"]
        if seen.lease is not None:
            conditions = ["lease_token = :seen_token"]
            values["seen_token"] = seen.lease.token
        if seen.unsubscribed_at is None:
            conditions.append("attribute_not_exists(unsubscribed_at)")
        else:
            conditions.append("unsubscribed_at = :seen_unsubscribe")
            values["seen_unsubscribe"] = seen.unsubscribed_at
        if seen.signed_up_at is None:
            conditions.append("attribute_not_exists(signed_up_at)")
        else:
            conditions.append("signed_up_at = :seen_signup")
            values["seen_signup"] = seen.signed_up_at
        self._table.update(key, change, values, condition=" AND ".join(conditions))


def _is_mine(word: SubscriptionState, attempt: Attempt) -> bool:
    """True when this attempt holds the word already: by an unsubscribe, or by a write whose answer was lost."""
    return word.lease is not None and word.lease.token == attempt.token


def _without_lease(
    word: SubscriptionState, attempt: Attempt, status_of: StatusOf, now: datetime
) -> tuple[SubscriptionState, LeaseState]:
    """What the word says once the hold on it is looked into, and what stands behind that hold."""
    if word.lease is None or _is_mine(word, attempt):
        return replace(word, lease=None), LeaseState.DONE
    status = status_of(word.lease.event)
    return settled(word, status), lease_state(word.lease, status, to_ms(now))


def _decision(attempt: Attempt, word: SubscriptionState) -> Decision:
    at = to_ms(attempt.event.occurred_at)
    match attempt.event.type:
        case EventType.UNSUBSCRIBE:
            return decide_unsubscribe(at, word)
        case EventType.SIGNUP:
            return decide_signup(
                at,
                word,
                may_lift=attempt.event.may_lift,
                provider_lifts=attempt.provider_lifts,
                taken_back=to_ms(attempt.taken_back) if attempt.taken_back else None,
            )
        case EventType.SYNC:
            raise ValueError(f"event {attempt.event.id} is a sync: it has no address, and so no order with others")
        case _:
            assert_never(attempt.event.type)


def _settled_by(word: SubscriptionState, status_of: StatusOf) -> SubscriptionState:
    """`word` without its hold, whose event is looked up."""
    return settled(word, status_of(word.lease.event)) if word.lease else word


def _is_news(word: SubscriptionState, event: Event) -> bool:
    return word.unsubscribed_at is None or word.unsubscribed_at < to_ms(event.occurred_at)


def _word_from(item: Mapping[str, Any]) -> SubscriptionState:
    lease = None
    if "lease_token" in item:
        lease = Lease(
            event=item["lease_event"],
            type=EventType(item["lease_type"]),
            at=item["lease_at"],
            until=item["lease_until"],
            token=item["lease_token"],
        )
    return SubscriptionState(
        unsubscribed_at=item.get("unsubscribed_at"),
        signed_up_at=item.get("signed_up_at"),
        lease=lease,
        unsubscribed_by=item.get("unsubscribed_by"),
        provider_id=item.get("provider_id"),
        forgotten_at=item.get("forgotten_at"),
    )
