"""Finds the line of a key or table in a TOML text, because `tomllib` keeps no positions."""

from __future__ import annotations

import re

Place = tuple[str, ...]
"""The path of a value: `("forms", "footer", "account")`."""

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
    """Line numbers (from 1) of the tables and keys of a valid TOML text. Inline tables are not searched."""

    def __init__(self, text: str) -> None:
        self._found: dict[Place, int] = {}
        self._table: Place = ()
        self._scan(text)

    def of(self, place: Place) -> int | None:
        """Return the line of `place`, else of its first child, else of its nearest parent; None at the top."""
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
        started = 1
        for token in _TOKEN.finditer(text):
            kind, source = str(token.lastgroup), token.group()
            if kind == "newline" and depth == 0:
                self._record(statement, started)
                statement = []
            elif kind not in ("space", "newline"):
                if not statement:
                    started = line
                statement.append((kind, source))
                depth += (source in ("[", "{")) - (source in ("]", "}"))
            line += source.count("\n")
        self._record(statement, started)

    def _record(self, statement: list[tuple[str, str]], line: int) -> None:
        """Record one whole statement: a table header, or a key with its value."""
        if not statement:
            return
        header = statement[0][1] == "["
        end = "]" if header else "="
        parts: list[str] = []
        for kind, source in statement:
            if kind == "mark" and source == end:
                break
            if kind != "mark":
                parts.append(_plain(kind, source))
        place = tuple(parts)
        if header:
            self._table = place
        else:
            place = self._table + place
        self._found.setdefault(place, line)


def _plain(kind: str, source: str) -> str:
    """Unquote a key. Escapes stay: such a key is located by its table."""
    return source[1:-1] if kind in ("basic", "literal") else source
