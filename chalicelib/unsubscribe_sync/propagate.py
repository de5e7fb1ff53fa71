"""Propagates new rows as unsubscribe events: looks them up in the ledger, stores, records, notifies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..domain.addresses import address_error, normalise
from ..domain.events import Event, EventType, Status, StoredEvent
from ..domain.ordering import SubscriptionState, merge, settled
from ..domain.times import from_epoch_milliseconds as from_ms
from ..effects import Effects
from ..ledger.batches import Batches
from ..ledger.events import EventStore
from ..ledger.keys import EVERY_ACCOUNT
from ..ledger.subscriptions import SubscriptionStore
from ..ledger.table import Table
from ..notification.notifier import Notifier
from .rules import (
    EVENT_IDS,
    KnownState,
    PropagationDecision,
    Reading,
    UnsubscribedAddress,
    decide,
    is_imported,
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row that is unprocessed for the accounts of `names`."""

    bucket: int
    fingerprint: bytes
    row: UnsubscribedAddress
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Person:
    """The rows of one address; an unsubscribe from several lists is one unsubscribe."""

    rows: tuple[Candidate, ...]

    @property
    def latest(self) -> UnsubscribedAddress:
        """The row of the latest unsubscribe; a row without a time counts as of the reading."""
        untimed = [one.row for one in self.rows if one.row.at is None]
        return untimed[0] if untimed else max((one.row for one in self.rows), key=lambda row: row.at or 0)

    @property
    def names(self) -> frozenset[str]:
        """The accounts for which at least one row is new."""
        return frozenset().union(*(one.names for one in self.rows))

    @property
    def email(self) -> str:
        """The address as in the row."""
        return self.latest.email.strip()


@dataclass(frozen=True, slots=True)
class Ledger:
    """Parts of the ledger that propagation uses. `digest` is keyed by the address keys."""

    table: Table
    events: EventStore
    states: SubscriptionStore
    batches: Batches
    notifier: Notifier
    digest: Callable[[bytes], str]
    effects: Effects


