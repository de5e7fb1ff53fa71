"""TransactWriteItems and TransactGetItems."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from . import capacity
from .capacity import Units
from .database import Answer, Database, Request
from .errors import DynamoError, invalid
from .paths import projected
from .reads import projection_tree
from .tables import Table
from .values import Item, item_size
from .writes import Write, check, delete, put, update

MAX_ITEMS = 100
MAX_BYTES = 4 * 1024 * 1024
TOKEN_SECONDS = 600
_CHECKS: Mapping[str, Callable[[Database, Request], Write]] = {
    "ConditionCheck": check,
    "Put": put,
    "Delete": delete,
    "Update": update,
}


def transact_write_items(database: Database, request: Request) -> Answer:
    """Changes up to a hundred items, all or none; the same ClientRequestToken runs once in ten minutes."""
    token = request.get("ClientRequestToken")
    if token is None:
        return _write(database, request)
    now = database.clock()
    _remove_old_tokens(database, now)
    asked = json.dumps(request["TransactItems"], sort_keys=True, default=str)
    if token in database.tokens:
        if asked != database.tokens[token][1]:
            raise DynamoError(
                "IdempotentParameterMismatchException",
                "The request uses the same client token as a previous, but non-identical request.",
            )
        return {}
    answer = _write(database, request)
    database.tokens[token] = now, asked
    return answer


def _remove_old_tokens(database: Database, now: float) -> None:
    """Removes expired tokens, which are in order of time; boto3 sends one with each transaction."""
    while database.tokens:
        token, (time, _) = next(iter(database.tokens.items()))
        if now - time < TOKEN_SECONDS:
            return
        del database.tokens[token]


def _write(database: Database, request: Request) -> Answer:
    kind = capacity.wanted(request)
    writes = [_checked(database, each) for each in _items(request)]
    if len({(write.table.name, write.key) for write in writes}) < len(writes):
        raise invalid("Transaction request cannot include multiple operations on one item")
    changes: list[tuple[Item | None, Item | None]] = []
    reasons: list[dict[str, Any]] = []
    for write in writes:
        before = write.before()
        after, reason = _tried(write, before)
        changes.append((before, after))
        reasons.append(reason)
    if any(reason["Code"] != "None" for reason in reasons):
        raise _cancelled(reasons)
    if sum(item_size(after) for _, after in changes if after is not None) > MAX_BYTES:
        raise invalid("Collection size of items in transaction exceeded the limit of 4 MB")
    units: dict[str, Units] = {}
    for write, (before, after) in zip(writes, changes, strict=True):
        if after is not before:
            write.table.store(write.key, before, after)
        if kind:
            units.setdefault(write.table.name, Units(write.table)).add(capacity.of_write(write.table, before, after))
    return {"ConsumedCapacity": [each.shown(kind, "Write") for each in units.values()]} if kind else {}


def _items(request: Request) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = request.get("TransactItems") or []
    if not 1 <= len(items) <= MAX_ITEMS:
        shown = "[]" if not items else "[...]"
        bound = "less than or equal to 100" if items else "greater than or equal to 1"
        raise invalid(
            f"1 validation error detected: Value '{shown}' at 'transactItems' failed to satisfy constraint: "
            f"Member must have length {bound}"
        )
    return items


def _checked(database: Database, item: Mapping[str, Any]) -> Write:
    if len(item) != 1:
        raise invalid("TransactItems can only contain one of Check, Put, Update or Delete")
    ((operation, request),) = item.items()
    if operation not in _CHECKS:
        raise invalid("TransactItems can only contain one of Check, Put, Update or Delete")
    return _CHECKS[operation](database, request)


def _tried(write: Write, before: Item | None) -> tuple[Item | None, dict[str, Any]]:
    try:
        return write.after(before), {"Code": "None"}
    except DynamoError as error:
        if error.code == "ConditionalCheckFailedException":
            return None, {"Code": "ConditionalCheckFailed", "Message": error.message, **error.members}
        return None, {"Code": "ValidationError", "Message": error.message}


def _cancelled(reasons: list[dict[str, Any]]) -> DynamoError:
    codes = ", ".join(reason["Code"] for reason in reasons)
    return DynamoError(
        "TransactionCanceledException",
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        CancellationReasons=reasons,
    )


def transact_get_items(database: Database, request: Request) -> Answer:
    """Returns up to a hundred items as of one moment, in the order of the request."""
    kind = capacity.wanted(request)
    responses: list[dict[str, Item]] = []
    units: dict[str, Units] = {}
    places: set[Any] = set()
    for each in _items(request):
        get = each["Get"]
        table: Table = database.table(get.get("TableName"))
        tree = projection_tree(get)
        key, _ = table.schema.key_of_request(get["Key"])
        if (table.name, key) in places:
            raise invalid("Transaction request cannot include multiple operations on one item")
        places.add((table.name, key))
        item = table.items.get(key)
        responses.append({} if item is None else {"Item": item if tree is None else projected(item, tree)})
        size = 0 if item is None else table.size_of(key)
        units.setdefault(table.name, Units(table)).own += capacity.read_units(size, consistent=True)
    answer: Answer = {"Responses": responses}
    if kind:
        answer["ConsumedCapacity"] = [each.shown(kind, "Read") for each in units.values()]
    return answer
