"""Curves and medians grow with what the schedule reads, and are kept with the campaign and the account."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib import names
from chalicelib.domain.curves import AGES
from chalicelib.ledger.table import Table
from chalicelib.statistics.medians import Medians, MedianStore
from chalicelib.statistics.queries import StatsReader
from chalicelib.statistics.store import StatsStore
from tests.statistics.world import StatisticsWorld
from tests.support.aws import TestAws

pytestmark = pytest.mark.server


def readers(resources: TestAws) -> tuple[StatsReader, MedianStore]:
    reader = StatsReader(resources.dynamodb, names.table("local", "stats"))
    store = StatsStore(resources.dynamodb, names.table("local", "stats"))
    return reader, MedianStore(Table(resources.dynamodb, names.table("local", "ledger")), store.since)


def test_each_campaign_keeps_its_curve(world: StatisticsWorld, resources: TestAws) -> None:
    reader, medians = readers(resources)
    world.collect()
    for hours in (1, 3, 20):
        world.forward(hours=hours)
        world.collect()
    campaigns = reader.page(account="paris").campaigns
    assert campaigns
    grown = [each for each in campaigns if each.curve]
    assert grown, "a sample campaign is younger than thirty days"
    for campaign in grown:
        assert set(campaign.curve) <= set(AGES)
        history = list(reader.history("paris", campaign.campaign))
        assert [each.curve for each in history] == [{}] * len(history), "kept once"
        last = campaign.curve[max(campaign.curve)]
        assert last[0] == (campaign.unique_opens if campaign.unique_opens is not None else campaign.opens)
    assert medians.read("paris") is not None


def test_medians_are_taken_once_a_day(world: StatisticsWorld, resources: TestAws) -> None:
    medians = readers(resources)[1]
    assert medians.read("paris") is None
    world.collect()
    first = medians.read("paris")
    assert first is not None
    assert first.day == world.now.date()
    assert medians.refresh("paris", world.now) is False
    assert medians.refresh("paris", world.now + timedelta(days=1)) is True
    second = medians.read("paris")
    assert second == Medians(first.day + timedelta(days=1), first.rates)


def test_a_malformed_median_is_taken_anew(world: StatisticsWorld, resources: TestAws) -> None:
    medians = readers(resources)[1]
    for malformed in ("[", "[[1]]", "{}", "[[], []]"):
        item = {"pk": {"S": "S#paris"}, "sk": {"S": "medians"}, "day": {"S": "2999-01-01"}, "medians": {"S": malformed}}
        resources.dynamodb.put_item(TableName=names.table("local", "ledger"), Item=item)
        assert medians.read("paris") is None
    assert medians.refresh("paris", world.now) is True
