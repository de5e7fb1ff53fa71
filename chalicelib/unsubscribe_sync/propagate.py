"""From rows that are new to unsubscribes of Relais' own: looked up in the ledger, held, noted, and rung for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..domain.addresses import normalise
from ..domain.events import Event, EventType, Status, StoredEvent
from ..domain.ordering import SubscriptionState, merge, settled
from ..domain.times import from_epoch_milliseconds as from_ms
from ..domain.validation import trimmed, unsubscribe_mistake
from ..effects import Effects
from ..ledger.batches import Batches
from ..ledger.events import EventStore
from ..ledger.keys import EVERY_ACCOUNT
from ..ledger.subscriptions import SubscriptionStore
from ..ledger.table import Table
from ..notification.notifier import Notifier
from .rules import EVENT_IDS, Known, News, Reading, UnsubscribedAddress, made_here, news


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row that has not been dealt with for the accounts of `names`."""

    bucket: int
    fingerprint: bytes
    row: UnsubscribedAddress
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Person:
    """The rows of one address: whoever left several lists left once."""

    rows: tuple[Candidate, ...]

    @property
    def latest(self) -> UnsubscribedAddress:
        """The row that tells of the latest leaving; one without a time is as late as the reading."""
        untimed = [one.row for one in self.rows if one.row.at is None]
        return untimed[0] if untimed else max((one.row for one in self.rows), key=lambda row: row.at or 0)

    @property
    def names(self) -> frozenset[str]:
        """The accounts that one of the rows is new for."""
        return frozenset().union(*(one.names for one in self.rows))

    @property
    def email(self) -> str:
        """The address as the row has it."""
        return trimmed(self.latest.email)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What telling needs of the ledger. `digest` is keyed by the address keys."""

    table: Table
    events: EventStore
    words: SubscriptionStore
    batches: Batches
    notifier: Notifier
    digest: Callable[[bytes], str]
    effects: Effects


@dataclass(frozen=True, slots=True)
class Propagation:
    """Makes the news of one reading of `source` known to `names`; `order` are all accounts as they are configured."""

    ledger: Ledger
    source: str
    names: tuple[str, ...]
    order: tuple[str, ...]
    everybody: bool
    """Are there no other accounts? Then accounts added later are to know it, too."""
    reading: Reading

    def tell(self, candidates: Iterable[Candidate]) -> tuple[list[Candidate], int]:
        """Tell of some rows; gives those that are dealt with by that, and how many events were made.

        The event is held before it is noted at the source, and both before the rows count as dealt with: whoever does
        it again after a crash finds the event under the same id, or the note that names it. Raises LedgerUnavailable.
        """
        people = _people(candidates)
        known = self._known(people)
        decisions = [
            (one, news(one.latest, self.reading, about, first_seen=one.names >= set(self.names)), about)
            for one, about in zip(people, known, strict=True)
        ]
        decided = [(one, decision, about) for one, decision, about in decisions if decision is not None]
        events = [self._event(one, decision, about) for one, decision, about in decided if decision.tell]
        self.ledger.batches.hold_all(events)
        self._note([(one, decision, about) for one, decision, about in decided if decision.note])
        if events:
            self.ledger.notifier.notify(EventType.UNSUBSCRIBE, [event.id for event in events])
        return [row for one, _, _ in decided for row in one.rows], len(events)

    def unpropagated(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """One row of each person of whom `tell` would tell or note something; nothing is written."""
        people = _people(candidates)
        decisions = [
            news(one.latest, self.reading, about, first_seen=one.names >= set(self.names))
            for one, about in zip(people, self._known(people), strict=True)
        ]
        return [
            one.rows[0]
            for one, decision in zip(people, decisions, strict=True)
            if decision is not None and (decision.tell or decision.note)
        ]

    def _known(self, people: Sequence[Person]) -> list[Known]:
        words = self.ledger.words.read_at((one.email for one in people), [self.source, *self.names])
        held = {one.event.id: one for one in self.ledger.events.load(self._to_look_up(words.values()))}
        return [self._known_of(one, words[one.email], held) for one in people]

    def _to_look_up(self, words: Iterable[Mapping[str, Sequence[SubscriptionState]]]) -> set[str]:
        """Events that decide what a word means: signups that left their hold, and what made the source's word."""
        ids: set[str] = set()
        for by_account in words:
            for word in (word for one in by_account.values() for word in one):
                if word.lease is not None and word.lease.type is EventType.SIGNUP:
                    ids.add(word.lease.event)
            for word in (*by_account[self.source], *by_account[EVERY_ACCOUNT]):
                if made_here(word) and word.unsubscribed_by is not None:
                    ids.add(word.unsubscribed_by)
        return ids

    def _known_of(
        self, person: Person, words: Mapping[str, Sequence[SubscriptionState]], held: Mapping[str, StoredEvent]
    ) -> Known:
        everywhere = words[EVERY_ACCOUNT]
        at_source = [_clear(word, self.source, held, self.reading.started) for word in words[self.source]]
        source = replace(
            merge(*at_source, *everywhere), lease=next((word.lease for word in at_source if word.lease), None)
        )
        others = {
            name: merge(*(_clear(word, name, held) for word in words[name]), *everywhere)
            for name in self.order
            if name in person.names
        }
        maker = held.get(source.unsubscribed_by or "") if made_here(source) else None
        return Known(self.source, source, others, frozenset(maker.event.accounts) if maker else frozenset())

    def _event(self, person: Person, decision: News, known: Known) -> Event:
        now = self.ledger.effects.clock()
        return Event(
            id=self._id(person, known),
            type=EventType.UNSUBSCRIBE,
            email=person.email,
            accounts=decision.tell,
            occurred_at=from_ms(decision.at),
            accepted_at=now,
            occurred_at_stated=False,  # the id says of which leaving it is
            all_accounts=self.everybody,
        )

    def _id(self, person: Person, known: Known) -> str:
        """The same for the same leaving, seen for the same accounts: so a repetition makes no second event."""
        row, source = person.latest, known.source
        says = [self.source, normalise(person.email), row.at, row.provider_id, row.version]
        before = [source.unsubscribed_at, source.signed_up_at, sorted(person.names)]
        return EVENT_IDS + self.ledger.digest(json.dumps([*says, *before]).encode())

    def _note(self, decided: Sequence[tuple[Person, News, Known]]) -> None:
        def note(one: tuple[Person, News, Known]) -> None:
            person, decision, known = one
            row_id = person.latest.provider_id
            self.ledger.words.record_unsubscribed(
                person.email, self.source, decision.at, self._id(person, known), row_id
            )

        self.ledger.table.in_parallel(note, decided)


def _people(candidates: Iterable[Candidate]) -> list[Person]:
    """Candidates by person; rows whose address nobody could be told of are persons that come to nothing."""
    gathered: dict[str, list[Candidate]] = {}
    for one in candidates:
        gathered.setdefault(normalise(one.row.email), []).append(one)
    return [Person(tuple(rows)) for rows in gathered.values()]


def usable(row: UnsubscribedAddress) -> bool:
    """Is this an address that an event can have?"""
    return unsubscribe_mistake(trimmed(row.email)) is None


def _clear(
    word: SubscriptionState, account: str, held: Mapping[str, StoredEvent], since: int | None = None
) -> SubscriptionState:
    """A word without its hold, a signup that was delivered noted; one whose hold lasts beyond `since` keeps it."""
    lease = word.lease
    if lease is None or (since is not None and lease.type is EventType.SIGNUP and lease.until > since):
        return word
    return settled(word, _status(held.get(lease.event), account))


def _status(held: StoredEvent | None, account: str) -> Status | None:
    delivery = held.deliveries.get(account) if held is not None else None
    return delivery.status if delivery is not None else None
