"""Programs of requests, each run on empty tables; `answers.json` contains the answers of DynamoDB Local."""

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


CONDITIONS = [
    check(text, **values)
    for text, values in [
        ("attribute_exists(pk)", {}),
        ("attribute_exists(nothing)", {}),
        ("attribute_not_exists(pk)", {}),
        ("attribute_exists(#m.two.three)", {"m_": "map"}),
        ("attribute_exists(#m.#d)", {"m_": "map", "d_": "with.dot"}),
        ("attribute_exists(#l[2].deep)", {"l_": "list"}),
        ("attribute_exists(#l[9])", {"l_": "list"}),
        ("#l[3][1] = :v", {"l_": "list", "_v": n("2.0")}),
        ("num = :v", {"_v": n("1.5")}),
        ("num = :v", {"_v": s("1.5")}),
        ("nothing = :v", {"_v": n(1)}),
        ("nothing <> :v", {"_v": n(1)}),
        ("nothing = absent", {}),
        ("nothing <> absent", {}),
        ("num <> :v", {"_v": n("1.5")}),
        ("num < :v", {"_v": n(2)}),
        ("num > :v", {"_v": n(-2)}),
        ("num <= :v AND num >= :v", {"_v": n("1.5000")}),
        ("num < :v", {"_v": s("2")}),
        (":v < num", {"_v": n(1)}),
        ("title > :v", {"_v": s("Zo")}),
        ("bytes > :v", {"_v": {"B": b"\x00\x10"}}),
        ("words = :v", {"_v": {"SS": ["a", "b"]}}),
        ("words <> :v", {"_v": {"SS": ["a"]}}),
        ("counts = :v", {"_v": {"NS": ["1", "2", "3.0"]}}),
        ("#l[0] = :v", {"l_": "list", "_v": s("a")}),
        ("#m = :v", {"m_": "map", "_v": RICH["map"]}),
        ("yes = :v", {"_v": {"BOOL": True}}),
        ("yes < :v", {"_v": {"BOOL": True}}),
        ("nil = :v", {"_v": {"NULL": True}}),
        ("num BETWEEN :a AND :b", {"_a": n(1), "_b": n(2)}),
        ("num BETWEEN :b AND :a", {"_a": n(1), "_b": n(2)}),
        ("num BETWEEN :a AND :b", {"_a": n(1), "_b": s("2")}),
        ("NOT num BETWEEN :a AND :b", {"_a": n(1), "_b": n(2)}),
        ("num IN (:a, :b)", {"_a": n(1), "_b": n("1.50")}),
        ("num IN (:a)", {"_a": s("x")}),
        ("nothing IN (:a)", {"_a": s("x")}),
        ("attribute_type(num, :t)", {"_t": s("N")}),
        ("attribute_type(num, :t)", {"_t": s("SS")}),
        ("attribute_type(num, :t)", {"_t": s("X")}),
        ("attribute_type(num, :t)", {"_t": n(1)}),
        ("begins_with(title, :v)", {"_v": s("Zo")}),
        ("begins_with(num, :v)", {"_v": s("1")}),
        ("begins_with(title, :v)", {"_v": n(1)}),
        ("begins_with(bytes, :v)", {"_v": {"B": b"\x00"}}),
        ("contains(title, :v)", {"_v": s("oé")}),
        ("contains(words, :v)", {"_v": s("a")}),
        ("contains(words, :v)", {"_v": s("c")}),
        ("contains(counts, :v)", {"_v": n("3.0")}),
        ("contains(counts, :v)", {"_v": s("3")}),
        ("contains(blobs, :v)", {"_v": {"B": b"a"}}),
        ("contains(#l, :v)", {"l_": "list", "_v": n("2.00")}),
        ("contains(title, :v)", {"_v": n(1)}),
        ("size(title) = :v", {"_v": n(4)}),
        ("size(words) = :v", {"_v": n(2)}),
        ("size(#l) > :v", {"l_": "list", "_v": n(3)}),
        ("size(#m) = :v", {"m_": "map", "_v": n(3)}),
        ("size(bytes) = :v", {"_v": n(2)}),
        ("size(num) = :v", {"_v": n(2)}),
        ("size(nothing) = :v", {"_v": n(2)}),
        ("NOT attribute_exists(pk) OR num = :v AND title = :w", {"_v": n("1.5"), "_w": s("Zoé")}),
        ("(num = :v OR title = :v) AND NOT (yes = :v)", {"_v": n("1.5")}),
        ("not attribute_exists(nothing) and attribute_exists(pk)", {}),
    ]
]

