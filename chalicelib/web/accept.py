"""Weighs an `Accept` header (RFC 9110, §12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping

HTML = "text/html"
_JSON = "application/json"
_PROBLEM = "application/problem+json"
_BY_ITSELF = 2
# What each media range covers, and how exactly it names that.
_COVERED: Mapping[str, tuple[tuple[str, int], ...]] = {
    "*/*": ((HTML, 0), (_JSON, 0), (_PROBLEM, 0)),
    "text/*": ((HTML, 1),),
    "application/*": ((_JSON, 1), (_PROBLEM, 1)),
    **{media_type: ((media_type, _BY_ITSELF),) for media_type in (HTML, _JSON, _PROBLEM)},
}
# Media ranges are separated by commas, parameters by semicolons; both may also stand in a quoted value.
_RANGE = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
_PARAMETER = re.compile(r'(?:[^;"]|"(?:[^"\\]|\\.)*"?)+')
_QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


def wants_html(headers: Mapping[str, str]) -> bool:
    """Returns True if the client prefers HTML to JSON, as a browser's form or link does; named alike, JSON wins.

    The most exact range that covers a media type counts. No header accepts everything. Parameters other than `q` are
    ignored, and so is a range with a malformed one.
    """
    weights = dict.fromkeys((HTML, _JSON, _PROBLEM), (-1, 0.0))
    for media_range in _RANGE.findall(headers.get("accept", "")):
        parts = [part.strip().lower() for part in _PARAMETER.findall(media_range)]
        parameters = [part.partition("=") for part in parts[1:]]
        quality = next((value.strip() for key, _, value in parameters if key.strip() == "q"), "1")
        if _QUALITY.fullmatch(quality) is not None:
            for media_type, exactness in _COVERED.get("".join(parts[:1]), ()):
                weights[media_type] = max(weights[media_type], (exactness, float(quality)))
    (exactness, html), (json_exactness, json), (problem_exactness, problem) = weights.values()
    data = (json, json_exactness)
    if problem_exactness == _BY_ITSELF:
        data = max(data, (problem, problem_exactness))
    return html > 0 and (html, exactness) > data
