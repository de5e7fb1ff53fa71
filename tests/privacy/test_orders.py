"""Erasure before, between and after all other events, in any order and with every fault.

Two people at two accounts, of which one deletes people and lifts suppressions. Signups and unsubscribes of the past and
of now, imports with both people in them, workers that die or meet a failing ledger, another worker in between, failing
accounts; and `forget` at any moment, even one that dies half-way and is repeated. In the end all faults are removed,
and a person forgotten last is unsubscribed everywhere and appears nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from chalicelib.domain.errors import Kind
from chalicelib.domain.events import Consent, Event, EventType
from chalicelib.domain.ordering import all_settled
from chalicelib.domain.times import epoch_milliseconds
from chalicelib.jobs import attempt
from tests.privacy.support import PERSONAL
from tests.support.interleaving import AnswerLost, Died, NotDone, OneByOne, Repeat, at_operation, fail_at
from tests.support.product import FakeContext
from tests.support.reference import ACCOUNTS, World, body_of, serial, spelled

PERSONS = ("annabell", "bertrand")
FAULTS = {"die": Died, "not done": NotDone, "repeat": Repeat, "answer lost": AnswerLost}
PLAIN = 7  # a spelling of which event 7 is the only one
persons, accounts, minutes = st.sampled_from(PERSONS), st.sampled_from(ACCOUNTS), st.integers(0, 4)
choices = st.lists(st.integers(0, 8), min_size=1, max_size=4)
operations, faults = st.integers(0, 40), st.sampled_from(sorted(FAULTS))


class Forgetting(RuleBasedStateMachine):
    """What may happen to the product and to the persons."""

    @initialize()
    def start(self) -> None:
        self.world = World()
        for parts in (self.world.container.__dict__,):
            parts["capabilities"] = partial(_deletes, parts["capabilities"])
        self.workers = [self._instance(), self._instance()]
        self.notifications: list[tuple[str, list[str]]] = []
        self.forgotten: dict[str, datetime] = {}
        self.syncs = 0

    @rule(person=persons, minute=minutes, account=accounts)
    def sign_up_earlier(self, person: str, minute: int, account: str) -> None:
        self._store(self.world.event(EventType.SIGNUP, person, minute, (account,)))

    @rule(person=persons, account=accounts, may_lift_suppression=st.booleans())
    def sign_up_now(self, person: str, account: str, may_lift_suppression: bool) -> None:
        event = self.world.event(EventType.SIGNUP, person, 0, (account,), may_lift_suppression=may_lift_suppression)
        now = self.world.clock()
        self._store(
            replace(event, occurred_at=now, consent=Consent(source=f"https://www.example.com/{person}", at=now))
        )

    @rule(person=persons, minute=minutes, everywhere=st.booleans())
    def leave_earlier(self, person: str, minute: int, everywhere: bool) -> None:
        where = ACCOUNTS if everywhere else ("paris",)
        self._store(self.world.event(EventType.UNSUBSCRIBE, person, minute, where, all_accounts=everywhere))

    @rule(who=st.sampled_from([PERSONS, PERSONS[:1], PERSONS[1:]]), account=accounts, only_stored=st.booleans())
    def import_them(self, who: tuple[str, ...], account: str, only_stored: bool) -> None:
        """A sync with its contacts; processed at once, or only stored."""
        contacts = [{"email": spelled(person, PLAIN)} for person in who]
        event = {"type": "sync", "id": f"sync-{self.syncs}", "kind": "contacts", "account": account, "list": "4781"}
        self.syncs += 1
        self._work(0, bodies=({**event, "contacts": contacts},), queue="signups" if only_stored else "syncs")
        self._collect()

    @rule(person=persons, minute=minutes, account=accounts)
    def whole_on_a_queue(self, person: str, minute: int, account: str) -> None:
        event = self.world.event(EventType.SIGNUP, person, minute, (account,))
        self.world.events[event.id] = replace(event, accepted_at=self.world.clock())
        self._work(0, bodies=(body_of(event),))

    @rule(person=persons)
    def forget(self, person: str) -> None:
        self._forget(person)

    @rule(person=persons, at=operations, fault=faults)
    def forget_with_a_fault(self, person: str, at: int, fault: str) -> None:
        self.world.point = fail_at(at, FAULTS[fault])
        try:
            answer = self._ask(person)
        except Died:
            answer = {"error": "it died"}
        self.world.point = lambda name: None
        if "error" in answer:
            self._forget(person)

    @rule(person=persons, which=choices, at=operations)
    def forget_while_a_worker_works(self, person: str, which: list[int], at: int) -> None:
        def meanwhile(_: str) -> None:
            self.world.point = lambda name: None
            self._forget(person)

        self.world.point = at_operation(at, meanwhile)
        self._work(0, *self._picked(which))
        self.world.point = lambda name: None

    @rule(person=persons, which=choices, at=operations)
    def work_while_somebody_is_forgotten(self, person: str, which: list[int], at: int) -> None:
        def meanwhile(_: str) -> None:
            self.world.point = lambda name: None
            self._work(0, *self._picked(which))

        self.world.point = at_operation(at, meanwhile)
        self._forget(person)
        self.world.point = lambda name: None

    @rule(which=choices)
    def work(self, which: list[int]) -> None:
        self._work(0, *self._picked(which))

    @rule(which=choices, at=operations, fault=faults)
    def work_with_a_fault(self, which: list[int], at: int, fault: str) -> None:
        self.world.point = fail_at(at, FAULTS[fault])
        self._work(1, *self._picked(which))
        self.world.point = lambda name: None

    @rule(account=accounts, fault=st.sampled_from([None, Kind.LATER, Kind.ACCOUNT, Kind.UNKNOWN]))
    def provider_error(self, account: str, fault: Kind | None) -> None:
        self.world.logged[account].fault = fault

    @rule(seconds=st.sampled_from([1, 31, 130, 4000, 170 * 3600]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.forward(seconds=seconds)

    @rule()
    def sweep(self) -> None:
        self.world.container.sweeper.run()
        self._collect()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self._settle()
            for person, at in self.forgotten.items():
                self._check(person, at)
            self._check_expiry()

    def _instance(self) -> World:
        worker = self.world.worker()
        parts = worker.container.__dict__
        parts["capabilities"] = partial(_deletes, parts["capabilities"])
        return worker

    def _store(self, event: Event) -> None:
        self.world.events[event.id] = event
        self.world.store(event)
        self.notifications.append(("signups", [event.id]))

    def _ask(self, person: str) -> dict[str, Any]:
        self.forgotten[person] = self.world.clock()
        return self._instance().container.forget({"email": spelled(person, PLAIN)}, FakeContext())

    def _forget(self, person: str) -> None:
        answer = self._ask(person)
        assert "error" not in answer

    def _collect(self) -> None:
        self.notifications += [(name, body["event_ids"]) for name, body in self.world.queues.enqueued()]

    def _picked(self, which: Iterable[int]) -> list[str]:
        return [
            event_id
            for number in which
            if number < len(self.notifications)
            for event_id in self.notifications[-1 - number][1]
        ]

    def _work(self, number: int, *ids: str, bodies: tuple[Any, ...] = (), queue: Any = "signups") -> None:
        try:
            failures = self.workers[number].work(*ids, bodies=bodies, queue=queue)["batchItemFailures"]
        except Died:
            self.workers[number] = self._instance()
            failures = bodies
        if failures and bodies:
            self.world.point = lambda name: None
            self._work(number, *ids, bodies=bodies, queue=queue)

    def _settle(self) -> None:
        """Remove all faults, and continue until nothing is pending and the nightly pass is complete."""
        self.world.point = lambda name: None
        for provider in self.world.logged.values():
            provider.fault = None
        for _ in range(80):
            if not any(item.get("status") == {"S": "pending"} for item in self._items()):
                break
            self.world.clock.forward(seconds=61)
            self._sweep_and_work()
        else:
            raise AssertionError("something is pending for ever")
        self.world.clock.forward(hours=30)
        self._sweep_and_work()

    def _sweep_and_work(self) -> None:
        worker = self._instance()
        worker.container.sweep(FakeContext(50_000))
        for name, body in self.world.queues.enqueued():
            worker.work(*body["event_ids"], queue="syncs" if "sync" in name else "signups")

    def _items(self) -> list[dict[str, Any]]:
        return [item for partition in self.world.dynamo.items.values() for item in partition.values()]

    def _check(self, person: str, at: datetime) -> None:
        """`at`: when the person was last forgotten. Only a later signup that counts has left data."""
        mine = [event for event in self.world.events.values() if event.email.lower() == f"{person}@example.com"]
        later = [event for event in mine if event.type is EventType.SIGNUP and event.occurred_at > at]
        kept = {event.id for event in later if self._status(event)[0] in ("delivered", "parked")}
        holders = [item["pk"]["S"] for item in self._items() if person in json.dumps(item).lower()]
        found = {pk.removeprefix("E#") for pk in holders if pk.startswith("E#")}
        assert found <= kept, f"{found - kept} contain {person}, forgotten at {at}"
        self._check_evidence(person, at)
        for account in ACCOUNTS:
            calls = [verb for verb, email in self.world.logged[account].log if email.lower().startswith(person)]
            resubscribed = [
                event for event in later if event.accounts == (account,) and self._status(event)[0] == "delivered"
            ]
            details = f"{person} at {account}: {self.world.logged[account].log}"
            assert resubscribed or calls[-1:] == ["unsubscribe"], f"forgotten and not unsubscribed: {details}"
            assert not resubscribed or calls[-1:] == ["signup"], f"resubscribed and gets no mail: {details}"

    def _check_evidence(self, person: str, at: datetime) -> None:
        """Evidence of consent is that of signups which were delivered after the person was forgotten."""
        states = self.world.container.subscriptions.of(f"{person}@example.com")
        for account, known in states.items():
            status_of = partial(self.world.container.events.status, account=account)
            settled = all_settled(known, status_of)
            leases = [evidence for state in known if state.lease for evidence in state.lease.consents.values()]
            for evidence in (settled.first_consent, settled.latest_consent, *leases):
                assert evidence is None or evidence.at > epoch_milliseconds(at), f"{person} at {account}: {evidence}"

    def _status(self, event: Event) -> tuple[str, str | None]:
        delivery = self.world.delivery(event.id, event.accounts[0])
        return delivery["status"], delivery["reason"]

    def _check_expiry(self) -> None:
        """Final items expire in all cases; subscription states never do."""
        for item in self._items():
            if item["pk"]["S"].startswith("E#"):
                assert "expires_at" in item, item
            if item["pk"]["S"].startswith("A#"):
                assert "expires_at" not in item
            if "erased" in item:
                assert not item.keys() & PERSONAL, item


def _deletes(known: Any, account: str) -> Any:
    found = known(account)
    return found and replace(found, deletes_subscribers=account == "lyon")


@pytest.mark.seconds
def test_an_erased_person_stays_unsubscribed_and_erased_in_every_order(monkeypatch: pytest.MonkeyPatch) -> None:
    serial(monkeypatch)
    monkeypatch.setattr(attempt, "ContextPool", OneByOne)
    few = settings(
        max_examples=12,
        stateful_step_count=20,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    run_state_machine_as_test(Forgetting, settings=few)
