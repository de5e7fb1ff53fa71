"""Every order of steps of two workers, by a search through all reachable states.

Two workers of twenty steps each have 138 billion orders, but most of them lead to the same states. A state is the data
of the world and the position of each worker, which is all answers it got so far: that determines all its future steps.
From each state every unfinished worker takes one step; an order that reaches a known state ends there, since all
continuations are tried from it anyway. So all orders are covered.

A step is one request (to the ledger, to a provider, or to wait) and everything that its worker does by itself up to the
next request. The product runs once from the beginning on each sequence of answers; the result is then cached. Effects
of requests are cached likewise.

The clock stands still, unless `time_passes`. A waiting worker lets others take any number of steps; all waits together
are seconds, while leases and deadlines are minutes away, so that no decision depends on the length of a wait.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from tests.support.memory import MemoryDynamo
from tests.support.product import START
from tests.support.reference import ACCOUNTS, LoggedProvider, World

Cells = tuple[int, ...]
"""The data of the world: the number of a value in each cell, 0 where there is none."""

CELLS = 40
CLOCK = 0
LEDGER = ("get_item", "batch_get_item", "update_item")
"""What workers of single accounts ask of the ledger."""


class Request(NamedTuple):
    """What a worker asks for: of the ledger an operation, of a provider a verb, or else to start or to wait."""

    whom: str
    verb: str
    what: Any = None


START_OF_WORK = Request("worker", "start")


class Numbers:
    """A number for each value, the same for equal ones."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._known: dict[str, int] = {}

    def of(self, value: Any) -> int:
        """Return the number of a JSON value."""
        number = self._known.setdefault(json.dumps(value, sort_keys=True), len(self.values))
        if number == len(self.values):
            self.values.append(value)
        return number


class Requests:
    """What requests do to the world, and what they are answered."""

    def __init__(self, time_passes: bool) -> None:
        self.values, self.requests = Numbers(), Numbers()
        self.nothing = self.values.of(None)
        self._time_passes = time_passes
        self._ledger = MemoryDynamo()
        self._names, self._cells = Numbers(), list[tuple[int, ...]]()
        self._done: dict[tuple[int, Cells], tuple[Cells, int]] = {}
        assert (self.nothing, self.cell("clock")) == (0, CLOCK)

    def cell(self, *name: str) -> int:
        """Return the cell of an item, a provider's log or the clock."""
        number = self._names.of(name)
        assert number < CELLS
        return number

    def number(self, request: Request) -> int:
        """Return the number of a request."""
        number = self.requests.of(request)
        if number == len(self._cells):
            self._cells.append(tuple(self._used_by(request)))
        return number

    def carry_out(self, number: int, world: Cells) -> tuple[Cells, int]:
        """Return the world after a request, and the answer's number."""
        cells = self._cells[number]
        before = tuple([world[cell] for cell in cells])
        done = self._done.get((number, before))
        if done is None:
            done = self._done[number, before] = self._carry_out(self.requests.values[number], before)
        after, answer = done
        if after == before:
            return world, answer
        changed = list(world)
        for cell, value in zip(cells, after, strict=True):
            changed[cell] = value
        return tuple(changed), answer

    def cells_of(self, world: World) -> Cells:
        """Return the data of a world, as cells."""
        cells = [self.nothing] * CELLS
        cells[CLOCK] = self.values.of(0)
        for pk, partition in world.dynamo.items.items():
            for sk, item in partition.items():
                cells[self.cell(pk, sk)] = self.values.of(item)
        return tuple(cells)

    def put(self, cells: Cells, world: World) -> None:
        """Load the cells into a new world."""
        for name, number in zip(self._names.values, cells, strict=False):
            value = deepcopy(self.values.values[number])
            if name == ("clock",):
                world.clock.forward(seconds=value)
            elif value is not None and name[0] in ACCOUNTS:
                world.logged[name[0]].log = [(verb, email) for verb, email in value]
            elif value is not None:
                world.dynamo.put_items({(name[0], name[1]): value})

    def _used_by(self, request: Request) -> Iterable[int]:
        if request.whom == "ledger":
            return [self.cell(*key) for key in _keys(request.what)]
        if request.whom in ACCOUNTS:
            return [self.cell(request.whom, "log")]
        return [CLOCK] if request.verb == "wait" and self._time_passes else []

    def _carry_out(self, request: Request, before: Cells) -> tuple[Cells, int]:
        held = [self.values.values[number] for number in before]
        if request.whom == "ledger":
            return self._ask_ledger(request, held)
        if request.whom in ACCOUNTS:
            after = [*(held[0] or ()), *([request.verb, email] for email in request.what)]
            return (self.values.of(after),), self.nothing
        return tuple(self.values.of(round(now + request.what, 3)) for now in held), self.nothing

    def _ask_ledger(self, request: Request, held: Sequence[Any]) -> tuple[Cells, int]:
        ledger, keys = self._ledger, _keys(request.what)
        ledger.put_items(dict(zip(keys, held, strict=True)))
        assert request.verb in LEDGER, f"may be about more than its keys: {request}"
        try:
            answer = {"answer": getattr(ledger, request.verb)(**request.what)}
        except ClientError as error:
            answer = {"error": error.response, "operation": error.operation_name}
        after = [ledger.item(key) for key in keys]
        ledger.put_items(dict.fromkeys(keys))
        return tuple(map(self.values.of, after)), self.values.of(answer)


