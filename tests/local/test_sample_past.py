"""The sample world's past: campaigns with curves that lead up to the sandbox's own, and days of forms."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from chalicelib import names
from chalicelib.ledger.day_counts import DayCounts
from chalicelib.ledger.table import Table
from chalicelib.statistics.form_days import form_days
from chalicelib.statistics.queries import StatsReader
from local import sample_past
from local.sandbox.ediware import samples
from tests.support.aws import TestAws

NOW = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)


@pytest.fixture
def reader(resources: TestAws) -> StatsReader:
    sample_past.write_campaigns(NOW, resources.dynamodb)
    return StatsReader(resources.dynamodb, names.table("local", "stats"))


def test_a_year_of_campaigns_has_curves_that_never_fall(reader: StatsReader) -> None:
    campaigns = reader.page(limit=500).campaigns
    assert len(campaigns) > 30
    assert {one.account for one in campaigns} == {"paris", "brussel"}
    assert min(one.sent_at for one in campaigns if one.sent_at) < NOW - timedelta(days=300)
    for one in campaigns:
        opens = [point[0] or 0 for point in one.curve.values()]
        assert opens == sorted(opens), one.name
        assert one.taken_at < NOW
        assert one.sent is not None
        assert opens[-1] <= one.sent


def test_the_past_of_a_campaign_leads_up_to_the_sandbox(reader: StatsReader) -> None:
    [letter] = [one for one in samples.sample_accounts(NOW)[0].campaigns if one.id == "688644"]
    history = list(reader.history("paris", letter.id))
    assert history[-1].unique_opens == letter.figures_at(history[-1].taken_at)["open_unique"]
    assert (history[-1].unique_opens or 0) <= letter.figures_at(NOW)["open_unique"]


def test_forms_have_weekdays_and_peaks(resources: TestAws) -> None:
    sample_past.write_form_days(NOW, resources.dynamodb)
    counts = DayCounts(Table(resources.dynamodb, names.table("local", "ledger"))).read(date(2026, 1, 1), NOW.date())
    days = form_days(counts, "footer")
    assert max(one.day for one in days) == NOW.date() - timedelta(days=1), "today is the person's own"
    working = [one.accepted for one in days if one.day.weekday() < 5]
    free = [one.accepted for one in days if one.day.weekday() >= 5]
    assert sum(free) / len(free) < 0.7 * sum(working) / len(working)
    assert all(one.delivered == one.people for one in days)