WRONG_CONDITIONS = [
    check(text, **values)
    for text, values in [
        ("", {}),
        ("num =", {}),
        ("num == :v", {"_v": n(1)}),
        ("num = :v AND", {"_v": n(1)}),
        ("(num = :v", {"_v": n(1)}),
        ("((num = :v))", {"_v": n(1)}),
        ("num = :v :w", {"_v": n(1)}),
        ("num ? :v", {"_v": n(1)}),
        ("num", {}),
        ("status = :v", {"_v": n(1)}),
        ("a.status = :v", {"_v": n(1)}),
        ("num = :absent", {}),
        ("num = :v", {}),
        ("#n = :v", {"_v": n(1)}),
        ("num = :v", {"_v": n(1), "_w": n(2)}),
        ("num = :v", {"_v": n(1), "x_": "num"}),
        ("attribute_exists(:v)", {"_v": n(1)}),
        ("attribute_exists(num, title)", {}),
        ("Attribute_Exists(num)", {}),
        ("unknown(num)", {}),
        ("size(num)", {}),
        ("if_not_exists(num, :v) = :v", {"_v": n(1)}),
        ("if_not_exists(num, :v)", {"_v": n(1)}),
        ("begins_with(title)", {}),
        ("begins_with(title, title)", {}),
        ("num = num", {}),
        ("num IN (:v, num)", {"_v": n(1)}),
        ("size(:v) = :w", {"_v": n(1), "_w": n(2)}),
        ("contains(:v, num)", {"_v": n(1)}),
        ("num < :v", {"_v": {"NULL": True}}),
        ("num = :v", {"_v": {}}),
        ("num = :v", {"_v": n("one")}),
        ("num = :v", {"ExpressionAttributeValues": {"v": n(1)}}),
        ("num = :v", {"ExpressionAttributeValues": {}}),
        ("#n = :v", {"_v": n(1), "ExpressionAttributeNames": {"n": "num"}}),
    ]
]

UPDATES = [
    update("SET num = :v", _v=n(7), **returned("UPDATED_OLD")),
    update("SET num = num + :v", _v=n("0.25"), **returned("UPDATED_NEW")),
    update("SET num = :v - num", _v=n("0.25"), **returned("UPDATED_NEW")),
    update("SET num = if_not_exists(num, :v), fresh = if_not_exists(nothing, :v)", _v=n(3), **returned("UPDATED_NEW")),
    update("SET fresh = if_not_exists(nothing, :z) + :v", _v=n(3), _z=n(0), **returned("UPDATED_NEW")),
    update("SET #l = list_append(#l, :v)", l_="list", _v={"L": [s("end")]}, **returned("UPDATED_NEW")),
    update("SET #l = list_append(:v, #l)", l_="list", _v={"L": [s("begin")]}, **returned("UPDATED_OLD")),
    update("SET #l[0] = :v, #l[99] = :w, #l[50] = :x", l_="list", _v=s("0"), _w=s("99"), _x=s("50"), **NEW),
    update("SET #m.one = :v, #m.four = :w", m_="map", _v=n(11), _w=n(4), **NEW),
    update("SET #m.two.three = :v", m_="map", _v=s("III"), **returned("ALL_OLD")),
    update("SET #m.two.three = :v REMOVE #l[0], #l[2]", m_="map", l_="list", _v=s("III"), **NEW),
    update("REMOVE #m.one, yes", m_="map", **NEW),
    update("REMOVE nothing, #l[77]", l_="list", **returned("UPDATED_NEW")),
    update("ADD num :v, fresh :v", _v=n(2), **returned("UPDATED_NEW")),
    update("ADD words :v, new_words :v", _v={"SS": ["c", "a"]}, **returned("UPDATED_NEW")),
    update("ADD counts :v", _v={"NS": ["3.0", "4"]}, **returned("UPDATED_NEW")),
    update("DELETE words :v", _v={"SS": ["c", "zzz"]}, **returned("UPDATED_NEW")),
    update("DELETE words :v", _v={"SS": ["a", "b"]}, **NEW),
    update("DELETE nothing :v", _v={"SS": ["a", "b"]}, **returned("UPDATED_NEW")),
    update("SET a1 = num, b1 = a1, num = :v", _v=n(1), **NEW),
    update("SET a1 = num, b1 = title, num = :v", _v=n(1), **NEW),
    update("set x = :v remove title add fresh :n delete blobs :b", _v=s("x"), _n=n(1), _b={"BS": [b"a"]}, **NEW),
    update("SET x = (num)", **returned("UPDATED_NEW")),
    update("SET x = (num + :v)", _v=n(1), **returned("UPDATED_NEW")),
    update("SET made = :v", pk="new", _v=s("x"), **returned("ALL_OLD")),
    update("SET made = :v", pk="newer", _v=s("x"), **returned("UPDATED_OLD")),
    update("SET made = :v", pk="newest", _v=s("x"), **returned("UPDATED_NEW")),
    update("REMOVE made", pk="empty", **NEW),
    get("a"),
    get("new"),
    get("empty"),
]