@dataclass(eq=False, slots=True)
class Place:
    """Where a worker is: `before` it was at another place, and was answered with a number at a time."""

    before: tuple[Place, int, int] | None = None
    asks: int | None = None
    """The number of the request that comes next; None if that is not known."""
    ended: bool = False
    _after: dict[tuple[int, int], Place] = field(default_factory=dict)

    def after(self, answer: int, now: int) -> Place:
        """Where the worker is once it is answered."""
        place = self._after.get((answer, now))
        if place is None:
            place = self._after[answer, now] = Place((self, answer, now))
        return place

    @property
    def is_known(self) -> bool:
        """Is it known what the worker does here?"""
        return self.ended or self.asks is not None


State = tuple[Cells, Place, Place]


class Play:
    """One run of a worker: along to `place` as it was answered on the way there, and then on in `world` to its end."""

    def __init__(self, requests: Requests, place: Place, world: Cells) -> None:
        self._requests = requests
        self._world = world
        self._to_come: list[tuple[int, int]] = []
        while place.before is not None:
            place, *answer_and_time = place.before
            self._to_come.append((answer_and_time[0], answer_and_time[1]))
        self._place = place

    def run(self, number: int, ids: Sequence[str]) -> None:
        """Have worker `number` work on events."""
        providers: Any = {name: _Asked(self, name) for name in ACCOUNTS}
        self._worker = worker = _Worker(dynamo=_Ledger(self), queues=None, providers=providers, number=number)
        worker.play = self
        self.ask(START_OF_WORK)
        self._worker.work(*ids)
        assert not self._place.is_known, "it did more at another time"
        self._place.ended = True

    def ask(self, request: Request) -> Any:
        """Return what the worker is answered."""
        requests = self._requests
        if self._place.asks is None:
            assert not self._place.ended, f"it did less at another time: {request}"
            self._place.asks = requests.number(request)
        assert requests.requests.values[self._place.asks] == request, "it did something else at another time"
        if self._to_come:
            answer, now = self._to_come.pop()
        else:
            self._world, answer = requests.carry_out(self._place.asks, self._world)
            now = self._world[CLOCK]
        self._place = self._place.after(answer, now)
        self._worker.clock.now = START + timedelta(seconds=requests.values.values[now])
        return requests.values.values[answer]


class _Worker(World):
    """The product in a play."""

    play: Play

    def _wait(self, seconds: float) -> None:
        self.play.ask(Request("worker", "wait", seconds))


