"""After a restore the functions use the table that the stack's parameters name, and leave its own as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from local.resources import create
from tests.support.aws import TestAws, stage_description
from tests.support.product import Product


def test_a_restored_ledger_is_used_and_the_old_one_stays(
    product: Product, resources: TestAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, own = resources.dynamodb, "relais-local-ledger"

    def items(table: str) -> list[dict[str, Any]]:
        return sorted(client.scan(TableName=table, ConsistentRead=True)["Items"], key=str)

    (before,) = product.store(product.signup("before@example.com"))
    kept = items(own)
    (described,) = [table for table in stage_description().tables if table.name == own]
    restored = replace(described, name="restored", definition={**described.definition, "TableName": "restored"})
    create((), (restored,), resources.sqs, client)
    for item in kept:
        client.put_item(TableName="restored", Item=item)

    monkeypatch.setenv("RELAIS_LEDGER_TABLE", "restored")
    product.restart()
    (after,) = product.store(product.signup("after@example.com"))
    assert product.work(before, after) == {"batchItemFailures": []}
    assert items(own) == kept
    assert len(items("restored")) > len(kept)
    assert {email for _, email, _ in product.paris.rows} == {"before@example.com", "after@example.com"}
