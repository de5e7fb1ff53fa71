"""Calls of DynamoDB in a short form, and items that several programs use."""

from __future__ import annotations

from typing import Any

from tests.conformance.play import Call

Value = dict[str, Any]


def s(text: str) -> Value:
    return {"S": text}


def n(number: object) -> Value:
    return {"N": str(number)}


def key(pk: str, sk: str = "1") -> dict[str, Value]:
    return {"pk": s(pk), "sk": s(sk)}


def put(item: dict[str, Value], **more: Any) -> Call:
    return "put_item", {"TableName": "things", "Item": item, **more}


def get(pk: str, sk: str = "1", **more: Any) -> Call:
    return "get_item", {"TableName": "things", "Key": key(pk, sk), **more}


def update(expression: str, pk: str = "a", **more: Any) -> Call:
    """An update of an item; values by `_name`, names by `name_`, everything else as DynamoDB has it."""
    return "update_item", {"TableName": "things", "Key": key(pk), "UpdateExpression": expression, **_placed(more)}


def check(expression: str, pk: str = "a", **more: Any) -> Call:
    """A conditional update that changes nothing."""
    return "update_item", {"TableName": "things", "Key": key(pk), "ConditionExpression": expression, **_placed(more)}


def query(expression: str, **more: Any) -> Call:
    return "query", {"TableName": "things", "KeyConditionExpression": expression, **_placed(more)}


def scan(**more: Any) -> Call:
    return "scan", {"TableName": "things", **_placed(more)}


def _placed(more: dict[str, Any]) -> dict[str, Any]:
    values = {f":{name[1:]}": value for name, value in more.items() if name.startswith("_")}
    names = {f"#{name[:-1]}": value for name, value in more.items() if name.endswith("_")}
    rest = {name: value for name, value in more.items() if not name.startswith("_") and not name.endswith("_")}
    return {
        **({"ExpressionAttributeValues": values} if values else {}),
        **({"ExpressionAttributeNames": names} if names else {}),
        **rest,
    }


RICH = {
    **key("a"),
    "title": s("Zoé"),
    "num": n("1.50"),
    "bytes": {"B": b"\x00\xff"},
    "yes": {"BOOL": True},
    "nil": {"NULL": True},
    "list": {"L": [s("a"), n(2), {"M": {"deep": {"SS": ["x", "y"]}}}, {"L": [n(1), n(2)]}]},
    "map": {"M": {"one": n(1), "two": {"M": {"three": s("3")}}, "with.dot": s("d")}},
    "words": {"SS": ["b", "a"]},
    "counts": {"NS": ["3", "1.0", "2"]},
    "blobs": {"BS": [b"b", b"a"]},
    "empty": s(""),
}
OLD: dict[str, Any] = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
NEW: dict[str, Any] = {"ReturnValues": "ALL_NEW"}


def returned(kind: str) -> dict[str, Any]:
    return {"ReturnValues": kind}


DUE = [
    put(
        {
            **key(f"i{number % 3}", f"{number}"),
            "due_pk": s("p"),
            "due_at": n(number),
            "title": s(f"t{number}"),
            "rank": n(9 - number),
        }
    )
    for number in range(8)
]


def gets(*keys: dict[str, Value], **more: Any) -> Call:
    return "batch_get_item", {"RequestItems": {"things": {"Keys": list(keys), **more}}}


def writes(*requests: dict[str, Any]) -> Call:
    return "batch_write_item", {"RequestItems": {"things": list(requests)}}


def transact(*items: tuple[str, dict[str, Any]], **more: Any) -> Call:
    return "transact_write_items", {
        "TransactItems": [{kind: {"TableName": "things", **_placed(item)}} for kind, item in items],
        **more,
    }


EXISTS: dict[str, Any] = {"ConditionExpression": "attribute_exists(pk)", **OLD}
ABSENT: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)", **OLD}


def costed(call: Call, kind: str = "INDEXES") -> Call:
    """The same request, with the consumed capacity."""
    return call[0], {**call[1], "ReturnConsumedCapacity": kind}


def sized(size: int, **more: Value) -> dict[str, Value]:
    """An item of so many bytes, besides `more`."""
    return {**key("c"), **more, "v": s("x" * (size - 7))}