class _Ledger:
    """A DynamoDB client for a play."""

    def __init__(self, play: Play) -> None:
        self._play = play

    def __getattr__(self, operation: str) -> Any:
        def call(**request: Any) -> Any:
            given = self._play.ask(Request("ledger", operation, request))
            if "error" in given:
                raise ClientError(given["error"], given["operation"])
            return given["answer"]

        return call


class _Asked(LoggedProvider):
    """A provider in a play."""

    def __init__(self, play: Play, account: str) -> None:
        super().__init__()
        self._play = play
        self._account = account

    def _do(self, verb: str, emails: list[str]) -> None:
        self._play.ask(Request(self._account, verb, emails))


class Orders:
    """All orders of two workers that begin in one state, and the states that they end in."""

    def __init__(self, walk: Walk, start: State, claims: Sequence[Sequence[str]]) -> None:
        self.steps = 0
        self.ends: dict[Cells, State] = {}
        self._walk = walk
        self._claims = claims
        self._came: dict[State, tuple[State, int] | None] = {start: None}
        waiting = [start]
        while waiting:
            state = waiting.pop()
            if state[1].ended and state[2].ended:
                self.ends.setdefault(state[0], state)
            for number, place in enumerate(state[1:]):
                if not place.ended:
                    after = self._after(state, number, place)
                    if after not in self._came:
                        self._came[after] = (state, number)
                        waiting.append(after)

    @property
    def states(self) -> int:
        """How many there are."""
        return len(self._came)

    def to(self, state: State) -> list[str]:
        """Return one order that leads to a state: who asks what."""
        requests, order = self._walk.requests.requests.values, list[str]()
        while (came := self._came[state]) is not None:
            state, number = came
            place = state[1 + number]
            assert place.asks is not None
            order.append(f"{number}: {_described(requests[place.asks])}")
        return order[::-1]

    def _after(self, state: State, number: int, place: Place) -> State:
        """Return the state that a worker's next step brings about."""
        self.steps += 1
        assert place.asks is not None
        world, answer = self._walk.requests.carry_out(place.asks, state[0])
        place = place.after(answer, world[CLOCK])
        if not place.is_known:
            self._find_out(state, number, place, world)
        return (world, state[1], place) if number else (world, place, state[2])

    def _find_out(self, state: State, number: int, place: Place, world: Cells) -> None:
        try:
            self._walk.plays += 1
            Play(self._walk.requests, place, world).run(number, self._claims[number])
        except Exception as error:
            raise AssertionError("\n".join([f"{number} broke: {error!r}", *self.to(state)])) from error


class Walk:
    """Everything known about workers, shared between programs."""

    def __init__(self, *, time_passes: bool = False) -> None:
        self.requests = Requests(time_passes)
        self.plays = 0
        self._starts: dict[tuple[int, tuple[str, ...]], Place] = {}

    def orders(self, world: World, claims: Sequence[tuple[str, ...]]) -> Orders:
        """Return all orders in which two workers can process the events that each has claimed."""
        first, second = (self._start(number, ids) for number, ids in enumerate(claims))
        return Orders(self, (self.requests.cells_of(world), first, second), claims)

    def _start(self, number: int, ids: tuple[str, ...]) -> Place:
        return self._starts.setdefault((number, ids), Place(asks=self.requests.number(START_OF_WORK)))


def _keys(request: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the keys of what the ledger is asked for."""
    keys = [key for table in request.get("RequestItems", {}).values() for key in table["Keys"]] or [request["Key"]]
    return [(key["pk"]["S"], key["sk"]["S"]) for key in keys]


def _described(request: Request) -> str:
    """Return a request in one line."""
    if request.whom != "ledger":
        return f"{request.whom} {request.verb} {request.what or ''}"
    what = request.what.get("UpdateExpression", "")
    return f"{request.verb} {' '.join('/'.join(key) for key in _keys(request.what))} {what}"
