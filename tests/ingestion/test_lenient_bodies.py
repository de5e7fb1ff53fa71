"""Bodies as forms, scripts and beacons send them: media types, byte order marks, character encodings."""

from __future__ import annotations

from urllib.parse import quote_from_bytes

import pytest

from chalicelib.domain import strict_json
from chalicelib.ingestion.bodies import BodyError, Submission, read_submission
from chalicelib.ingestion.event_batch import read_event_batch

BOM = b"\xef\xbb\xbf"
ZOE = '{"prenom": "Zoé"}'.encode()
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=xyz"


def read(content_type: str | None, body: bytes) -> Submission:
    return read_submission({} if content_type is None else {"content-type": content_type}, body)


def prenom(content_type: str | None, body: bytes) -> str:
    return read(content_type, body).texts["prenom"][0]


def status_of(content_type: str | None, body: bytes) -> int:
    with pytest.raises(BodyError) as caught:
        read(content_type, body)
    return caught.value.status


def parts(*given: tuple[str, bytes, str]) -> bytes:
    """A multipart body of parts with a name, a content and a Content-Type (none: "")."""
    made = [
        f'--xyz\r\nContent-Disposition: form-data; name="{name}"\r\n'.encode("latin-1")
        + (f"Content-Type: {kind}\r\n".encode() if kind else b"")
        + b"\r\n"
        + content
        + b"\r\n"
        for name, content, kind in given
    ]
    return b"".join(made) + b"--xyz--\r\n"


JSON_TYPES = [
    "text/plain;charset=UTF-8",
    "text/plain",
    "Text/Plain; Charset=iso-8859-1",
    "text/json",
    "text/json; charset=utf-8",
    "application/json; charset=latin-1",
    "application/json;odata=verbose",
    "application/vnd.api+json",
    "",
    None,
]


@pytest.mark.parametrize("content_type", JSON_TYPES)
def test_field_case_11_json_is_read_under_types_that_scripts_and_beacons_send(content_type: str | None) -> None:
    assert prenom(content_type, ZOE) == "Zoé"
    headers = {} if content_type is None else {"content-type": content_type}
    assert read_event_batch(headers, b'{"type": "signup"}').alone


@pytest.mark.parametrize("content_type", ["text/html", "application/xml", "application/octet-stream", "image/png"])
def test_other_types_are_still_refused(content_type: str) -> None:
    assert status_of(content_type, ZOE) == 415
    with pytest.raises(BodyError) as caught:
        read_event_batch({"content-type": content_type}, b"{}")
    assert caught.value.status == 415


@pytest.mark.parametrize("marks", [BOM, BOM * 2, BOM * 3, BOM + b"\r\n" + BOM, b" \n" + BOM])
def test_byte_order_marks_before_json_are_skipped(marks: bytes) -> None:
    assert prenom("application/json", marks + ZOE) == "Zoé"
    assert read_event_batch({}, marks + b'{"type": "signup"}').values == [{"type": "signup"}]
    assert strict_json.load((marks + ZOE).decode()) == {"prenom": "Zoé"}


@pytest.mark.parametrize("marks", [BOM, BOM * 2, b"%EF%BB%BF"])
def test_byte_order_marks_before_a_form_are_skipped(marks: bytes) -> None:
    assert prenom(FORM, marks + b"prenom=Zo%C3%A9") == "Zoé"
    if b"%" not in marks:
        assert prenom(MULTIPART, marks + parts(("prenom", "Zoé".encode(), ""))) == "Zoé"


LATIN = [
    pytest.param(f"{FORM}; charset=ISO-8859-1", b"prenom=Zo%E9", id="field-12-stated"),
    pytest.param(FORM, b"_charset_=windows-1252&prenom=Zo%E9", id="field-12-charset-field"),
    pytest.param(FORM, b"prenom=Zo%E9", id="field-12-nothing-stated"),
    pytest.param(FORM, b"prenom=Zo\xe9", id="raw bytes"),
    pytest.param(f'{FORM}; charset="latin1"', b"prenom=Zo\xe9", id="another name, quoted"),
    pytest.param(f"{FORM};charset=CP1252", b"prenom=Zo%e9", id="Windows's name"),
    pytest.param(FORM, b"prenom=Zo%E9&_charset_=iso-8859-1", id="charset field at the end"),
    pytest.param(FORM, b"prenom=Zo%E9&_CHARSET_=ISO-8859-15", id="Latin-9 and capitals"),
    pytest.param(f"{FORM}; charset=UTF-8", b"_charset_=ISO-8859-1&prenom=Zo%E9", id="the charset field wins"),
    pytest.param(f"{FORM}; charset=us-ascii", b"prenom=Zo%E9", id="US-ASCII states nothing"),
    pytest.param(f"{FORM}; charset=", b"_charset_=&prenom=Zo%E9", id="empty statements"),
    pytest.param(MULTIPART, parts(("prenom", b"Zo\xe9", "")), id="multipart, nothing stated"),
    pytest.param(MULTIPART, parts(("_charset_", b"windows-1252", ""), ("prenom", b"Zo\xe9", "")), id="charset part"),
    pytest.param(MULTIPART, parts(("prenom", b"Zo\xe9", "text/plain; charset=iso-8859-1")), id="charset of a part"),
    pytest.param(f"{MULTIPART}; charset=iso-8859-1", parts(("prenom", b"Zo\xe9", "")), id="multipart, header"),
]