WRONG_UPDATES = [
    update(text, **values)
    for text, values in [
        ("", {}),
        ("SET", {}),
        ("SET num", {}),
        ("SET num = ", {}),
        ("num = :v", {"_v": n(1)}),
        ("SET num = :v,", {"_v": n(1)}),
        ("SET num = :v SET title = :v", {"_v": n(1)}),
        ("SET num = :v, num = :v", {"_v": n(1)}),
        ("SET #m = :v, #m.one = :v", {"m_": "map", "_v": n(1)}),
        ("SET #m.one = :v, #m[1] = :v", {"m_": "map", "_v": n(1)}),
        ("SET num = :v REMOVE num", {"_v": n(1)}),
        ("SET pk = :v", {"_v": s("x")}),
        ("REMOVE sk", {}),
        ("SET status = :v", {"_v": s("x")}),
        ("SET num = :v", {}),
        ("SET #x = :v", {"_v": n(1)}),
        ("SET num = :v", {"_v": n(1), "_w": n(1)}),
        ("SET num = nothing", {}),
        ("SET num = nothing + :v", {"_v": n(1)}),
        ("SET num = title + :v", {"_v": n(1)}),
        ("SET num = num + :v", {"_v": s("1")}),
        ("SET num = list_append(num, :v)", {"_v": {"L": []}}),
        ("SET num = list_append(num, :v)", {"_v": n(1)}),
        ("SET num = list_append(nothing, :v)", {"_v": {"L": []}}),
        ("SET num = list_append(:v)", {"_v": {"L": []}}),
        ("SET num = size(title)", {}),
        ("SET num = unknown(text)", {}),
        ("SET num = if_not_exists(:v, :v)", {"_v": n(1)}),
        ("SET nothing.deep = :v", {"_v": n(1)}),
        ("SET num.deep = :v", {"_v": n(1)}),
        ("SET #m.nothing.deep = :v", {"m_": "map", "_v": n(1)}),
        ("SET #m[0] = :v", {"m_": "map", "_v": n(1)}),
        ("SET #l.x = :v", {"l_": "list", "_v": n(1)}),
        ("REMOVE nothing.deep", {}),
        ("REMOVE num.deep", {}),
        ("ADD title :v", {"_v": n(1)}),
        ("ADD num :v", {"_v": s("1")}),
        ("ADD num :v", {"_v": {"NS": ["1"]}}),
        ("ADD num num", {}),
        ("DELETE words :v", {"_v": s("a")}),
        ("DELETE num :v", {"_v": {"NS": ["1"]}}),
        ("DELETE words :v", {"_v": {"NS": ["1"]}}),
        ("SET due_at = :v", {"_v": s("no number")}),
        ("SET due_pk = :v", {"_v": s("")}),
        ("SET num = :v + :w + :v", {"_v": n(1), "_w": n(2)}),
        ("SET num = :v * :w", {"_v": n(1), "_w": n(2)}),
        ("SET num = :v ADD", {"_v": n(1)}),
        ("SET num = num + :v", {"_v": n("9" * 38)}),
    ]
]

NUMBERS = [
    *[
        put({**key("n"), "v": n(text)})
        for text in [
            "0",
            "-0",
            "00012",
            "1.50",
            "1e3",
            "1E+20",
            "-1.0e-5",
            "+5",
            ".5",
            "5.",
            "1" * 38,
            "1" * 39,
            "1e125",
            "1e126",
            "9.9999999999999999999999999999999999999e125",
            "1e-130",
            "1e-131",
            "0e500",
            "",
            " 1",
            "1 ",
            "abc",
            "NaN",
            "Infinity",
            "1_000",
            "0x10",
            "--1",
            "1e",
            "123456789012345678901234567890.12345678",
        ]
    ],
    *[
        call
        for text in ["1e125", "1e-130", "-1.0e-5", "0.10", "12345678901234567890123456789012345678"]
        for call in (put({**key("n"), "v": n(text)}), get("n"))
    ],
    *[
        update("SET v = v + :v", pk="n", _v=n(text), **NEW)
        for text in ["1", "0.5", "1e-10", "-12345678901234567890123456789012345678"]
    ],
    put({**key("n"), "v": {"NS": ["1", "1.0"]}}),
    put({**key("n"), "v": {"NS": ["1", "2.50", "1e2"]}}),
    get("n"),
]

