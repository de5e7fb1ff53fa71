"""Every rule that distinguishes event types covers all of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

import pytest

from chalicelib.config.other_sections import _EVENT_TYPES
from chalicelib.delivery.worker import TYPE_OF
from chalicelib.domain.addresses import Reading
from chalicelib.domain.erasure import loses_its_data
from chalicelib.domain.events import Event, EventType, Status
from chalicelib.domain.ordering import SubscriptionState
from chalicelib.ledger.subscriptions import DeliveryAttempt, decision
from chalicelib.names import QueueKind
from chalicelib.notification.notifier import QUEUE_OF
from chalicelib.reconciliation.sweep import BY_URGENCY

START = datetime(2026, 3, 1, tzinfo=UTC)
SIGNUP = Event("e1", EventType.SIGNUP, "a@example.com", ("paris",), START, START, list="1")


def test_every_type_is_swept_unsubscribes_first() -> None:
    assert BY_URGENCY == (EventType.UNSUBSCRIBE, EventType.SIGNUP, EventType.SYNC)
    assert set(_EVENT_TYPES) == {type.value for type in EventType}


def test_every_type_has_a_queue_of_its_own() -> None:
    assert set(QUEUE_OF) == set(EventType)
    assert {kind: QUEUE_OF[type] for kind, type in TYPE_OF.items()} == {kind: kind for kind in get_args(QueueKind)}


def test_only_a_sync_does_not_wait_for_its_account() -> None:
    assert [type for type in EventType if not type.waits_for_account] == [EventType.SYNC]


def test_a_sync_is_not_erased_as_a_persons_event() -> None:
    forgotten = SubscriptionState(unsubscribed_at=10, forgotten_at=10)
    for at in (5, 15):
        assert not loses_its_data(EventType.SYNC, at, forgotten, (Status.DELIVERED,))
        assert loses_its_data(EventType.UNSUBSCRIBE, at, forgotten, (Status.DELIVERED,))


def test_a_sync_has_no_order_with_a_persons_events() -> None:
    attempt = DeliveryAttempt(replace(SIGNUP, type=EventType.SYNC), "paris", START, "token", Reading("a@example.com"))
    with pytest.raises(ValueError, match="event e1 is a sync"):
        decision(attempt, SubscriptionState())
