"""What the tests of people's rights ask, and what they look at in the ledger."""

from __future__ import annotations

import json
from typing import Any

from tests.support.aws import TestAws
from tests.support.product import FakeContext, Product

LEDGER = "relais-local-ledger"
PERSONAL = {"email", "fields", "consent", "waiting_ids"}


def forget(product: Product, email: Any = "zoe@example.com", milliseconds: int = 120_000) -> dict[str, Any]:
    """What `forget` answers."""
    return product.runtime.operators.forget({"email": email}, FakeContext(milliseconds))


def export(product: Product, email: str = "zoe@example.com", milliseconds: int = 120_000) -> dict[str, Any]:
    """What `export_person` answers."""
    return product.runtime.operators.export_person({"email": email}, FakeContext(milliseconds))


def dump(aws: TestAws) -> list[dict[str, Any]]:
    """Every item of the ledger."""
    pages = aws.dynamodb.get_paginator("scan").paginate(TableName=LEDGER, ConsistentRead=True)
    return [dict(item) for page in pages for item in page["Items"]]


def holders(aws: TestAws, text: str) -> list[str]:
    """Keys of the items in which a text stands, in any capitals."""
    return [item["pk"]["S"] for item in dump(aws) if text.lower() in json.dumps(item, ensure_ascii=False).lower()]


def event_item(aws: TestAws, event_id: str) -> dict[str, Any]:
    """An event's own item."""
    key: Any = {"pk": {"S": f"E#{event_id}"}, "sk": {"S": "E"}}
    return dict(aws.dynamodb.get_item(TableName=LEDGER, Key=key, ConsistentRead=True).get("Item", {}))
