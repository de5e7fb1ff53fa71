"""The rules of order: decisions as a table, and properties for any times."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from chalicelib.domain.events import EventType, Status
from chalicelib.domain.ordering import (
    Decision,
    Lease,
    LeaseState,
    SubscriptionState,
    decide_signup,
    decide_unsubscribe,
    latest,
    lease_state,
    merge,
    settled,
)

times = st.integers(0, 5)
maybe = st.none() | times
states = st.builds(SubscriptionState, unsubscribed_at=maybe, signed_up_at=maybe)
statuses = st.sampled_from(Status)


def _decide(
    at: int, state: SubscriptionState, *, may_lift: bool, provider_lifts: bool, reverted_at: int | None = None
) -> Decision:
    return decide_signup(
        at,
        state,
        may_lift_suppression=may_lift,
        provider_lifts_suppression=provider_lifts,
        reverted_at=reverted_at,
    )


def leased(type: EventType, at: int = 5, until: int = 10) -> Lease:
    return Lease("e", type, at=at, until=until, token="t")


@pytest.mark.parametrize(
    ("left", "joined", "may_lift", "provider_lifts", "decision"),
    [
        (None, None, False, False, Decision.GO),
        (None, 9, False, False, Decision.GO),
        (4, None, True, True, Decision.LIFT_SUPPRESSION),
        (4, None, False, True, Decision.SUPPRESSED),
        (4, None, True, False, Decision.SUPPRESSED),
        (4, 3, True, False, Decision.SUPPRESSED),
        (4, 4, True, False, Decision.SUPPRESSED),
        (4, 5, False, False, Decision.GO),
        (5, None, True, True, Decision.SUPERSEDED),
        (6, None, True, True, Decision.SUPERSEDED),
        (6, 7, True, True, Decision.SUPERSEDED),
    ],
)
def test_a_signup_of_time_five(
    left: int | None,
    joined: int | None,
    may_lift: bool,
    provider_lifts: bool,
    decision: Decision,
) -> None:
    assert (
        _decide(
            5,
            SubscriptionState(left, joined),
            may_lift=may_lift,
            provider_lifts=provider_lifts,
        )
        is decision
    )


@pytest.mark.parametrize(
    ("left", "joined", "may_lift", "provider_lifts", "decision"),
    [
        (3, None, True, False, Decision.GO),
        (3, None, False, False, Decision.GO),
        (2, 1, False, False, Decision.GO),
        (4, None, True, False, Decision.SUPPRESSED),  # an unsubscribe after the manual resubscription
        (5, None, True, False, Decision.SUPERSEDED),
        (3, None, True, True, Decision.LIFT_SUPPRESSION),
        (3, None, False, True, Decision.SUPPRESSED),  # manual resubscription is only for providers that cannot lift
    ],
)
def test_a_signup_of_time_five_after_a_manual_resubscription_of_time_three(
    left: int, joined: int | None, may_lift: bool, provider_lifts: bool, decision: Decision
) -> None:
    subscription = SubscriptionState(left, joined)
    assert (
        _decide(
            5,
            subscription,
            may_lift=may_lift,
            provider_lifts=provider_lifts,
            reverted_at=3,
        )
        is decision
    )


@pytest.mark.parametrize(
    ("left", "joined", "decision"),
    [
        (None, None, Decision.GO),
        (5, None, Decision.GO),
        (9, None, Decision.GO),
        (5, 4, Decision.GO),
        (5, 5, Decision.GO),
        (5, 6, Decision.SUPERSEDED),
    ],
)
def test_an_unsubscribe_of_time_five(left: int | None, joined: int | None, decision: Decision) -> None:
    assert decide_unsubscribe(5, SubscriptionState(left, joined)) is decision


@given(times, states, st.booleans(), st.booleans())
def test_a_signup_is_superseded_exactly_by_an_unsubscribe_of_the_same_or_a_later_time(
    at: int, subscription: SubscriptionState, may_lift: bool, provider_lifts: bool
) -> None:
    decision = _decide(at, subscription, may_lift=may_lift, provider_lifts=provider_lifts)
    assert (decision is Decision.SUPERSEDED) == (
        subscription.unsubscribed_at is not None and subscription.unsubscribed_at >= at
    )


@given(times, states)
def test_permission_never_makes_a_decision_worse(at: int, subscription: SubscriptionState) -> None:
    allowed = _decide(at, subscription, may_lift=True, provider_lifts=True)
    for may_lift, provider_lifts in ((True, False), (False, True), (False, False)):
        decision = _decide(at, subscription, may_lift=may_lift, provider_lifts=provider_lifts)
        assert decision is allowed or (allowed, decision) == (Decision.LIFT_SUPPRESSION, Decision.SUPPRESSED)


@given(times, times, states)
def test_one_of_two_opposite_events_is_always_delivered(join: int, leave: int, subscription: SubscriptionState) -> None:
    """Whichever is delivered first, the provider ends with the later event."""
    joined = merge(subscription, SubscriptionState(signed_up_at=join))
    left = merge(subscription, SubscriptionState(unsubscribed_at=leave))
    if leave >= join:
        assert _decide(join, left, may_lift=True, provider_lifts=True) is Decision.SUPERSEDED
    else:
        assert decide_unsubscribe(leave, joined) is Decision.SUPERSEDED


@given(st.lists(states, max_size=4))
def test_merging_keeps_the_latest_of_each_in_any_order(given_states: list[SubscriptionState]) -> None:
    merged = merge(*given_states)
    assert merged.unsubscribed_at == latest(*(subscription.unsubscribed_at for subscription in given_states))
    assert merged.signed_up_at == latest(*(subscription.signed_up_at for subscription in given_states))
    assert merge(*reversed(given_states)) == merged == merge(merged, merged)


@pytest.mark.parametrize("type", [EventType.SIGNUP, EventType.UNSUBSCRIBE])
@given(subscription=states, status=st.none() | statuses)
def test_only_a_delivered_signup_changes_the_subscription_state(
    type: EventType, subscription: SubscriptionState, status: Status | None
) -> None:
    with_lease = SubscriptionState(subscription.unsubscribed_at, subscription.signed_up_at, leased(type))
    after = settled(with_lease, lambda _: status)
    counts = type is EventType.SIGNUP and status in (Status.DELIVERED, None)
    assert after.lease is None and after.unsubscribed_at == subscription.unsubscribed_at
    assert after.signed_up_at == (latest(subscription.signed_up_at, 5) if counts else subscription.signed_up_at)
    assert settled(after, lambda _: status) == after


def test_the_latest_delivered_signup_of_a_row_counts() -> None:
    row = replace(leased(EventType.SIGNUP), others={"f": 7, "g": 9})
    ends = {"e": Status.DELIVERED, "f": None, "g": Status.REFUSED}
    assert settled(SubscriptionState(lease=row), ends.get).signed_up_at == 7
    assert settled(SubscriptionState(lease=row), lambda _: Status.PENDING).signed_up_at is None


@given(st.booleans(), st.integers(0, 20))
def test_a_lease_blocks_only_while_a_delivery_of_it_is_pending(pending: bool, now: int) -> None:
    state = lease_state(leased(EventType.SIGNUP, until=10), pending, now)
    expected = LeaseState.DONE if not pending else LeaseState.BUSY if now < 10 else LeaseState.LOST
    assert state is expected
