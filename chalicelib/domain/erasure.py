"""Decides which events a forget request erases, and which contacts of a sync are the person's."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import assert_never

from .addresses import normal_forms
from .events import EventType, Status
from .ordering import SubscriptionState

EMAIL = "email"


def loses_its_data(
    type: EventType, at: int, state: SubscriptionState, statuses: Collection[Status], *, suppressed: bool = False
) -> bool:
    """Returns True if an event of time `at` (ms), final at all its accounts with `statuses`, must be erased.

    Events up to the time of the forget request are erased. A later event is erased if it had no effect for the person:
    a signup that was `suppressed` or superseded, such as a row of an import, and an unsubscribe that is propagated. A
    later delivered signup starts a new subscription; a later refused or parked one may still be requeued. A sync has
    no person of its own: its contacts are removed one by one.
    """
    if type is EventType.SYNC:
        return False
    if state.forgotten_at is None:
        return False
    if at <= state.forgotten_at:
        return True
    if state.signed_up_at is not None and state.signed_up_at > state.forgotten_at:
        return False
    match type:
        case EventType.SIGNUP:
            return suppressed or set(statuses) == {Status.SUPERSEDED}
        case EventType.UNSUBSCRIBE:
            return set(statuses) <= {Status.DELIVERED, Status.SUPERSEDED}
        case _:
            assert_never(type)


def is_person(email: object, person: frozenset[str]) -> bool:
    """Returns True if a value is an address of `person` (`normal_forms` of an address), in any spelling."""
    return isinstance(email, str) and "@" in email and not person.isdisjoint(normal_forms(email))


def contacts_of(contacts: Sequence[Mapping[str, str]], person: frozenset[str]) -> list[bool]:
    """Returns for each contact of a sync whether it has an address of `person`.

    If no column is called `email`, the address is in a column that only the provider can name, so any column counts.
    """
    columns = {name for contact in contacts for name in contact if name.casefold() == EMAIL}
    return [
        any(is_person(value, person) for name, value in contact.items() if not columns or name in columns)
        for contact in contacts
    ]
