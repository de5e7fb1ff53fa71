"""Any three events of one person and two workers, in every order of single ledger requests and provider calls.

The events have any types and any order of times with ties; each is notified to one worker, at an account whose provider
can lift suppressions (lyon) and at one whose provider cannot (paris). Of two events, one may also be notified to both
workers. `RELAIS_ALL_ORDERS=1` adds that both of two are, and one of three.

All of this is slow except for two events of which each is notified to one worker: `test_interleavings.py` detects the
same faults in less time.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations_with_replacement, permutations, product

import pytest

from chalicelib.domain.events import EventType
from tests.support.all_orders import Orders, Walk
from tests.support.interleaving import Run
from tests.support.reference import ACCOUNTS, World, check

pytestmark = [pytest.mark.seconds, pytest.mark.no_cover, pytest.mark.usefixtures("unobserved_workers")]
JOIN, LEAVE = EventType.SIGNUP, EventType.UNSUBSCRIBE
EVERYTHING = bool(os.environ.get("RELAIS_ALL_ORDERS"))
SEED = int(os.environ.get("RELAIS_TEST_SEED") or random.SystemRandom().randrange(10**6))
SHARE_IN_CI = 5
"""All combinations of three events take ten minutes of processor time; CI takes one in so many."""
Events = tuple[tuple[int, EventType], ...]
Assignment = tuple[int, ...]
ONE: Sequence[Assignment] = ((0,), (1,))
EITHER: Sequence[Assignment] = ((0,), (1,), (0, 1))


def named(events: Events) -> str:
    """Events of people, earliest first."""
    return "-".join(f"{verb.value}{minute}" for minute, verb in events)


@dataclass(frozen=True)
class Program:
    """Events of one person as minute and type, earliest first, and the positions of those notified to each worker."""

    account: str
    events: Events
    first: Assignment
    second: Assignment

    def __str__(self) -> str:
        return f"{self.account}-{named(self.events)}-{''.join(map(str, self.first))}-{''.join(map(str, self.second))}"

    @property
    def numbers(self) -> list[int]:
        """A number for each event; the same event has the same one in every program, so that much is known of it."""
        return [
            3 * (2 * minute + (verb is LEAVE)) + self.events[:place].count((minute, verb))
            for place, (minute, verb) in enumerate(self.events)
        ]

    @property
    def claims(self) -> list[tuple[str, ...]]:
        """The ids notified to each worker."""
        return [tuple(f"e{self.numbers[place]}" for place in claimed) for claimed in (self.first, self.second)]

    def register(self, world: World) -> World:
        """Create the events in a world without storing them."""
        for (minute, verb), number in zip(self.events, self.numbers, strict=True):
            world.event(verb, "annabell", minute, (self.account,), number=number)
        return world


def several(count: int) -> list[Events]:
    """All combinations of as many events: types, and orders of times with ties."""
    moments = list(product(range(count), (JOIN, LEAVE)))
    return [
        events
        for events in combinations_with_replacement(moments, count)
        if len({minute for minute, _ in events}) == 1 + events[-1][0]  # every minute is used
    ]


def programs(account: str, events: Events, claims: Sequence[Assignment]) -> list[Program]:
    """All ways to notify events, each to one of `assignments`: the workers that are notified."""
    found: dict[tuple[Assignment, Assignment], None] = {}
    for whose in product(claims, repeat=len(events)):
        first, second = (tuple(place for place, claimed in enumerate(whose) if number in claimed) for number in (0, 1))
        found |= {_canonical(events, *ways): None for ways in product(_sorted(events, first), _sorted(events, second))}
    return [Program(account, events, *ways) for ways in found]


def _sorted(events: Events, claimed: Assignment) -> set[Assignment]:
    """All distinct orders: the product sorts by type and time, and keeps equal ones in order of arrival."""
    return {tuple(sorted(order, key=lambda place: events[place])) for order in permutations(claimed)}


def _canonical(events: Events, first: Assignment, second: Assignment) -> tuple[Assignment, Assignment]:
    """One of all programs that differ only in the names of equal events and of the two workers."""
    ways: list[tuple[Assignment, Assignment]] = []
    for names in permutations(range(len(events))):
        if all(events[name] == event for name, event in zip(names, events, strict=True)):
            one, other = (tuple(names[place] for place in claimed) for claimed in (first, second))
            ways += [(one, other), (other, one)]
    return min(ways, key=lambda way: (-len(way[0]), way))


def orders(walk: Walk, program: Program) -> Orders:
    """Every order of a program."""
    world = program.register(World())
    world.store(*world.events.values())
    return walk.orders(world, program.claims)


def judge(walk: Walk, program: Program) -> int:
    """Settle each final state of every order and check it against the reference model. Returns the number of states."""
    every = orders(walk, program)
    for cells, state in every.ends.items():
        world = program.register(World(number=2))
        walk.requests.put(cells, world)
        try:
            world.settle()
            check(world)
        except AssertionError as error:
            raise AssertionError("\n".join([f"{program}: {error}", *every.to(state)])) from error
    return every.states


def outcomes(walk: Walk, program: Program) -> set[str]:
    """What can have happened at the ends of all orders, whenever it did."""
    worlds = []
    for cells in orders(walk, program).ends:
        worlds.append(program.register(World()))
        walk.requests.put(cells, worlds[-1])
    return {outcome(world) for world in worlds}


def outcome(world: World) -> str:
    """Effects so far, regardless of time and worker."""
    return str([world.statuses(), {name: provider.log for name, provider in world.logged.items()}])


@pytest.fixture(scope="module")
def walk() -> Walk:
    """Results found for a worker in one program apply in all."""
    return Walk()


@pytest.mark.parametrize("events", several(2), ids=named)
@pytest.mark.parametrize("account", ACCOUNTS)
def test_two_events_each_claimed_by_one_worker(account: str, events: Events, walk: Walk) -> None:
    for program in programs(account, events, ONE):
        assert judge(walk, program) > 10


@pytest.mark.slow
@pytest.mark.parametrize(
    "events",
    [
        pytest.param(events, marks=() if place % SHARE_IN_CI == 0 else pytest.mark.rehearsal)
        for place, events in enumerate(several(3))
    ],
    ids=named,
)
@pytest.mark.parametrize("account", ACCOUNTS)
def test_three_events_each_notified_to_one_worker(account: str, events: Events, walk: Walk) -> None:
    for program in programs(account, events, ONE):
        assert judge(walk, program) > 20


@pytest.mark.slow
@pytest.mark.parametrize("events", [*several(1), *several(2)], ids=named)
@pytest.mark.parametrize("account", ACCOUNTS)
def test_events_notified_to_both_workers(account: str, events: Events, walk: Walk) -> None:
    for program in programs(account, events, EITHER):
        if EVERYTHING or len(program.first + program.second) < 4:
            assert judge(walk, program) > 10


@pytest.mark.slow
@pytest.mark.skipif(not EVERYTHING, reason="takes twenty minutes, with RELAIS_ALL_ORDERS=1")
@pytest.mark.parametrize("events", several(3), ids=named)
@pytest.mark.parametrize("account", ACCOUNTS)
def test_three_events_one_of_which_is_notified_to_both_workers(account: str, events: Events, walk: Walk) -> None:
    for program in programs(account, events, EITHER):
        if len(program.first + program.second) == 4:
            assert judge(walk, program) > 100


@pytest.mark.slow
@pytest.mark.rehearsal
@pytest.mark.parametrize("events", several(2), ids=named)
@pytest.mark.parametrize("account", ACCOUNTS)
def test_the_length_of_waits_makes_no_difference(account: str, events: Events, walk: Walk) -> None:
    for program in programs(account, events, ONE):
        assert outcomes(walk, program) == outcomes(Walk(time_passes=True), program)


@pytest.mark.slow
@pytest.mark.parametrize("account", ACCOUNTS)
def test_real_threads_end_in_states_found_by_the_search(account: str, walk: Walk) -> None:
    """The same product where nothing is looked up: two threads that take turns at random."""
    chance = random.Random(SEED)
    for events in several(3)[::5]:
        program = chance.choice(programs(account, events, ONE))
        foreseen = outcomes(walk, program)
        for _ in range(10):
            world = program.register(World())
            world.store(*world.events.values())
            run = Run(frozenset(step for step in range(1, 60) if chance.random() < 0.3))
            world.point = run.point
            run.run(*(partial(world.worker().work, *claimed) for claimed in program.claims if claimed))
            assert outcome(world) in foreseen, f"{SEED} {program} {run.trace}"
