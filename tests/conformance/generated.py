"""Generated requests: puts, updates and deletions with conditions, reads, queries and transactions of few items."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from tests.conformance.play import Call

Placed = tuple[str, dict[str, Any]]
"""A part of an expression, and its values by placeholder."""

_NAMES = ("aa", "bb", "cc", "mm", "ll")
_PATHS = (*_NAMES, "mm.x", "mm.y", "mm.x.z", "ll[0]", "ll[1]", "ll[0].x", "nothing")

_scalars = st.one_of(
    st.sampled_from(["0", "1", "-1", "1.5", "10", "1e2", "0.10"]).map(lambda text: {"N": text}),
    st.sampled_from(["", "a", "ab", "b", "é"]).map(lambda text: {"S": text}),
    st.sampled_from([b"", b"a", b"\xff"]).map(lambda data: {"B": data}),
    st.booleans().map(lambda value: {"BOOL": value}),
    st.just({"NULL": True}),
)
_sets = st.one_of(
    st.sets(st.sampled_from("abc"), min_size=1).map(lambda each: {"SS": sorted(each)}),
    st.sets(st.sampled_from(["1", "2", "3.5"]), min_size=1).map(lambda each: {"NS": sorted(each)}),
)
_values: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.one_of(_scalars, _sets),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda each: {"L": each}),
        st.dictionaries(st.sampled_from("xyz"), inner, max_size=3).map(lambda each: {"M": each}),
    ),
    max_leaves=4,
)
_numbers = st.sampled_from(["1", "2", "-0.5"]).map(lambda text: {"N": text})
_keys = st.fixed_dictionaries(
    {"pk": st.sampled_from("pq").map(lambda text: {"S": text}), "sk": st.sampled_from("123").map(lambda t: {"S": t})}
)


def _placed(text: st.SearchStrategy[str], **values: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[Placed]:
    """A text that has a path put in, with its values."""
    given = st.fixed_dictionaries({f":{name}": value for name, value in values.items()})
    return st.tuples(st.builds(str.replace, text, st.just("PATH"), st.sampled_from(_PATHS)), given)


_simple: st.SearchStrategy[Placed] = st.one_of(
    _placed(st.sampled_from(["attribute_exists(PATH)", "attribute_not_exists(PATH)"])),
    _placed(st.sampled_from(["=", "<>", "<", "<=", ">", ">="]).map(lambda sign: f"PATH {sign} :v"), v=_values),
    _placed(st.sampled_from(["begins_with(PATH, :v)", "contains(PATH, :v)"]), v=_values),
    _placed(
        st.sampled_from("=<>").map(lambda sign: f"size(PATH) {sign} :v"),
        v=st.integers(0, 3).map(lambda number: {"N": str(number)}),
    ),
    _placed(st.just("PATH IN (:v, :w)"), v=_values, w=_values),
    _placed(st.just("PATH BETWEEN :v AND :w"), v=_scalars, w=_scalars),
    _placed(
        st.just("attribute_type(PATH, :v)"),
        v=st.sampled_from(["S", "N", "M", "L", "SS", "BOOL"]).map(lambda kind: {"S": kind}),
    ),
)
_conditions: st.SearchStrategy[Placed] = st.recursive(
    _simple,
    lambda inner: st.one_of(
        inner.map(lambda one: (f"NOT {one[0]}", one[1])),
        st.tuples(inner, inner).map(lambda both: _joined(" AND ", both)),
        st.tuples(inner, inner).map(lambda both: _joined(" OR ", both)),
    ),
    max_leaves=3,
)


def _joined(separator: str, parts: Iterable[Placed]) -> Placed:
    """Combine expressions, each with placeholders of its own."""
    texts: list[str] = []
    values: dict[str, Any] = {}
    for number, (text, given) in enumerate(parts):
        texts.append(re.sub(r"(:\w+)", rf"\g<1>{number}", text))
        values.update({f"{name}{number}": value for name, value in given.items()})
    return separator.join(texts), values


@st.composite
def _clause(draw: Any, section: str) -> Placed:
    """One clause of an update's section."""
    path = draw(st.sampled_from(_PATHS))
    if section == "REMOVE":
        return path, {}
    if section == "ADD":
        return f"{path} :v", {":v": draw(st.one_of(_numbers, _sets))}
    if section == "DELETE":
        return f"{path} :v", {":v": draw(_sets)}
    other = draw(st.sampled_from(_PATHS))
    text = draw(
        st.sampled_from(
            [
                ":v",
                ":v",
                other,
                f"{other} + :n",
                f":n - {other}",
                f"if_not_exists({other}, :v)",
                f"list_append({other}, :l)",
            ]
        )
    )
    values: dict[str, Any] = {":v": draw(_values), ":n": draw(_numbers), ":l": {"L": [draw(_scalars)]}}
    return f"{path} = {text}", {name: value for name, value in values.items() if name in text}


