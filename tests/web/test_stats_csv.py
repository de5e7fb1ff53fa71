"""CSV that spreadsheets read correctly."""

from __future__ import annotations

import csv
import io

from hypothesis import example, given, strategies as st

from chalicelib.web.spreadsheet import to_csv

ANYTHING = st.text(st.characters(codec="utf-8"), max_size=12)
TEXTS = st.one_of(ANYTHING, st.builds("".join, st.lists(st.sampled_from(list("=+-@\t\r\n'\",;a1")), max_size=5)))
CELLS = st.one_of(TEXTS, st.none(), st.integers())
FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def is_formula(text: str) -> bool:
    """Also behind spaces and line feeds, and in fullwidth forms."""
    return text.startswith(FORMULA) or text.lstrip().startswith(FORMULA)


def read(text: str) -> list[list[str]]:
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True))


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=5))
@example([('=HYPERLINK("http://example.com")', "@SUM(1)", -5)])
@example([("+1", "-1", "\t=1")])
@example([("\r=1", "a\r\n=1", None)])
@example([("\n=1", " @SUM(1)", "＝1")])
def test_every_text_is_read_back_and_none_starts_a_formula(rows: list[tuple[str | int | None, ...]]) -> None:
    header, *found = read(to_csv(("a", "b", "c"), rows))
    assert header == ["a", "b", "c"]
    assert len(found) == len(rows)
    for given_row, found_row in zip(rows, found, strict=True):
        for value, cell in zip(given_row, found_row, strict=True):
            if isinstance(value, str):
                assert not is_formula(cell)
                assert cell == (f"'{value}" if is_formula(value) else value)
            else:
                assert cell == ("" if value is None else str(value))


def test_lines_end_with_crlf() -> None:
    assert to_csv(("a", "b"), [("é", 1), (None, -2), ("x,y", 0)]) == '\ufeffa,b\r\né,1\r\n,-2\r\n"x,y",0\r\n'
