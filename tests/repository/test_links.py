"""Links of the documents lead somewhere: to a file of the repository, and to a heading that it has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.documents import ROOT

PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("local/**/*.md")]
)
BLOCKS = re.compile(r"^ *```.*?^ *```$|<!--.*?-->", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
PICTURE = re.compile(r"<(?:img|source)\b[^>]*? src(?:set)?=\"([^\"]+)\"")
OUTSIDE = ("https://", "http://", "mailto:")


def text_of(path: Path) -> str:
    return BLOCKS.sub("", path.read_text(encoding="utf-8"))


@cache
def anchors(path: Path) -> frozenset[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found, times = set[str](), dict[str, int]()
    for heading in re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
        number = times.get(anchor, 0)
        times[anchor] = number + 1
        found.add(f"{anchor}-{number}" if number else anchor)
    return frozenset(found)


def dead_links(page: str) -> Iterator[str]:
    path = ROOT / page
    text = CODE.sub("`", text_of(path))
    for target in [*LINK.findall(text), *PICTURE.findall(text)]:
        file, _, anchor = target.partition("#")
        to = (path.parent / file).resolve() if file else path
        if not target.startswith(OUTSIDE) and (not to.exists() or (anchor and anchor not in anchors(to))):
            yield target


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_document_leads_somewhere(page: str) -> None:
    assert list(dead_links(page)) == []
