"""Weighs an `Accept` header (RFC 9110, §12.5.1)."""

from __future__ import annotations

import re

HTML = "text/html"
JSON = "application/json"
PROBLEM = "application/problem+json"

# Media ranges are separated by commas, parameters by semicolons; both may also stand in a quoted value.
_RANGE = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
_PARAMETER = re.compile(r'(?:[^;"]|"(?:[^"\\]|\\.)*"?)+')
BY_ITSELF = 2
_QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


def weight(accept: str, media_type: str) -> tuple[float, int]:
    """Returns the quality of a media type, and how exactly it is named: 2 by itself, 1 as `type/*`, 0 as `*/*`.

    The most exact range that matches counts. No header accepts everything. Parameters other than `q` are ignored, and
    so is a range with a malformed one.
    """
    if not accept.strip():
        return 1.0, 0
    ranges = ("*/*", f"{media_type.partition('/')[0]}/*", media_type)
    found = (0.0, -1)
    for media_range in _RANGE.findall(accept):
        parts = [part.strip().lower() for part in _PARAMETER.findall(media_range)]
        name, parameters = "".join(parts[:1]), (each.partition("=") for each in parts[1:])
        exactness = ranges.index(name) if name in ranges else -1
        given = [value.strip() for key, _, value in parameters if key.strip() == "q"]
        quality = given[0] if given else "1"
        if exactness < 0 or _QUALITY.fullmatch(quality) is None:
            continue
        if exactness > found[1] or (exactness == found[1] and float(quality) > found[0]):
            found = (float(quality), exactness)
    return found
