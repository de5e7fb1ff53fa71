"""All faults in any order, checked against the reference model of `tests/support/reference.py`.

Two people at two accounts; events of any time and with ties, by notification or complete on a queue, once or twice;
workers that die or meet a failing ledger at any operation, or are interrupted by another worker; providers with every
kind of error; lost and doubled notifications; sweeps and time. In the end all faults are removed, and every promise
must hold.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from chalicelib.domain.errors import Kind
from chalicelib.domain.events import EventType, Status
from chalicelib.operators.requeue import Requeues
from tests.support.interleaving import AnswerLost, Died, NotDone, Repeat, at_operation, fail_at
from tests.support.product import FakeContext
from tests.support.reference import ACCOUNTS, World, body_of, check, serial

pytestmark = [pytest.mark.seconds, pytest.mark.no_cover]

PERSONS = ("annabell", "bertrand")
FAULTS = {"die": Died, "not done": NotDone, "repeat": Repeat, "answer lost": AnswerLost}
PROVIDER_ERRORS = (None, Kind.LATER, Kind.ACCOUNT, Kind.UNKNOWN)
MOST_EVENTS = 10

persons, accounts, minutes = st.sampled_from(PERSONS), st.sampled_from(ACCOUNTS), st.integers(0, 4)
choices = st.lists(st.integers(0, MOST_EVENTS), min_size=1, max_size=4)
operations = st.integers(0, 24)


class Order(RuleBasedStateMachine):
    """What may happen to the product."""

    @initialize()
    def start(self) -> None:
        self.begin(World())

    def begin(self, world: World) -> None:
        """In this world."""
        self.world = world
        self.workers = [self.world.worker(), self.world.worker()]
        self.notifications: list[list[str]] = []

    @rule(person=persons, minute=minutes, account=accounts, may_lift_suppression=st.booleans())
    def sign_up(self, person: str, minute: int, account: str, may_lift_suppression: bool = True) -> None:
        self._store(EventType.SIGNUP, person, minute, (account,), may_lift_suppression=may_lift_suppression)

    @rule(person=persons, minute=minutes, where=st.sampled_from([("paris",), ("lyon",), ACCOUNTS]), every=st.booleans())
    def leave(self, person: str, minute: int, where: tuple[str, ...], every: bool) -> None:
        self._store(EventType.UNSUBSCRIBE, person, minute, where, all_accounts=every and where == ACCOUNTS)

    @rule(person=persons, minute=minutes, account=accounts, times=st.integers(1, 2), number=st.integers(0, 1))
    def whole_on_a_queue(self, person: str, minute: int, account: str, times: int, number: int) -> None:
        if len(self.world.events) < MOST_EVENTS:
            event = self.world.event(EventType.SIGNUP, person, minute, (account,))
            self._work(number, bodies=(body_of(event),) * times)

    @rule(number=st.integers(0, 1), which=choices)
    def work(self, number: int, which: list[int]) -> None:
        self._work(number, *self._picked(which))

    @rule(number=st.integers(0, 1), which=choices, at=operations, fault=st.sampled_from(sorted(FAULTS)))
    def work_with_a_fault(self, number: int, which: list[int], at: int, fault: str) -> None:
        self.world.point = fail_at(at, FAULTS[fault])
        self._work(number, *self._picked(which))
        self.world.point = lambda name: None

    @rule(which=choices, others=choices, at=operations)
    def work_side_by_side(self, which: list[int], others: list[int], at: int) -> None:
        def meanwhile(_: str) -> None:
            self.world.point = lambda name: None
            self._work(1, *self._picked(others))

        self.world.point = at_operation(at, meanwhile)
        self._work(0, *self._picked(which))
        self.world.point = lambda name: None

    @rule(account=accounts, fault=st.sampled_from(PROVIDER_ERRORS))
    def provider_error(self, account: str, fault: Kind | None) -> None:
        self.world.logged[account].fault = fault

    @rule(account=accounts, person=persons)
    def refuse(self, account: str, person: str) -> None:
        self.world.logged[account].refuses ^= {f"{person}@example.com"}

    @rule(account=accounts, number=st.integers(0, MOST_EVENTS))
    def refuse_a_field(self, account: str, number: int) -> None:
        """What one event says is refused, whatever other events of the person say."""
        if event := self.world.events.get(f"e{number}"):
            self.world.logged[account].refuses ^= {event.email}

    @rule(account=accounts, missing=st.booleans())
    def list_goes_missing(self, account: str, missing: bool) -> None:
        self.world.logged[account].lists = set() if missing else {"4781"}

    @rule(number=st.integers(0, MOST_EVENTS), account=accounts)
    def send_again(self, number: int, account: str) -> None:
        """What an operator does with parked and refused ones."""
        world = self.world
        for stored in world.container.events.load([f"e{number}"]):
            delivery = stored.deliveries.get(account)
            if delivery and delivery.status in (Status.PARKED, Status.REFUSED):
                Requeues(world.container).requeue(stored, account, world.clock())
                self.notifications.append([stored.event.id])

    @rule(number=st.integers(0, MOST_EVENTS))
    def resubscribe_manually(self, number: int) -> None:
        """An operator who has removed a person from the vendor's list resends the event."""
        wanted = {"id": f"e{number}", "status": "refused"}
        if self.world.container.resend(wanted, FakeContext())["resent"]:
            self.notifications.append([f"e{number}"])

    @rule(seconds=st.sampled_from([1, 31, 61, 130, 4000, 170 * 3600]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.forward(seconds=seconds)

    @rule(lost=st.booleans())
    def sweep(self, lost: bool) -> None:
        self.world.container.sweeper.run()
        enqueued = [body["event_ids"] for _, body in self.world.queues.enqueued()]
        self.notifications += [] if lost else enqueued

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.settle()
            check(self.world)

    def _store(self, verb: EventType, person: str, minute: int, where: tuple[str, ...], **more: Any) -> None:
        if len(self.world.events) < MOST_EVENTS:
            event = self.world.event(verb, person, minute, where, **more)
            self.world.store(event)
            self.notifications.append([event.id])

    def _picked(self, which: list[int]) -> list[str]:
        """Some of the notifications, in any order; they are not removed, so they may arrive twice."""
        return [
            event_id
            for number in which
            if number < len(self.notifications)
            for event_id in self.notifications[-1 - number]
        ]

    def _work(self, number: int, *ids: str, bodies: tuple[Any, ...] = ()) -> None:
        try:
            failures = self.workers[number].work(*ids, bodies=bodies)["batchItemFailures"]
        except Died:
            self.workers[number] = self.world.worker()
            failures = bodies
        if failures and bodies:
            self.world.point = lambda name: None
            self._work(number, bodies=bodies)


@pytest.mark.parametrize("examples", [10, pytest.param(100, marks=pytest.mark.slow)])
def test_promises_hold_in_any_order(monkeypatch: pytest.MonkeyPatch, examples: int) -> None:
    """Only here do sweeps, operators, refusals, missing lists and lost messages come together."""
    serial(monkeypatch)
    profile = settings(
        max_examples=examples,
        stateful_step_count=30,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    run_state_machine_as_test(Order, settings=profile)
