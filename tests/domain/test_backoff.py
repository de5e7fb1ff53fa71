"""How long an account or a list is paused, and when one worker may probe it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, strategies as st

from chalicelib.domain import backoff
from chalicelib.domain.backoff import LONGEST_RETRY_AFTER_SECONDS, AccountState, Pause
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.domain.repeated_refusals import RefusedAlike

chances = st.floats(0, 1)
seconds = st.floats(0.01, 7200)
failures = st.integers(0, 10_000)
moments = st.integers(0, 10**13)
pauses = st.builds(Pause, moments, moments, st.just("down"), st.just("later"), st.integers(1, 50))
lists = st.dictionaries(st.sampled_from(["1", "2", "3"]), pauses)
states = st.builds(AccountState, st.none() | pauses, lists, st.none() | moments, st.none() | moments, st.integers(0, 9))


@given(failures, seconds, seconds, chances)
def test_backoff_stays_between_a_tenth_of_its_ceiling_and_the_ceiling(
    count: int, first: float, longest: float, chance: float
) -> None:
    wait = backoff.backoff_seconds(count, first, longest, chance)
    ceiling = min(longest, first * 2.0 ** min(count, 40))
    assert ceiling * 0.1 <= wait <= ceiling <= longest
    assert backoff.backoff_seconds(0, first, longest, 1.0) <= first


@given(failures, seconds, seconds, chances)
def test_backoff_never_shrinks_with_failures(count: int, first: float, longest: float, chance: float) -> None:
    now, then = (backoff.backoff_seconds(n, first, longest, chance) for n in (count, count + 1))
    assert now <= then


@given(failures, seconds, seconds, chances, st.floats(-1e9, 1e9))
def test_retry_after_is_respected_within_limits(
    count: int, first: float, longest: float, chance: float, after: float
) -> None:
    wait = backoff.wait_seconds(count, first, longest, chance, after)
    assert 0 <= wait <= max(longest, LONGEST_RETRY_AFTER_SECONDS)
    if 0 <= after <= LONGEST_RETRY_AFTER_SECONDS:
        assert wait == after


@given(st.none() | pauses, moments, seconds)
def test_a_pause_counts_failures_and_keeps_its_start(before: Pause | None, now: int, wait: float) -> None:
    after = backoff.paused_again(before, now, wait, ProviderError(Kind.LATER, "down"))
    assert after.until == now + int(wait * 1000)
    assert after.since == (before.since if before else now)
    assert after.failures == (before.failures + 1 if before else 1)


@given(states, moments)
def test_a_probe_needs_an_expired_pause_and_no_other_probe(state: AccountState, now: int) -> None:
    may = backoff.may_probe(state, now)
    assert may == (
        state.pause is not None and state.pause.until <= now and (state.probe_until is None or state.probe_until <= now)
    )
    if may:
        assert not backoff.may_probe(backoff.probing(state, now + 1), now)
        assert backoff.may_probe(backoff.probing(state, now + 1), now + 1), "who probed may have died"


@given(states, pauses, moments)
def test_a_list_and_its_account_are_paused_independently(state: AccountState, pause: Pause, now: int) -> None:
    account, one = backoff.with_pause(state, pause, None), backoff.with_pause(state, pause, "1")
    assert account.lists == state.lists and one.pause == state.pause
    assert account.pause == pause == one.lists["1"]
    assert backoff.answered(account, now, None).pause is None
    back = backoff.answered(one, now, "1")
    assert "1" not in back.lists and back.pause is None and back.resumed_at == now
    assert set(back.lists) == set(state.lists) - {"1"}


@given(states, moments)
def test_an_answer_changes_nothing_where_nothing_was_paused_or_refused(state: AccountState, now: int) -> None:
    open_for_all = replace(state, pause=None, lists={})
    assert backoff.answered(open_for_all, now, "1", {"footer"}) is open_for_all
    refused = replace(open_for_all, refusals=(RefusedAlike("1", "footer", "no", {"p1": 1}),))
    assert backoff.answered(refused, now, "2", {"footer"}) is refused
    assert backoff.answered(refused, now, "1", {"footer"}) == open_for_all
