"""Bodies of forms in all media types give the same fields, or an error with its status."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings, strategies as st

from chalicelib.domain.limits import FORM_KB
from chalicelib.ingestion.bodies import BodyError, Submission, read_submission
from tests.support.examples import examples

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=xyz"


def part(name: str, content: str | bytes, *more: str, disposition: str = "") -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    head = f'Content-Disposition: form-data; name="{name}"{disposition}'
    return "\r\n".join(["--xyz", head, *more, "", ""]).encode() + raw + b"\r\n"


def multipart(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--xyz--\r\n"


def read_form(content_type: str | None, content_encoding: str | None, body: bytes) -> Submission:
    headers = {"content-type": content_type, "content-encoding": content_encoding}
    return read_submission({name: value for name, value in headers.items() if value is not None}, body)


def status_of(content_type: str | None, body: bytes, encoding: str | None = None) -> int:
    with pytest.raises(BodyError) as caught:
        read_form(content_type, encoding, body)
    return caught.value.status


def test_the_three_encodings_give_the_same_fields() -> None:
    expected = Submission({"email": ("a@example.com",), "prenom": ("Zoé & co",)})
    assert read_form(JSON, None, '{"email": "a@example.com", "prenom": "Zoé & co"}'.encode()) == expected
    assert read_form(FORM, None, b"email=a%40example.com&prenom=Zo%C3%A9+%26+co") == expected
    assert read_form(MULTIPART, None, multipart(part("email", "a@example.com"), part("prenom", "Zoé & co"))) == expected


def test_names_with_accents_of_two_characters_are_composed() -> None:
    expected = Submission({"prénom": ("Zoé", "Léa")}, {"été": {}})
    two = "pre\u0301nom"
    assert read_form(JSON, None, json.dumps({"prénom": "Zoé", two: "Léa", "e\u0301te\u0301": {}}).encode()) == expected
    assert read_form(FORM, None, f"prénom=Zoé&{two}=Léa".encode()).texts == expected.texts


def test_json_scalars_become_text_as_written_and_null_is_absent() -> None:
    body = b'{"a": 1, "b": 1.50, "c": true, "d": false, "e": null, "f": 1e5, "g": {"x": 1}, "h": [1]}'
    read = read_form(JSON, None, body)
    assert read.texts == {"a": ("1",), "b": ("1.50",), "c": ("true",), "d": ("false",), "f": ("1e5",), "h": ("1",)}
    assert set(read.nested) == {"g"}


def test_a_repeated_field_keeps_all_its_values() -> None:
    expected = {"interest": ("wine", "cheese"), "email": ("",)}
    assert read_form(FORM, None, b"interest=wine&email=&interest=cheese").texts == expected
    body = multipart(part("interest", "wine"), part("email", ""), part("interest", "cheese"))
    assert read_form(MULTIPART, None, body).texts == expected


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=utf-8", "Application/JSON;charset=UTF8", 'application/json; charset="utf-8"'],
)
def test_content_types_are_read_in_every_notation(content_type: str) -> None:
    assert read_form(content_type, "identity", b'\xef\xbb\xbf{"a": "b"}').texts == {"a": ("b",)}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, b""),
        (JSON, b"{"),
        (JSON, b'{"a": "\xe9"}'),
        (JSON, b'{"a": NaN}'),
        (JSON, b'{"a": "line\nbreak"}'),
        (JSON, b"[" * 50_000),
        (JSON, b'{"a":' * 15_000 + b"1" + b"}" * 15_000),
        ("multipart/form-data", multipart(part("a", "b"))),
        ("multipart/form-data; boundary=other", multipart(part("a", "b"))),
        (MULTIPART, b""),
        (MULTIPART, part("a", "b")),
        (MULTIPART, b"--xyz\r\nContent-Type: text/plain\r\n\r\nb\r\n--xyz--\r\n"),
    ],
)
def test_400_for_an_unreadable_body(content_type: str, body: bytes) -> None:
    assert status_of(content_type, body) == 400


@pytest.mark.parametrize("body", [b"[]", b'"a@example.com"', b"1", b"null", b"9" * 5000])
def test_422_for_json_that_is_not_an_object(body: bytes) -> None:
    assert status_of(JSON, body) == 422


@pytest.mark.parametrize(
    "content_type",
    ["text/html", "application/xml", "application/json, text/plain", f"{FORM}; charset=utf-16"],
)  # fmt: skip
def test_415_for_other_types_and_charsets(content_type: str | None) -> None:
    assert status_of(content_type, b"{}") == 415


def test_415_for_content_codings() -> None:
    assert status_of(JSON, b"{}", "gzip") == 415


def test_415_for_a_file_but_not_for_a_file_field_left_empty() -> None:
    name = '; filename="{}"'
    file = part("doc", "text", "Content-Type: text/plain", disposition=name.format("a.txt"))
    assert status_of(MULTIPART, multipart(part("a", "b"), file)) == 415
    assert status_of(MULTIPART, multipart(part("doc", "text", disposition=name.format("")))) == 415
    assert status_of(MULTIPART, multipart(part("a", "b", "Content-Type: text/plain; charset=utf-7"))) == 415
    empty = part("doc", "", "Content-Type: application/octet-stream", disposition=name.format(""))
    assert read_form(MULTIPART, None, multipart(part("a", "b"), empty)).texts == {"a": ("b",)}


def test_413_above_100_kb_and_for_too_many_parts() -> None:
    whole = b'{"a": "' + b"x" * (FORM_KB * 1024 - 9) + b'"}'
    assert len(whole) == 102_400
    assert len(read_form(JSON, None, whole).texts["a"][0]) == FORM_KB * 1024 - 9
    assert status_of(JSON, whole + b" ") == 413
    assert status_of("text/plain", whole + b" ") == 413
    assert status_of(MULTIPART, multipart(*[part("a", "")] * 1001)) == 413


def test_a_huge_number_is_kept_as_text() -> None:
    assert read_form(JSON, None, b'{"a": ' + b"9" * 50_000 + b"}").texts["a"] == ("9" * 50_000,)


bodies = st.one_of(
    st.binary(max_size=300),
    st.text(alphabet='{}[]":,\\u0dea1 -\r\n', max_size=200).map(str.encode),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    st.lists(st.sampled_from([b"--xyz", b"--xyz--", b"\r\n", b"\n", b"a=b&c", b"%E9", b"%zz", b"Content-Length: 3",
                              b'Content-Disposition: form-data; name="a"', b"; filename=", b" x", b"\xff"]),
             max_size=14).map(b"".join),
)  # fmt: skip
types = st.one_of(st.sampled_from([JSON, FORM, MULTIPART, None]), st.text(max_size=60))


@pytest.mark.seconds
@settings(deadline=None, max_examples=examples(60))
@given(types, bodies)
@pytest.mark.no_cover
def test_any_body_gives_a_submission_or_a_body_error(content_type: str | None, body: bytes) -> None:
    outcome: BodyError | Submission
    try:
        outcome = read_form(content_type, None, body)
    except BodyError as error:
        outcome = error
    if isinstance(outcome, BodyError):
        assert outcome.status in (400, 413, 415, 422)
    else:
        assert all(isinstance(text, str) for texts in outcome.texts.values() for text in texts)
