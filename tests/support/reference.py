"""A reference model of the rules of order, and a world in which every operation can fail.

`World` is the product with two accounts: `paris` cannot lift a suppression, `lyon` can. (So can `nice`, which has no
lists, in tests that add it.) People are distinguished by address, events of one person by the spelling of the address,
so that the log of a provider identifies the event of each call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from chalicelib.delivery import account_delivery, dispatcher
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.domain.events import Consent, Event, EventType
from chalicelib.domain.times import epoch_milliseconds
from chalicelib.ledger.table import Table
from chalicelib.providers.spec import Contact, Occasion
from tests.support.interleaving import OneByOne, Tapped
from tests.support.memory import MemoryDynamo, MemoryQueues
from tests.support.product import START, Product
from tests.support.provider import FakeProvider

AS_TYPED = "as_typed"
"""Field of a signup: the spelling of its event, since a provider gets the clean address. In a row, the latest one's."""
TYPED = "typed_"
"""Start of a field that only this event has, with the same value: a row has those of all its events."""
ACCOUNTS = ("paris", "lyon")
GIVE_UP = timedelta(hours=168)


def spelled(person: str, number: int) -> str:
    """Return the address of `person` (eight letters), in a spelling of event `number` alone; never the clean one."""
    letters = [letter.upper() if number + 1 >> bit & 1 else letter for bit, letter in enumerate(person)]
    return f"{''.join(letters)}@example.com"


@dataclass
class LoggedProvider(FakeProvider):
    """Records calls that took effect, in order: verb and address. `point` is called before and after each effect.

    A row of several signups is recorded as all their spellings, the one whose field counts last.
    An unsubscribe is told by its clean spelling and as typed; what counts here is the latter, as it names the event.
    """

    log: list[tuple[str, str]] = field(default_factory=list)
    point: Callable[[str], None] = lambda name: None
    refuses: set[str] = field(default_factory=set)
    """Addresses (lower case), or spellings as typed, that it refuses for good."""
    refused: set[str] = field(default_factory=set)
    """All that it ever refused so."""
    fault: Kind | None = None
    """Every call fails so; an unknown outcome is one that took effect."""

    def sign_up(self, list_id: str, contacts: Sequence[Contact], *, budget: float) -> None:
        self._do("signup", [_spellings(contact) for contact in contacts])

    def unsubscribe(
        self, email: str, *, global_scope: bool, budget: float, occasion: Occasion | None = None
    ) -> str | None:
        self.forget(email, budget=budget)
        return None

    def forget(self, email: str, *, budget: float, occasion: Occasion | None = None) -> None:
        if email != email.lower():
            self._do("unsubscribe", [email])

    def lift_suppression(self, email: str, *, list_id: str | None, provider_id: str | None, budget: float) -> None:
        self._do("lift", [email])

    def probe(self, *, budget: float) -> None:
        """Answers while the answers to changes are lost, so that a signup can use its attempts up."""
        self.point("before probe")
        if self.fault not in (None, Kind.UNKNOWN):
            raise ProviderError(self.fault, "out of order")

    def _do(self, verb: str, emails: list[str]) -> None:
        self.calls.append((verb, len(emails)))
        self.point(f"before {verb}")
        if self.fault not in (None, Kind.UNKNOWN):
            raise ProviderError(self.fault, "out of order")
        if verb == "signup" and not self.lists:
            raise ProviderError(Kind.CONTACT, "no such list")
        sent = {spelling for email in emails for one in email.split() for spelling in (one, one.lower())}
        if verb != "unsubscribe" and (bad := self.refuses & sent):
            self.refused |= bad
            raise ProviderError(Kind.CONTACT, "no such mailbox")
        self.log += [(verb, email) for email in emails]
        self.point(f"after {verb}")
        if self.fault is not None:
            raise ProviderError(self.fault, "no answer")


def _spellings(contact: Contact) -> str:
    latest = contact.fields.get(AS_TYPED, contact.email)
    others = [value for name, value in contact.fields.items() if name.startswith(TYPED) and value != latest]
    return " ".join([*others, latest])


class SerialTable(Table):
    """The ledger's table, whose parallel work is done one by one."""

    def in_parallel(self, work: Any, values: Any) -> list[Any]:
        return [work(value) for value in values]


