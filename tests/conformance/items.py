"""Programs of items: what can be put, numbers, projections."""

from __future__ import annotations

from tests.conformance.calls import NEW, OLD, RICH, get, key, n, put, returned, s, update

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