ITEMS = [
    put(RICH),
    get("a"),
    get("b"),
    put(RICH, **returned("ALL_OLD")),
    put(key("fresh"), **returned("ALL_OLD")),
    put(key("a"), **returned("ALL_NEW")),
    put(key("a"), ConditionExpression="attribute_not_exists(pk)"),
    put(key("a"), ConditionExpression="attribute_not_exists(pk)", **OLD),
    put(key("z"), ConditionExpression="attribute_exists(pk)", **OLD),
    put({"pk": s("a")}),
    put({"pk": s("a"), "sk": n(1)}),
    put({"pk": s(""), "sk": s("1")}),
    put({"pk": s("a"), "sk": s("")}),
    put({"pk": s("x" * 2049), "sk": s("1")}),
    put({"pk": s("x" * 2048), "sk": s("1")}),
    put({"pk": s("x"), "sk": s("y" * 1025)}),
    put({"pk": s("x"), "sk": s("y" * 1024)}),
    put({**key("b"), "v": {}}),
    put({**key("b"), "v": {"S": "a", "N": "1"}}),
    put({**key("b"), "v": {"SS": []}}),
    put({**key("b"), "v": {"NS": []}}),
    put({**key("b"), "v": {"SS": ["a", "a"]}}),
    put({**key("b"), "v": {"BS": [b"a", b"a"]}}),
    put({**key("b"), "v": {"NULL": False}}),
    put({**key("b"), "v": {"L": []}, "w": {"M": {}}, "x": {"B": b""}, "y": {"SS": [""]}}),
    get("b"),
    put({**key("b"), "due_pk": n(1)}),
    put({**key("b"), "due_pk": s("")}),
    put({**key("b"), "due_at": s("x")}),
    put({**key("b"), "rank": s("x")}),
    put({**key("b"), "v": s("x" * 409_600)}),
    put({**key("b"), "v": s("x" * (409_600 - 6 - 1))}),
    put({**key("b"), "v": s("x" * (409_600 - 6))}),
    update("SET v = :v", pk="b", _v=s("x" * 409_600)),
    ("delete_item", {"TableName": "things", "Key": key("a"), **returned("ALL_OLD")}),
    ("delete_item", {"TableName": "things", "Key": key("a"), **returned("ALL_OLD")}),
    ("delete_item", {"TableName": "things", "Key": key("a"), "ConditionExpression": "attribute_exists(pk)"}),
    ("delete_item", {"TableName": "things", "Key": key("x"), **returned("UPDATED_NEW")}),
    ("get_item", {"TableName": "things", "Key": {"pk": s("a")}}),
    ("get_item", {"TableName": "things", "Key": {**key("a"), "more": s("x")}}),
    ("get_item", {"TableName": "things", "Key": {"pk": s("a"), "sk": n(1)}}),
    ("get_item", {"TableName": "things", "Key": {"pk": s("a"), "sk": s("")}}),
    ("get_item", {"TableName": "things", "Key": {"pk": s("a"), "other": s("1")}}),
    put(key("a"), ExpressionAttributeNames={"#a": "a"}),
    put(key("a"), ExpressionAttributeValues={":a": n(1)}),
]

PROJECTIONS = [
    put(RICH),
    *[
        get("a", ProjectionExpression=text, **({"ExpressionAttributeNames": names} if names else {}))
        for text, names in [
            ("num, title", {}),
            ("#m.two, #l[2].deep", {"#m": "map", "#l": "list"}),
            ("#l[3], #l[0]", {"#l": "list"}),
            ("#l[0], #l[3][1], #l[3][0]", {"#l": "list"}),
            ("#l[77], nothing", {"#l": "list"}),
            ("#m.nothing", {"#m": "map"}),
            ("#m.#d", {"#m": "map", "#d": "with.dot"}),
            ("num, num", {}),
            ("#m, #m.two", {"#m": "map"}),
            ("num,", {}),
            ("", {}),
            ("status", {}),
            ("#x", {}),
            ("num", {"#x": "num"}),
        ]
    ],
]

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

