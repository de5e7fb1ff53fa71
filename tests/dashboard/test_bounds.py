"""What each page costs: its weight, and its calls to DynamoDB, however much there is to show."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.domain.figures import Snapshot
from chalicelib.ledger.keys import parse_sort_key, sort_key
from local.bench.consumed import Consumed
from tests.dashboard.visitor import Person
from tests.support.aws import TestAws
from tests.support.campaigns import put_campaigns
from tests.support.dynamodb_backends import every_dynamodb as dynamodb
from tests.support.product import START, Product

__all__ = ["dynamodb"]

pytestmark = pytest.mark.seconds

LEDGER = "relais-local-ledger"
SNAPSHOT = Snapshot(
    account="paris",
    provider="ediware",
    campaign="0",
    name="Lettre de mars, la première de l’année avec un long nom",
    subject="Vos rendez-vous du mois, ce qui change près de chez vous, et trois idées",
    sent_at=START - timedelta(days=3),
    taken_at=START,
    sent=12_480,
    unique_opens=4_019,
    unique_clicks=640,
    hard_bounces=11,
    soft_bounces=7,
    unsubscribes=45,
    curve={hours: (hours * 10, hours, 1) for hours in (1, 2, 3, 4, 6, 8, 12, 24, 48, 72, 96, 120, 144, 168, 336, 720)},
)

PAGES = {
    "/dashboard": (6, 7),
    "/dashboard/campaigns": (1, 0),
    "/dashboard/campaigns?words=lettre&sort=opens": (1, 0),
    "/dashboard/campaigns/paris/0": (1, 2),
    "/dashboard/events": (5, 1),
    "/dashboard/events?status=pending": (2, 1),
    "/dashboard/events?status=refused": (2, 1),
    "/dashboard/events?status=refused&account=paris&code=rejected_by_provider": (1, 1),
    "/dashboard/events?status=pending&account=paris": (1, 1),
    "/dashboard/events/resend?status=refused&account=paris": (1, 1),
    "/dashboard/forms/footer": (1, 0),
}
"""Each page, and the queries and other reads that it makes with two accounts, besides one for the session: a query of
each account for what waits, another one for what needs a person, or for a list of all that, or of one state; one for
the counts, one for the campaigns. A list of quarantined events for the groups is a block of its own. The states of
accounts, their names, the address keys, the last check, and the last runs of statistics are items that are read by
their keys."""
ONCE_MORE = {
    "/dashboard/events": 1,
    "/dashboard/events?status=pending": 1,
    "/dashboard/events?status=pending&account=paris": 1,
}
"""A query more where one account has more than a page of what waits: for what comes after it in the index."""


@pytest.fixture
def product(product: Product) -> Product:
    """With a refused and a pending signup."""
    product.paris.rule = lambda *_: ProviderError(Kind.CONTACT, "refused")
    product.work(*product.store(product.signup("refused@example.com", form="footer")))
    product.paris.rule = lambda *_: ProviderError(Kind.ACCOUNT, "invalid api_key")
    product.work(*product.store(product.signup("waits@example.com", form="footer")))
    return product


@pytest.fixture
def consumed(product: Product) -> Consumed:
    counted = Consumed()
    counted.watch(product.container._dynamodb.meta.events)
    return counted


def crowd(aws: TestAws, number: int) -> None:
    """Copies each event `number` times, with other ids and times, and puts as many campaigns."""
    items = aws.dynamodb.scan(TableName=LEDGER)["Items"]
    events = [item for item in items if item["sk"]["S"] == "E"]
    assert {item["status"]["S"] for item in events} == {"refused", "pending"}
    copies = [copy_of(item, place) for item in events for place in range(number)]
    for start in range(0, len(copies), 25):
        puts = [{"PutRequest": {"Item": item}} for item in copies[start : start + 25]]
        aws.dynamodb.batch_write_item(RequestItems={LEDGER: puts})
    put_campaigns(aws.dynamodb, [campaign(place) for place in range(number)])


def copy_of(item: Any, place: int) -> Any:
    part, due = parse_sort_key(item["due_sk"]["S"])
    return {
        **item,
        "pk": {"S": f"{item['pk']['S']}-{place}"},
        "due_sk": {"S": sort_key(part, due + place)},
        "accepted": {"N": str(int(item["accepted"]["N"]) + place)},
    }


def campaign(place: int) -> Snapshot:
    return replace(SNAPSHOT, campaign=str(place), sent_at=START - timedelta(days=3, hours=place % 8000))


def read_all(person: Person, consumed: Consumed) -> Iterator[tuple[str, tuple[int, int], int]]:
    """Each page with its queries and other reads, and its bytes."""
    for path in PAGES:
        consumed.clear()
        answer = person.get(path)
        assert answer.status == 200, path
        assert consumed.calls["Scan"] == 0, path
        assert set(consumed.calls) <= {"GetItem", "BatchGetItem", "Query"}, path
        queries = consumed.calls["Query"]
        yield path, (queries, consumed.calls.total() - queries - 1), len(answer.body.encode())


@pytest.mark.parametrize("number", [1000, pytest.param(50_000, marks=[pytest.mark.slow, pytest.mark.rehearsal])])
def test_a_page_costs_the_same_calls_however_much_there_is(
    person: Person, consumed: Consumed, resources: TestAws, number: int, dynamodb: str | None
) -> None:
    number = number if dynamodb is None else min(number, 5000)  # the vendor's takes a minute for more
    put_campaigns(resources.dynamodb, [campaign(0)])
    assert {path: calls for path, calls, _ in read_all(person, consumed)} == PAGES
    crowd(resources, number)
    many = {path: (calls, size) for path, calls, size in read_all(person, consumed)}
    more = {path: (queries + ONCE_MORE.get(path, 0), others) for path, (queries, others) in PAGES.items()}
    assert {path: calls for path, (calls, _) in many.items()} == more
    assert {path: size for path, (_, size) in many.items() if size > 150_000} == {}


def test_the_first_page_is_light(person: Person, resources: TestAws) -> None:
    crowd(resources, 200)
    page = person.get("/dashboard").body.encode()
    assert len(page) < 150_000
    assert len(gzip.compress(page)) < 20_000
