"""`audit`: do the providers and the ledger agree on who left? Counts and keyed hashes; a repair only when asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from ..delivery.deadline import Deadline
from ..domain.errors import Kind, LedgerUnavailable, ProviderError, RelaisError
from ..domain.events import Event, EventType, Status
from ..domain.ordering import SubscriptionState
from ..domain.times import epoch_milliseconds as to_ms, from_epoch_milliseconds as from_ms
from ..observability import bound, logger, metrics, redact
from ..unsubscribe_sync.importer import Tools
from ..unsubscribe_sync.propagate import Candidate, Propagation, usable
from ..unsubscribe_sync.rules import Reading, UnsubscribedAddress
from .ledger_scan import OutOfTime
from .requests import nearest, shown, wrong
from .suppressed import Hashes, first_place, suppressed

KEYS = ("accounts", "repair")
SHOWN = 50
"""Hashes shown of each kind of difference."""
CHUNK = 250
DIFFERENCES = "audit_differences"
TIME_IS_UP = "the time ran out; give the function a longer timeout, or name fewer accounts"

T = TypeVar("T")


@dataclass(slots=True)
class Difference:
    """How many addresses, and the hashes of the first of them."""

    places: set[str] = field(default_factory=set)

    def add(self, hashed: str) -> bool:
        """Count an address; False if it was counted already."""
        new = hashed not in self.places
        self.places.add(hashed)
        return new

    def as_json(self) -> dict[str, Any]:
        """For the answer."""
        return {"count": len(self.places), "hashes": sorted(self.places)[:SHOWN]}


@dataclass(slots=True)
class Outcome:
    """What became of one account."""

    read: int = 0
    known: int = 0
    pending: int = 0
    refused: int = 0
    repaired: int = 0
    unrepairable: int = 0
    missing_at_provider: Difference = field(default_factory=Difference)
    missing_in_ledger: Difference = field(default_factory=Difference)
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """For the answer."""
        figures = ("read", "known", "pending", "refused", "repaired", "unrepairable", "error")
        return {
            **{name: getattr(self, name) for name in figures},
            "missing_at_provider": self.missing_at_provider.as_json(),
            "missing_in_ledger": self.missing_in_ledger.as_json(),
        }


class Audit:
    """Compares, one account after another."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def handle(self, event: Any, deadline: Deadline) -> dict[str, Any]:
        """`{"accounts"?: […], "repair"?: true}`, or a schedule's event, to `{"accounts": {…}}` or `{"error"}`."""

        def check_time() -> None:
            if deadline.seconds_left <= 0:
                raise OutOfTime

        can_be_read = [name for name in self._tools.settings.accounts if self._reads(name)]
        try:
            names, repair = _asked(event, can_be_read)
            left = suppressed(self._tools.ledger.table, names, check_time)
        except ProviderError as error:
            return {"error": shown(error)}
        except (OutOfTime, LedgerUnavailable) as error:
            return {"error": shown(ProviderError(Kind.LATER, str(error) or TIME_IS_UP))}
        answer = {}
        for name in names:
            with bound(account=name):
                one = _OfAccount(self._tools, name, Hashes(left.pop(name)), repair, deadline, check_time)
                answer[name] = one.run().as_json()
        return {"accounts": answer}

    def _reads(self, name: str) -> bool:
        capabilities = self._tools.capabilities_of(name)
        return capabilities is not None and capabilities.reads_unsubscribes


