"""Propagates new rows as unsubscribe events: looks them up in the ledger, stores, records, notifies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..domain.addresses import normalise, undecorated, unsubscribe_address
from ..domain.events import Door, Event, EventType, Status, StoredEvent
from ..domain.ordering import SubscriptionState, merge, settled
from ..domain.times import from_epoch_milliseconds as from_ms
from ..ingestion.accept import notify, store_all
from ..ledger.keys import EVERY_ACCOUNT
from ..services import Services
from .rules import (
    EVENT_ID_PREFIX,
    KnownState,
    PropagationDecision,
    Reading,
    UnsubscribedAddress,
    decide,
    is_imported,
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row that is unprocessed for the accounts `targets`."""

    bucket: int
    fingerprint: bytes
    row: UnsubscribedAddress
    targets: frozenset[str]


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
    def targets(self) -> frozenset[str]:
        """The accounts for which at least one row is new."""
        return frozenset().union(*(one.targets for one in self.rows))

    @property
    def email(self) -> str:
        """The address as in the row, without decoration."""
        return undecorated(self.latest.email)


@dataclass(frozen=True, slots=True)
class Decided:
    """A person with the decision, and the subscription states that it was made from."""

    person: Person
    decision: PropagationDecision
    known: KnownState


@dataclass(frozen=True, slots=True)
class Propagation:
    """Propagates the new rows of one reading of `source` to `targets`."""

    services: Services
    source: str
    targets: tuple[str, ...]
    all_accounts: bool
    """True if there are no other accounts; then the unsubscribe also holds for accounts added later."""
    reading: Reading

    def propagate(self, candidates: Iterable[Candidate]) -> tuple[list[Candidate], int]:
        """Propagates some rows; returns those that are processed by that, and the number of events made.

        The event is stored before it is recorded at the source, and both before the rows count as processed: after a
        crash, a repetition finds the event under the same id, or the record that names it. Raises LedgerUnavailable.
        """
        decided = self._decided(candidates)
        events = [self._event(one) for one in decided if one.decision.accounts]
        store_all(self.services, events)
        self.services.table.in_parallel(self._record, [one for one in decided if one.decision.record])
        notify(self.services, events)
        return [row for one in decided for row in one.person.rows], len(events)

    def unpropagated(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Returns one row of each person for whom `propagate` would write something; writes nothing."""
        decided = self._decided(candidates)
        return [one.person.rows[0] for one in decided if one.decision.accounts or one.decision.record]

    def _decided(self, candidates: Iterable[Candidate]) -> list[Decided]:
        """Decides on each person; those whose decision has to wait are left out."""
        rows: dict[str, list[Candidate]] = {}
        for one in candidates:
            rows.setdefault(normalise(one.row.email), []).append(one)
        persons = [Person(tuple(same_address)) for same_address in rows.values()]
        states = self.services.subscriptions.read_at((one.email for one in persons), [self.source, *self.targets])
        persons = [one for one in persons if one.email in states]  # the others have a malformed state
        stored = {one.event.id: one for one in self.services.events.load(self._events_to_load(states.values()))}
        decided = []
        for person in persons:
            known = self._known(person, states[person.email], stored)
            first_seen = person.targets >= set(self.targets)
            decision = decide(person.latest, self.reading, known, first_seen=first_seen)
            if decision is not None:
                decided.append(Decided(person, decision, known))
        return decided

    def _events_to_load(self, states: Iterable[Mapping[str, Sequence[SubscriptionState]]]) -> set[str]:
        """Returns events that interpret states: signups with a lease, and the source's imported unsubscribe."""
        ids: set[str] = set()
        for by_account in states:
            for state in (state for one in by_account.values() for state in one):
                if state.lease is not None and state.lease.type is EventType.SIGNUP:
                    ids |= state.lease.events.keys()
            for state in (*by_account[self.source], *by_account[EVERY_ACCOUNT]):
                if is_imported(state) and state.unsubscribed_by is not None:
                    ids.add(state.unsubscribed_by)
        return ids

    def _known(
        self, person: Person, states: Mapping[str, Sequence[SubscriptionState]], stored: Mapping[str, StoredEvent]
    ) -> KnownState:
        for_all = states[EVERY_ACCOUNT]
        at_source = [_settle(state, self.source, stored, self.reading.started) for state in states[self.source]]
        source = replace(
            merge(*at_source, *for_all), lease=next((state.lease for state in at_source if state.lease), None)
        )
        own = {
            name: merge(*(_settle(state, name, stored) for state in states[name]))
            for name in self.services.settings.accounts
            if name in person.targets
        }
        others = {name: merge(state, *for_all) for name, state in own.items()}
        missed = frozenset(
            name
            for name in own
            if others[name].is_suppressed and (not own[name].is_suppressed or _last_was_signup(states[name]))
        )
        imported = stored.get(source.unsubscribed_by or "") if is_imported(source) else None
        covered = frozenset(imported.event.accounts) if imported else frozenset()
        return KnownState(self.source, source, others, covered, missed)

    def _event(self, decided: Decided) -> Event:
        return Event(
            id=self._id(decided),
            type=EventType.UNSUBSCRIBE,
            email=decided.person.email,
            accounts=decided.decision.accounts,
            occurred_at=from_ms(decided.decision.at),
            accepted_at=self.services.effects.clock(),
            occurred_at_stated=False,  # the id identifies the unsubscribe
            all_accounts=self.all_accounts,
            door=Door.PROVIDER,
        )

    def _id(self, decided: Decided) -> str:
        """Returns the same id for the same unsubscribe and accounts, so that a repetition makes no second event."""
        person, source = decided.person, decided.known.source
        row = person.latest
        identity = [self.source, normalise(person.email), row.at, row.provider_id, row.version]
        before = [source.unsubscribed_at, source.signed_up_at, sorted(person.targets)]
        return EVENT_ID_PREFIX + self.services.address_keys.digest(json.dumps([*identity, *before]).encode())

    def _record(self, decided: Decided) -> None:
        """Records the unsubscribe in the subscription state of the source."""
        person = decided.person
        self.services.subscriptions.record_unsubscribed(
            person.email, self.source, decided.decision.at, self._id(decided), person.latest.provider_id
        )


def usable(row: UnsubscribedAddress) -> bool:
    """Returns whether an event can have this address."""
    return unsubscribe_address(row.email).error is None


def _settle(
    state: SubscriptionState, account: str, stored: Mapping[str, StoredEvent], since: int | None = None
) -> SubscriptionState:
    """Returns a state without its lease, its delivered signup applied; a signup's lease beyond `since` stays."""
    lease = state.lease
    if lease is None or (since is not None and lease.type is EventType.SIGNUP and lease.until > since):
        return state

    def status_of(event_id: str) -> Status | None:
        delivery = stored[event_id].deliveries.get(account) if event_id in stored else None
        return delivery.status if delivery is not None else None

    return settled(state, status_of)


def _last_was_signup(states: Iterable[SubscriptionState]) -> bool:
    """Returns whether the last event tried at an account was a signup.

    A state with evidence of consent also records unsubscribes from all accounts that were not delivered there, so its
    times alone do not show that.
    """
    return any(state.lease is not None and state.lease.type is EventType.SIGNUP for state in states)
