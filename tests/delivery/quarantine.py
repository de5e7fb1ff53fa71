"""Shared by the tests of quarantined unsubscribes: a form with a limit, people who unsubscribe, counts."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.support.aws import TestAws
from tests.support.http import request
from tests.support.product import Product, settings

LIMIT = 3
JSON = {"content-type": "application/json"}
QUARANTINED = {"status": "quarantined"}


def limited_product() -> Product:
    """The product whose form `footer` has that limit."""
    given = settings()
    return Product(replace(given, forms={"footer": replace(given.forms["footer"], unsubscribes_per_hour=LIMIT)}))


def leave(product: Product, email: str, key: str | None = None) -> tuple[int, str]:
    """Submits the unsubscribe form; returns the answer's status and the event's id."""
    headers = {**JSON, **({"idempotency-key": key} if key else {})}
    answer = request(product.container, "POST", "/forms/footer/unsubscribe", headers, json.dumps({"email": email}))
    return answer.status, answer.json.get("id", "")


def left(product: Product, *emails: str) -> list[str]:
    """Returns the ids of the unsubscribes of these people, once a worker has handled them."""
    ids = [leave(product, email)[1] for email in emails]
    product.work(*ids)
    return ids


def flood(product: Product, beyond: int = 1) -> list[str]:
    """Returns the ids of the events above the form's limit; clears the calls for those within it."""
    left(product, *(f"p{number}@example.com" for number in range(LIMIT)))
    found = left(product, *(f"q{number}@example.com" for number in range(beyond)))
    for provider in product.providers.values():
        provider.unsubscribed_emails.clear()
    return found


def counted(resources: TestAws) -> list[int]:
    """How many of the form's unsubscribes are within its limit, by hour."""
    found = resources.dynamodb.scan(
        TableName="relais-local-ledger",
        FilterExpression="begins_with(pk, :pk)",
        ExpressionAttributeValues={":pk": {"S": "S#form#footer#unsubscribe#"}},
    )
    return [len(item["marks"]["S"]) // 12 for item in sorted(found["Items"], key=lambda item: item["pk"]["S"])]
