"""Pages of campaigns: complete, in order, one query each, and stable during writes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.figures import Snapshot
from chalicelib.providers.spec import CampaignFigures
from chalicelib.statistics.queries import BadCursor, StatsReader
from chalicelib.statistics.snapshots import snapshot_from
from chalicelib.statistics.store import StatsStore
from tests.support.aws import TestAws
from tests.support.campaigns import TABLE, put_campaigns
from tests.support.dynamodb_backends import every_dynamodb as dynamodb  # noqa: F401

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def campaign(account: str, name: str, sent_at: datetime | None, opens: int = 0, at: datetime = NOON) -> Snapshot:
    return snapshot_from(account, "toy", CampaignFigures(name, sent_at=sent_at, opens=opens), at)


@pytest.fixture
def store(resources: TestAws) -> StatsStore:
    campaigns = [campaign("paris" if n % 3 else "lyon", f"c#{n}", NOON - timedelta(days=n)) for n in range(30)]
    put_campaigns(resources.dynamodb, [*campaigns, campaign("paris", "unsent", None)])
    return StatsStore(resources.dynamodb, TABLE)


@pytest.fixture
def reader(store: StatsStore, resources: TestAws) -> StatsReader:
    return StatsReader(resources.dynamodb, TABLE)


def walk(reader: StatsReader, **filters: Any) -> Iterator[str]:
    cursor: str | None = None
    while True:
        page = reader.page(cursor=cursor, **filters)
        assert len(page.campaigns) <= filters["limit"]
        yield from (f"{each.account}/{each.campaign}" for each in page.campaigns)
        if page.cursor is None:
            return
        assert page.campaigns
        cursor = page.cursor


ALL = [f"{'paris' if n % 3 else 'lyon'}/c#{n}" for n in range(30)] + ["paris/unsent"]


@pytest.mark.parametrize("limit", [1, 7, 31, 500])
def test_every_campaign_is_listed_once_newest_first(limit: int, reader: StatsReader) -> None:
    assert list(walk(reader, limit=limit)) == ALL


@pytest.mark.parametrize("limit", [3, 10, 100])
def test_campaigns_of_one_account_are_listed(limit: int, reader: StatsReader) -> None:
    assert list(walk(reader, limit=limit, account="lyon")) == [name for name in ALL if name.startswith("lyon/")]
    assert list(walk(reader, limit=limit, account="nowhere")) == []


@pytest.mark.parametrize("account", [None, "paris"])
def test_from_and_until_are_included(account: str | None, reader: StatsReader) -> None:
    since, until = NOON - timedelta(days=8), NOON - timedelta(days=2)
    found = list(walk(reader, limit=2, account=account, since=since, until=until))
    assert found == [name for name in ALL[2:9] if account is None or name.startswith(account)]
    assert "paris/unsent" not in walk(reader, limit=9, since=since)
    assert "paris/unsent" in list(walk(reader, limit=9, until=until))


def test_the_last_page_has_no_cursor(reader: StatsReader) -> None:
    assert reader.page(limit=31).cursor is None
    assert reader.page(limit=30).cursor is not None


@pytest.mark.parametrize("account", [None, "paris"])
def test_a_cursor_stays_valid_after_changes(
    account: str | None, reader: StatsReader, store: StatsStore, resources: TestAws
) -> None:
    first = reader.page(limit=5, account=account)
    assert first.cursor
    last = first.campaigns[-1]
    known = store.newest(last.account, [last.campaign])[last.campaign]
    later = NOON + timedelta(hours=1)
    store.record(known, campaign(last.account, last.campaign, later, opens=5, at=later), later)
    store.record(None, campaign("paris", "brand-new", later, at=later), later)
    expected = [name for name in ALL if account is None or name.startswith(account)][5:]
    rest = reader.page(limit=100, account=account, cursor=first.cursor)
    assert [f"{each.account}/{each.campaign}" for each in rest.campaigns] == expected


@pytest.mark.parametrize("cursor", ["", "é", "!", "YQ", "YSNi", "YSMjYg", "//79", "a" * 5])
def test_a_foreign_cursor_is_rejected(cursor: str, reader: StatsReader) -> None:
    with pytest.raises(BadCursor):
        reader.page(cursor=cursor)


def test_a_cursor_belongs_to_its_account(reader: StatsReader) -> None:
    cursor = reader.page(account="paris", limit=3).cursor
    with pytest.raises(BadCursor):
        reader.page(account="lyon", cursor=cursor)


def test_a_campaign_without_figures_is_listed(reader: StatsReader) -> None:
    assert reader.campaign("paris", "nothing") is None
    assert list(reader.history("paris", "nothing")) == []
