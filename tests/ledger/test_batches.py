"""An event for several accounts is stored completely or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.errors import IdConflict, LedgerUnavailable
from chalicelib.ledger import table
from chalicelib.ledger.events import EventStore
from tests.support.aws import TestAws
from tests.support.product import Product

BOTH = ("paris", "lyon")


def items(product: Product, event_id: str) -> list[str]:
    return [item["sk"] for item in product.container.table.query(f"E#{event_id}")]


def test_a_batch_is_stored_in_one_call(product: Product, events: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product.container.table, "put_new", None)
    event = product.unsubscribe("zoe@example.com", id="a", accounts=BOTH)
    assert events.store(event) is True
    assert events.store(event) is False
    assert items(product, "a") == ["D#lyon", "D#paris", "E"]
    assert events.due("lyon", event.type, None, 10) == ["a"]


def test_a_conflicting_id_leaves_no_delivery_behind(product: Product, events: EventStore) -> None:
    product.store(product.signup("zoe@example.com", id="a"))
    with pytest.raises(IdConflict):
        events.store(product.unsubscribe("zoe@example.com", id="a", accounts=BOTH))
    assert items(product, "a") == ["E"]


@pytest.mark.parametrize("limit", [2, 100])
def test_deliveries_of_an_earlier_attempt_are_kept(
    product: Product, events: EventStore, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(table, "TRANSACTION_LIMIT", limit)
    event = product.unsubscribe("zoe@example.com", id="a", accounts=BOTH)
    key: dict[str, Any] = {"pk": "E#a", "sk": "D#paris", "status": "delivered", "attempts": 3}
    product.container.table.put_new(key)
    assert events.store(event) is True
    assert items(product, "a") == ["D#lyon", "D#paris", "E"]
    deliveries = events.load(["a"])[0].deliveries
    assert (deliveries["paris"].attempts, deliveries["lyon"].attempts) == (3, 0)
    assert events.store(event) is False


def test_a_missing_table_is_an_unavailable_ledger(product: Product, events: EventStore, resources: TestAws) -> None:
    assert events  # its table was there when it was made
    resources.dynamodb.delete_table(TableName="relais-local-ledger")
    with pytest.raises(LedgerUnavailable):
        events.store(product.unsubscribe("zoe@example.com", accounts=BOTH))
