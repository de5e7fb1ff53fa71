"""Reads the commands of the documents, and hands each to the test that runs it (`tests/documented_commands.toml`).

Commands are fenced blocks in `sh` (or `insights`, queries of CloudWatch), known by page and heading, and commands in a
line of text. A block is run by a test that asks for the fixture `documented`, or it is named with the reason why
no test can run it, in the paragraph before it or in the file.
"""

from __future__ import annotations

import re
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
REGISTER = ROOT / "tests" / "documented_commands.toml"
COMMANDS = ("sh", "insights")
NOT_REHEARSED = "Not rehearsed: needs "
NOT_RUN = "not run: "
DEPLOYED_STAGE = tuple(
    f"docs/{name}.md"
    for name in (
        *("deployment", "costs-and-limits", "operations", "alarms", "logs-and-metrics", "runbooks"),
        "upgrading",
    )
)
"""The pages whose commands are for a deployed stage."""
FENCE = re.compile(r"( *)```(\w*)$")
IN_A_LINE = re.compile(
    r"(?:[A-Z_]+=\S+ )*"
    r"(?:make|python3?|\.venv/bin/\S+|php|node|npx|curl|aws|sh|openssl|git|sudo|wsl|xcode-select|printf|echo|cp) \S.*"
    r"|\.ci/run"
)
"""What counts as a command in a line of text: a program and what it is given."""


HISTORY = ("CHANGELOG.md", "docs/adr/")
"""What these say was so when it was written; nobody follows their commands."""


@cache
def pages() -> tuple[str, ...]:
    """Return all documents, as paths from the root."""
    found = [*ROOT.glob("*.md"), *DOCS.glob("**/*.md"), *(ROOT / "local").glob("**/*.md")]
    names = sorted(str(path.relative_to(ROOT)) for path in found)
    return tuple(name for name in names if not name.startswith(HISTORY))


@dataclass(frozen=True)
class Block:
    """A fenced block; `mark` is what it needs that no test has, as the paragraph before it says, or empty."""

    page: str
    heading: str
    language: str
    text: str
    mark: str


@cache
def fenced(page: str) -> tuple[Block, ...]:
    """Return the fenced blocks of a page in order, also those in lists."""
    return tuple(_fenced(page, (ROOT / page).read_text(encoding="utf-8")))


def text_of(*names: str) -> str:
    """Return the text of pages, one after the other."""
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)


def _fenced(page: str, text: str) -> Iterator[Block]:
    heading, inside, language = "", list[str](), None
    paragraph, ended = "", False
    for line in text.splitlines():
        fence = FENCE.match(line)
        if language is not None and fence is None:
            inside.append(line)
        elif language is not None:
            code = textwrap.dedent("\n".join(inside)) + "\n"
            yield Block(page, heading, language, code, paragraph.partition(NOT_REHEARSED)[2])
            language, paragraph, ended = None, "", False
        elif fence is not None:
            language, inside = fence[2], []
        elif line.startswith("#"):
            heading, paragraph, ended = line.lstrip("# "), "", False
        elif not line.strip():
            ended = True
        else:
            paragraph, ended = (line if ended else f"{paragraph} {line}").strip(), False
    assert language is None, f"{page}: a block does not end"


def command_blocks(page: str) -> list[Block]:
    """Return the blocks of commands of a page, in order."""
    return [block for block in fenced(page) if block.language in COMMANDS]


def in_lines(page: str) -> list[str]:
    """Return the commands in a page's lines of text."""
    hidden = r"^ *```.*?^ *```$|<!--.*?-->"
    text = re.sub(hidden, "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    spans = re.findall(r"(?<!`)`([^`]+)`(?!`)", text)
    return [one for span in spans if IN_A_LINE.fullmatch(one := re.sub(r"\s+", " ", span))]


@cache
def register() -> tuple[Mapping[str, Mapping[str, str | list[str]]], Mapping[str, str]]:
    """Return who runs the blocks, by page and heading, and the commands in lines of text."""
    read = tomllib.loads(REGISTER.read_text(encoding="utf-8"))
    return read["blocks"], read["in_lines"]


def runners(page: str) -> list[tuple[Block, str]]:
    """Return each block of commands of a page that has no mark, with its entry in the register (empty: none)."""
    entries = register()[0].get(page, {})
    found, counts = list[tuple[Block, str]](), dict[str, int]()
    for block in command_blocks(page):
        if not block.mark:
            entry = entries.get(block.heading, entries.get("*", ""))
            number = counts.get(block.heading, 0)
            counts[block.heading] = number + 1
            several = [entry] * (number + 1) if isinstance(entry, str) else [*entry, *[""] * (number + 1)]
            found.append((block, several[number]))
    return found


@dataclass
class Documented:
    """The commands that one test runs. Those that it did not take are an error at its end."""

    test: str
    _taken: set[Block | str] = field(default_factory=set)

    def blocks(self, page: str, heading: str | None = None) -> list[str]:
        """Take this test's blocks of a page, of one section or of all."""
        found = [block for block in self._own(page) if heading in (None, block.heading)]
        assert found, f"{REGISTER.name} gives {self.test} no block of {page}, {heading}"
        self._taken |= set(found)
        return [block.text for block in found]

    def block(self, page: str, heading: str) -> str:
        """Take the only block of a section that is this test's."""
        [found] = self.blocks(page, heading)
        return found

    def by_heading(self) -> dict[str, list[str]]:
        """Take all of this test's blocks, by heading."""
        found: dict[str, list[str]] = {}
        for block in (block for page in pages() for block in self._own(page)):
            found.setdefault(block.heading, []).append(block.text)
            self._taken.add(block)
        return found

    def code(self, page: str, heading: str, language: str) -> str:
        """Return the only block in another language below a heading."""
        [found] = self.codes(page, heading, language)
        return found

    def codes(self, page: str, heading: str, language: str) -> list[str]:
        """Return the blocks in another language below a heading."""
        return [one.text for one in fenced(page) if (one.heading, one.language) == (heading, language)]

    def command(self, text: str) -> str:
        """Take a command that stands in a line of text."""
        assert register()[1].get(text) == self.test, f"{REGISTER.name} does not give {self.test} the command {text}"
        self._taken.add(text)
        return text

    def left(self) -> list[Block | str]:
        """Return what the register gives this test and it did not take."""
        own: list[Block | str] = [block for page in pages() for block in self._own(page)]
        own += [text for text, test in register()[1].items() if test == self.test]
        return [one for one in own if one not in self._taken]

    def _own(self, page: str) -> list[Block]:
        return [block for block, runner in runners(page) if runner == self.test]
