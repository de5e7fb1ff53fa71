"""Groups deliveries into provider calls and orders them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal, assert_never

from ..domain.addresses import normalise
from ..domain.events import Delivery, Event, EventType

MOST_IN_A_ROW = 500
"""Most signups of one row: their ids are all stored in the lease of their address, at most 70 KB."""
DeliveredType = Literal[EventType.SIGNUP, EventType.UNSUBSCRIBE]
"""The event types that are delivered by a provider call."""


@dataclass(frozen=True, slots=True)
class Task:
    """One delivery to make now."""

    event: Event
    delivery: Delivery

    @property
    def account(self) -> str:
        """The account to deliver to."""
        return self.delivery.account


@dataclass(frozen=True, slots=True)
class Group:
    """Tasks that can share a call: one account, one event type, one list."""

    account: str
    event_type: DeliveredType
    list: str | None
    """The list of signups; None for unsubscribes, and for signups that only lift a suppression."""
    tasks: tuple[Task, ...]


def by_account(tasks: Iterable[Task]) -> Mapping[str, tuple[Group, ...]]:
    """Groups tasks for delivery, by account. Unsubscribes come first, so that older signups see the later state.

    A delivery given twice, as when an event and a notification of it meet in one batch, is made once. Raises ValueError
    for a sync, which no provider call delivers.
    """
    gathered: dict[tuple[str, int, DeliveredType, str | None], list[Task]] = {}
    for task in {(task.event.id, task.account): task for task in tasks}.values():
        gathered.setdefault((task.account, *_call_of(task.event)), []).append(task)
    groups: dict[str, list[Group]] = {}
    for (account, _, event_type, list_id), tasks_of in sorted(
        gathered.items(), key=lambda entry: (*entry[0][:2], entry[0][3] or "")
    ):
        in_order = tuple(sorted(tasks_of, key=attrgetter("event.occurred_at")))
        groups.setdefault(account, []).append(Group(account, event_type, list_id, in_order))
    return {account: tuple(of_account) for account, of_account in groups.items()}


def in_rows(tasks: Iterable[Task], *, merged: bool = True) -> list[tuple[Task, ...]]:
    """Groups tasks of one account into rows of calls: signups of one address, list and right to lift go as one row.

    The earliest signup of a row is first. Every other task is a row of its own; without `merged`, every task is.
    """
    if not merged:
        return [(task,) for task in tasks]
    gathered: dict[Hashable, list[Task]] = {}
    for task in tasks:
        gathered.setdefault(_row_of(task), []).append(task)
    rows: list[tuple[Task, ...]] = []
    for same in gathered.values():
        same.sort(key=attrgetter("event.occurred_at", "event.accepted_at", "event.id"))
        rows += [tuple(same[start : start + MOST_IN_A_ROW]) for start in range(0, len(same), MOST_IN_A_ROW)]
    return rows


def _row_of(task: Task) -> Hashable:
    event = task.event
    if event.type is not EventType.SIGNUP or event.only_lifts_suppression:
        return event.id
    return normalise(event.email), event.list, event.may_lift_suppression, task.delivery.reverted_unsubscribe_at


def _call_of(event: Event) -> tuple[int, DeliveredType, str | None]:
    """Returns the rank and the event type of the call that an event needs, and the list that the call is for."""
    match event.type:
        case EventType.UNSUBSCRIBE:
            return 0, EventType.UNSUBSCRIBE, None
        case EventType.SIGNUP:
            return 1, EventType.SIGNUP, event.list
        case EventType.SYNC:
            raise ValueError(f"event {event.id} is a sync: it makes events, and no call of a provider delivers it")
        case _:
            assert_never(event.type)
