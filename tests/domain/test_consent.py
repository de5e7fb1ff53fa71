"""Evidence of consent: what a signup brings, and which of several counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.consent import (
    SOURCE_BYTES,
    TEXT_BYTES,
    ConsentEvidence,
    evidence_by_event,
    evidence_of,
    first_and_latest,
)
from chalicelib.domain.events import Consent, Door, Event, EventType, Status
from chalicelib.domain.ordering import Lease, SubscriptionState, merge, settled
from chalicelib.domain.times import epoch_milliseconds, years_before

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
OLD, MIDDLE, NEW = (ConsentEvidence(at=at, text=f"v{at}") for at in (1, 2, 3))


def signup(name: str = "one", minutes: int = 0, consent: Consent | None = None) -> Event:
    at = AT + timedelta(minutes=minutes)
    return Event(name, EventType.SIGNUP, "a@example.com", ("paris",), at, at, form="footer", list="1", consent=consent)


def test_evidence_has_everything_stated_and_observed_and_the_target() -> None:
    consent = Consent("https://x.example/", "v3", "203.0.113.9", AT, "ab" * 32, door=Door.FORM)
    assert evidence_of(signup(minutes=5, consent=consent)) == ConsentEvidence(
        epoch_milliseconds(AT), "form", "https://x.example/", "203.0.113.9", "v3", "ab" * 32, "footer", "1"
    )


def test_consent_without_a_time_counts_as_given_when_the_person_signed_up() -> None:
    found = evidence_of(signup(minutes=5, consent=Consent(text="v3")))
    assert found is not None and found.at == epoch_milliseconds(AT + timedelta(minutes=5))


def test_a_signup_without_consent_and_an_unsubscribe_bring_no_evidence() -> None:
    assert evidence_of(signup()) is None
    assert evidence_of(replace(signup(consent=Consent(text="v3")), type=EventType.UNSUBSCRIBE)) is None


def test_long_texts_are_cut_between_characters() -> None:
    found = evidence_of(signup(consent=Consent("https://x.example/" + "é" * 200, "é" * 51)))
    assert found is not None and found.source is not None and found.text is not None
    assert (len(found.source.encode()), len(found.text.encode())) == (SOURCE_BYTES - 1, TEXT_BYTES - 1)
    assert found.source.endswith("é…") and found.text.endswith("é…")
    whole = evidence_of(signup(consent=Consent("https://x.example/".ljust(SOURCE_BYTES, "a"), "é" * 50)))
    assert whole is not None and whole.source is not None and "…" not in f"{whole.source}{whole.text}"


def test_of_a_row_the_first_and_the_latest_evidence_count() -> None:
    row = [signup(name, minutes, Consent(text=name)) for name, minutes in (("b", 2), ("a", 1), ("c", 3))]
    assert [*evidence_by_event(row)] == ["a", "c"]
    assert [*evidence_by_event([*row, signup("d", 9)])] == ["a", "c"], "the latest one has none"
    assert evidence_by_event([signup()]) == {}


def test_first_and_latest_skip_what_is_unknown() -> None:
    assert first_and_latest([None, NEW, OLD, MIDDLE, None]) == (OLD, NEW)
    assert first_and_latest([None, OLD]) == (OLD, OLD)
    assert first_and_latest([]) == (None, None)


@pytest.mark.parametrize(
    ("status", "latest"),
    [(Status.DELIVERED, NEW), (None, NEW), (Status.PENDING, MIDDLE), (Status.REFUSED, MIDDLE)],
)
def test_evidence_of_a_lease_counts_once_its_signup_is_delivered(
    status: Status | None, latest: ConsentEvidence
) -> None:
    lease = Lease("e", EventType.SIGNUP, 3, 9, "t", consents={"e": NEW})
    state = SubscriptionState(first_consent=OLD, latest_consent=MIDDLE, lease=lease)
    found = settled(state, {"e": status}.get)
    assert (found.first_consent, found.latest_consent, found.lease) == (OLD, latest, None)


def test_of_a_row_only_delivered_signups_count_and_those_no_longer_named() -> None:
    lease = Lease("new", EventType.SIGNUP, 3, 9, "t", {"old": 1}, {"old": OLD, "new": NEW, "gone": MIDDLE})
    statuses = {"old": Status.REFUSED, "new": Status.PENDING}
    found = settled(SubscriptionState(lease=lease), statuses.get)
    assert (found.first_consent, found.latest_consent) == (MIDDLE, MIDDLE)


def test_states_under_several_keys_have_one_first_and_one_latest_evidence() -> None:
    found = merge(SubscriptionState(first_consent=MIDDLE, latest_consent=NEW), SubscriptionState(first_consent=OLD))
    assert (found.first_consent, found.latest_consent) == (OLD, NEW)


def test_years_are_those_of_the_calendar() -> None:
    assert years_before(AT, 3) == AT.replace(year=2023)
    assert years_before(datetime(2028, 2, 29, 5, tzinfo=UTC), 3) == datetime(2025, 2, 28, 5, tzinfo=UTC)
    assert years_before(datetime(2028, 2, 29, 5, tzinfo=UTC), 4) == datetime(2024, 2, 29, 5, tzinfo=UTC)
