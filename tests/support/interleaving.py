"""Workers that run concurrently one step at a time, in an order chosen by the test, with faults at any step.

A step ends where a worker is about to call the ledger, waits, or is right before or after the work of a provider.
Nothing between two such points is visible to another worker, so the orders of steps are all the orders there are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError


class Died(BaseException):
    """The process was killed: nothing of it runs any more, not even its `except`."""


class Repeat(Exception):
    """The operation is done, its answer is lost, and botocore does it once more."""


class AnswerLost(Exception):
    """The operation is done, and neither its answer nor that of any repetition arrives."""


class NotDone(Exception):
    """The operation is not done, however often botocore tries."""


Point = Callable[[str], None]
"""Called with the name of what comes next; may raise one of the above."""


def at_operation(at: int, act: Callable[[str], object]) -> Point:
    """Return a `point` that does `act` once, at the operation of that number."""
    left = [at]

    def point(name: str) -> None:
        left[0] -= 1
        if left[0] == -1:
            act(name)

    return point


def fail_at(number: int, fault: type[BaseException]) -> Point:
    """Return a `point` that raises `fault` at the operation of that number."""
    return at_operation(number, lambda name: _fail(name, fault))


def _fail(name: str, fault: type[BaseException]) -> None:
    """Raise `fault`; a worker may die anywhere, the rest can only happen to the ledger, whose operations have a `_`."""
    if fault is Died or "_" in name:
        raise fault


def fail_each_operation(run: Callable[[Point], object], fault: type[BaseException]) -> int:
    """Call `run` once for each operation, which fails that time, and once without; returns the number of operations."""
    number, reached = -1, True
    while reached:
        number, reached = number + 1, False

        def act(name: str) -> None:
            nonlocal reached
            reached = True
            _fail(name, fault)

        try:
            run(at_operation(number, act))
        except AssertionError as error:
            error.add_note(f"{fault.__name__} at operation {number}")
            raise
    return number


class Tapped:
    """A boto3 client, or a substitute, that calls `point` before every operation."""

    def __init__(self, client: Any, point: Point) -> None:
        self._client = client
        self._point = point

    def __getattr__(self, operation: str) -> Any:
        call = getattr(self._client, operation)

        def tapped(**request: Any) -> Any:
            try:
                self._point(operation)
            except Repeat:
                _quietly(call, request)
            except AnswerLost:
                _quietly(call, request)
                raise _unavailable(operation) from None
            except NotDone:
                raise _unavailable(operation) from None
            return call(**request)

        return tapped


def _quietly(call: Callable[..., Any], request: Mapping[str, Any]) -> None:
    try:
        call(**request)
    except ClientError:
        return


def _unavailable(operation: str) -> ClientError:
    """Return what botocore raises once its own repetitions are used up."""
    return ClientError({"Error": {"Code": "InternalServerError", "Message": "down"}}, operation)


class OneByOne:
    """In place of a thread pool: the same work in the thread that asks for it, so that a worker has one thread."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def __enter__(self) -> OneByOne:
        return self

    def __exit__(self, *_: object) -> None: ...

    def map(self, work: Callable[..., Any], *values: Iterable[Any]) -> Iterator[Any]:
        return iter([work(*each) for each in zip(*values, strict=False)])


@dataclass
class _Actor:
    work: Callable[[], None]
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    done: bool = False
    killed: bool = False
    failure: BaseException | None = None


@dataclass
class Run:
    """Runs actors in turn: the first one continues until it ends or one of `switches`, counted in steps of all, is
    reached.

    `kill` names an actor and the step, counted in its own, before which it dies. `steps` is the number of steps taken.
    """

    switches: frozenset[int] = frozenset()
    kill: tuple[int, int] | None = None
    steps: int = 0
    own_steps: dict[int, int] = field(default_factory=dict)
    trace: list[tuple[int, str]] = field(default_factory=list)
    _actors: list[_Actor] = field(default_factory=list)
    _here: threading.local = field(default_factory=threading.local)
    _controller: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def point(self, name: str) -> None:
        """Where another actor may go first. Outside a run, and outside the actors' threads, nothing happens."""
        number: int | None = getattr(self._here, "number", None)
        if number is None:
            return
        actor = self._actors[number]
        if actor.killed:
            raise Died
        self.trace.append((number, name))
        self._controller.release()
        actor.go.acquire()
        if actor.killed:
            raise Died

    def run(self, *works: Callable[[], None]) -> None:
        """Run all of `works` to their ends. Raises what one of them raised, unless it was killed."""
        self._actors = [_Actor(work) for work in works]
        threads = [
            threading.Thread(target=self._act, args=(number,), daemon=True) for number in range(len(self._actors))
        ]
        for thread in threads:
            thread.start()
            self._controller.acquire()  # it waits at its start
        self._turn_by_turn()
        for thread in threads:
            thread.join(10)
        for actor in self._actors:
            if actor.failure is not None:
                raise actor.failure

    def _turn_by_turn(self) -> None:
        current = 0
        while alive := [number for number, actor in enumerate(self._actors) if not actor.done]:
            if current not in alive or self.steps in self.switches:
                current = next((number for number in alive if number > current), alive[0])
            own = self.own_steps[current] = self.own_steps.get(current, -1) + 1
            if self.kill == (current, own):
                self._actors[current].killed = True
            self.steps += 1
            self._actors[current].go.release()
            self._controller.acquire()

    def _act(self, number: int) -> None:
        actor = self._actors[number]
        self._here.number = number
        self._controller.release()
        actor.go.acquire()
        try:
            if not actor.killed:
                actor.work()
        except Died:
            actor.killed = True
        except BaseException as error:  # any: it is raised again where the run was asked for
            actor.failure = error
        finally:
            actor.done = True
            self._controller.release()


def all_orders(run: Callable[[frozenset[int]], int], most_switches: int) -> int:
    """Run every order of two actors with at most as many switches; `run` returns the number of steps of an order.

    Returns the number of orders. The caller varies which actor goes first.
    """
    waiting: list[tuple[int, ...]] = [()]
    count = 0
    while waiting:
        switches = waiting.pop()
        steps = run(frozenset(switches))
        count += 1
        if len(switches) < most_switches:
            first = switches[-1] + 1 if switches else 1
            waiting += [(*switches, step) for step in range(first, steps)]
    return count
