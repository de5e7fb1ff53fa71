"""Reads untrusted JSON: excessive depth, long numbers and non-standard constants raise ValueError or are bounded."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn

# A longer integer is no id, count or price and is read as float; Python refuses to convert very long ones to int.
_LONGEST_INTEGER = 40


def load(raw: str | bytes, number: Callable[[str], Any] | None = None) -> Any:
    """Parses a JSON text; bytes are UTF-8, with or without a byte order mark.

    `number` converts the literal text of a number (`str` leaves it as written); by default to int or float.

    Raises:
        ValueError: It is not JSON (RFC 8259), not UTF-8, or nested too deeply to read.
    """
    text = raw.decode("utf-8-sig") if isinstance(raw, bytes) else raw
    try:
        return json.loads(
            text, parse_int=number or _integer, parse_float=number or float, parse_constant=refuse_constant
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _integer(literal: str) -> int | float:
    return int(literal) if len(literal) <= _LONGEST_INTEGER else float(literal)


def refuse_constant(name: str) -> NoReturn:
    """Refuses NaN and Infinity, which Python would read although they are not JSON. Raises ValueError."""
    raise ValueError(f"{name} is not JSON")
