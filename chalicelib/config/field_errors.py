"""Collects all errors of a configuration file, each with its line, so that they can be corrected at once."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from pathlib import Path

from ..domain.errors import ConfigurationError, FieldError

Place = tuple[str, ...]
"""The path of a value: `("forms", "footer", "account")`."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LOOKS_LIKE_A_NAME = re.compile(r"[A-Za-z][A-Za-z_. -]{0,19}[0-9]{0,2}")
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


class FieldErrors:
    """Errors found so far in one file. `text` is only searched for line numbers, never quoted."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text
        self._lines: Lines | None = None
        self._found: list[tuple[int, FieldError]] = []

    def add(self, place: Place, message: str) -> None:
        """Records an error at `place`; `message` is the correction and quotes nothing that could be a secret."""
        if self._lines is None:
            self._lines = Lines(self._text)
        line = self._lines.of(place)
        where = f"{self._path}, line {line}" if line else str(self._path)
        self._found.append((line or 0, FieldError(dotted(place), f"{message} ({where})")))

    def raise_if_any(self) -> None:
        """Raises `ConfigurationError` with all errors, in the order of the file."""
        if self._found:
            raise ConfigurationError([error for _, error in sorted(self._found, key=lambda found: found[0])])


def dotted(place: Place) -> str:
    """Formats `place` as in TOML: `forms.footer.fields."@unsubscribe_url"`."""
    return ".".join(part if _BARE_KEY.fullmatch(part) else json.dumps(part, ensure_ascii=False) for part in place)


def closest(wrong: str, known: Iterable[str]) -> str | None:
    """Returns the known name closest to `wrong`, if any is close."""
    folded = {name.lower(): name for name in known}
    matches = difflib.get_close_matches(wrong.lower(), folded, n=1, cutoff=0.6)
    return folded[matches[0]] if matches else None


def unknown(what: str, wrong: str, known: Iterable[str]) -> str:
    """Returns `there is no account "pari"; did you mean "paris"? Known are: …`.

    Quotes `wrong` only if it is short and close to a known name: a key or password pasted into the wrong place must not
    be shown.
    """
    known = tuple(known)
    guess = closest(wrong, known)
    called = f' "{wrong}"' if guess and _LOOKS_LIKE_A_NAME.fullmatch(wrong) else " of that name"
    return (
        f"there is no {what}{called}"
        + (f'; did you mean "{guess}"?' if guess else ".")
        + f" Known are: {', '.join(sorted(known)) or 'none'}"
    )


class Lines:
    """Line numbers (from 1) of the tables and keys of a valid TOML text, because `tomllib` keeps no positions.

    Inline tables are not searched.
    """

    def __init__(self, text: str) -> None:
        self._found: dict[Place, int] = {}
        self._table: Place = ()
        self._scan(text)

    def of(self, place: Place) -> int | None:
        """Returns the line of `place`, else of its first child, else of its nearest parent; None at the top."""
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
        """Records one whole statement: a table header, or a key with its value."""
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
    """Unquotes a key. Escapes stay: such a key is located by its table."""
    return source[1:-1] if kind in ("basic", "literal") else source
