"""The tables of one region, and the checks of a request that all operations share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .bindings import Condition
from .conditions import compile_condition
from .errors import invalid, not_found
from .tables import Table

ACCOUNT_ID = "123456789012"
Request = Mapping[str, Any]
Answer = dict[str, Any]

_LEGACY = {
    "AttributesToGet": "ProjectionExpression",
    "AttributeUpdates": "UpdateExpression",
    "ConditionalOperator": "ConditionExpression",
    "Expected": "ConditionExpression",
    "KeyConditions": "KeyConditionExpression",
    "QueryFilter": "FilterExpression",
    "ScanFilter": "FilterExpression",
}


@dataclass
class Database:
    """Tables by name. Not thread-safe: the engine runs one call at a time."""

    region: str = "eu-west-3"
    clock: Callable[[], float] = time.time
    tables: dict[str, Table] = field(default_factory=dict)
    tokens: dict[str, tuple[float, str]] = field(default_factory=dict)
    """Transactions by their ClientRequestToken: time and request."""

    def table(self, name: Any) -> Table:
        """Returns a table by its name or ARN. Raises DynamoError."""
        if not isinstance(name, str):
            raise invalid(
                "1 validation error detected: Value null at 'tableName' failed to satisfy constraint: "
                "Member must not be null"
            )
        table = self.tables.get(name.rpartition("table/")[2])
        if table is None:
            raise not_found()
        return table

    def arn(self, name: str) -> str:
        """Returns the ARN of a table."""
        return f"arn:aws:dynamodb:{self.region}:{ACCOUNT_ID}:table/{name}"


def refuse_legacy(request: Request) -> None:
    """Refuses parameters that expressions replaced in 2014. Raises DynamoError."""
    for name in request.keys() & _LEGACY.keys():
        raise invalid(f"The legacy parameter {name} is not supported here; use {_LEGACY[name]}")


def choice(request: Request, name: str, allowed: tuple[str, ...]) -> str:
    """Returns a parameter with several allowed values; the first is the default. Raises DynamoError."""
    value = request.get(name)
    if value is None:
        return allowed[0]
    if value not in allowed:
        parameter = name[0].lower() + name[1:]
        raise invalid(
            f"1 validation error detected: Value '{value}' at '{parameter}' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(allowed)}]"
        )
    return str(value)


def condition_of(request: Request, kind: str = "ConditionExpression") -> Condition | None:
    """Returns a request's compiled condition, if it has one. Raises DynamoError."""
    text = request.get(kind)
    return None if text is None else compile_condition(text, kind)