@dataclass(frozen=True, slots=True)
class Propagation:
    """Propagates the new rows of one reading of `source` to `names`; `order`: all accounts as configured."""

    ledger: Ledger
    source: str
    names: tuple[str, ...]
    order: tuple[str, ...]
    all_accounts: bool
    """True if there are no other accounts; then the unsubscribe also holds for accounts added later."""
    reading: Reading

    def propagate(self, candidates: Iterable[Candidate]) -> tuple[list[Candidate], int]:
        """Propagate some rows; returns those that are processed by that, and the number of events made.

        The event is stored before it is recorded at the source, and both before the rows count as processed: after a
        crash, a repetition finds the event under the same id, or the record that names it. Raises LedgerUnavailable.
        """
        persons = _by_person(candidates)
        known = self._known(persons)
        decisions = [
            (one, decide(one.latest, self.reading, about, first_seen=one.names >= set(self.names)), about)
            for one, about in zip(persons, known, strict=True)
        ]
        decided = [(one, decision, about) for one, decision, about in decisions if decision is not None]
        events = [self._event(one, decision, about) for one, decision, about in decided if decision.accounts]
        self.ledger.batches.store_all(events)
        self._record([(one, decision, about) for one, decision, about in decided if decision.record])
        if events:
            self.ledger.notifier.notify(EventType.UNSUBSCRIBE, [event.id for event in events])
        return [row for one, _, _ in decided for row in one.rows], len(events)

    def unpropagated(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Return one row of each person for whom `propagate` would write something; writes nothing."""
        persons = _by_person(candidates)
        decisions = [
            decide(one.latest, self.reading, about, first_seen=one.names >= set(self.names))
            for one, about in zip(persons, self._known(persons), strict=True)
        ]
        return [
            one.rows[0]
            for one, decision in zip(persons, decisions, strict=True)
            if decision is not None and (decision.accounts or decision.record)
        ]

    def _known(self, persons: Sequence[Person]) -> list[KnownState]:
        states = self.ledger.states.read_at((one.email for one in persons), [self.source, *self.names])
        stored = {one.event.id: one for one in self.ledger.events.load(self._to_look_up(states.values()))}
        return [self._known_of(one, states[one.email], stored) for one in persons]

    def _to_look_up(self, states: Iterable[Mapping[str, Sequence[SubscriptionState]]]) -> set[str]:
        """Return the events needed to interpret states: signups with a lease, and the source's imported unsubscribe."""
        ids: set[str] = set()
        for by_account in states:
            for state in (state for one in by_account.values() for state in one):
                if state.lease is not None and state.lease.type is EventType.SIGNUP:
                    ids.add(state.lease.event)
            for state in (*by_account[self.source], *by_account[EVERY_ACCOUNT]):
                if is_imported(state) and state.unsubscribed_by is not None:
                    ids.add(state.unsubscribed_by)
        return ids

    def _known_of(
        self, person: Person, states: Mapping[str, Sequence[SubscriptionState]], stored: Mapping[str, StoredEvent]
    ) -> KnownState:
        for_all = states[EVERY_ACCOUNT]
        at_source = [_settle(state, self.source, stored, self.reading.started) for state in states[self.source]]
        source = replace(
            merge(*at_source, *for_all), lease=next((state.lease for state in at_source if state.lease), None)
        )
        others = {
            name: merge(*(_settle(state, name, stored) for state in states[name]), *for_all)
            for name in self.order
            if name in person.names
        }
        imported = stored.get(source.unsubscribed_by or "") if is_imported(source) else None
        covered = frozenset(imported.event.accounts) if imported else frozenset()
        return KnownState(self.source, source, others, covered)

    def _event(self, person: Person, decision: PropagationDecision, known: KnownState) -> Event:
        now = self.ledger.effects.clock()
        return Event(
            id=self._id(person, known),
            type=EventType.UNSUBSCRIBE,
            email=person.email,
            accounts=decision.accounts,
            occurred_at=from_ms(decision.at),
            accepted_at=now,
            occurred_at_stated=False,  # the id identifies the unsubscribe
            all_accounts=self.all_accounts,
        )

    def _id(self, person: Person, known: KnownState) -> str:
        """Return the same id for the same unsubscribe and accounts, so that a repetition makes no second event."""
        row, source = person.latest, known.source
        identity = [self.source, normalise(person.email), row.at, row.provider_id, row.version]
        before = [source.unsubscribed_at, source.signed_up_at, sorted(person.names)]
        return EVENT_IDS + self.ledger.digest(json.dumps([*identity, *before]).encode())

    def _record(self, decided: Sequence[tuple[Person, PropagationDecision, KnownState]]) -> None:
        def record(one: tuple[Person, PropagationDecision, KnownState]) -> None:
            person, decision, known = one
            row_id = person.latest.provider_id
            self.ledger.states.record_unsubscribed(
                person.email, self.source, decision.at, self._id(person, known), row_id
            )

        self.ledger.table.in_parallel(record, decided)


def _by_person(candidates: Iterable[Candidate]) -> list[Person]:
    """Group candidates by address."""
    gathered: dict[str, list[Candidate]] = {}
    for one in candidates:
        gathered.setdefault(normalise(one.row.email), []).append(one)
    return [Person(tuple(rows)) for rows in gathered.values()]


def usable(row: UnsubscribedAddress) -> bool:
    """Return whether an event can have this address."""
    return address_error(row.email.strip()) is None


def _settle(
    state: SubscriptionState, account: str, stored: Mapping[str, StoredEvent], since: int | None = None
) -> SubscriptionState:
    """Return a state without its lease, its delivered signup applied; a signup's lease beyond `since` stays."""
    lease = state.lease
    if lease is None or (since is not None and lease.type is EventType.SIGNUP and lease.until > since):
        return state
    return settled(state, _status(stored.get(lease.event), account))


def _status(stored: StoredEvent | None, account: str) -> Status | None:
    delivery = stored.deliveries.get(account) if stored is not None else None
    return delivery.status if delivery is not None else None
