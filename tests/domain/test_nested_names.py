"""Names that denote a place in nested data: the values that they find; no input makes them raise or take long."""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest
from hypothesis import given, strategies as st

from chalicelib.domain.limits import ELEMENTS_SEARCHED, NAME_PARTS
from chalicelib.domain.nested_names import (
    leaves,
    name_of,
    nested,
    parts_of,
    places_like,
    short_name,
    texts_of,
    values_at,
)

OPTIONS = [{"id": "a", "text": "Vin"}, {"id": "b", "text": "Pain"}, {"id": "c", "text": "Sel"}]
FIELDS = [
    {"key": "q1", "label": "E-mail", "ask": {"ref": "mail"}, "value": "zoe@example.com"},
    {"key": "q2", "label": " Goûts ", "value": ["b", "c"], "options": OPTIONS},
    {"key": "q3", "label": "Twice", "value": "one"},
    {"key": "q4", "label": "Twice", "value": "two"},
    "no object", None, {"label": ["Twice", "more"], "value": "three"},
]  # fmt: skip
DATA = {"user": {"email": "a@example.com", "prénom": "Zoé", "tags": ["x", None, "y"], "old": None}, "fields": FIELDS,
        "php": {"0": "p", "1": "q"}, "matrix": [["a", "b"], ["c"]], "flat": "f"}  # fmt: skip


def found(name: str, data: Any = None) -> tuple[str, ...] | None:
    """The texts at a place; None if there is something else."""
    parts = parts_of(name)
    assert parts is not None
    return texts_of(values_at(DATA if data is None else data, parts))


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("user[email]", ("a@example.com",)),
        ("user[prénom]", ("Zoé",)),
        ("user[tags]", ("x", "y")),
        ("user[tags][]", ("x", "y")),
        ("user[tags][2]", ("y",)),
        ("user[tags][9]", ()),
        ("user[tags][99999999999999999999]", ()),
        ("user[tags][²]", ()),
        ("user[old]", ()),
        ("user[none]", ()),
        ("user[email][more]", ()),
        ("flat[]", ("f",)),
        ("flat[0]", ()),
        ("php[]", ("p", "q")),
        ("php[1]", ("q",)),
        ("matrix[1][0]", ("c",)),
        ("matrix[][0]", ("a", "c")),
        ("fields[0][value]", ("zoe@example.com",)),
        ("fields[label=E-mail][value]", ("zoe@example.com",)),
        ("fields[ask.ref=mail][value]", ("zoe@example.com",)),
        ("fields[label= Goûts][value]", ("b", "c")),
        ("fields[label=Goûts][options][id in value][text]", ("Pain", "Sel")),
        ("fields[][options][id in value][text]", ("Pain", "Sel")),
        ("fields[label=Twice][value]", ("one", "two", "three")),
        ("fields[label=Nobody][value]", ()),
        ("fields[id in value]", ()),
        ("fields[label][value]", ()),
        ("fields[label=E-mail]", None),
    ],
)
def test_a_name_finds_the_texts_at_its_place(name: str, texts: tuple[str, ...] | None) -> None:
    assert found(name) == texts


def test_a_name_whose_accents_are_composed_finds_a_member_whose_are_not() -> None:
    assert found("user[prénom]", {"user": {"pre\u0301nom": "Zoé"}}) == ("Zoé",)
    assert found("fields[label=Prénom][value]", {"fields": [{"label": "Pre\u0301nom", "value": "Zoé"}]}) == ("Zoé",)


@pytest.mark.parametrize(
    "name", ["", "user", "user[", "user]", "user[email", "user[a[b]]", "[email]", "user[email]x", "user][email]", "[]"]
)
def test_any_other_name_is_flat(name: str) -> None:
    assert parts_of(name) is None


def test_of_a_long_array_the_first_elements_are_searched() -> None:
    long = {"fields": [{"label": f"n{number}", "value": "v"} for number in range(ELEMENTS_SEARCHED + 1)]}
    assert found(f"fields[label=n{ELEMENTS_SEARCHED - 1}][value]", long) == ("v",)
    assert found(f"fields[label=n{ELEMENTS_SEARCHED}][value]", long) == ()
    assert found("fields[][value]", long) == ("v",) * ELEMENTS_SEARCHED