QUERIES = [
    *DUE,
    put(key("i0", "nil")),
    query("pk = :p", _p=s("i0")),
    query("pk = :p", _p=s("i0"), ScanIndexForward=False),
    query("pk = :p", _p=s("nobody")),
    query("pk = :p AND sk = :s", _p=s("i0"), _s=s("3")),
    query("sk = :s AND pk = :p", _p=s("i0"), _s=s("3")),
    query("(pk = :p) AND (sk < :s)", _p=s("i0"), _s=s("3")),
    query("pk = :p AND sk <= :s", _p=s("i0"), _s=s("3")),
    query("pk = :p AND sk > :s", _p=s("i0"), _s=s("3")),
    query(":s >= sk AND :p = pk", _p=s("i0"), _s=s("3")),
    query("pk = :p AND sk BETWEEN :a AND :b", _p=s("i0"), _a=s("1"), _b=s("6")),
    query("pk = :p AND begins_with(sk, :s)", _p=s("i0"), _s=s("no")),
    query("#p = :p AND begins_with(#s, :s)", p_="pk", s_="sk", _p=s("i0"), _s=s("")),
    query("pk = :p", _p=s("i0"), Limit=2),
    query("pk = :p", _p=s("i0"), Limit=4),
    query("pk = :p", _p=s("i0"), Limit=2, ExclusiveStartKey=key("i0", "3")),
    query("pk = :p", _p=s("i0"), Limit=2, ExclusiveStartKey=key("i0", "4"), ScanIndexForward=False),
    query("pk = :p", _p=s("i0"), Limit=1, ExclusiveStartKey=key("i0", "3"), ScanIndexForward=False),
    query("pk = :p", _p=s("i0"), ExclusiveStartKey=key("i1", "3")),
    query("pk = :p", _p=s("i0"), ExclusiveStartKey={"pk": s("i0")}),
    query("pk = :p", _p=s("i0"), Select="COUNT"),
    query("pk = :p", _p=s("i0"), Select="ALL_PROJECTED_ATTRIBUTES"),
    query("pk = :p", _p=s("i0"), Select="SPECIFIC_ATTRIBUTES"),
    query("pk = :p", _p=s("i0"), ProjectionExpression="sk, title"),
    query("pk = :p", _p=s("i0"), FilterExpression="attribute_exists(title)", Limit=3),
    query("pk = :p", _p=s("i0"), _t=s("t3"), FilterExpression="title = :t", Select="COUNT"),
    query("pk = :p", _p=s("i0"), _t=s("t3"), FilterExpression="sk = :t"),
    query("pk = :p", _p=s("i0"), Limit=0),
    query("due_pk = :p", _p=s("p"), IndexName="due"),
    query("due_pk = :p", _p=s("p"), IndexName="due", ScanIndexForward=False, Limit=3),
    query("due_pk = :p AND due_at <= :a", _p=s("p"), _a=n(1), IndexName="due"),
    query("due_pk = :p AND due_at = :a", _p=s("p"), _a=n(1), IndexName="due"),
    query("due_pk = :p AND due_at BETWEEN :a AND :b", _p=s("p"), _a=n("0.5"), _b=n("2.5"), IndexName="due"),
    query("due_pk = :p", _p=s("p"), IndexName="due", Limit=3,
          ExclusiveStartKey={**key("i1", "1"), "due_pk": s("p"), "due_at": n(1)}),
    query("due_pk = :p", _p=s("p"), IndexName="due", ExclusiveStartKey=key("i1", "1")),
    query("due_pk = :p", _p=s("p"), IndexName="due", ConsistentRead=True),
    query("due_pk = :p", _p=s("p"), IndexName="due", Select="ALL_ATTRIBUTES"),
    query("due_pk = :p", _p=s("p"), IndexName="due", ProjectionExpression="title"),
    query("due_pk = :p", _p=s("p"), IndexName="due", FilterExpression="attribute_exists(title)"),
    query("due_pk = :p", _p=s("i0"), IndexName="by_due_pk"),
    query("due_pk = :p", _p=s("p"), IndexName="by_due_pk", Select="COUNT"),
    query("due_pk = :p", _p=s("p"), IndexName="nothing"),
    query("pk = :p", _p=s("i0"), IndexName="ranked"),
    query("pk = :p AND #r > :r", _p=s("i0"), r_="rank", _r=n(4), IndexName="ranked", ConsistentRead=True),
    query("pk = :p", _p=s("i0"), IndexName="ranked", Limit=1),
]  # fmt: skip

