"""From single deliveries to the provider's calls: who goes with whom, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .events import Delivery, Event, EventType


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
    """Tasks that one kind of call can carry: one account, one verb, one list."""

    account: str
    verb: EventType
    list: str | None
    """The list of signups; None for unsubscribes, and for signups that only lift."""
    tasks: tuple[Task, ...]


def by_account(tasks: Iterable[Task]) -> Mapping[str, tuple[Group, ...]]:
    """Tasks grouped for delivery, by account. Unsubscribes come first, so that older signups find the later word.

    A delivery that comes twice, as when an event and a ring for it meet in one batch, is made once.
    """
    gathered: dict[tuple[str, bool, str | None], list[Task]] = {}
    for task in {(task.event.id, task.account): task for task in tasks}.values():
        is_signup = task.event.type is EventType.SIGNUP
        gathered.setdefault((task.account, is_signup, task.event.list if is_signup else None), []).append(task)
    groups: dict[str, list[Group]] = {}
    for account, is_signup, list_id in sorted(gathered, key=lambda key: (key[0], key[1], key[2] or "")):
        verb = EventType.SIGNUP if is_signup else EventType.UNSUBSCRIBE
        tasks_of = tuple(sorted(gathered[account, is_signup, list_id], key=lambda task: task.event.occurred_at))
        groups.setdefault(account, []).append(Group(account, verb, list_id, tasks_of))
    return {account: tuple(of_account) for account, of_account in groups.items()}