@dataclass
class World(Product):
    """The product over `dynamo` and `queues`, in one thread a worker."""

    dynamo: Any = field(default_factory=MemoryDynamo)
    queues: Any = field(default_factory=MemoryQueues)
    point: Callable[[str], None] = lambda name: None
    providers: dict[str, FakeProvider] = field(default_factory=lambda: {name: LoggedProvider() for name in ACCOUNTS})
    events: dict[str, Event] = field(default_factory=dict)
    number: int = 0
    """Part of every token, so that worlds with the same ledger and different numbers do not have the same ones."""
    tokens: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for provider in self.logged.values():
            provider.point = self.come_by
        super().__post_init__()
        assert self.container.table is not None  # the address keys are recorded before anything can fail

    @property
    def logged(self) -> Mapping[str, LoggedProvider]:
        return self.providers  # type: ignore[return-value]

    def come_by(self, name: str) -> None:
        self.point(name)

    def restart(self) -> None:
        super().restart()
        self.container.effects = replace(self.container.effects, token=self._token, sleep=self._wait)
        parts: dict[str, Any] = self.container.__dict__
        parts["_dynamodb"] = Tapped(self.dynamo, self.come_by)
        parts["_sqs"] = self.queues
        parts["table"] = SerialTable(parts["_dynamodb"], "relais-local-ledger", self.container.effects)
        capabilities = self.container.capabilities
        parts["capabilities"] = partial(_capabilities, capabilities)

    def worker(self) -> World:
        """Another instance over the same state."""
        other = object.__new__(World)
        other.__dict__.update(self.__dict__)
        other.come_by = self.come_by  # type: ignore[method-assign]
        other.restart()
        return other

    def _token(self) -> str:
        self.tokens.append(f"token-{self.number}-{len(self.tokens)}")
        return self.tokens[-1]

    def _wait(self, seconds: float) -> None:
        self.come_by("sleep")
        self.clock.forward(seconds=seconds)

    def event(self, verb: EventType, person: str, minute: int, accounts: Sequence[str], **more: Any) -> Event:
        """Return a new event of `person` that occurred at `minute`; a signup goes to the first account.

        It is called e0, e1 and so on, unless it has a `number` of its own.
        """
        number = more.pop("number", len(self.events))
        email, at = spelled(person, number), START - timedelta(hours=2) + timedelta(minutes=minute)
        if verb is EventType.SIGNUP:
            typed = {"fields": {AS_TYPED: email, f"{TYPED}{number}": email}}
            more = {"consent": Consent(source=f"https://www.example.com/{person}", at=at), **more}
            event = self.signup(email, at, id=f"e{number}", accounts=tuple(accounts[:1]), **typed, **more)
        else:
            event = self.unsubscribe(email, at, id=f"e{number}", accounts=tuple(accounts), **more)
        self.events[event.id] = event
        return event

    def settle(self, rounds: int = 60) -> None:
        """End every fault, and run sweeps and workers until nothing is pending."""
        self.point = lambda name: None
        self.restart()
        for provider in self.logged.values():
            provider.fault, provider.lists = None, {"4781"}
        for _ in range(rounds):
            if not self.pending():
                return
            self.clock.forward(seconds=61)
            self.container.sweeper.run()
            for _, body in self.queues.enqueued():
                self.work(*body["event_ids"])
        raise AssertionError(f"still pending: {self.pending()}")

    def pending(self) -> list[str]:
        return [event_id for event_id in self.events if self.view(event_id)["status"] == "pending"]

    def statuses(self) -> dict[str, list[tuple[str, str, bool]]]:
        """Return what became of every event, by account: status, reason, unknown outcome."""
        return {
            event_id: [
                (one["account"], one["status"], one["reason"] or "", one["unknown_outcome"])
                for one in self.view(event_id)["deliveries"]
            ]
            for event_id in self.events
        }


def _capabilities(known: Callable[[str], Any], account: str) -> Any:
    found = known(account)
    if found and account == "nice":
        return replace(found, lifts_suppression=True, has_lists=False, signup_batch=0)
    return found and replace(found, lifts_suppression=account == "lyon")


def body_of(event: Any) -> dict[str, Any]:
    """Return a signup as a back end puts it on a queue."""
    return {
        "type": "signup",
        "id": event.id,
        "occurred_at": event.occurred_at.isoformat(),
        "account": event.accounts[0],
        "list": event.list,
        "email": event.email,
        "fields": dict(event.fields),
        "consent": {"source": event.consent.source} if event.consent else None,
    }


def serial(monkeypatch: Any) -> None:
    """Have every worker do its work in one thread."""
    monkeypatch.setattr(dispatcher, "ContextPool", OneByOne)
    monkeypatch.setattr(account_delivery, "ContextPool", OneByOne)


def check(world: World) -> None:
    """Checks the world against the reference model. A failure shows all data needed to find the cause."""
    for account in ACCOUNTS:
        deliveries = {
            one.id: _delivery(world, one, account) for one in world.events.values() if account in one.accounts
        }
        log = world.logged[account].log
        for event_id, delivery in deliveries.items():
            event, others = world.events[event_id], [world.events[other] for other in deliveries]
            _check_event(event, delivery, others, log, deliveries)
            if delivery["status"] == "refused" and delivery["reason"] != "suppressed":
                assert {event.email, event.email.lower()} & world.logged[account].refused, (
                    f"{event_id} was refused for the field of another: {log}"
                )
        _check_rows(log, {event.email: event for event in world.events.values()})
        for person in {world.events[event_id].email.lower() for event_id in deliveries}:
            _check_person(person, [world.events[event_id] for event_id in deliveries], deliveries, log)
            delivered = [world.events[id] for id, one in deliveries.items() if one["status"] == "delivered"]
            _check_evidence(world, person, account, delivered)


