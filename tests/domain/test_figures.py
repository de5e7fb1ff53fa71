"""Figures of campaigns: when a reading counts as changed, and what the newer one takes over from the older."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, strategies as st

from chalicelib.domain.figures import FIGURES, Snapshot, changed, described, hour_key
from chalicelib.providers.spec import CampaignFigures
from chalicelib.statistics.items import campaign_item, snapshot_item, snapshot_of
from chalicelib.statistics.snapshots import snapshot_from

TAKEN = datetime(2026, 3, 1, 9, 30, 15, 999_999, tzinfo=UTC)
PARIS = timezone(timedelta(hours=1))
COUNT = st.none() | st.integers(min_value=0, max_value=10**12)
TEXT = st.none() | st.text(max_size=40)
SECONDS = st.integers(min_value=0, max_value=4_000_000_000)
MOMENT = st.none() | SECONDS.map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
RAW = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.floats(allow_nan=False), max_size=3)
CAMPAIGN = st.builds(
    CampaignFigures,
    campaign=st.text(min_size=1, max_size=20),
    name=TEXT,
    subject=TEXT,
    sent_at=MOMENT,
    raw=RAW,
    **dict.fromkeys(FIGURES, COUNT),
)


def snapshot(**figures: Any) -> Snapshot:
    return snapshot_from("paris", "toy", CampaignFigures("c1", **figures), TAKEN)


@given(CAMPAIGN)
def test_provider_figures_are_kept_unchanged(figures: CampaignFigures) -> None:
    kept = snapshot_from("paris", "toy", figures, TAKEN)
    assert [getattr(kept, name) for name in FIGURES] == [getattr(figures, name) for name in FIGURES]
    assert (kept.account, kept.provider, kept.campaign) == ("paris", "toy", figures.campaign)
    assert (kept.name, kept.subject, kept.raw) == (figures.name, figures.subject, figures.raw)


@given(CAMPAIGN)
def test_figures_survive_storage(figures: CampaignFigures) -> None:
    kept = snapshot_from("paris", "toy", figures, TAKEN)
    again = snapshot_of(snapshot_item(kept, "snapshot#2026-03-01T09"))
    assert again == kept
    assert not changed(again, kept)
    newest = snapshot_of(campaign_item(kept))
    assert replace(newest, raw={}) == replace(kept, raw={})
    assert not changed(newest, kept)


@given(CAMPAIGN, CAMPAIGN)
def test_a_change_is_a_known_figure_that_differs(one: CampaignFigures, two: CampaignFigures) -> None:
    old, new = snapshot_from("paris", "toy", one, TAKEN), snapshot_from("paris", "toy", two, TAKEN)
    if old.knows_a_figure or new.knows_a_figure:
        expected = any(getattr(new, name) is not None and getattr(new, name) != getattr(old, name) for name in FIGURES)
        assert changed(old, new) is expected
    assert changed(None, new)
    assert not changed(new, new)


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_counts(figure: str) -> None:
    assert changed(snapshot(**{figure: 1}), snapshot(**{figure: 2}))
    assert changed(snapshot(**{figure: 2}), snapshot(**{figure: 0}))
    assert changed(snapshot(), snapshot(**{figure: 0}))
    assert not changed(snapshot(**{figure: 1}), snapshot())


def test_names_and_raw_figures_are_ignored_where_figures_are_known() -> None:
    old = snapshot(sent=5, name="a", subject="b", raw={"at": "10:00"})
    assert not changed(old, snapshot(sent=5, name="A", subject="B", sent_at=TAKEN, raw={"at": "10:01"}))


def test_raw_figures_are_compared_where_nothing_else_is_known() -> None:
    assert changed(snapshot(raw={"Geopend": 1}), snapshot(raw={"Geopend": 2}))
    assert not changed(snapshot(raw={"a": 1, "b": 2}), snapshot(raw={"b": 2, "a": 1}))


def test_a_description_is_updated_without_losing_omitted_values() -> None:
    old = snapshot(name="a", subject="b", opens=3)
    new = described(old, snapshot(subject="c", sent_at=TAKEN))
    assert (new.name, new.subject, new.opens, new.taken_at) == ("a", "c", 3, old.taken_at)
    assert new.sent_at == TAKEN.replace(microsecond=999_000)
    assert described(old, snapshot()) == old


def test_times_are_utc_and_taken_at_is_in_whole_seconds() -> None:
    figures = CampaignFigures("c1", sent_at=datetime(2026, 3, 1, 1, 30, 0, 123_456, tzinfo=PARIS))
    kept = snapshot_from("paris", "toy", figures, TAKEN.astimezone(PARIS))
    assert kept.taken_at.isoformat() == "2026-03-01T09:30:15+00:00"
    assert kept.sent_at == datetime(2026, 3, 1, 0, 30, 0, 123_000, tzinfo=UTC)
    assert hour_key(datetime(2026, 3, 1, 0, 59, tzinfo=PARIS)) == "2026-02-28T23"


def test_a_lone_surrogate_does_not_stop_a_campaign() -> None:
    assert snapshot(name="a\ud800b").name == "a?b"


def test_items_are_readable_with_boto3() -> None:
    item = snapshot_item(snapshot(name="Mars", sent=12, raw={"volume": "12"}), "snapshot#2026-03-01T09")
    assert item["account"] == {"S": "paris"}
    assert item["campaign"] == {"S": "c1"}
    assert item["sent"] == {"N": "12"}
    assert item["opens"] == {"NULL": True}
    assert item["taken_at"] == {"S": "2026-03-01T09:30:15Z"}
    assert item["raw"] == {"S": '{"volume": "12"}'}
