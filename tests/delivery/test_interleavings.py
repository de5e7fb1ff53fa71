"""Two workers killed at each step, faults at each ledger request, and samples of orders that are too many to walk.

Of the tests of order these run in full in `make test`: they detect most faults for their time. `test_all_orders.py` has
every order in which nothing goes wrong. `RELAIS_TEST_SEED` repeats a sample.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import pytest

from chalicelib.domain.errors import Kind
from chalicelib.domain.events import EventType
from chalicelib.ledger.keys import parse_sort_key
from tests.support.interleaving import (
    AnswerLost,
    Died,
    NotDone,
    Point,
    Repeat,
    Run,
    all_orders,
    fail_each_operation,
)
from tests.support.product import START
from tests.support.reference import World, body_of, check

pytestmark = [pytest.mark.seconds, pytest.mark.no_cover, pytest.mark.usefixtures("unobserved_workers")]
SEED = int(os.environ.get("RELAIS_TEST_SEED") or random.SystemRandom().randrange(10**6))
JOIN, LEAVE = EventType.SIGNUP, EventType.UNSUBSCRIBE
BOTH = ("paris", "lyon")


@dataclass(frozen=True)
class Program:
    """Events as type and minute, all of one person; which of them each worker is notified of."""

    events: tuple[tuple[EventType, int], ...]
    first: tuple[int, ...]
    second: tuple[int, ...]
    account: str = "paris"

    def __str__(self) -> str:
        details = "-".join(f"{verb.value}{minute}" for verb, minute in self.events)
        return f"{self.account}-{details}-{''.join(map(str, self.first))}-{''.join(map(str, self.second))}"

    def world(self) -> World:
        """A world with the events stored, without running workers."""
        world = World()
        world.store(*(world.event(verb, "annabell", minute, (self.account,)) for verb, minute in self.events))
        return world


TWO = [
    Program(((JOIN, 1),), (0,), (0,)),
    Program(((LEAVE, 1),), (0,), (0,)),
    Program(((JOIN, 1), (LEAVE, 2)), (0,), (1,)),
    Program(((JOIN, 1), (LEAVE, 1)), (0,), (1,)),
    Program(((JOIN, 2), (LEAVE, 1)), (0,), (1,), "lyon"),
    Program(((JOIN, 1), (LEAVE, 2)), (0, 1), (0, 1)),
]
THREE = [
    Program(((JOIN, 1), (LEAVE, 2), (JOIN, 3)), (0, 2), (1,)),
    Program(((JOIN, 1), (LEAVE, 2), (JOIN, 3)), (0, 1), (2,), "lyon"),
]


def works(world: World, program: Program) -> list[Callable[[], object]]:
    """What the two workers do."""

    def working(numbers: Sequence[int]) -> Callable[[], object]:
        worker, ids = world.worker(), [f"e{number}" for number in numbers]
        return lambda: worker.work(*ids)

    return [working(program.first), working(program.second)]


def carry_out(program: Program, run: Run, first: int = 0) -> Run:
    """One order of a program; afterwards the world is settled and checked."""
    world = program.world()
    world.point = run.point
    both = works(world, program)
    run.run(*(both[::-1] if first else both))
    try:
        world.settle()
        check(world)
    except AssertionError as error:
        raise AssertionError(f"{program} {first} {run.switches} {run.kill}: {error}\n{run.trace}") from error
    return run


def one_after_the_other(world: World, program: Program, point: Point) -> None:
    """Both workers of a program, each to its end or death; afterwards the world is settled and checked."""
    world.point = point
    for work in works(world, program):
        with suppress(Died):
            work()
    world.settle()
    check(world)


def test_many_switches_between_workers_notified_of_the_same_events() -> None:
    sys.stdout.write(f"RELAIS_TEST_SEED={SEED}\n")  # shown when it fails
    chance = random.Random(SEED)
    for _ in range(150):
        program = some_program(chance)
        switches = frozenset(step for step in range(1, 60) if chance.random() < 0.3)
        carry_out(program, Run(switches), chance.randrange(2))


def some_program(chance: random.Random) -> Program:
    """Three events with times in any order, and ties; one worker is notified of all, the other of two or more."""
    events = tuple((chance.choice([JOIN, LEAVE]), chance.randrange(3)) for _ in range(3))
    second = tuple(sorted(chance.sample(range(3), chance.choice([2, 3]))))
    return Program(events, (0, 1, 2), second, chance.choice(BOTH))


@pytest.mark.parametrize("program", [*TWO[1:], *THREE], ids=str)
def test_a_worker_killed_at_any_step(program: Program) -> None:
    """The other worker continues at once, and again once the dead one's lease has expired."""
    switches = frozenset({4, 9})
    for victim, steps in carry_out(program, Run(switches)).own_steps.items():
        assert steps > 4
        for step in range(1, steps + 1):
            carry_out(program, Run(switches, kill=(victim, step)))