def _check_evidence(world: World, person: str, account: str, delivered: Sequence[Event]) -> None:
    """Check that the state has the first and the latest evidence of consent of delivered signups, and no other."""
    events = world.container.events
    state = world.container.subscriptions.look(person, account, lambda event_id: events.status(event_id, account))
    consents = [one.consent for one in delivered if one.email.lower() == person]
    times = [epoch_milliseconds(consent.at) for consent in consents if consent and consent.at]
    found = [evidence.at for evidence in (state.first_consent, state.latest_consent) if evidence]
    assert found == ([min(times), max(times)] if times else []), f"{person} at {account}: {found} of {times}"


def _delivery(world: World, event: Event, account: str) -> Mapping[str, Any]:
    return world.delivery(event.id, account)


def _check_rows(log: Sequence[tuple[str, str]], events: Mapping[str, Event]) -> None:
    """Check that a row is of one person, list and right to lift suppressions, and has the latest value of a field."""
    for verb, emails in log:
        row = [events[email] for email in emails.split() if email in events]
        if verb == "signup" and row:
            assert len({(one.email.lower(), one.list, one.may_lift_suppression) for one in row}) == 1, f"{emails}"
            assert row[-1].occurred_at == max(one.occurred_at for one in row), f"an older field: {emails}"


def _check_event(
    event: Event,
    delivery: Mapping[str, Any],
    others: Sequence[Event],
    log: Sequence[tuple[str, str]],
    deliveries: Mapping[str, Mapping[str, Any]],
) -> None:
    done = sum(1 for verb, emails in log if event.email in emails.split() and verb == event.type.value)
    status, unknown = delivery["status"], delivery["unknown_outcome"]
    details = f"{event.id} {event.type} {status} {delivery['reason']} done {done} times; {log}"
    assert done <= 1 or unknown, f"twice, and not marked: {details}"
    assert (done >= 1) if status == "delivered" else (done == 0 or unknown), f"not what happened: {details}"
    same = [other for other in others if other.email.lower() == event.email.lower()]
    unsubscribes = [other for other in same if other.type is EventType.UNSUBSCRIBE]
    if status == "superseded" and event.type is EventType.SIGNUP:
        assert any(other.occurred_at >= event.occurred_at for other in unsubscribes), (
            f"superseded without a reason: {details}"
        )
    if status == "superseded" and event.type is EventType.UNSUBSCRIBE:
        later = [other for other in same if other.type is EventType.SIGNUP and other.occurred_at > event.occurred_at]
        assert any(deliveries[other.id]["status"] == "delivered" for other in later), (
            f"superseded by nothing: {details}"
        )
    if delivery["reason"] == "suppressed":
        assert delivery["account"] == "paris" or not event.may_lift_suppression, f"could have been lifted: {details}"
        assert any(other.occurred_at < event.occurred_at for other in unsubscribes), (
            f"suppressed without a reason: {details}"
        )
    if status == "parked":
        spent = unknown and delivery["reason"].startswith("outcome unknown after 3 attempts")
        age = datetime.fromisoformat(delivery["updated_at"]) - event.accepted_at
        assert event.type is EventType.SIGNUP and (spent or age > GIVE_UP), f"parked for nothing: {details}"
    assert delivery["attempts"] >= done, f"attempts: {details} {delivery}"


def _check_person(
    person: str, events: Sequence[Event], deliveries: Mapping[str, Mapping[str, Any]], log: Sequence[tuple[str, str]]
) -> None:
    """Ties go to the unsubscribe; the last effective call at the provider belongs to the latest event that counts."""
    own_events = [event for event in events if event.email.lower() == person]
    last = max(own_events, key=lambda event: (event.occurred_at, event.type is EventType.UNSUBSCRIBE))
    every_call = [verb for verb, emails in log if person in emails.lower().split()]
    calls = [verb for verb in every_call if verb != "lift"]
    seen = [(e.id, e.type.value, str(e.occurred_at)[11:16], deliveries[e.id]["status"]) for e in own_events]
    details = f"{person} {seen}: {log}"
    if last.type is EventType.UNSUBSCRIBE:
        assert calls[-1:] == ["unsubscribe"], f"unsubscribed and still subscribed: {details}"
    elif deliveries[last.id]["status"] == "delivered":
        assert calls[-1:] == ["signup"], f"resubscribed and not subscribed: {details}"
        if deliveries[last.id]["account"] == "lyon" and "unsubscribe" in every_call:
            since = every_call[len(every_call) - every_call[::-1].index("unsubscribe") :]
            assert "lift" in since, f"resubscribed and still suppressed: {details}"
    if deliveries[last.id]["account"] == "paris":
        assert "lift" not in every_call, f"what this provider cannot do: {details}"
