"""What is within an hourly limit: the first events that workers asked for, each once, the same on every DynamoDB."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import LedgerUnavailable
from chalicelib.domain.events import EventType
from chalicelib.ledger.hourly_limits import MARKS_AN_ITEM, HourlyLimits
from chalicelib.ledger.keys import form_hour_partition
from chalicelib.ledger.table import Table
from local.aws.dynamodb.values import item_size
from tests.support.aws import TestAws
from tests.support.dynamodb_backends import on_both
from tests.support.product import START, Product

PARTITION = form_hour_partition("footer", EventType.SIGNUP, START.replace(minute=0))
LATER = START + timedelta(days=2)

pytestmark = on_both


@pytest.fixture
def table(resources: TestAws) -> Table:
    return Product().container.table


def ids(first: int, last: int) -> list[str]:
    return [f"event-{number}" for number in range(first, last)]


def admitted(table: Table, wanted: Sequence[str], limit: int) -> list[str]:
    found = HourlyLimits(table).admit(PARTITION, wanted, limit, LATER)
    assert found <= set(wanted)
    return [one for one in wanted if one in found]


def test_the_first_events_are_within_the_limit_whoever_asks_again(table: Table) -> None:
    assert admitted(table, ids(0, 5), 3) == ids(0, 3)
    assert admitted(table, list(reversed(ids(0, 6))), 3) == list(reversed(ids(0, 3)))
    assert admitted(table, ids(3, 6), 4) == ids(3, 4), "the limit was raised"
    assert admitted(table, ids(0, 6), 1) == ids(0, 4), "lowered: what was admitted stays so"
    assert admitted(table, ids(0, 6), 0) == ids(0, 4)


def test_a_limit_of_many_items_is_exact(table: Table, resources: TestAws) -> None:
    limit = 2 * MARKS_AN_ITEM + 5
    assert admitted(table, ids(0, 40), limit) == ids(0, 40)
    assert admitted(table, ids(30, 300), limit) == ids(30, limit)
    assert admitted(table, ids(0, 300), limit) == ids(0, limit)
    items = table.query(PARTITION)
    assert [len(item["marks"]) // 12 for item in items] == [MARKS_AN_ITEM, MARKS_AN_ITEM, 5]
    assert {item["expires_at"] for item in items} == {int(LATER.timestamp())}
    stored = resources.dynamodb.scan(TableName="relais-local-ledger")["Items"]
    assert max(item_size(item) for item in stored if item["pk"]["S"] == PARTITION) < 1024, "one write unit"


def test_concurrent_workers_admit_exactly_the_limit(table: Table) -> None:
    limit, asked = MARKS_AN_ITEM + 10, [ids(start, start + 30) for start in range(0, 120, 15)]
    with ThreadPoolExecutor(4) as pool:
        found = [one for each in pool.map(lambda wanted: admitted(table, wanted, limit), asked) for one in each]
    assert len(set(found)) == limit
    assert set(admitted(table, ids(0, 150), limit)) == set(found), "and so for everybody"


def test_a_first_read_that_is_late_admits_nobody_above_the_limit(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first read may return the items as they were a moment ago."""
    limit = MARKS_AN_ITEM + 3
    late: list[dict[str, Any]] = []
    real, states = table.query, [table.query(PARTITION)]
    for last in (2, MARKS_AN_ITEM, MARKS_AN_ITEM + 1):
        assert admitted(table, ids(0, last), limit) == ids(0, last)
        states.append(table.query(PARTITION))
    monkeypatch.setattr(table, "query", lambda pk, *, consistent: real(pk) if consistent else late)
    for late[:] in states:
        assert admitted(table, ids(1, 4), limit) == ids(1, 4)
        assert admitted(table, ids(MARKS_AN_ITEM, 100), limit) == ids(MARKS_AN_ITEM, limit)
        assert admitted(table, ids(0, 100), 1) == ids(0, limit), "lowered since"
    monkeypatch.undo()
    assert sum(len(item["marks"]) for item in table.query(PARTITION)) == limit * 12, "each counted once"


def test_a_write_whose_response_is_lost_counts_once(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Table.try_update

    def lost(self: Table, *args: Any, **more: Any) -> bool:
        real(self, *args, **more)
        raise LedgerUnavailable("no response")

    monkeypatch.setattr(Table, "try_update", lost)
    with pytest.raises(LedgerUnavailable):
        admitted(table, ids(0, 2), 3)
    monkeypatch.undo()
    assert admitted(table, ids(0, 5), 3) == ids(0, 3)