WRONG_QUERIES = [
    *DUE,
    query("sk = :s", _s=s("1")),
    query("pk > :p", _p=s("a")),
    query("pk = :p AND pk = :q", _p=s("a"), _q=s("b")),
    query("pk = :p AND title = :t", _p=s("a"), _t=s("b")),
    query("pk = :p AND sk = :s AND title = :t", _p=s("a"), _s=s("b"), _t=s("b")),
    query("pk = :p OR sk = :s", _p=s("a"), _s=s("b")),
    query("NOT pk = :p", _p=s("a")),
    query("pk = :p AND sk <> :s", _p=s("a"), _s=s("b")),
    query("pk = :p AND sk IN (:s)", _p=s("a"), _s=s("b")),
    query("pk = :p AND contains(sk, :s)", _p=s("a"), _s=s("b")),
    query("pk = :p AND attribute_exists(sk)", _p=s("a")),
    query("pk = :p AND size(sk) = :s", _p=s("a"), _s=n(1)),
    query("pk = :p AND sk BETWEEN :a AND :b", _p=s("a"), _a=s("2"), _b=s("1")),
    query("pk = :p", _p=n(1)),
    query("pk = :p AND sk = :s", _p=s("a"), _s=n(1)),
    query("pk = :p", _p=s("")),
    query("pk = sk"),
    query("pk = :p"),
    query("pk = :p AND", _p=s("a")),
    query("pk.x = :p", _p=s("a")),
    ("query", {"TableName": "things"}),
    ("query", {"TableName": "nothing", "KeyConditionExpression": "pk = :p",
               "ExpressionAttributeValues": {":p": s("a")}}),
]  # fmt: skip

SCANS = [
    *DUE,
    scan(),
    scan(Select="COUNT"),
    scan(FilterExpression="due_at > :a", _a=n(1)),
    scan(FilterExpression="sk = :a", _a=s("1"), ProjectionExpression="pk"),
    scan(IndexName="due"),
    scan(IndexName="due", Select="COUNT"),
    scan(IndexName="by_due_pk"),
    scan(IndexName="ranked"),
    scan(Segment=0),
    scan(TotalSegments=2),
    scan(Segment=2, TotalSegments=2),
    scan(Segment=0, TotalSegments=0),
    scan(Segment=0, TotalSegments=1),
    scan(Limit=0),
    scan(ExclusiveStartKey={"pk": s("i0")}),
    scan(Select="ALL_PROJECTED_ATTRIBUTES"),
]


def gets(*keys: dict[str, Value], **more: Any) -> Call:
    return "batch_get_item", {"RequestItems": {"things": {"Keys": list(keys), **more}}}


def writes(*requests: dict[str, Any]) -> Call:
    return "batch_write_item", {"RequestItems": {"things": list(requests)}}


BATCHES = [
    writes(*[{"PutRequest": {"Item": {**key(f"b{number}"), "v": n(number)}}} for number in range(25)]),
    writes(*[{"PutRequest": {"Item": key(f"b{number}")}} for number in range(26)]),
    writes({"DeleteRequest": {"Key": key("b0")}}, {"DeleteRequest": {"Key": key("nothing")}}),
    writes({"PutRequest": {"Item": key("b1")}}, {"DeleteRequest": {"Key": key("b1")}}),
    writes({"PutRequest": {"Item": {"pk": s("b1")}}}),
    ("batch_write_item", {"RequestItems": {"nothing": [{"PutRequest": {"Item": key("b1")}}]}}),
    ("batch_write_item", {"RequestItems": {}}),
    gets(*[key(f"b{number}") for number in range(5)]),
    gets(*[key(f"b{number}") for number in range(5)], ProjectionExpression="#v", ExpressionAttributeNames={"#v": "v"}),
    gets(*[key(f"b{number}") for number in range(100)]),
    gets(*[key(f"b{number}") for number in range(101)]),
    gets(key("b1"), key("b1")),
    gets(key("b1"), {"pk": s("x")}),
    ("batch_get_item", {"RequestItems": {"nothing": {"Keys": [key("b1")]}}}),
    ("batch_get_item", {"RequestItems": {}}),
    *[put({**key(f"big{number}"), "v": s("x" * 390_000)}) for number in range(3)],
    gets(*[key(f"big{number}") for number in range(3)], ProjectionExpression="pk"),
]


def transact(*items: tuple[str, dict[str, Any]], **more: Any) -> Call:
    return "transact_write_items", {
        "TransactItems": [{kind: {"TableName": "things", **_placed(item)}} for kind, item in items],
        **more,
    }


