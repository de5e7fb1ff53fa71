"""CSV as programs write it: encodings, separators, quotes, line endings; an error affects only its row."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import example, given, settings, strategies as st

from chalicelib.contact_import.rows import LONGEST_LINE, WINDOW, Row, decoded, read_csv
from chalicelib.jobs.errors import SyncRefused
from tests.support.examples import examples

HEADER = ["email", "prenom", "ville"]


def in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def read(data: bytes | str, size: int = 7) -> list[Row]:
    raw = data.encode() if isinstance(data, str) else data
    return list(read_csv(in_pieces(raw, size)).rows)


def values(rows: Iterable[Row]) -> list[list[str]]:
    assert all(row.error is None for row in rows)
    return [list(row.values.values()) for row in rows]


def row_errors(rows: Iterable[Row]) -> dict[int, str]:
    return {row.number: row.error for row in rows if row.error is not None}


TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=12) | st.text('ab;,\t\n\r" é€ ', max_size=8)


@pytest.mark.seconds
@settings(max_examples=examples(50), deadline=None)
@given(
    st.lists(st.lists(TEXT, min_size=3, max_size=3), max_size=8),
    st.sampled_from(";,\t"),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["utf-8", "utf-8-sig"]),
    st.integers(1, 50),
)
@example([["a@b.c", "\r\n", '"']], ";", "\r\n", csv.QUOTE_MINIMAL, "utf-8-sig", 1)
def test_csv_output_is_read_back(
    table: list[list[str]], separator: str, end: str, quoting: int, encoding: str, size: int
) -> None:
    if quoting == csv.QUOTE_MINIMAL:  # Python's writer does not quote a line break that is not its line terminator
        table = [[value.replace("\r", "").replace("\n", "") for value in row] for row in table]
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([HEADER, *table])
    rows = read(out.getvalue().encode(encoding), size)
    read_rows = [dict(row.values) for row in rows]
    blank = [all(not value or value.isspace() for value in row) for row in table]
    expected = [
        {name: value for name, value in zip(HEADER, row, strict=True) if value and not value.isspace()}
        for row, empty in zip(table, blank, strict=True)
        if not empty
    ]
    assert read_rows == expected
    assert row_errors(rows) == {}


@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_the_separator_is_detected_in_the_first_line(separator: str) -> None:
    other = ";" if separator != ";" else ","
    text = f"email{separator}prenom\na@b.c{separator}x{other}y{other}z\n"
    assert values(read(text)) == [["a@b.c", f"x{other}y{other}z"]]


def test_a_separator_within_quotes_of_the_first_line_does_not_count() -> None:
    assert list(read_csv([b'"a,b,c,d";email\n1;2\n']).columns) == ["a,b,c,d", "email"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_every_line_ending_is_counted_and_blank_lines_are_skipped(end: str, size: int) -> None:
    text = end.join(["", "email;prenom", "", "a@b.c;Zoé", " ; ", ";", "d@e.f;", "a;b;c", ""])
    rows = read(text, size)
    assert [row.number for row in rows] == [4, 7, 8]
    assert row_errors(rows) == {8: "has 3 values for 2 columns"}


def test_quoted_values_can_contain_separators_quotes_and_line_breaks() -> None:
    rows = read('email;note\na@b.c;"one;\r\ntwo ""quoted"""\nd@e.f;after\n')
    assert [dict(row.values) for row in rows] == [
        {"email": "a@b.c", "note": 'one;\r\ntwo "quoted"'},
        {"email": "d@e.f", "note": "after"},
    ]
    assert [row.number for row in rows] == [2, 4]


@pytest.mark.parametrize(
    "stray",
    [
        'b@c.d;"never closed',
        '"b@c.d;x',
        'b@c.d;"closed" too early',
        'b@c.d;"takes the next line\nwith it; and; more" and a tail',
    ],
)
def test_a_stray_quote_loses_only_its_own_line(stray: str) -> None:
    after = [f'p{number}@example.com;"quoted"' for number in range(5)]
    rows = read("email;note\n" + "\n".join([stray, *after]) + "\n", 1000)
    bad = row_errors(rows)
    assert 2 in bad
    assert "quotation mark" in bad[2]
    assert [row.values["email"] for row in rows if row.error is None] == [f"p{n}@example.com" for n in range(5)]


def test_a_multiline_row_with_too_many_values_loses_only_its_first_line() -> None:
    rows = read('email;note\n"x\na@b.c;y\n";b@c.d;z\ne@f.g;z\n')
    assert [row.values["email"] for row in rows if row.error is None] == ["a@b.c", "e@f.g"]
    assert list(row_errors(rows)) == [2, 4]


def test_a_line_that_is_too_long_is_not_buffered() -> None:
    long = "x" * (LONGEST_LINE + 1)
    for end in ("\n", "\r\n"):
        rows = read(end.join(["email;note", f"a@b.c;{long}", "d@e.f;short", f'g@h.i;"{long}', "j@k.l;z"]), 4096)
        assert [row.number for row in rows] == [2, 3, 4, 5]
        assert row_errors(rows) == {2: "is longer than 64 KB", 4: "is longer than 64 KB"}