@pytest.mark.parametrize("fault", [NotDone, Repeat, AnswerLost, Died])
@pytest.mark.parametrize("program", [TWO[2], TWO[4], THREE[0], THREE[1]], ids=str)
def test_any_single_failing_operation(program: Program, fault: type[BaseException]) -> None:
    """Not done, done twice because its answer was lost, done and never answered, or the last thing a worker did."""
    assert fail_each_operation(lambda point: one_after_the_other(program.world(), program, point), fault) >= 10


def test_an_event_that_comes_twice_in_one_batch_is_delivered_once_without_waiting() -> None:
    world = World()
    event = world.event(JOIN, "annabell", 1, ("paris",))
    world.work(event.id, bodies=(body_of(event), body_of(event)))
    assert world.logged["paris"].log == [("signup", event.email)]
    assert world.clock() == START, "it was waited for"


def test_a_delivery_deferred_by_one_worker_is_not_deferred_again_by_another() -> None:
    """The worker that waited knew neither of the attempt nor of the new due time."""

    def order(switches: frozenset[int]) -> int:
        world = Program(((JOIN, 1),), (0,), (0,)).world()
        world.logged["paris"].fault = Kind.UNKNOWN
        first, second = world.worker(), world.worker()
        run = Run(switches)
        world.point = run.point
        run.run(lambda: first.work("e0"), lambda: second.work("e0"))
        item = world.dynamo.items["E#e0"]["E"]
        assert (item["attempts"]["N"], item["unknown_outcome"]["BOOL"]) == ("1", True)
        assert parse_sort_key(item["due_sk"]["S"])[1] <= int(item["next_at"]["N"])
        return run.steps

    assert all_orders(order, 2) > 50


@pytest.mark.parametrize("fault", [NotDone, AnswerLost, Died])
def test_any_single_failing_operation_with_unknown_outcomes(fault: type[BaseException]) -> None:
    """The provider executes calls and its answers are lost; so may be the ledger writes about them."""

    def run(point: Point) -> None:
        world = TWO[2].world()
        world.logged["paris"].fault = Kind.UNKNOWN
        one_after_the_other(world, TWO[2], point)

    assert fail_each_operation(run, fault) >= 10


def test_a_subscription_state_read_before_an_unsubscribe_lets_no_signup_through() -> None:
    """The unsubscribe was delivered meanwhile, and its lease is released: the state only contains its time."""
    world = World()
    leave, join = world.event(LEAVE, "annabell", 2, ("paris",)), world.event(JOIN, "annabell", 1, ("paris",))
    world.store(leave, join)
    second, third = world.worker(), world.worker()

    def third_looks_it_up(name: str) -> None:
        if name == "update_item":  # the third has read the unsubscribe as pending, and is about to take it
            world.point = lambda _: None
            second.work(leave.id)

    def others_unsubscribe(name: str) -> None:
        if (
            name == "update_item"
        ):  # the first worker has read that there is no unsubscribe, and is about to lease the address
            world.point = third_looks_it_up
            third.work(leave.id)

    world.point = others_unsubscribe
    world.work(join.id)
    assert world.logged["paris"].log == [("unsubscribe", leave.email)]
    world.settle()
    check(world)


def test_a_waiting_unsubscribe_lets_no_older_signup_go_first() -> None:
    world = World()
    first, older = (world.event(JOIN, "annabell", minute, ("paris",)) for minute in (2, 1))
    leave = world.event(LEAVE, "annabell", 3, ("paris",))
    world.store(first, older, leave)
    other = world.worker()

    def meanwhile(name: str) -> None:
        if name == "before signup":
            world.point = lambda _: None
            other.work(leave.id)

    world.point = meanwhile
    world.work(first.id)
    other.work(older.id)
    assert world.delivery(older.id)["status"] == "superseded"
    world.settle()
    check(world)
