"""The statistics table as seen by boto3: which writes happen when, crashes and races."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.domain.errors import StatsUnavailable
from chalicelib.domain.figures import Snapshot
from chalicelib.effects import Effects
from chalicelib.ledger.table import Table
from chalicelib.providers.account import Account
from chalicelib.providers.spec import CampaignFigures, Capabilities, KnownCampaign, Provider
from chalicelib.services import Services
from chalicelib.statistics.collect import collect
from chalicelib.statistics.last_runs import LastRuns
from chalicelib.statistics.queries import StatsReader
from chalicelib.statistics.snapshots import snapshot_from
from chalicelib.statistics.store import StatsStore
from tests.support.aws import TestAws
from tests.support.dynamodb_backends import every_dynamodb as dynamodb  # noqa: F401

NINE = datetime(2026, 3, 1, 9, 0, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
TABLE = "relais-local-stats"


class Counting:
    """A DynamoDB client that records every operation, and raises for given ones."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.calls: list[str] = []
        self.before: Callable[[str], None] = lambda _: None

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)

        def call(**request: Any) -> Any:
            self.before(name)
            self.calls.append(name)
            return operation(**request)

        return call

    @property
    def writes(self) -> int:
        return sum(name in ("put_item", "update_item", "batch_write_item") for name in self.calls)


@pytest.fixture
def client(resources: TestAws) -> Counting:
    config = Config(max_pool_connections=32, retries={"mode": "standard"})
    return Counting(boto3.client("dynamodb", config=config))


@pytest.fixture
def store(client: Counting) -> StatsStore:
    return StatsStore(cast(Any, client), TABLE)


@pytest.fixture
def reader(client: Counting) -> StatsReader:
    return StatsReader(cast(Any, client), TABLE)


def row(at: datetime = NINE, campaign: str = "c1", **figures: Any) -> Snapshot:
    sent_at = figures.pop("sent_at", NINE - 24 * HOUR)
    return snapshot_from("paris", "toy", CampaignFigures(campaign, sent_at=sent_at, **figures), at)


def record(store: StatsStore, given: Snapshot, hour: datetime | None = None) -> bool:
    known = store.newest(given.account, [given.campaign]).get(given.campaign)
    return store.record(known, given, hour or given.taken_at)


def history(reader: StatsReader, campaign: str = "c1") -> list[tuple[int, int | None]]:
    return [(shot.taken_at.hour, shot.opens) for shot in reader.history("paris", campaign)]


def newest_opens(reader: StatsReader) -> int | None:
    found = reader.campaign("paris", "c1")
    assert found is not None
    return found.opens


def test_items_have_the_names_of_the_contract(store: StatsStore, resources: TestAws) -> None:
    assert record(store, row(name="Mars", sent=10, opens=4))
    items = resources.dynamodb.scan(TableName=TABLE)["Items"]
    assert len(items) == 2
    for item in items:
        assert item["account"] == {"S": "paris"}
        assert item["campaign"] == {"S": "c1"}
        assert item["opens"] == {"N": "4"}
        assert item["clicks"] == {"NULL": True}
        assert item["sent_at"] == {"S": "2026-02-28T09:00:20Z"}
        assert item["taken_at"] == {"S": "2026-03-01T09:00:20Z"}


def test_an_unchanged_campaign_is_not_written(store: StatsStore, client: Counting, resources: TestAws) -> None:
    record(store, row(opens=4))
    before = resources.dynamodb.scan(TableName=TABLE)["Items"]
    client.calls.clear()
    assert not record(store, row(NINE + HOUR, opens=4))
    assert client.calls == ["batch_get_item"]
    assert resources.dynamodb.scan(TableName=TABLE)["Items"] == before


def test_the_same_hour_is_replaced_and_the_next_one_added(store: StatsStore, reader: StatsReader) -> None:
    record(store, row(opens=4))
    record(store, row(NINE + HOUR / 2, opens=5))
    assert history(reader) == [(9, 5)]
    record(store, row(NINE + HOUR, opens=6))
    assert history(reader) == [(9, 5), (10, 6)]
    assert newest_opens(reader) == 6


