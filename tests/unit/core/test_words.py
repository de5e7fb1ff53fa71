"""Whose word counts: the verdicts as a table, and what must hold for any times."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from chalicelib.domain.events import EventType, Status
from chalicelib.domain.ordering import (
    Hold,
    Holder,
    Verdict,
    Word,
    holder_state,
    latest,
    merge,
    settled,
    signup_verdict,
    unsubscribe_verdict,
)

times = st.integers(0, 5)
maybe = st.none() | times
words = st.builds(Word, unsubscribed_at=maybe, signed_up_at=maybe)
statuses = st.sampled_from(Status)


def held(type: EventType, at: int = 5, until: int = 10) -> Hold:
    return Hold("e", type, at=at, until=until, token="t")


@pytest.mark.parametrize(
    ("left", "joined", "may_lift", "provider_lifts", "verdict"),
    [
        (None, None, False, False, Verdict.GO),
        (None, 9, False, False, Verdict.GO),
        (4, None, True, True, Verdict.LIFT),
        (4, None, False, True, Verdict.SUPPRESSED),
        (4, None, True, False, Verdict.SUPPRESSED),
        (4, 3, True, False, Verdict.SUPPRESSED),
        (4, 4, True, False, Verdict.SUPPRESSED),
        (4, 5, False, False, Verdict.GO),
        (5, None, True, True, Verdict.SUPERSEDED),
        (6, None, True, True, Verdict.SUPERSEDED),
        (6, 7, True, True, Verdict.SUPERSEDED),
    ],
)
def test_a_signup_of_time_five(
    left: int | None, joined: int | None, may_lift: bool, provider_lifts: bool, verdict: Verdict
) -> None:
    assert signup_verdict(5, Word(left, joined), may_lift=may_lift, provider_lifts=provider_lifts) is verdict


@pytest.mark.parametrize(
    ("left", "joined", "may_lift", "provider_lifts", "verdict"),
    [
        (3, None, True, False, Verdict.GO),
        (3, None, False, False, Verdict.GO),
        (2, 1, False, False, Verdict.GO),
        (4, None, True, False, Verdict.SUPPRESSED),  # somebody left again after what the operator undid
        (5, None, True, False, Verdict.SUPERSEDED),
        (3, None, True, True, Verdict.LIFT),
        (3, None, False, True, Verdict.SUPPRESSED),  # the operator's word is for what cannot be asked of the provider
    ],
)
def test_a_signup_of_time_five_whose_suppression_of_time_three_was_taken_back_by_hand(
    left: int, joined: int | None, may_lift: bool, provider_lifts: bool, verdict: Verdict
) -> None:
    word = Word(left, joined)
    assert signup_verdict(5, word, may_lift=may_lift, provider_lifts=provider_lifts, taken_back=3) is verdict


@pytest.mark.parametrize(
    ("left", "joined", "verdict"),
    [
        (None, None, Verdict.GO),
        (5, None, Verdict.GO),
        (9, None, Verdict.GO),
        (5, 4, Verdict.GO),
        (5, 5, Verdict.GO),
        (5, 6, Verdict.SUPERSEDED),
    ],
)
def test_an_unsubscribe_of_time_five(left: int | None, joined: int | None, verdict: Verdict) -> None:
    assert unsubscribe_verdict(5, Word(left, joined)) is verdict


@given(times, words, st.booleans(), st.booleans())
def test_a_signup_is_superseded_exactly_by_an_unsubscribe_of_the_same_or_a_later_time(
    at: int, word: Word, may_lift: bool, provider_lifts: bool
) -> None:
    verdict = signup_verdict(at, word, may_lift=may_lift, provider_lifts=provider_lifts)
    assert (verdict is Verdict.SUPERSEDED) == (word.unsubscribed_at is not None and word.unsubscribed_at >= at)


@given(times, words)
def test_permission_never_makes_a_verdict_worse(at: int, word: Word) -> None:
    allowed = signup_verdict(at, word, may_lift=True, provider_lifts=True)
    for may_lift, provider_lifts in ((True, False), (False, True), (False, False)):
        verdict = signup_verdict(at, word, may_lift=may_lift, provider_lifts=provider_lifts)
        assert verdict is allowed or (allowed, verdict) == (Verdict.LIFT, Verdict.SUPPRESSED)


@given(times, times, words)
def test_one_of_two_opposite_words_always_goes(join: int, leave: int, word: Word) -> None:
    """Whichever is delivered first, the provider ends with the later word."""
    joined = merge(word, Word(signed_up_at=join))
    left = merge(word, Word(unsubscribed_at=leave))
    if leave >= join:
        assert signup_verdict(join, left, may_lift=True, provider_lifts=True) is Verdict.SUPERSEDED
    else:
        assert unsubscribe_verdict(leave, joined) is Verdict.SUPERSEDED


@given(st.lists(words, max_size=4))
def test_merging_keeps_the_latest_of_each_in_any_order(given_words: list[Word]) -> None:
    merged = merge(*given_words)
    assert merged.unsubscribed_at == latest(*(word.unsubscribed_at for word in given_words))
    assert merged.signed_up_at == latest(*(word.signed_up_at for word in given_words))
    assert merge(*reversed(given_words)) == merged == merge(merged, merged)


@pytest.mark.parametrize("type", [EventType.SIGNUP, EventType.UNSUBSCRIBE])
@given(word=words, status=st.none() | statuses)
def test_only_a_delivered_signup_leaves_something_behind(type: EventType, word: Word, status: Status | None) -> None:
    with_hold = Word(word.unsubscribed_at, word.signed_up_at, held(type))
    after = settled(with_hold, status)
    counts = type is EventType.SIGNUP and status in (Status.DELIVERED, None)
    assert after.hold is None and after.unsubscribed_at == word.unsubscribed_at
    assert after.signed_up_at == (latest(word.signed_up_at, 5) if counts else word.signed_up_at)
    assert settled(after, status) == after


@given(st.none() | statuses, st.integers(0, 20))
def test_a_hold_stands_in_the_way_only_while_its_delivery_is_pending(status: Status | None, now: int) -> None:
    state = holder_state(held(EventType.SIGNUP, until=10), status, now)
    expected = Holder.DONE if status is not Status.PENDING else Holder.BUSY if now < 10 else Holder.LOST
    assert state is expected