@pytest.mark.parametrize(
    ("sent", "data"),
    [
        ([("user[email]", ["a"]), ("user[tags][]", ["x"])], {"user": {"email": "a", "tags": ["x"]}}),
        ([("flat", ["o"]), ("several", ["p", "q"])], {"flat": "o", "several": ["p", "q"]}),
        ([("a[b]", ["1", "2"]), ("a[b][]", ["3"])], {"a": {"b": ["1", "2", "3"]}}),
        ([("a", ["text"]), ("a[b]", ["object"])], {"a": {"b": "object"}}),
        ([("a[b]", ["object"]), ("a", ["text"])], {"a": {"b": "object"}}),
        ([("a[][b]", ["elements are not told apart"])], {}),
        ([("a" + "[b]" * NAME_PARTS, ["too deep"])], {}),
    ],
)  # fmt: skip
def test_a_forms_names_describe_nested_data(sent: list[tuple[str, list[str]]], data: dict[str, Any]) -> None:
    assert nested(sent) == data


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("user[mail]", [("mail", part, f"user[{part}]") for part in ("email", "prénom", "tags")]),
        ("usr[email]", [("usr", "user", "user[email]")]),
        ("fields[ask.ref=email][value]", [("email", "mail", "fields[ask.ref=mail][value]")]),
        ("fields[9][value]", []),
    ],
)  # fmt: skip
def test_places_like_another_one_hold_something(name: str, like: list[tuple[str, str, str]]) -> None:
    parts = parts_of(name)
    assert parts is not None
    assert list(places_like(DATA, parts)) == like


def test_leaves_are_texts_inside_objects() -> None:
    assert [name_of(leaf) for leaf in leaves({**DATA, "deep": {"er": {"x": "1"}}})] == [
        *("user[email]", "user[prénom]", "user[tags]", "php[0]", "php[1]", "deep[er][x]"),
    ]


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("email", "email"),
        ("form_fields[prenom]", "prenom"),
        ("interests[]", "interests"),
        ("data[fields][label=Prénom][value]", "Prénom"),
        ("answers[field.ref=city][text]", "city"),
    ],
)
def test_a_short_name_is_what_a_person_would_say(name: str, short: str) -> None:
    assert short_name(name) == short


words = st.text("ab[]=.0 é\u0301", max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)
hostile_names = st.lists(words, min_size=1, max_size=6).map(lambda parts: name_of(parts)) | words


@pytest.mark.seconds
@given(hostile_names, st.dictionaries(words, json_values, max_size=4))
def test_no_name_and_no_data_make_it_raise(name: str, data: dict[str, Any]) -> None:
    short_name(name)
    list(leaves(data))
    parts = parts_of(name)
    if parts is not None:
        assert parts_of(name_of(parts)) in (parts, None)
        values = values_at(data, parts)
        assert None not in values
        assert all(isinstance(text, str) for text in texts_of(values) or ())
        assert all(values_at(data, parts_of(place) or (place,)) for _, _, place in places_like(data, parts))


members = st.text("abé-_ ", min_size=1, max_size=4)
objects = st.dictionaries(
    members,
    st.recursive(
        st.text(max_size=3) | st.lists(st.text(max_size=3), min_size=1, max_size=3),
        lambda inner: st.dictionaries(members, inner, min_size=1, max_size=3),
        max_leaves=8,
    ),
    min_size=1,
    max_size=3,
)


def sent_as_a_form(value: Any, name: str = "") -> list[tuple[str, list[str]]]:
    """The names and texts of a form that PHP would read as this object."""
    if isinstance(value, dict):
        return [
            pair for key, one in value.items() for pair in sent_as_a_form(one, f"{name}[{key}]" if name else str(key))
        ]
    return [(f"{name}[]", value)] if isinstance(value, list) else [(name, [value])]


@given(objects)
def test_a_form_describes_the_same_data_as_json(data: dict[str, Any]) -> None:
    assert nested(sent_as_a_form(data)) == data


@pytest.mark.seconds
@pytest.mark.parametrize(
    ("names", "data"),
    [
        ([f"d[label=n{number}][value]" for number in range(30)], {"d": [{"label": "z"}] * 8000}),
        ([f"d[][id in all][{number}]" for number in range(30)], {"d": [[{"id": "t"}]] * 8000, "all": ["t"] * 1000}),
        ([f"d[é{number}][value]" for number in range(30)], {"d": {f"k{number}": "v" for number in range(8000)}}),
        (["a[][][][]" + "[x]"] * 30, {"a": [[[["x"] * 20] * 20] * 20] * 20}),
    ],
)
def test_a_hostile_body_takes_little_time(names: list[str], data: dict[str, Any]) -> None:
    started = process_time()
    for name in names:
        parts = parts_of(name) or (name, "b")
        values_at(data, parts)
        list(places_like(data, parts))
    assert process_time() - started < 2
