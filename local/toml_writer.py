"""Writes a configuration as TOML; the standard library only reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def write_toml(values: Mapping[str, Any], path: tuple[str, ...] = ()) -> str:
    """Returns the TOML text of tables with texts, numbers, booleans and lists of these.

    Anything else raises TypeError: a configuration has no dates, and no tables in lists.
    """
    plain = {key: value for key, value in values.items() if not isinstance(value, Mapping)}
    blocks = [f"[{'.'.join(map(_key, path))}]\n"] if path and (plain or not values) else []
    blocks += [f"{_key(key)} = {_value(value)}\n" for key, value in plain.items()]
    text = "".join(blocks)
    tables = [write_toml(value, (*path, key)) for key, value in values.items() if isinstance(value, Mapping)]
    return "\n".join([text, *tables] if text else tables)


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _text(key)


def _value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise TypeError(f"a configuration has no {type(value).__name__}")


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
