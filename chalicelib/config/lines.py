"""Finds the line on which a key or table stands in a TOML text: `tomllib` parses, but keeps no positions."""

from __future__ import annotations

import re

Place = tuple[str, ...]
"""Where a value stands: `("forms", "footer", "account")`."""

_TOKEN = re.compile(
    r"""
      (?P<space>[ \t\r]+|\#[^\n]*)
    | (?P<newline>\n)
    | (?P<long>\"\"\"(?:[^\\]|\\.)*?\"{3,5}|'''.*?'{3,5})
    | (?P<basic>"(?:[^"\\\n]|\\.)*")
    | (?P<literal>'[^'\n]*')
    | (?P<mark>[\[\]{}=.,])
    | (?P<bare>[^\s\#"'\[\]{}=.,]+)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


class Lines:
    """Line numbers (from 1) of the tables and keys of a valid TOML text. Inline tables are not looked into."""

    def __init__(self, text: str) -> None:
        self._found: dict[Place, int] = {}
        self._table: Place = ()
        self._scan(text)

    def of(self, place: Place) -> int | None:
        """The line of `place`; of what first stands inside it; else of the nearest thing round it; None at the top."""
        while place:
            if place in self._found:
                return self._found[place]
            inside = [line for found, line in self._found.items() if found[: len(place)] == place]
            if inside:
                return min(inside)
            place = place[:-1]
        return None

    def _scan(self, text: str) -> None:
        line, depth = 1, 0
        statement: list[tuple[str, str]] = []
        began = 1
        for token in _TOKEN.finditer(text):
            kind, words = str(token.lastgroup), token.group()
            if kind == "newline" and depth == 0:
                self._note(statement, began)
                statement = []
            elif kind not in ("space", "newline"):
                if not statement:
                    began = line
                statement.append((kind, words))
                depth += (words in ("[", "{")) - (words in ("]", "}"))
            line += words.count("\n")
        self._note(statement, began)

    def _note(self, statement: list[tuple[str, str]], line: int) -> None:
        """Record one whole statement: a table header, or a key with its value."""
        if not statement:
            return
        header = statement[0][1] == "["
        end = "]" if header else "="
        parts: list[str] = []
        for kind, words in statement:
            if kind == "mark" and words == end:
                break
            if kind != "mark":
                parts.append(_plain(kind, words))
        place = tuple(parts)
        if header:
            self._table = place
        else:
            place = self._table + place
        self._found.setdefault(place, line)


def _plain(kind: str, words: str) -> str:
    """A key as it is meant. Escapes in quoted keys are not undone: such a key is found by the table it stands in."""
    return words[1:-1] if kind in ("basic", "literal") else words