class _OfAccount:
    """The comparison for one account. `left` are those whom the ledger holds back from it."""

    def __init__(
        self,
        tools: Tools,
        name: str,
        left: Hashes,
        repair: bool,
        deadline: Deadline,
        check_time: Callable[[], None],
    ) -> None:
        self._tools = tools
        self._name = name
        self._left = left
        self._seen = bytearray(len(left))
        self._repair = repair
        self._deadline = deadline
        self._check_time = check_time
        self._outcome = Outcome()

    def run(self) -> Outcome:
        """To the end, or as far as provider, ledger and time allow."""
        outcome = self._outcome
        try:
            for chunk in _chunks(self._unknown()):
                self._ledger_lacks(chunk)
            lacking = self._still_mailed() if self._has_lists else self._not_listed()
            for hashes in _chunks(lacking):
                self._provider_lacks(hashes)
        except OutOfTime:
            outcome.error = TIME_IS_UP
        except RelaisError as error:
            outcome.error = redact(str(error))
        differences = len(outcome.missing_at_provider.places) + len(outcome.missing_in_ledger.places)
        metrics.count(DIFFERENCES, differences, self._name)
        logger.info("audited", extra={"differences": differences, "repaired": outcome.repaired, "error": outcome.error})
        return outcome

    @property
    def _has_lists(self) -> bool:
        capabilities = self._tools.capabilities_of(self._name)
        return capabilities is not None and capabilities.has_lists

    def _unknown(self) -> Iterator[UnsubscribedAddress]:
        """Rows of the provider's that the ledger's look did not tell of; the others are marked as seen."""
        rows = self._tools.provider_of(self._name).unsubscribed(budget=self._deadline.seconds_left)
        for row in rows:
            self._check_time()
            self._outcome.read += 1
            unsubscribed_address = UnsubscribedAddress(
                row.email, to_ms(row.at) if row.at else None, row.provider_id, row.version
            )
            if not usable(unsubscribed_address):
                continue
            place = first_place(self._left, self._tools.keys.hashes(row.email))
            if place is None:
                yield unsubscribed_address
            else:
                self._seen[place] = True
                self._outcome.known += 1

    def _ledger_lacks(self, rows: Sequence[UnsubscribedAddress]) -> None:
        """Look again at rows of which nothing was known, and tell of them as a sync would."""
        propagation = self._propagation()
        candidates = [Candidate(0, b"", row, frozenset(propagation.names)) for row in rows]
        news = propagation.unpropagated(candidates)
        self._outcome.known += len(rows) - len(news)
        for one in news:
            self._outcome.missing_in_ledger.add(self._tools.keys.hashes(one.row.email)[0])
        if self._repair and news:
            self._outcome.repaired += propagation.tell(news)[1]

    def _propagation(self) -> Propagation:
        """With all that was ever told taken as seen: who came back to one list may stand on others as gone."""
        settings = self._tools.settings
        section = settings.sync_unsubscribes
        tell = section.tell if section is not None else tuple(settings.accounts)
        names = tuple(name for name in settings.accounts if name in tell and (name != self._name or self._has_lists))
        reading = Reading(started=to_ms(self._tools.ledger.effects.clock()), seen_before=0)
        everybody = set(settings.accounts) == {*names, self._name}
        return Propagation(self._tools.ledger, self._name, names, tuple(settings.accounts), everybody, reading)

    def _still_mailed(self) -> Iterator[tuple[str, str | None]]:
        """Hashes of those who left and are on a list all the same, with their addresses."""
        for email in self._tools.provider_of(self._name).subscribed(budget=self._deadline.seconds_left):
            self._check_time()
            place = first_place(self._left, self._tools.keys.hashes(email))
            if place is not None:
                yield self._left.text(place), email

    def _not_listed(self) -> Iterator[tuple[str, str | None]]:
        """Hashes of those who left and whom the provider does not know as gone; nobody says their address."""
        for place in range(len(self._left)):
            if not self._seen[place]:
                yield self._left.text(place), None

    def _provider_lacks(self, found: Sequence[tuple[str, str | None]]) -> None:
        """Look again at those whom the provider may still mail, each once; have it told where it is to be repaired."""
        self._check_time()
        repairs = []
        for hashed, email in dict(found).items():
            word = self._word(hashed, email)
            if not word.is_suppressed or not self._is_difference(word):
                continue
            if self._outcome.missing_at_provider.add(hashed) and self._repair:
                repairs += self._unsubscribe(hashed, email, word)
        if repairs:
            self._tools.ledger.batches.hold_all(repairs)
            self._tools.ledger.notifier.notify(EventType.UNSUBSCRIBE, [event.id for event in repairs])
            self._outcome.repaired += len(repairs)

    def _word(self, hashed: str, email: str | None) -> SubscriptionState:
        words = self._tools.ledger.words
        if email is not None:
            return words.look(email, self._name, self._status)
        return words.look_by_hash(hashed, self._name, self._status)

    def _status(self, event_id: str) -> Status | None:
        return self._tools.ledger.events.status(event_id, self._name)

    def _is_difference(self, word: SubscriptionState) -> bool:
        """Not while the provider is still to be told, nor where it would not hear of it."""
        status = self._status(word.unsubscribed_by) if word.unsubscribed_by is not None else None
        self._outcome.pending += status is Status.PENDING
        self._outcome.refused += status is Status.REFUSED
        return status not in (Status.PENDING, Status.REFUSED)

    def _unsubscribe(self, hashed: str, email: str | None, word: SubscriptionState) -> list[Event]:
        """The event that tells the provider, the same all day long; none where nobody knows the address any more."""
        address, left = email or self._address(hashed, word), word.unsubscribed_at
        if address is None or left is None:
            self._outcome.unrepairable += 1
            return []
        now = self._tools.ledger.effects.clock()
        says = json.dumps(["audit", self._name, hashed, left, now.date().isoformat()]).encode()
        return [
            Event(
                id=f"audit-{self._tools.keys.digest(says)}",
                type=EventType.UNSUBSCRIBE,
                email=address,
                accounts=(self._name,),
                occurred_at=from_ms(left),
                accepted_at=now,
                occurred_at_stated=False,
            )
        ]

    def _address(self, hashed: str, word: SubscriptionState) -> str | None:
        """The address from the event that brought the unsubscribe, while it is kept."""
        for held in self._tools.ledger.events.load([word.unsubscribed_by] if word.unsubscribed_by else []):
            if held.event.email and hashed in self._tools.keys.hashes(held.event.email):
                return held.event.email
        return None


def _asked(event: Any, can_be_read: Sequence[str]) -> tuple[list[str], bool]:
    """The accounts meant, and whether to repair. Raises `ProviderError` (caller) that says what would be right."""
    if not isinstance(event, Mapping):
        raise wrong("a call is a JSON object", f"with any of the keys {', '.join(KEYS)}")
    if event.get("source") == "aws.events":
        return list(can_be_read), False
    unknown = [str(key)[:60] for key in event if key not in (*KEYS, "time")]
    if unknown:
        raise wrong(f"there is no key {unknown[0]!r}", nearest(unknown[0], KEYS))
    repair = event.get("repair", False)
    if not isinstance(repair, bool):
        raise wrong("repair must be true or false", "true files the unsubscribes that are missing")
    return _accounts(event.get("accounts"), can_be_read), repair


def _accounts(given: Any, can_be_read: Sequence[str]) -> list[str]:
    if given is None:
        return list(can_be_read)
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise wrong("accounts must be a list", f"of {', '.join(can_be_read)}")
    for name in given:
        if name not in can_be_read:
            raise wrong(f"there is nothing to be read of {name[:60]!r}", nearest(name, can_be_read))
    return list(dict.fromkeys(given))


def _chunks(values: Iterable[T]) -> Iterator[list[T]]:
    source = iter(values)
    while chunk := list(islice(source, CHUNK)):
        yield chunk
