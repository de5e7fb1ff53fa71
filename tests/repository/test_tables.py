"""Tables of the documents are shown whole: each row has as many cells as its header, and code hosts drop the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.support.documents import ROOT

PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("local/**/*.md")]
)
BLOCKS = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
TABLE = re.compile(r"(?:^ *\|.*\n)+", re.MULTILINE)
BAR = re.compile(r"(?<!\\)\|")
"""Separates cells also within code; `\\|` is a bar."""


def broken_rows(text: str) -> Iterator[str]:
    for table in TABLE.findall(BLOCKS.sub("", text) + "\n"):
        header, *rows = table.splitlines()
        yield from (row for row in rows if len(BAR.findall(row)) != len(BAR.findall(header)))


@pytest.mark.parametrize("page", PAGES)
def test_every_row_of_a_table_has_the_cells_of_its_header(page: str) -> None:
    assert list(broken_rows((ROOT / page).read_text(encoding="utf-8"))) == []


def test_a_bar_within_a_cell_is_found() -> None:
    table = "| a | b |\n|---|---|\n| `x \\| y` | 1 |\n| `x | y` | 2 |\n"
    assert list(broken_rows(table)) == ["| `x | y` | 2 |"]
