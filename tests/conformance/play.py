"""Plays programs of DynamoDB requests and returns their answers in a form that can be compared and kept as JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

Call = tuple[str, dict[str, Any]]
"""A client's method, and its arguments."""

TABLES: list[dict[str, Any]] = [
    {
        "TableName": "things",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
            {"AttributeName": "due_pk", "AttributeType": "S"},
            {"AttributeName": "due_at", "AttributeType": "N"},
            {"AttributeName": "rank", "AttributeType": "N"},
        ],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "due",
                "KeySchema": [
                    {"AttributeName": "due_pk", "KeyType": "HASH"},
                    {"AttributeName": "due_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
            {
                "IndexName": "by_due_pk",
                "KeySchema": [{"AttributeName": "due_pk", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["text", "map"]},
            },
        ],
        "LocalSecondaryIndexes": [
            {
                "IndexName": "ranked",
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "rank", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            },
        ],
    },
    {
        "TableName": "numbers",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "N"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    },
    {
        "TableName": "binaries",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "id", "AttributeType": "B"},
            {"AttributeName": "part", "AttributeType": "B"},
        ],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "part", "KeyType": "RANGE"}],
    },
]


@cache
def client_of(endpoint: str, access_key: str = "conformance") -> Any:
    """Returns a client that sends wrong requests, too; DynamoDB Local has tables of its own for each access key."""
    make: Any = boto3.client  # its overloads know service names as literals only
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    return make(
        "dynamodb",
        endpoint_url=endpoint,
        region_name="eu-west-3",
        aws_access_key_id=access_key,
        aws_secret_access_key="local",
        config=config,
    )


def prepare(client: Any) -> None:
    """Makes the tables that programs use."""
    for table in TABLES:
        client.create_table(**table)


def play(client: Any, program: Iterable[Call]) -> list[Any]:
    """Returns what each call of a program answers, or its error."""
    return [answer(client, *call) for call in program]


def answer(client: Any, operation: str, arguments: Mapping[str, Any]) -> Any:
    """Returns the answer of a call or its error, without texts that differ between DynamoDB Local and the service."""
    try:
        found: Any = getattr(client, operation)(**arguments)
    except ClientError as error:
        response: Any = error.response
        found = {"Code": response["Error"]["Code"]}
        found |= {name: response[name] for name in ("Item", "CancellationReasons") if name in response}
    if "ReturnConsumedCapacity" not in arguments:
        found.pop("ConsumedCapacity", None)  # DynamoDB Local gives it for a deletion of nothing
    found.pop("ResponseMetadata", None)
    return comparable(found, sort_items=operation in ("scan", "batch_get_item"))


_WORDED = ("Message", "ReadCapacityUnits", "WriteCapacityUnits")


def comparable(value: Any, sort_items: bool = False, name: str = "") -> Any:
    """Returns a value as JSON, with sets and other unordered values sorted."""
    if isinstance(value, Mapping):
        return {key: comparable(each, sort_items, key) for key, each in value.items() if key not in _WORDED}
    if isinstance(value, list):
        given = [comparable(each, sort_items) for each in value]
        unordered = name in ("SS", "NS", "BS", "ConsumedCapacity") or (sort_items and name not in ("L", "Keys"))
        return sorted(given, key=lambda each: json.dumps(each, sort_keys=True)) if unordered else given
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if name == "N":
        shown = format(Decimal(value), "f")
        return shown.rstrip("0").rstrip(".") if "." in shown else shown
    if isinstance(value, str) and len(value) > 200:
        return f"{value[:20]}... {len(value)} characters"
    return value.timestamp() if isinstance(value, datetime) else value
