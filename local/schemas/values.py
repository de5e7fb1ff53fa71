"""What each check of the configuration's reader means in JSON Schema: patterns of texts and secrets.

A pattern is no stricter than its check, but for `HTTPS://LOCALHOST` in capitals. What a pattern cannot say (that a time
zone exists, that an account is configured) is left to the reader; tests/local/test_configuration_schema.py lists it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.config import checks, mail, secret_references
from chalicelib.config.toml_table import CONTROL_CHARACTERS, NAME
from chalicelib.config.value_limits import OWN_KEY_CHARACTERS, SECRET_CHARACTERS, Number
from chalicelib.domain.limits import NAME_PARTS

Schema = dict[str, Any]
Check = Callable[[str], str | None] | None

NAME_PATTERN = f"^{NAME.pattern}$"

_SPACE = r"\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
"""White space that is no control character. Never `\\s`, `\\S` or `.`, by which dialects mean different ones."""
INVISIBLE = (
    r"\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    r"\ufeff\ufff9-\ufffb"
)
"""Format characters (Unicode Cf). Those beyond U+FFFF are left to the reader: not every dialect can name them."""
_NO_REFERENCE = f"(?![{_SPACE}]*(?:secret|ssm|env):)"
_CHARACTER = f"[^{CONTROL_CHARACTERS}]"
_VISIBLE = f"[^{_SPACE}{INVISIBLE}{CONTROL_CHARACTERS}]"
_EDGE = f"[{_SPACE}{INVISIBLE}]*"
"""What is dropped at the ends of a text."""
_NOT_BLANK = f"(?={_CHARACTER}*{_VISIBLE})"
_ONE_LINE = f"(?={_CHARACTER}+$)"
_LINE = f"^{_NO_REFERENCE}{_NOT_BLANK}{_CHARACTER}+$"
_ANYWHERE = r"[^\x00]*"
"""Of a text that has no U+0000."""

_IN_URL = rf"{_SPACE}{CONTROL_CHARACTERS}\\"
"""What no part of a URL may have."""
_HOST = rf"(?:\[[^{_IN_URL}/?#@\[\]]+\]|[^{_IN_URL}/?#@:\[\]]+)"
_PORT = "(?::0*[1-9][0-9]*)?"
_PATH = f"(?:/[^{_IN_URL}?#]*)?"
_QUERY = rf"(?:\?[^{_IN_URL}#]*)?"
_FRAGMENT = f"(?:#[^{_IN_URL}]*)?"
_HTTPS = f"https://{_HOST}"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_LOOPBACK = rf"(?:127(?:\.{_BYTE}){{3}}|\[[0:]+1\])"
_THIS_MACHINE = rf"http://(?:(?:[^{_IN_URL}/?#@:\[\]]+\.)?localhost\.*|{_LOOPBACK})"
_ANY_HTTP = f"https?://{_HOST}"

_PATTERNS = {
    "_address": rf"^{_NO_REFERENCE}{_ONE_LINE}(?:[^<>@]*<[^<>]+@[^<>]+>[{_SPACE}]*|[^<>]+@[^<>]+)$",
    "_bare_address": rf"^{_NO_REFERENCE}{_ONE_LINE}[^<>]+@[^<>]+$",
    "_one_of_fields": _LINE,
    "_region": f"^(?:{mail.REGION.pattern})$",
    "_target": f"^(?:@email|(?!@){_NO_REFERENCE}{_NOT_BLANK}{_CHARACTER}+)$",
    "endpoint": f"^(?:{_HTTPS}|{_THIS_MACHINE}){_PORT}{_PATH}$",
    "origin": rf"^(?:null|https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]){_PORT})$",
    "page": f"^{_ANY_HTTP}{_PORT}{_PATH}{_QUERY}{_FRAGMENT}$",
    "receiver_url": f"^(?:{_HTTPS}|http://{_LOOPBACK}){_PORT}{_PATH}{_QUERY}$",
    "source_url": f"^{_ANY_HTTP}{_PORT}{_PATH}{_QUERY}$",
    "timezone": "^[A-Za-z][A-Za-z0-9_+/-]*$",
    **dict.fromkeys(
        [
            f"KnownAccounts.{each}"
            for each in ("check", "takes_signups", "reads_unsubscribes", "sends_mail", "receives_events")
        ],
        NAME_PATTERN,
    ),
}
"""Patterns by the name of the check, or of the function that makes it."""

_TOO_NESTED = rf"[^\[\]]+(?:\[[^\[\]]*\]){{{NAME_PARTS - 1},}}\[[^\[\]]+\](?:\[\])*$"
_NAMES = {
    "_form_field": f"^(?:@unsubscribe_url$|(?!@|{_TOO_NESTED}))",
    "_labels.<locals>.is_field": "^",
}
"""Patterns of the names that `TomlTable.named_texts` takes."""

_PLAIN_SECRETS: dict[Check, str] = {
    None: f"{_NOT_BLANK}{_CHARACTER}+",
    checks.own_key: f"{_ONE_LINE}{_EDGE}{_VISIBLE}{_CHARACTER}{{{OWN_KEY_CHARACTERS - 2},}}{_VISIBLE}{_EDGE}",
    checks.admin_key: rf"{_ONE_LINE}{_EDGE}[!-~][ -~]{{{OWN_KEY_CHARACTERS - 2},}}[!-~]{_EDGE}",
    checks.webhook_secret: r"whsec_(?:[A-Za-z0-9+/]{4}){5,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})",
}
"""Patterns of secrets that stand in the file themselves, by their rule. 16 bytes are 22 characters and ==."""


def text_schema(check: Check, longest: int) -> Schema:
    """Returns the schema of a text on one line."""
    if isinstance(check, checks.OneOf):
        return {"type": "string", "enum": list(check.choices)}
    return {"type": "string", "maxLength": longest, "pattern": _LINE if check is None else _pattern(check)}


def lines_schema(check: Check, longest: int) -> Schema:
    """Returns the schema of a text that may have several lines."""
    one = rf"(?:{_CHARACTER}|\r?\n)"
    pattern = f"^{_NO_REFERENCE}{_placeholders(check)}{one}+$"
    return {"type": "string", "maxLength": longest, "pattern": pattern}


def names_schema(name: Check, longest: int) -> Schema:
    """Returns the schema of names that are the owner's own, such as those of form fields."""
    return {"maxLength": longest, "pattern": _NAMES[name.__qualname__]} if name is not None else {}


