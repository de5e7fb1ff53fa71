"""Reads untrusted JSON: excessive depth, long numbers and non-standard constants raise ValueError or are bounded."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import isinf
from typing import Any, NoReturn

# A longer integer is no id, count or price and is read as float; Python refuses to convert very long ones to int.
_LONGEST_INTEGER = 40


def load(raw: str | bytes, number: Callable[[str], Any] | None = None, *, finite: bool = False) -> Any:
    """Parses a JSON text; bytes are UTF-8. Byte order marks before it are skipped.

    `number` converts the literal text of a number (`str` leaves it as written); by default to int or float. With
    `finite` a number too large for them is refused, which otherwise is read as infinity.

    Raises:
        ValueError: It is not JSON (RFC 8259), not UTF-8, or nested too deeply to read.
    """
    text = (raw.decode("utf-8") if isinstance(raw, bytes) else raw).lstrip("\ufeff \t\r\n")
    read_float = _finite if finite else float

    def read_integer(literal: str) -> int | float:
        return int(literal) if len(literal) <= _LONGEST_INTEGER else read_float(literal)

    try:
        return json.loads(
            text, parse_int=number or read_integer, parse_float=number or read_float, parse_constant=refuse_constant
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def end_of_value(text: str) -> int:
    """Returns where the JSON value ends that `text` begins with.

    Raises:
        ValueError: It begins with none.
    """
    try:
        _, end = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=refuse_constant).raw_decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return end


def _finite(literal: str) -> float:
    value = float(literal)
    if isinf(value):
        raise ValueError("a number too large to read")
    return value


def refuse_constant(name: str) -> NoReturn:
    """Refuses NaN and Infinity, which Python would read although they are not JSON. Raises ValueError."""
    raise ValueError(f"{name} is not JSON")
