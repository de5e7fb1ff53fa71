"""Splits the text of an expression into tokens."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .errors import DynamoError, invalid

END = "<EOF>"
_TOKEN = re.compile(
    r"\s*(?:"
    r"(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<name>\#[A-Za-z0-9_]+)"
    r"|(?P<value>:[A-Za-z0-9_]+)"
    r"|(?P<number>[0-9]+)"
    r"|(?P<sign><>|<=|>=|[=<>()\[\],.+-])"
    r"|(?P<wrong>\S)"
    r")",
    re.ASCII,
)


class Token(NamedTuple):
    """A token and its position in the expression's text."""

    kind: str
    text: str
    start: int
    end: int


@cache
def reserved_words() -> frozenset[str]:
    """Returns the reserved words, in capitals, which an expression may use only by a placeholder."""
    return frozenset(Path(__file__).with_name("reserved_words.txt").read_text().split())


def tokens(text: str, kind: str) -> list[Token]:
    """Returns the tokens of an expression, then one of kind `end`; `kind` is the expression's parameter name."""
    if not text.strip():
        raise invalid(f"Invalid {kind}: The expression can not be empty;")
    found: list[Token] = []
    at, length = 0, len(text.rstrip())
    while at < length:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            break
        found.append(Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup), match.end()))
        at = match.end()
    found.append(Token("end", END, length, length))
    return found


def syntax_error(text: str, kind: str, found: list[Token], place: int) -> DynamoError:
    """Returns the error about the token at `place`, with the text from the token before it to the one after it."""
    token = found[place]
    first = found[max(place - 1, 0)]
    last = found[min(place + 1, len(found) - 1)]
    near = text[first.start : last.end]
    return invalid(f'Invalid {kind}: Syntax error; token: "{token.text}", near: "{near}"')