EXISTS: dict[str, Any] = {"ConditionExpression": "attribute_exists(pk)", **OLD}
ABSENT: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)", **OLD}

TRANSACTIONS = [
    transact(("Put", {"Item": {**key("t1"), "v": n(1)}}), ("Put", {"Item": key("t2"), **ABSENT})),
    transact(("Put", {"Item": key("t3")}), ("Put", {"Item": {**key("t1"), "v": n(2)}, **ABSENT})),
    get("t1"),
    get("t3"),
    transact(
        ("Update", {"Key": key("t1"), "UpdateExpression": "SET v = v + :o", "_o": n(1)}),
        ("Delete", {"Key": key("t2"), **EXISTS}),
        ("ConditionCheck", {"Key": key("t3"), "ConditionExpression": "attribute_not_exists(pk)"}),
    ),
    get("t1"),
    get("t2"),
    transact(("Put", {"Item": key("t5")}), ("Delete", {"Key": key("t5")})),
    transact(("Put", {"Item": {"pk": s("t5")}})),
    transact(("Put", {"Item": key("t5"), "ConditionExpression": "x = :v"})),
    transact(*[("Put", {"Item": key(f"m{number}")}) for number in range(101)]),
    transact(*[("Put", {"Item": key(f"m{number}")}) for number in range(100)]),
    transact(("ConditionCheck", {"Key": key("nil"), **EXISTS})),
    transact(("Put", {"Item": key("idem")}), ClientRequestToken="token"),
    ("delete_item", {"TableName": "things", "Key": key("idem")}),
    transact(("Put", {"Item": key("idem")}), ClientRequestToken="token"),
    get("idem"),
    transact(("Put", {"Item": key("other")}), ClientRequestToken="token"),
    ("transact_get_items", {"TransactItems": [
        {"Get": {"TableName": "things", "Key": key("t1")}},
        {"Get": {"TableName": "things", "Key": key("nil")}},
        {"Get": {"TableName": "things", "Key": key("m1"), "ProjectionExpression": "pk"}},
    ]}),
    ("transact_get_items", {"TransactItems": [{"Get": {"TableName": "things", "Key": key("t1")}}] * 2}),
    ("transact_get_items", {"TransactItems": [{"Get": {"TableName": "nothing", "Key": key("t1")}}]}),
]  # fmt: skip


def costed(call: Call, kind: str = "INDEXES") -> Call:
    """The same request, with the consumed capacity."""
    return call[0], {**call[1], "ReturnConsumedCapacity": kind}


def sized(size: int, **more: Value) -> dict[str, Value]:
    """An item of so many bytes, besides `more`."""
    return {**key("c"), **more, "v": s("x" * (size - 7))}


CAPACITY = [
    *[costed(put(sized(size))) for size in (100, 1024, 1025, 2048, 2049, 100, 5000)],
    costed(put(sized(1024)), "TOTAL"),
    costed(put({**sized(1024), "due_pk": s("p")})),
    costed(put({**sized(1024), "due_pk": s("p"), "due_at": n(1)})),
    costed(put({**sized(1024), "due_pk": s("p"), "due_at": n(1)})),
    costed(put({**sized(1024), "due_pk": s("p"), "due_at": n(2)})),
    costed(put({**sized(1024), "due_pk": s("p"), "due_at": n(2), "title": s("t" * 3000)})),
    costed(put({**sized(1024), "due_pk": s("p"), "due_at": n(2), "title": s("t")})),
    costed(put({**sized(1024), "due_pk": s("q"), "due_at": n(2), "rank": n(1)})),
    costed(update("REMOVE due_pk, due_at", pk="c")),
    costed(update("SET num = :v", pk="c", _v=n(1))),
    costed(("delete_item", {"TableName": "things", "Key": key("c")})),
    costed(("delete_item", {"TableName": "things", "Key": key("c")})),
    *[put(sized(size)) for size in (4096,)],
    costed(get("c")),
    costed(get("c", ConsistentRead=True)),
    put(sized(4097)),
    costed(get("c"), "TOTAL"),
    costed(get("c", ConsistentRead=True)),
    costed(get("nil", ConsistentRead=True)),
    costed(get("nil")),
    *DUE,
    costed(query("pk = :p", _p=s("c"))),
    costed(query("pk = :p", _p=s("c"), ConsistentRead=True)),
    costed(query("due_pk = :p", _p=s("p"), IndexName="due")),
    costed(scan()),
    costed(scan(ConsistentRead=True, FilterExpression="attribute_exists(nothing)")),
    costed(transact(("Put", {"Item": sized(2000)}), ("Put", {"Item": key("t2")}))),
    costed(writes({"PutRequest": {"Item": sized(2000)}}, {"DeleteRequest": {"Key": key("t2")}})),
    costed(gets(key("c"), key("i0", "0"), ConsistentRead=True)),
    costed(gets(key("c"), key("i0", "0")), "TOTAL"),
]
"""`v` and the key are seven bytes."""