@st.composite
def _update(draw: Any) -> Placed:
    """An update expression."""
    sections = draw(st.lists(st.sampled_from(["SET", "SET", "REMOVE", "ADD", "DELETE"]), unique=True, min_size=1))
    parts = []
    for section in sections:
        clauses = draw(st.lists(_clause(section), min_size=1, max_size=3))
        text, values = _joined(", ", clauses)
        parts.append((f"{section} {text}", values))
    return _joined(" ", parts)


@st.composite
def _item(draw: Any) -> dict[str, Any]:
    """An item with some attributes, and some with the keys of indexes."""
    item = draw(_keys) | draw(st.dictionaries(st.sampled_from(_NAMES), _values, max_size=4))
    if draw(st.booleans()):
        item["due_pk"] = {"S": draw(st.sampled_from("de"))}
    if draw(st.booleans()):
        item["due_at"] = {"N": f"{draw(st.integers(0, 3))}{item['pk']['S'] == 'p':d}{item['sk']['S']}"}
    return dict(item)


@st.composite
def _guarded(draw: Any, request: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """A request, perhaps with a condition."""
    if draw(st.booleans()):
        text, more = draw(_conditions)
        values = {**values, **{f":c{name[1:]}": value for name, value in more.items()}}
        text = text.replace(":", ":c")
        request = {**request, "ConditionExpression": text, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    return {**request, **({"ExpressionAttributeValues": values} if values else {})}


@st.composite
def calls(draw: Any) -> Call:
    """Any call."""
    table = {"TableName": "things"}
    kind = draw(
        st.sampled_from(["put", "put", "update", "update", "update", "delete", "get", "query", "due", "together"])
    )
    if kind == "put":
        return "put_item", draw(_guarded({**table, "Item": draw(_item()), "ReturnValues": "ALL_OLD"}, {}))
    if kind == "update":
        text, values = draw(_update())
        request = {**table, "Key": draw(_keys), "UpdateExpression": text}
        return "update_item", draw(_guarded({**request, "ReturnValues": draw(_RETURNED)}, values))
    if kind == "delete":
        return "delete_item", draw(_guarded({**table, "Key": draw(_keys), "ReturnValues": "ALL_OLD"}, {}))
    if kind == "get":
        paths = draw(st.lists(st.sampled_from(_PATHS), unique=True, max_size=3))
        return "get_item", {
            **table,
            "Key": draw(_keys),
            **({"ProjectionExpression": ", ".join(paths)} if paths else {}),
        }
    if kind == "together":
        items = draw(st.lists(_item(), min_size=1, max_size=3, unique_by=lambda item: str((item["pk"], item["sk"]))))
        return "transact_write_items", {
            "TransactItems": [{"Put": draw(_guarded({**table, "Item": item}, {}))} for item in items]
        }
    return "query", draw(_query(table, kind))


_RETURNED = st.sampled_from(["NONE", "ALL_OLD", "ALL_NEW"])


@st.composite
def _query(draw: Any, table: dict[str, str], kind: str) -> dict[str, Any]:
    """A query of the table or of an index."""
    name, sort, index = ("pk", "sk", {}) if kind == "query" else ("due_pk", "due_at", {"IndexName": "due"})
    text, values = f"{name} = :p", {":p": {"S": draw(st.sampled_from("pq" if kind == "query" else "de"))}}
    if draw(st.booleans()):
        edge = {"S": draw(st.sampled_from("123"))} if kind == "query" else {"N": str(draw(st.integers(0, 313)))}
        text += f" AND {sort} {draw(st.sampled_from(['=', '<', '<=', '>', '>=']))} :s"
        values[":s"] = edge
    more: dict[str, Any] = {}
    if ":s" not in values and draw(
        st.booleans()
    ):  # whether a full page at the edge of a range is the last one, is open
        more["Limit"] = draw(st.integers(1, 3))
    if draw(st.booleans()):
        more["ScanIndexForward"] = draw(st.booleans())
    return {**table, **index, **more, "KeyConditionExpression": text, "ExpressionAttributeValues": values}


def numbered(program: list[Call], number: int) -> list[Call]:
    """The program with partition keys that only program `number` has, and a look at all its items in the end."""
    looks: list[Call] = [
        (
            "query",
            {"TableName": "things", "KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": key}},
        )
        for key in ({"S": "p"}, {"S": "q"})
    ]
    return [(operation, _own(arguments, number)) for operation, arguments in [*program, *looks]]


def _own(value: Any, number: int) -> Any:
    if isinstance(value, dict):
        return {
            name: {"S": f"{each['S']}-{number}"}
            if name in ("pk", "due_pk", ":p") and isinstance(each, dict) and "S" in each
            else _own(each, number)
            for name, each in value.items()
        }
    return [_own(each, number) for each in value] if isinstance(value, list) else value
