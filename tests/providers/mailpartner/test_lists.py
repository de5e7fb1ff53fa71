"""The opt-out list as a stream: chunk boundaries do not matter, and memory depends on the row, not on the list."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.providers.mailpartner.json_stream import LONGEST_VALUE, JsonStream, MalformedAnswer
from chalicelib.providers.mailpartner.xml_stream import XmlStream

ROWS = [
    {"id": 1, "email": "zoé@example.com", "createdAt": "2026"},
    {"id": -1.5e3, "a": [[], {}, "]},"]},
    None,
    True,
    12,
]
WHOLE = {"success": True, "nbData": 5, "code": 200, "data": ROWS, "more": {"data": [7]}}
JSON = json.dumps(WHOLE, ensure_ascii=False, indent=1).encode()
XML = """<?xml version="1.0" encoding="UTF-8"?>
<result><entry>true</entry><entry>200</entry>
<entry> 3 </entry><entry><entry><entry>19</entry><entry>
<![CDATA[zoé&<@example.com]]>
</entry><entry/></entry><entry><entry>20</entry></entry></entry></result>
""".encode()


def slices(whole: bytes, size: int) -> list[bytes]:
    return [whole[start : start + size] for start in range(0, len(whole), size)]


def read(parts: Any) -> tuple[dict[str, Any], list[Any] | None]:
    members = JsonStream(parts, "data")
    rows = list(members.rows()) if members.up_to_array() else None
    return members.read, rows


def everything(document: XmlStream) -> tuple[list[str], list[tuple[str, ...]]]:
    return document.read_head(), list(document.rows())


class TestJson:
    @pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
    def test_chunk_boundaries_do_not_matter(self, size: int) -> None:
        members, rows = read(slices(JSON, size))
        assert rows == ROWS
        assert members == {name: value for name, value in WHOLE.items() if name != "data"}

    def test_a_byte_order_mark_and_white_space_are_accepted(self) -> None:
        assert read([b"\xef\xbb\xbf \r\n", JSON, b"\n "])[1] == ROWS

    def test_an_empty_list_and_a_missing_list(self) -> None:
        assert read([b'{"data": [ ], "n": 1}']) == ({"n": 1}, [])
        assert read([b'{"n": 1}']) == ({"n": 1}, None)
        assert read([b"{}"]) == ({}, None)
        assert read([b'{"data": null}']) == ({"data": None}, None)

    @pytest.mark.parametrize("end", range(len(JSON)))
    def test_every_truncation_is_detected(self, end: int) -> None:
        with pytest.raises(MalformedAnswer):
            read([JSON[:end]])

    @pytest.mark.parametrize(
        ("body", "why"),
        [
            (b"", "empty"),
            (b"  ", "empty"),
            (b"<html>", "HTML"),
            (b"[1]", "another shape"),
            (b"null", "another shape"),
            (b'{"a": NaN}', "broken"),
            (b'{"data": [1 2]}', "broken"),
            (b'{"data": [1,]}', "broken"),
            (b'{"data": [1]} x', "broken"),
            (b'{"data": [1], }', "broken"),
            (b"{a: 1}", "broken"),
            (b'{"a": "\xe9"}', "charset"),
            (b'{"a": "' + b"x" * 3 * LONGEST_VALUE, "broken"),
            (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "broken"),
            (b'{"a": ' + b"9" * 10_000 + b"}", "broken"),
        ],
    )
    def test_a_broken_list_is_reported_with_the_reason(self, body: bytes, why: str) -> None:
        with pytest.raises(MalformedAnswer, match=why):
            read(slices(body, 64 * 1024))

    @pytest.mark.seconds
    @pytest.mark.no_cover
    def test_a_long_list_is_never_completely_in_memory(self) -> None:
        assert peak(lambda: sum(1 for _ in long_json().rows())) < 1_000_000


class TestXml:
    @pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
    def test_chunk_boundaries_do_not_matter(self, size: int) -> None:
        rows = [("19", "zoé&<@example.com", ""), ("20",)]
        assert everything(XmlStream(slices(XML, size))) == (["true", "200", "3"], rows)

    def test_the_root_may_have_any_name(self) -> None:
        other = XML.replace(b"<result>", b"<response>").replace(b"</result>", b"</response>")
        assert other != XML
        assert everything(XmlStream([other])) == everything(XmlStream([XML]))

    @pytest.mark.parametrize("end", range(len(XML) - 1))
    def test_every_truncation_is_detected(self, end: int) -> None:
        with pytest.raises(MalformedAnswer):
            everything(XmlStream([XML[:end]]))

    @pytest.mark.seconds
    @pytest.mark.no_cover
    def test_a_long_list_is_never_completely_in_memory(self) -> None:
        assert peak(lambda: sum(1 for _ in long_xml().rows())) < 1_000_000


NUMBER = 15_000


def long_json() -> JsonStream:
    def parts() -> Iterator[bytes]:
        yield b'{"success":true,"data":[0'
        for _ in range(NUMBER // 100):
            yield b',{"id":1234567,"email":"somebody.or.other@example.com","createdAt":"2026-01-01 00:00:00"}' * 100
        yield b"]}"

    members = JsonStream(parts(), "data")
    assert members.up_to_array()
    return members


def long_xml() -> XmlStream:
    def parts() -> Iterator[bytes]:
        yield b"<result><entry>true</entry><entry>200</entry><entry>1</entry><entry>"
        for _ in range(NUMBER // 100):
            yield (
                b"<entry><entry>1234567</entry><entry>somebody.or.other@example.com</entry><entry>x</entry></entry>"
                * 100
            )
        yield b"</entry></result>"

    document = XmlStream(parts())
    document.read_head()
    return document


def peak(work: Any) -> int:
    """The peak memory of `work` in bytes; it must count all the rows."""
    tracemalloc.start()
    assert work() >= NUMBER
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most
