"""What is erased once a person has asked to be forgotten, and which contacts of a sync are that person's."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import assert_never

from .addresses import normalise
from .events import EventType, Status
from .ordering import SubscriptionState

EMAIL = "email"


def loses_its_data(
    type: EventType, at: int, word: SubscriptionState, statuses: Collection[Status], *, suppressed: bool = False
) -> bool:
    """Must an event of time `at` (ms) that has ended so, at all its accounts, lose its personal data?

    Whatever is no younger than the wish to be forgotten must. What comes later must where nothing came of it for the
    person: a signup that was `suppressed` or superseded, such as a row of an import, and an unsubscribe that is told.
    A later signup that was delivered begins anew, and one that the provider refused or that was parked may still be
    sent again. A sync has no person of its own: the contacts in it are taken out one by one.
    """
    if type is EventType.SYNC:
        return False
    if word.forgotten_at is None:
        return False
    if at <= word.forgotten_at:
        return True
    if word.signed_up_at is not None and word.signed_up_at > word.forgotten_at:
        return False
    match type:
        case EventType.SIGNUP:
            return suppressed or set(statuses) == {Status.SUPERSEDED}
        case EventType.UNSUBSCRIBE:
            return set(statuses) <= {Status.DELIVERED, Status.SUPERSEDED}
        case _:
            assert_never(type)


def is_person(email: object, normalised: str) -> bool:
    """Is a value an address that meets `normalised`, whatever its spelling?"""
    return isinstance(email, str) and "@" in email and normalise(email) == normalised


def contacts_of(contacts: Sequence[Mapping[str, str]], normalised: str) -> list[bool]:
    """For each contact of a sync, whether it is that of the address `normalised`.

    Where no column is called `email` the list's own is the address, which only the provider can name; then any column
    may be.
    """
    columns = {name for contact in contacts for name in contact if name.casefold() == EMAIL}
    return [
        any(is_person(value, normalised) for name, value in contact.items() if not columns or name in columns)
        for contact in contacts
    ]
