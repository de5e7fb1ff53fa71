"""Data erased by an erasure request, and assignment of contacts to people."""

from __future__ import annotations

import pytest

from chalicelib.domain.addresses import normal_forms
from chalicelib.domain.erasure import contacts_of, is_person, loses_its_data
from chalicelib.domain.events import EventType, Status
from chalicelib.domain.ordering import SubscriptionState

SIGNUP, LEAVE = EventType.SIGNUP, EventType.UNSUBSCRIBE
DELIVERED, SUPERSEDED, REFUSED, PARKED = Status.DELIVERED, Status.SUPERSEDED, Status.REFUSED, Status.PARKED
FORGOTTEN = SubscriptionState(unsubscribed_at=10, forgotten_at=10)


@pytest.mark.parametrize("status", [DELIVERED, SUPERSEDED, REFUSED, PARKED])
@pytest.mark.parametrize("type", [SIGNUP, LEAVE])
def test_events_up_to_the_erasure_request_are_erased(type: EventType, status: Status) -> None:
    resubscribed = SubscriptionState(unsubscribed_at=10, forgotten_at=10, signed_up_at=20)
    for at in (9, 10):
        assert loses_its_data(type, at, FORGOTTEN, (status,))
        assert loses_its_data(type, at, resubscribed, (status,))
        assert not loses_its_data(type, at, SubscriptionState(unsubscribed_at=10), (status,))


@pytest.mark.parametrize(
    ("type", "statuses", "suppressed", "does"),
    [
        (SIGNUP, (DELIVERED,), False, False),
        (SIGNUP, (PARKED,), False, False),
        (SIGNUP, (REFUSED,), False, False),
        (SIGNUP, (REFUSED,), True, True),
        (SIGNUP, (SUPERSEDED,), False, True),
        (LEAVE, (DELIVERED,), False, True),
        (LEAVE, (DELIVERED, SUPERSEDED), False, True),
        (LEAVE, (DELIVERED, PARKED), False, False),
        (LEAVE, (REFUSED,), False, False),
    ],
)
def test_later_events_are_erased_if_they_were_not_delivered(
    type: EventType, statuses: tuple[Status, ...], suppressed: bool, does: bool
) -> None:
    assert loses_its_data(type, 11, FORGOTTEN, statuses, suppressed=suppressed) is does
    resubscribed = SubscriptionState(unsubscribed_at=10, forgotten_at=10, signed_up_at=11)
    assert not loses_its_data(type, 12, resubscribed, statuses, suppressed=suppressed)
    again = SubscriptionState(unsubscribed_at=12, forgotten_at=12, signed_up_at=11)
    assert loses_its_data(type, 12, again, statuses, suppressed=suppressed)


def test_an_address_matches_in_any_spelling() -> None:
    wanted = normal_forms("Zoé@Exämple.com")
    assert all(
        is_person(email, wanted) for email in ("zoé@exämple.com", " ZOÉ@xn--exmple-cua.com", "Zoe\u0301@exämple.com")
    )
    assert not any(
        is_person(email, wanted) for email in ("zoe@exämple.com", "zoé+a@exämple.com", "", None, 5, "oé@exämple.com")
    )


def test_a_contact_matches_by_its_address() -> None:
    contacts = [
        {"Email": "A@example.com"},
        {"Email": "b@example.com", "parent": "a@example.com"},
        {"nom": "a@example.com"},
    ]
    assert contacts_of(contacts, frozenset({"a@example.com"})) == [True, False, False]
    unnamed = [{"mail": "a@example.com"}, {"mail": "b@example.com"}]
    assert contacts_of(unnamed, frozenset({"a@example.com"})) == [True, False]
    assert contacts_of([], frozenset({"a@example.com"})) == []
