"""Reads the commands of a document: fenced blocks without a language, or in `sh`, by the heading above them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COMMANDS = ("", "sh")
NOT_REHEARSED = "Not rehearsed: needs "


@dataclass(frozen=True)
class Block:
    """A block of commands; `mark` is what it needs that no test has, as the paragraph before it says, or empty."""

    heading: str
    text: str
    mark: str


def command_blocks(document: Path) -> Iterator[Block]:
    """Yield the blocks of a document in order, also those in lists."""
    heading, inside, language = "", list[str](), None
    paragraph, ended = "", False
    for line in document.read_text(encoding="utf-8").splitlines():
        fence = re.match(r" *```(\w*)$", line)
        if language is not None and fence is None:
            inside.append(line)
        elif language is not None:
            if language in COMMANDS:
                text = textwrap.dedent("\n".join(inside)) + "\n"
                yield Block(heading, text, paragraph.partition(NOT_REHEARSED)[2])
            language, paragraph, ended = None, "", False
        elif fence is not None:
            language, inside = fence[1], []
        elif line.startswith("#"):
            heading, paragraph, ended = line.lstrip("# "), "", False
        elif not line.strip():
            ended = True
        else:
            paragraph, ended = (line if ended else f"{paragraph} {line}").strip(), False


def unmarked(document: Path) -> dict[str, list[Block]]:
    """Return the blocks that a test has to run, by heading."""
    found: dict[str, list[Block]] = {}
    for block in command_blocks(document):
        if not block.mark:
            found.setdefault(block.heading, []).append(block)
    return found