def test_a_changed_name_is_stored_without_a_snapshot(store: StatsStore, reader: StatsReader) -> None:
    record(store, row(name="a", opens=4, clicks=1))
    assert not record(store, row(NINE + HOUR, name="b", clicks=1))
    assert history(reader) == [(9, 4)]
    found = reader.campaign("paris", "c1")
    assert found is not None
    assert (found.name, found.opens, found.taken_at) == ("b", 4, NINE)


def test_an_older_reading_never_replaces_a_newer_one(store: StatsStore, reader: StatsReader) -> None:
    old, new = row(NINE, opens=4), row(NINE + HOUR / 4, opens=5)
    assert store.record(None, new, NINE)
    assert not store.record(None, old, NINE)
    assert history(reader) == [(9, 5)]
    assert newest_opens(reader) == 5


def test_a_late_run_does_not_overwrite_newer_history(store: StatsStore, reader: StatsReader) -> None:
    record(store, row(NINE + HOUR, opens=5))
    assert record(store, row(NINE + HOUR + HOUR / 4, opens=6), hour=NINE)
    assert history(reader) == [(10, 6)]


@pytest.mark.parametrize("first", [True, False], ids=["new campaign", "known campaign"])
def test_a_crash_between_the_two_writes_is_repaired(
    first: bool, store: StatsStore, reader: StatsReader, client: Counting
) -> None:
    class Killed(BaseException):
        pass

    if not first:
        record(store, row(opens=1))
    client.calls.clear()

    def kill_second_write(name: str) -> None:
        if name == "put_item" and client.writes == 1:
            raise Killed

    client.before = kill_second_write
    with pytest.raises(Killed):
        record(store, row(NINE + HOUR, opens=4))
    client.before = lambda _: None
    before = [(9, 1)] * (not first)
    assert history(reader) == [*before, (10, 4)]
    record(store, row(NINE + 2 * HOUR, opens=4))
    assert history(reader) == [*before, (10, 4)]
    assert newest_opens(reader) == 4
    client.calls.clear()
    record(store, row(NINE + 3 * HOUR, opens=4))
    assert client.writes == 0
    record(store, row(NINE + 4 * HOUR, opens=5))
    assert history(reader) == [*before, (10, 4), (13, 5)]


@pytest.mark.seconds
def test_concurrent_runs_end_with_the_newer_reading(store: StatsStore, reader: StatsReader) -> None:
    names = [f"c{n}" for n in range(40)]
    readings = [row(NINE + timedelta(seconds=n), name, opens=n) for name in names for n in (1, 2, 3)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda each: store.record(None, each, NINE), readings))
    for name in names:
        assert history(reader, name) == [(9, 3)]
        found = reader.campaign("paris", name)
        assert found is not None
        assert found.opens == 3


def test_unprocessed_keys_are_requested_again(store: StatsStore, client: Counting) -> None:
    for n in range(5):
        record(store, row(campaign=f"c{n}", opens=n))
    waits: list[float] = []
    sparing = Sparing(client)
    found = StatsStore(cast(Any, sparing), TABLE, Effects(sleep=waits.append)).newest(
        "paris", [f"c{n}" for n in range(5)]
    )
    assert sorted(found) == [f"c{n}" for n in range(5)]
    assert len(waits) == 4
    sparing.most = 0
    with pytest.raises(StatsUnavailable):
        StatsStore(cast(Any, sparing), TABLE, Effects(sleep=waits.append)).newest("paris", ["c1"])


