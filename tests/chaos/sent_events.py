"""Events as senders submit them, before acceptance, drawn from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.chaos.faults import REFUSED

ACCOUNTS = ("paris", "lettre", "brussel")
LISTS = {"4781": "paris", "4782": "paris", "4783": "paris", "0616074266229": "brussel"}
TAG_FIELDS = {"4781": "prenom", "4782": "PRENOM", "4783": "nom", "0616074266229": "FirstName"}
"""The field that carries a signup's tag to its provider, so that each row can be assigned to its event."""
FORMS = {"4781": ("footer", "prenom"), "0616074266229": ("nieuwsbrief", "voornaam")}


@dataclass
class SentEvent:
    """One event. `entry` is where it is submitted; `at` None: without a stated time. `id` is known once accepted."""

    tag: str
    type: str
    email: str
    accounts: tuple[str, ...]
    entry: str = "events"
    list: str | None = None
    at: datetime | None = None
    kind: str = "usual"
    """`trap`, `invalid`, or the usual case."""
    id: str | None = None
    says_id: bool = True

    @property
    def key(self) -> str:
        """The person, as everybody compares addresses."""
        return self.email.lower()

    def body(self) -> dict[str, Any]:
        """As a back end writes it."""
        said: dict[str, Any] = {"type": self.type, "email": self.email}
        if self.says_id:
            said["id"] = self.tag
        if self.at is not None:
            said["occurred_at"] = self.at.isoformat(timespec="milliseconds")
        if self.type == "signup" and self.list is not None:
            said |= {"account": self.accounts[0], "list": self.list, "fields": {TAG_FIELDS[self.list]: self.tag}}
        elif self.accounts != ACCOUNTS:
            said["accounts"] = list(self.accounts)
        if self.kind == "invalid":
            said["email"] = "no address"
        return said


@dataclass
class Writer:
    """Draws events. Ids and tags are numbered through the whole run."""

    chance: random.Random
    now: datetime
    count: int = 0
    written: list[SentEvent] = field(default_factory=list)

    def signups(self, number: int, list_id: str, **more: Any) -> list[SentEvent]:
        """One signup each of as many new people."""
        return [self._sent_event("signup", f"p{self.count}@example.com", list_id, **more) for _ in range(number)]

    def unsubscribes(self, number: int, *accounts: str, **more: Any) -> list[SentEvent]:
        """One unsubscribe each of as many unknown people, from these accounts."""
        return [
            self._sent_event("unsubscribe", f"u{self.count}@example.com", None, accounts, **more) for _ in range(number)
        ]

    def refused(self, number: int) -> list[SentEvent]:
        """Signups that Ediware will refuse."""
        return [self._sent_event("signup", f"{REFUSED}{self.count}@example.com", "4783") for _ in range(number)]

    def quarrels(self, people: int) -> list[SentEvent]:
        """Two to four signups and unsubscribes of each person, possibly at the same minute, in any order of arrival."""
        return [sent for _ in range(people) for sent in self._quarrel()]

    def _quarrel(self) -> list[SentEvent]:
        email, list_id = f"q{self.count}@example.com", self.chance.choice([*LISTS])
        said = [self.chance.choice(["signup", "unsubscribe"]) for _ in range(self.chance.randrange(2, 5))]
        sent_events = []
        for verb in said:
            at = self.now - timedelta(minutes=self.chance.randrange(1, 5))
            entry = self.chance.choice(["events", "events", "queue"])
            everywhere = self.chance.random() < 0.15
            accounts = ACCOUNTS if everywhere else (LISTS[list_id],)
            sent_events.append(
                self._sent_event(verb, email, list_id if verb == "signup" else None, accounts, entry=entry, at=at)
            )
        return sent_events

    def _sent_event(
        self, verb: str, email: str, list_id: str | None, accounts: tuple[str, ...] = (), **more: Any
    ) -> SentEvent:
        self.count += 1
        target = (LISTS[list_id],) if list_id is not None else accounts or ACCOUNTS
        sent = SentEvent(f"e{self.count}", verb, email, target, list=list_id, **more)
        self.written.append(sent)
        return sent
