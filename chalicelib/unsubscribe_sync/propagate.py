"""From rows that are new to unsubscribes of Relais' own: looked up in the ledger, held, noted, and rung for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..domain.addresses import normalise
from ..domain.events import Event, EventType, HeldEvent, Status
from ..domain.ordering import Word, merge, settled
from ..domain.times import from_epoch_milliseconds as from_ms
from ..domain.validation import trimmed, unsubscribe_mistake
from ..effects import Effects
from ..ledger.batches import Batches
from ..ledger.events import EventStore
from ..ledger.keys import EVERY_ACCOUNT
from ..ledger.subscriptions import WordStore
from ..ledger.table import Table
from ..notification.notifier import Doorbell
from .rules import EVENT_IDS, Known, Leaver, News, Reading, made_here, news


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row that has not been dealt with for the accounts of `names`."""

    bucket: int
    fingerprint: bytes
    row: Leaver
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Person:
    """The rows of one address: whoever left several lists left once."""

    rows: tuple[Candidate, ...]

    @property
    def latest(self) -> Leaver:
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
    words: WordStore
    batches: Batches
    doorbell: Doorbell
    digest: Callable[[bytes], str]
    effects: Effects


@dataclass(frozen=True, slots=True)
class Telling:
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
        verdicts = [
            (one, news(one.latest, self.reading, about, first_seen=one.names >= set(self.names)), about)
            for one, about in zip(people, known, strict=True)
        ]
        decided = [(one, verdict, about) for one, verdict, about in verdicts if verdict is not None]
        events = [self._event(one, verdict, about) for one, verdict, about in decided if verdict.tell]
        self.ledger.batches.hold_all(events)
        self._note([(one, verdict, about) for one, verdict, about in decided if verdict.note])
        if events:
            self.ledger.doorbell.ring(EventType.UNSUBSCRIBE, [event.id for event in events])
        return [row for one, _, _ in decided for row in one.rows], len(events)

    def untold(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """One row of each person of whom `tell` would tell or note something; nothing is written."""
        people = _people(candidates)
        verdicts = [
            news(one.latest, self.reading, about, first_seen=one.names >= set(self.names))
            for one, about in zip(people, self._known(people), strict=True)
        ]
        return [
            one.rows[0]
            for one, verdict in zip(people, verdicts, strict=True)
            if verdict is not None and (verdict.tell or verdict.note)
        ]

    def _known(self, people: Sequence[Person]) -> list[Known]:
        words = self.ledger.words.read_at((one.email for one in people), [self.source, *self.names])
        held = {one.event.id: one for one in self.ledger.events.load(self._to_look_up(words.values()))}
        return [self._known_of(one, words[one.email], held) for one in people]

    def _to_look_up(self, words: Iterable[Mapping[str, Sequence[Word]]]) -> set[str]:
        """Events that decide what a word means: signups that left their hold, and what made the source's word."""
        ids: set[str] = set()
        for by_account in words:
            for word in (word for one in by_account.values() for word in one):
                if word.hold is not None and word.hold.type is EventType.SIGNUP:
                    ids.add(word.hold.event)
            for word in (*by_account[self.source], *by_account[EVERY_ACCOUNT]):
                if made_here(word) and word.unsubscribed_by is not None:
                    ids.add(word.unsubscribed_by)
        return ids

    def _known_of(self, person: Person, words: Mapping[str, Sequence[Word]], held: Mapping[str, HeldEvent]) -> Known:
        everywhere = words[EVERY_ACCOUNT]
        at_source = [_clear(word, self.source, held, self.reading.started) for word in words[self.source]]
        source = replace(
            merge(*at_source, *everywhere), hold=next((word.hold for word in at_source if word.hold), None)
        )
        others = {
            name: merge(*(_clear(word, name, held) for word in words[name]), *everywhere)
            for name in self.order
            if name in person.names
        }
        maker = held.get(source.unsubscribed_by or "") if made_here(source) else None
        return Known(self.source, source, others, frozenset(maker.event.accounts) if maker else frozenset())

    def _event(self, person: Person, verdict: News, known: Known) -> Event:
        now = self.ledger.effects.clock()
        return Event(
            id=self._id(person, known),
            type=EventType.UNSUBSCRIBE,
            email=person.email,
            accounts=verdict.tell,
            occurred_at=from_ms(verdict.at),
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
            person, verdict, known = one
            row_id = person.latest.provider_id
            self.ledger.words.note_left(person.email, self.source, verdict.at, self._id(person, known), row_id)

        self.ledger.table.in_parallel(note, decided)


def _people(candidates: Iterable[Candidate]) -> list[Person]:
    """Candidates by person; rows whose address nobody could be told of are persons that come to nothing."""
    gathered: dict[str, list[Candidate]] = {}
    for one in candidates:
        gathered.setdefault(normalise(one.row.email), []).append(one)
    return [Person(tuple(rows)) for rows in gathered.values()]


def usable(row: Leaver) -> bool:
    """Is this an address that an event can have?"""
    return unsubscribe_mistake(trimmed(row.email)) is None


def _clear(word: Word, account: str, held: Mapping[str, HeldEvent], since: int | None = None) -> Word:
    """A word without its hold, a signup that was delivered noted; one whose hold lasts beyond `since` keeps it."""
    hold = word.hold
    if hold is None or (since is not None and hold.type is EventType.SIGNUP and hold.until > since):
        return word
    return settled(word, _status(held.get(hold.event), account))


def _status(held: HeldEvent | None, account: str) -> Status | None:
    delivery = held.deliveries.get(account) if held is not None else None
    return delivery.status if delivery is not None else None