class Sparing:
    """Answers a few keys a call, as DynamoDB does when it is pressed."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.most = 1

    def batch_get_item(self, **request: Any) -> Any:
        keys = request["RequestItems"][TABLE]["Keys"]
        now, later = keys[: self.most], keys[self.most :]
        found = self._client.batch_get_item(RequestItems={TABLE: {"Keys": now}}) if now else {"Responses": {}}
        return {"Responses": found["Responses"], "UnprocessedKeys": {TABLE: {"Keys": later}} if later else {}}


def test_a_missing_table_is_reported_by_its_code(client: Counting) -> None:
    missing = StatsStore(cast(Any, client), "relais-nowhere-stats")
    for attempt in (lambda: missing.newest("paris", ["c1"]), lambda: missing.record(None, row(opens=1), NINE)):
        with pytest.raises(StatsUnavailable, match="ResourceNotFoundException") as caught:
            attempt()
        assert isinstance(caught.value.__cause__, ClientError)


def test_campaigns_of_an_account_are_queried_newest_first(store: StatsStore, client: Counting) -> None:
    for n in range(12):
        record(store, row(campaign=f"c{n}", name=f"name {n}", sent_at=NINE - n * HOUR, opens=n))
    record(store, row(campaign="unsent", sent_at=None, opens=1))
    store.record(None, replace(row(opens=3), account="lyon"), NINE)
    client.calls.clear()
    listed = list(store.listed("paris"))
    assert [each.campaign for each in listed] == [*(f"c{n}" for n in range(12)), "unsent"]
    assert (listed[3].name, listed[3].sent_at, listed[3].taken_at) == ("name 3", NINE - 3 * HOUR, NINE)
    assert client.calls == ["query"]
    paged = StatsStore(cast(Any, Paged(client)), TABLE)
    assert list(paged.listed("paris")) == listed
    assert list(store.listed("nice")) == []


class Paged:
    """Queries that end after five items, as DynamoDB's do after a megabyte."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def query(self, **request: Any) -> Any:
        return self._client.query(**request, Limit=5)


class Toy:
    def __init__(self, rows: list[CampaignFigures]) -> None:
        self.rows = rows

    def campaigns(self, *, budget: float, known: Sequence[KnownCampaign] = ()) -> list[CampaignFigures]:
        return self.rows


@pytest.mark.seconds
def test_a_run_of_many_campaigns_is_stored(
    store: StatsStore, reader: StatsReader, client: Counting, resources: TestAws
) -> None:
    toys = {
        name: Toy([CampaignFigures(f"c{n}", sent_at=NINE - n * HOUR, sent=n, opens=0) for n in range(count)])
        for name, count in (("paris", 110), ("lyon", 30))
    }
    ledger = Table(resources.dynamodb, "relais-local-ledger")
    runs = LastRuns(ledger)

    def run(at: datetime) -> dict[str, Any]:
        client.calls.clear()
        accounts = {name: Account(name, "toy") for name in toys}
        services = SimpleNamespace(
            settings=SimpleNamespace(accounts=accounts), effects=Effects(clock=lambda: at), table=ledger
        )
        return collect(
            cast(Services, services),
            store,
            lambda account: cast(Provider, toys[account]),
            lambda _: Capabilities(True, statistics="all_at_once"),
            hour=at,
            remaining_seconds=lambda: 500.0,
        )["accounts"]

    assert run(NINE)["paris"] == {"read": 110, "written": 110, "error": None}
    assert run(NINE + HOUR)["paris"] == {"read": 110, "written": 0, "error": None}
    assert client.writes == 0
    assert len(client.calls) == 3, "a hundred campaigns of an account a call"
    toys["paris"].rows[7] = replace(toys["paris"].rows[7], opens=9)
    assert run(NINE + 2 * HOUR)["paris"]["written"] == 1
    assert client.writes == 2
    assert history(reader, "c7") == [(9, 0), (11, 9)]
    assert runs.last_good("paris") == NINE + 2 * HOUR
    assert runs.last_hour("paris") == NINE + 2 * HOUR
    runs.record_success("paris", NINE, NINE)
    assert runs.last_good("paris") == runs.last_hour("paris") == NINE + 2 * HOUR
    assert runs.last_good("nice") is runs.last_hour("nice") is None
    assert runs.first_tried("nice", NINE) == runs.first_tried("nice", NINE + HOUR) == NINE
    assert runs.last_good("nice") is None
