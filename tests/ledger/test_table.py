"""The operations of the table that all stores use."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError

from chalicelib.domain.errors import LedgerUnavailable
from chalicelib.effects import Effects
from chalicelib.ledger.batched_reads import BATCH_GET_LIMIT
from chalicelib.ledger.item_values import pack
from chalicelib.ledger.table import CONFLICT_WAITS, TRANSACTION_LIMIT, ConditionFailed, Table
from tests.support.aws import TestAws

ITEM = {"pk": "a", "sk": "1", "text": "Zoé", "number": 12, "yes": True, "list": ["x", 2], "map": {"k": "v"}}


@pytest.fixture
def table(resources: TestAws) -> Table:
    return Table(resources.dynamodb, "relais-local-ledger")


def refusal(work: Any, *arguments: Any, **options: Any) -> dict[str, Any]:
    with pytest.raises(ConditionFailed) as caught:
        work(*arguments, **options)
    return dict(caught.value.found)


def test_values_are_read_back_unchanged(table: Table) -> None:
    table.put_new({**ITEM, "absent": None, "names": {"x", "y"}})
    assert table.get(("a", "1")) == {**ITEM, "names": {"x", "y"}}
    assert table.get(("a", "2")) is None


def test_an_existing_item_is_returned_and_not_overwritten(table: Table) -> None:
    table.put_new(ITEM)
    assert refusal(table.put_new, {"pk": "a", "sk": "1"}) == ITEM
    assert table.get(("a", "1")) == ITEM


def test_a_transaction_is_all_or_nothing(table: Table) -> None:
    items = [{"pk": "b", "sk": str(n)} for n in range(3)]
    assert table.put_new_together(items) is True
    assert table.query("b") == items
    assert refusal(table.put_new_together, items) == items[0]
    fresh = {"pk": "b", "sk": "new"}
    assert table.put_new_together([fresh, items[1]]) is False, "not the first: the caller puts them one by one"
    assert table.get(("b", "new")) is None
    most = [{"pk": "c", "sk": f"{n:03}"} for n in range(TRANSACTION_LIMIT + 1)]
    assert table.put_new_together(most) is False
    assert table.query("c") == []
    assert table.put_new_together(most[:-1]) is True
    assert len(table.query("c")) == TRANSACTION_LIMIT


def test_an_update_returns_the_new_item_or_the_conflicting_one(table: Table) -> None:
    assert table.update(("d", "1"), "SET #n = :one", {"one": 1}, names={"n": "number"}) == {
        "pk": "d",
        "sk": "1",
        "number": 1,
    }
    stands = refusal(table.update, ("d", "1"), "SET x = :x", {"x": 1}, condition="attribute_not_exists(pk)")
    assert stands == {"pk": "d", "sk": "1", "number": 1}
    assert refusal(table.update, ("d", "2"), "SET x = :x", {"x": 1}, condition="attribute_exists(pk)") == {}
    assert table.get(("d", "2")) is None


def test_many_items_are_read_in_batches_once_each(table: Table) -> None:
    keys = [("e", f"{n:03}") for n in range(BATCH_GET_LIMIT + 5)]
    table.in_parallel(lambda key: table.put_new({"pk": key[0], "sk": key[1]}), keys)
    found = table.get_many([*keys, keys[0], ("e", "not there")])
    assert sorted(found) == keys
    assert table.get_many([]) == {}


def test_a_partition_is_read_over_several_pages(table: Table) -> None:
    """A page ends at 1 MB."""
    items = [{"pk": "f", "sk": f"{n:02}", "text": "x" * 150_000} for n in range(9)]
    table.in_parallel(table.put_new, items)
    assert [item["sk"] for item in table.query("f")] == [item["sk"] for item in items]


def test_a_scan_reads_every_segment_and_only_the_requested_attributes(table: Table) -> None:
    items = [{"pk": f"g{n}", "sk": "1", "number": n, "text": "x" * 90_000} for n in range(40)]
    table.in_parallel(table.put_new, items)
    pages = [
        page for part in range(2) for page in table.scan(part, 2, "#number < :most", ["pk", "number"], {"most": 20})
    ]
    assert len(pages) > 2, "a page ends at 1 MB"
    found = sorted((item for page in pages for item in page), key=lambda item: item["number"])
    assert found == [{"pk": f"g{n}", "number": n} for n in range(20)]


def test_entries_of_the_index_are_read_between_two_sort_keys_and_up_to_a_limit(table: Table) -> None:
    for n in range(7):
        table.put_new({"pk": f"h{n}", "sk": "1", "due_pk": "p", "due_sk": f"b{9 - n}"})
    table.put_new({"pk": "other", "sk": "1", "due_pk": "q", "due_sk": "b1"})
    table.put_new({"pk": "before", "sk": "1", "due_pk": "p", "due_sk": "a9"})
    table.put_new({"pk": "none", "sk": "1", "due_sk": "b1"})

    def due(until: str, limit: int) -> list[str]:
        return [item["pk"] for item in table.query_due("due", "p", ("b0", until), limit)]

    assert due("b9", 10) == [f"h{n}" for n in reversed(range(7))]
    assert due("b5", 10) == ["h6", "h5", "h4"]
    assert due("b9", 2) == ["h6", "h5"]


def test_a_conflict_with_a_transaction_is_waited_out_by_the_injected_sleep() -> None:
    conflict = ClientError({"Error": {"Code": "TransactionConflictException", "Message": ""}}, "PutItem")
    client = Mock(put_item=Mock(side_effect=[conflict, conflict, {}]))
    slept: list[float] = []
    table = Table(client, "relais-local-ledger", Effects(sleep=slept.append))
    table.put_new(ITEM)
    assert slept == list(CONFLICT_WAITS[:2])
    client.put_item.side_effect = conflict
    with pytest.raises(LedgerUnavailable, match="TransactionConflict"):
        table.put_new(ITEM)
    assert slept[2:] == list(CONFLICT_WAITS)


@pytest.mark.parametrize("work", ["put_new", "put_new_together", "get", "get_many", "update", "query"])
def test_every_failure_is_ledger_unavailable(work: str, resources: TestAws) -> None:
    arguments: dict[str, tuple[Any, ...]] = {
        "put_new": (ITEM,),
        "put_new_together": ([ITEM],),
        "get": (("a", "1"),),
        "get_many": ([("a", "1")],),
        "update": (("a", "1"), "SET x = :x", {"x": 1}),
        "query": ("a",),
    }
    missing = Table(resources.dynamodb, "relais-local-nothing")
    with pytest.raises(LedgerUnavailable, match="ResourceNotFound"):
        getattr(missing, work)(*arguments[work])


def test_items_have_the_form_that_boto3_gives_them() -> None:
    item = {
        "text": "é",
        "empty": "",
        "number": 4781,
        "yes": True,
        "bytes": b"\0",
        "names": {"a", "b"},
        "map": {"text": "x", "number": 1, "nothing": None, "deep": {"list": ["y", {"z": False}]}, "empty": {}},
        "list": [],
        "absent": None,
    }
    expected = {name: TypeSerializer().serialize(value) for name, value in item.items() if value is not None}
    assert {**pack(item), "names": {"SS": sorted(pack(item)["names"]["SS"])}} == {
        **expected,
        "names": {"SS": sorted(expected["names"]["SS"])},
    }
