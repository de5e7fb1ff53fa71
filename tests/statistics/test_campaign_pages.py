"""The list of campaigns over HTTP and the real table: whole while it changes, one query a page."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from chalicelib.config.model import Api
from chalicelib.config.secrets import Secret
from chalicelib.domain.figures import Snapshot
from chalicelib.statistics.store import StatsStore
from tests.support.aws import TestAws
from tests.support.campaigns import TABLE, put_campaigns
from tests.support.http import Answer, request
from tests.support.product import START, Product, settings

ADMIN_KEY = "placeholder-admin-key-of-32-chars"


@pytest.fixture
def product(resources: TestAws) -> Product:
    return Product(settings(api=Api(Secret.plain(ADMIN_KEY))))


@pytest.fixture
def store(product: Product) -> StatsStore:
    return StatsStore(product.container._dynamodb, TABLE)


def campaign(number: int, *, sent: float = 0, opens: int = 0) -> Snapshot:
    """A campaign sent `sent` hours after the start, `number` hours before it by default; read just then."""
    account = "paris" if number % 3 else "lyon"
    sent_at = START + timedelta(hours=sent or -number)
    return Snapshot(account, "any", f"c{number}", f"Campaign {number}", None, sent_at, START, opens=opens)


def record(store: StatsStore, campaigns: Sequence[Snapshot]) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda each: store.record(None, each, START), campaigns))


def get(product: Product, path: str, query: dict[str, Any] | None = None) -> Answer:
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    return request(product.container, "GET", f"{path}?{urlencode(query or {})}", headers)


def calls(product: Product) -> list[str]:
    """Names every call of DynamoDB from now on, in the list that it gives."""
    made: list[str] = []
    client = product.container._dynamodb
    client.meta.events.register("before-call.dynamodb", lambda model, **_: made.append(model.name))
    return made


def pages(product: Product, query: dict[str, Any]) -> Iterator[list[str]]:
    cursor: str | None = None
    while True:
        answer = get(product, "/stats/campaigns", query | ({"cursor": cursor} if cursor else {}))
        assert answer.status == 200
        page = json.loads(answer.body)
        yield [each["campaign"] for each in page["campaigns"]]
        cursor = page["cursor"]
        if cursor is None:
            return


@pytest.mark.seconds
@pytest.mark.parametrize(("account", "limit"), [(None, 133), ("lyon", 50)])
@pytest.mark.parametrize("many", [300, pytest.param(1200, marks=pytest.mark.slow)])
def test_paging_through_campaigns_while_new_ones_arrive(
    product: Product, store: StatsStore, resources: TestAws, account: str | None, limit: int, many: int
) -> None:
    there = [campaign(number) for number in range(1, many + 1)]
    put_campaigns(resources.dynamodb, there)
    limit = limit * many // 1200
    found: list[str] = []
    query = {"limit": limit} | ({"account": account} if account else {})
    for inserted, page in enumerate(pages(product, query), start=1):
        assert len(page) <= limit
        found += page
        last = int(page[-1].removeprefix("c"))
        record(store, [campaign(9000 + 3 * inserted, sent=inserted), campaign(8000 + 3 * inserted, sent=-last + 0.5)])
        # One already shown and one still to come get new figures: neither moves.
        for number in (last, min(last + 5, many)):
            known = campaign(number)
            store.record(known, campaign(number, opens=inserted), START + timedelta(hours=1))
    expected = [each.campaign for each in there if account in (None, each.account)]
    assert [each for each in found if int(each[1:]) <= many] == expected, "in order, none missing, none twice"
    assert len(set(found)) == len(found)


@pytest.mark.seconds
def test_a_page_is_one_query_and_never_a_scan(product: Product, store: StatsStore) -> None:
    record(store, [campaign(number) for number in range(1, 31)])
    get(product, "/healthz")
    made = calls(product)
    queries: list[dict[str, Any]] = [
        {},
        {"account": "paris"},
        {"since": "2026-02-28", "until": "2026-03-01"},
        {"account": "nothing", "format": "csv"},
        {"limit": 2, "format": "csv"},
    ]
    for query in queries:
        assert get(product, "/stats/campaigns", query).status == 200
    assert made == ["Query"] * len(queries)
    made.clear()
    assert get(product, "/stats/campaigns/paris/c1").status == 200
    assert sorted(made) == ["GetItem", "Query"]


def test_csv_pages_are_linked(product: Product, store: StatsStore) -> None:
    record(store, [campaign(number) for number in range(1, 8)])
    query: dict[str, Any] = {"format": "csv", "limit": 3, "since": "2026-02-01"}
    names: list[str] = []
    while query:
        answer = get(product, "/stats/campaigns", query)
        rows = csv.DictReader(io.StringIO(answer.body.removeprefix("\ufeff"), newline=""))
        names += [row["campaign"] for row in rows]
        link = answer.headers.get("link", "")
        query = dict(parse_qsl(link[2 : link.index(">")])) if link else {}
    assert names == [f"c{number}" for number in range(1, 8)]


@pytest.mark.seconds
def test_a_cursor_with_other_filters_is_refused(product: Product, store: StatsStore) -> None:
    record(store, [campaign(number) for number in range(1, 100)])
    cursor = json.loads(get(product, "/stats/campaigns", {"limit": 50}).body)["cursor"]
    for other in ({"since": "2026-03-01"}, {"until": "2026-02-01"}, {"account": "lyon"}):
        answer = get(product, "/stats/campaigns", {"cursor": cursor, **other})
        assert answer.status == 422, urlencode(other)
        assert json.loads(answer.body)["errors"][0]["field"] == "cursor"
    nobody_has = base64.urlsafe_b64encode(b"2026-03-01T09:30:00Z#paris#" + b"x" * 1501).decode()
    assert get(product, "/stats/campaigns", {"cursor": nobody_has}).status == 422, "no key can be so long"


def test_a_history_outlives_the_account_and_starts_with_the_oldest(product: Product, store: StatsStore) -> None:
    first = Snapshot("former", "any", "a/b #1", "Name", "Subject", START, START, opens=1)
    store.record(None, first, START)
    later = START + timedelta(hours=3)
    store.record(first, Snapshot("former", "any", "a/b #1", "Name", "Subject", START, later, opens=2), later)
    answer = json.loads(get(product, "/stats/campaigns/former/a%2Fb%20%231").body)
    assert answer["campaign"]["opens"] == 2
    assert [each["opens"] for each in answer["snapshots"]] == [1, 2]
    assert [each["taken_at"] for each in answer["snapshots"]] == ["2026-03-01T09:30:00Z", "2026-03-01T12:30:00Z"]
    listed = json.loads(get(product, "/stats/campaigns", {"account": "former"}).body)
    assert [each["opens"] for each in listed["campaigns"]] == [2]
