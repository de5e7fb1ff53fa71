"""Finds an answer among the noise that a vendor's server prints round it: byte order marks, comments, PHP notices.

A page must never be mistaken for an answer, not even one that repeats what was sent. So noise is accepted on one side
only, of the known kinds only, up to `LONGEST_NOISE` characters, and without a JSON object in it. Every pattern reads
its text once.
"""

from __future__ import annotations

import re

from ...domain import strict_json

LONGEST_NOISE = 64 * 1024
_SPACE = r"(?:[\s\ufeff]|ï»¿)"
"""White space and byte order marks, also those read as single bytes."""
_KIND = r"(?:Notice|Warning|Deprecated|Strict Standards)"
_BREAK = r"<br ?/?>"
_TOKEN = re.compile(
    rf"(?P<space>{_SPACE}++)"
    r"|(?P<comment><!--.*?-->|/\*.*?\*/|//[^\r\n]*+)"
    # As PHP writes it, with `html_errors` and without.
    rf"|(?P<notice>(?:{_BREAK}\s*+)?+<b>{_KIND}</b>:\s++(?:[^<]++|</?a\b[^<>]*+>)++(?<= in )<b>[^<>]++</b>"
    rf" on line <b>[0-9]++</b>(?:\s*+{_BREAK})?+)"
    rf"|(?:\[[^\]\r\n]{{1,60}}\] )?+(?:PHP )?+{_KIND}:[ \t]++(?P<plain>[^\r\n]++)",
    re.IGNORECASE | re.DOTALL,
)
_LINE_NUMBER = re.compile(r" on line [0-9]+\s*\Z")
_JSON_OBJECT = re.compile(r'\{\s*+"')
_OUTER_SPACE = " \t\r\n\f\v\xa0\ufeff"


def split(text: str) -> tuple[str, str]:
    """Returns the text of the one JSON value in `text`, and the noise before or behind it.

    Raises:
        ValueError: There is no such value, or anything else is beside it.
    """
    text = text.strip(_OUTER_SPACE)
    end = _end_of(text)
    if end:
        value, noise = text[end:], text[:end]
    else:
        end = strict_json.end_of_value(text)
        value, noise = text[:end], text[end:]
    if not is_noise(noise):
        raise ValueError("something else is beside the JSON")
    return value, noise


def without_leading(beginning: bytes) -> tuple[bytes, str]:
    """Returns the beginning of an answer without the noise before it, and that noise."""
    text = beginning.decode("latin-1")  # so that a position in the text is one in the bytes
    end = _end_of(text)
    noise = text[:end]
    return (beginning[end:], noise) if is_noise(noise) else (beginning, "")


def is_noise(text: str) -> bool:
    """Returns True if `text` is nothing but noise, of a length that may be passed over."""
    return len(text) <= LONGEST_NOISE and _JSON_OBJECT.search(text) is None and _end_of(text) == len(text)


def report(account: str, function: str, noise: str) -> None:
    """Logs and counts noise beside an answer that was read: of which kinds it is and how long, not what it says."""
    from ...observability import logger, metrics

    kinds = sorted({found.lastgroup or "" for found in _TOKEN.finditer(noise)} - {"space"})
    facts = {"account": account, "provider_function": function, "kinds": kinds, "characters": len(noise)}
    logger.warning("provider answer with noise", extra=facts)
    metrics.count("provider_noise", account=account)


def _end_of(text: str) -> int:
    """Returns where the noise that `text` begins with ends."""
    end = 0
    while found := _TOKEN.match(text, end):
        if found.lastgroup == "plain" and not _is_plain_notice(found["plain"]):
            break
        end = found.end()
    return end


def _is_plain_notice(line: str) -> bool:
    number = _LINE_NUMBER.search(line)
    return number is not None and " in " in line[: number.start()]