@pytest.mark.seconds
def test_lines_after_an_unclosed_quote_are_read_again() -> None:
    people = [f"p{number}@example.com;x" for number in range(20_000)]
    rows = read("\n".join(["email;note", 'a@b.c;"open', *people]), 65536)
    assert list(row_errors(rows)) == [2]
    assert len(rows) == 20_001


@pytest.mark.parametrize("character", ["\0", "\x1b", "\x85"])
def test_invalid_values_are_reported(character: str) -> None:
    rows = read(f"email;prenom\na@b.c;x{character}y\nd@e.f;z\n")
    assert row_errors(rows) == {2: "prenom must not contain control characters"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("\n \r\n\n", "empty"),
        ("<!DOCTYPE html><html>", "page"),
        ("\n  <html>", "page"),
        ("email;nom;email\n", "names the column email twice"),
        (";;\n", "names no column"),
        ("email;no\0m\n", "holds something else"),
        ("email;" + "x" * 201 + "\n", "holds something else"),
        ("email;" + "x" * LONGEST_LINE + "\n", "longer than"),
        ('email;"nom\n', "quotation mark"),
    ],
)
def test_an_invalid_file_is_refused_as_a_whole(text: str, why: str) -> None:
    with pytest.raises(SyncRefused, match=why):
        read_csv(in_pieces(text.encode(), 5))


def test_an_address_in_the_header_is_not_repeated_in_the_message() -> None:
    with pytest.raises(SyncRefused) as caught:
        read_csv([b"zoe@example.com;zoe@example.com\n"])
    assert "zoe" not in str(caught.value)


def test_columns_without_a_name_and_empty_values_are_skipped() -> None:
    rows = read("email; prenom ;;ville\na@b.c;Zoe;secret;\n")
    assert [dict(row.values) for row in rows] == [{"email": "a@b.c", "prenom": "Zoe"}]


class TestEncodings:
    TEXT = "email;prenom\na@b.c;Zoé\nd@e.f;Jürgen\ng@h.i;Cœur €\n"

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
    @pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
    def test_every_encoding_gives_the_same_rows(self, encoding: str, size: int) -> None:
        assert "".join(decoded(in_pieces(self.TEXT.encode(encoding), size))) == self.TEXT

    @pytest.mark.parametrize("size", [1, 999, 65_536])
    @pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
    def test_the_encoding_is_decided_at_the_first_special_character(self, size: int, encoding: str) -> None:
        text = "x" * (3 * WINDOW) + "\n" + "é" + "\n" + "y" * (2 * WINDOW)
        if size == 1:
            text = text[2 * WINDOW : 4 * WINDOW]
        assert "".join(decoded(in_pieces(text.encode(encoding), size))) == text

    @pytest.mark.parametrize("tail", ["é", "Zoé", "é\n"])
    def test_a_special_character_at_the_end_decides_the_encoding(self, tail: str) -> None:
        assert "".join(decoded([b"abcde", tail.encode("cp1252")])) == "abcde" + tail

    def test_one_broken_character_does_not_change_the_encoding_of_a_utf_8_file(self) -> None:
        data = "email;prenom\na@b.c;Zoé\n".encode() + b"d@e.f;Zo\xe9\n" + "g@h.i;Cœur\n".encode()
        rows = read(data)
        assert row_errors(rows) == {3: "prenom must be valid Unicode text"}
        assert [row.values["prenom"] for row in rows if row.error is None] == ["Zoé", "Cœur"]

    def test_undefined_windows_1252_bytes_lose_only_their_row(self) -> None:
        rows = read(b"email;prenom\na@b.c;Zo\xe9\nd@e.f;\x81\n")
        assert row_errors(rows) == {3: "prenom must not contain control characters"}

    @given(st.binary(max_size=300), st.integers(1, 20))
    @settings(max_examples=examples(50), deadline=None)
    def test_arbitrary_bytes_never_crash_the_reader(self, data: bytes, size: int) -> None:
        try:
            rows = read(b"email;nom\n" + data, size)
        except SyncRefused:
            return
        for row in rows:
            assert (row.error is None) == bool(row.values)

    @given(st.binary(max_size=200), st.integers(1, 20), st.integers(1, 20))
    @settings(max_examples=examples(40), deadline=None)
    def test_chunk_boundaries_do_not_matter(self, data: bytes, one: int, other: int) -> None:
        def outcome(size: int) -> object:
            try:
                return read(data, size)
            except SyncRefused as refused:
                return str(refused)

        assert outcome(one) == outcome(other)


@pytest.mark.seconds
@pytest.mark.no_cover
def test_a_long_file_is_never_buffered() -> None:
    def file() -> Iterator[bytes]:
        yield b"email;prenom\n"
        for number in range(400):
            yield b"".join(b"person%d-%d@example.com;Zo\xc3\xa9\n" % (number, each) for each in range(50))

    tracemalloc.start()
    count = sum(1 for _ in read_csv(file()).rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 2_000_000, "a fifth of what all rows take"