@pytest.mark.parametrize(("content_type", "body"), LATIN)
def test_field_case_12_forms_of_old_pages_are_read_as_windows_1252(content_type: str, body: bytes) -> None:
    assert prenom(content_type, body) == "Zoé"


def test_windows_1252_is_read_as_browsers_do() -> None:
    every = bytes(range(0x80, 0xA0))
    expected = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ"
    assert prenom(f"{FORM}; charset=iso-8859-1", b"prenom=" + quote_from_bytes(every).encode()) == expected
    assert prenom(MULTIPART, parts(("prenom", every, ""))) == expected
    assert prenom(f"{FORM}; charset=iso-8859-15", b"prenom=%A4%BD") == "€œ"


def test_one_page_has_one_encoding() -> None:
    read_all = read(FORM, b"ville=Li%C3%A8ge&prenom=Zo%E9").texts
    assert read_all == {"ville": ("LiÃ¨ge",), "prenom": ("Zoé",)}
    assert read(FORM, b"pr%E9nom=Zo%E9").texts == {"prénom": ("Zoé",)}
    assert read(MULTIPART, parts(("pr\xe9nom", b"Zo\xe9", ""))).texts == {"prénom": ("Zoé",)}
    mixed = parts(("prenom", "Zoé".encode(), "text/plain; charset=utf-8"), ("ville", b"Li\xe8ge", ""))
    assert read(MULTIPART, mixed).texts == {"prenom": ("Zoé",), "ville": ("Liège",)}


BROKEN = [
    pytest.param("application/json", b'{"prenom": "Zo\xe9"}', id="hostile-15-json"),
    pytest.param("text/plain;charset=ISO-8859-1", b'{"prenom": "Zo\xe9"}', id="JSON is UTF-8 whatever is stated"),
    pytest.param(None, '{"prenom": "Zoé"}'.encode("utf-16"), id="UTF-16"),
    pytest.param(f"{FORM}; charset=UTF-8", b"prenom=Zo%E9", id="hostile-15-form"),
    pytest.param(f"{FORM}; charset=utf8", b"prenom=Zo\xe9", id="raw bytes"),
    pytest.param(FORM, b"_charset_=UTF-8&prenom=Zo%E9", id="charset field"),
    pytest.param(f"{FORM}; charset=iso-8859-1", b"_charset_=utf-8&prenom=%C3", id="the charset field wins"),
    pytest.param(f"{FORM}; charset=UTF-8", b"prenom=%ED%A0%80", id="a surrogate"),
    pytest.param(f"{FORM}; charset=UTF-8", b"prenom=%C0%BCb", id="an overlong form"),
    pytest.param(f"{FORM}; charset=UTF-8", b"pr%E9nom=x", id="in a name"),
    pytest.param(MULTIPART, parts(("_charset_", b"UTF-8", ""), ("prenom", b"Zo\xe9", "")), id="charset part"),
    pytest.param(MULTIPART, parts(("prenom", b"Zo\xe9", "text/plain; charset=utf-8")), id="charset of a part"),
]


@pytest.mark.parametrize(("content_type", "body"), BROKEN)
def test_hostile_15_bytes_that_are_not_the_stated_utf_8_are_refused(content_type: str | None, body: bytes) -> None:
    assert status_of(content_type, body) == 400


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (f"{FORM}; charset=shift_jis", b"prenom=x"),
        (f"{FORM}; charset=utf-16", b"prenom=x"),
        (FORM, b"_charset_=koi8-r&prenom=x"),
        (MULTIPART, parts(("prenom", b"x", "text/plain; charset=utf-7"))),
    ],
)
def test_other_encodings_are_refused(content_type: str, body: bytes) -> None:
    assert status_of(content_type, body) == 415


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        (b'{"interests[]": ["a", "b"]}', {"interests[]": ("a", "b")}),
        (b'{"a": ["x", 1, 1.50, true, null, ""]}', {"a": ("x", "1", "1.50", "true", "")}),
        (b'{"a": []}', {"a": ()}),
        (b'{"a": ["x"]}', {"a": ("x",)}),
        (b'{"a": [null]}', {"a": ()}),
        (b'{"a": [[]], "b": [{"c": 1}], "c": {"d": "e"}, "d": {}}', {}),
    ],
)
def test_field_case_10_arrays_are_read_as_repeated_fields(body: bytes, texts: dict[str, tuple[str, ...]]) -> None:
    assert read("application/json", body).texts == texts


def test_field_case_02_an_unencoded_plus_is_a_space() -> None:
    assert read(FORM, b"email=v1+news@example.com").texts == {"email": ("v1 news@example.com",)}