SIZES = [
    costed(put({**key("z"), "v": value, "f": s("x" * fill)}))
    for value, bytes_ in [
        (n(0), 2), (n(1), 2), (n(12), 2), (n(123), 3), (n(1234), 3), (n(-1), 3), (n(-12), 3), (n("0.5"), 2),
        (n(100), 2), (n("1.5"), 2), (n(12345), 4), (n("-1.234"), 4), ({"BOOL": True}, 1), ({"NULL": True}, 1),
        ({"L": []}, 3), ({"L": [s("ab")]}, 6), ({"M": {}}, 3), ({"M": {"a": s("bc")}}, 7), ({"SS": ["ab", "c"]}, 3),
        ({"NS": ["1", "22"]}, 4), ({"BS": [b"abc"]}, 3), ({"B": b"abcd"}, 4), (s("é"), 2),
    ]
    for fill in (1024 - 6 - 1 - 1 - bytes_, 1024 - 6 - 1 - 1 - bytes_ + 1)
]  # fmt: skip
"""Two items of 1,024 and 1,025 bytes of each type: `pk`, `z`, `sk`, `1` are six, the names `v` and `f` one each."""

PAGES = [
    *[put({**key("page", f"{number:02}"), "v": s("x" * 100_000)}) for number in range(12)],
    query("pk = :p", _p=s("page"), ProjectionExpression="sk"),
    query("pk = :p", _p=s("page"), Select="COUNT", ScanIndexForward=False),
    query("pk = :p", _p=s("page"), Select="COUNT", ExclusiveStartKey=key("page", "09")),
    scan(Select="COUNT"),
    *[put({**key("exact", f"{number}"), "v": s("x" * (262_144 - 7 - 2 - 4 + 3))}) for number in range(5)],
    query("pk = :p", _p=s("exact"), Select="COUNT"),
]

OTHER_KEYS: list[Call] = [
    *[("put_item", {"TableName": "numbers", "Item": {"id": n(text)}}) for text in ("1", "1.0", "01", "-5", "1e2")],
    ("get_item", {"TableName": "numbers", "Key": {"id": n("100.0")}}),
    ("scan", {"TableName": "numbers"}),
    ("query", {"TableName": "numbers", "KeyConditionExpression": "id = :v",
               "ExpressionAttributeValues": {":v": n("1.00")}}),
    ("update_item", {"TableName": "numbers", "Key": {"id": n(7)}, "UpdateExpression": "ADD c :v",
                     "ExpressionAttributeValues": {":v": n(1)}, "ReturnValues": "ALL_NEW"}),
    *[("put_item", {"TableName": "binaries", "Item": {"id": {"B": b"i"}, "part": {"B": part}}})
      for part in (b"\xff", b"\x00", b"a", b"a\x00", b"b")],
    ("query", {"TableName": "binaries", "KeyConditionExpression": "id = :v",
               "ExpressionAttributeValues": {":v": {"B": b"i"}}}),
    ("query", {"TableName": "binaries", "KeyConditionExpression": "id = :v AND begins_with(part, :a)",
               "ExpressionAttributeValues": {":v": {"B": b"i"}, ":a": {"B": b"a"}}}),
    ("put_item", {"TableName": "binaries", "Item": {"id": {"B": b""}, "part": {"B": b"x"}}}),
]  # fmt: skip

PROGRAMS: dict[str, list[Call]] = {
    "items": ITEMS,
    "conditions": [put(RICH), *CONDITIONS],
    "conditions on nothing": CONDITIONS,
    "wrong conditions": [put(RICH), *WRONG_CONDITIONS],
    "updates": [put(RICH), *UPDATES],
    "wrong updates": [put(RICH), *WRONG_UPDATES, get("a")],
    "numbers": NUMBERS,
    "projections": PROJECTIONS,
    "queries": QUERIES,
    "wrong queries": WRONG_QUERIES,
    "scans": SCANS,
    "batches": BATCHES,
    "transactions": TRANSACTIONS,
    "capacity": CAPACITY,
    "sizes": SIZES,
    "pages": PAGES,
    "keys of other types": OTHER_KEYS,
}