def secret_schema(rule: Check) -> Schema:
    """Returns the schema of a secret: a reference to where it is kept, or the value itself."""
    references = "|".join(
        (
            f"secret:{_with_stage(secret_references.SECRET_NAME.pattern)}(?:#{_CHARACTER}*[^{_SPACE}{CONTROL_CHARACTERS}])?",
            f"ssm:{_with_stage(secret_references.PARAMETER_NAME.pattern)}",
            f"env:{secret_references.VARIABLE.pattern}",
        )
    )
    pattern = rf"^(?:[{_SPACE}]*(?:{references})[{_SPACE}]*|{_NO_REFERENCE}{_PLAIN_SECRETS[rule]})$"
    return {"type": "string", "maxLength": SECRET_CHARACTERS, "pattern": pattern}


def number_schema(number: Number[int] | Number[float]) -> Schema:
    """Returns the schema of a number between its ends, with its default."""
    whole = isinstance(number.default, int)
    ends = {"minimum": plain(number.lowest), "maximum": plain(number.highest)}
    return {"type": "integer" if whole else "number", **ends, "default": plain(number.default)}


def plain(value: Any) -> Any:
    """Returns a value as JSON writes it shortest: 72 for 72.0."""
    return int(value) if isinstance(value, float) and value == int(value) else value


def _pattern(check: Callable[[str], str | None]) -> str:
    """Returns the pattern of a check. Raises LookupError for one that is not listed here."""
    if isinstance(check, mail.Placeholders):
        return f"^{_NO_REFERENCE}{_NOT_BLANK}{_placeholders(check)}{_CHARACTER}+$"
    name = check.__qualname__.partition(".<locals>")[0]
    if name not in _PATTERNS:
        raise LookupError(f"local/schemas/values.py has no pattern for the check {name}")
    return _PATTERNS[name]


def _placeholders(check: Check) -> str:
    if not isinstance(check, mail.Placeholders):
        raise LookupError(f"a text of several lines has placeholders, not {check}")
    names = "|".join(mail.PLACEHOLDERS)
    needed = rf"(?={_ANYWHERE}\{{{check.needed}\}})" if check.needed else ""
    return rf"(?!{_ANYWHERE}\{{(?!(?:{names})\}})[^{{}}]*\}}){needed}"


def _with_stage(pattern: str) -> str:
    """Returns the pattern of a secret's name, `[…]{1,2048}`, with `{stage}` allowed in it."""
    characters, _, count = pattern.partition("{")
    return rf"(?:{characters}|\{{stage\}}){{{count}"
