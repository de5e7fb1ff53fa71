"""Gives the routes of the API their throttles, by which API Gateway answers 429 before a function is invoked.

Each method of each path counts by itself. CloudFormation cannot multiply, so a mapping has the multiples of the rates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

UNTHROTTLED = ("/unsubscribe/{token}", "/{proxy+}")
"""No throttle of ours refuses an unsubscribe link, nor one to which a mail program has appended something."""
MOST_A_SECOND = 150
"""A mapping has at most 200 entries, and cfn-lint warns before that."""
_UNSUBSCRIBE_FORM = "/forms/{form}/unsubscribe"
_MAPPING = "Multiples"
_TIMES = {2: "Twice", 4: "FourTimes", 8: "EightTimes"}
# Every other method is answered with 405 at every path, as cheaply as what has no path, which is not throttled.
_METHODS = ("GET", "HEAD", "POST")


def apply(template: dict[str, Any]) -> None:
    """Add the throttles to a template that Chalice has generated, for the paths of its API."""
    properties = template["Resources"]["RestAPI"]["Properties"]
    paths: Mapping[str, Mapping[str, Any]] = properties["DefinitionBody"]["paths"]
    properties["MethodSettings"] = list(_method_settings(paths))
    rates = range(1, MOST_A_SECOND + 1)
    multiples = {str(rate): {name: rate * times for times, name in _TIMES.items()} for rate in rates}
    template.setdefault("Mappings", {})[_MAPPING] = multiples


def _method_settings(paths: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for path, methods in sorted(paths.items()):
        if path in UNTHROTTLED:
            continue
        # A browser asks by OPTIONS before a script's form is posted.
        throttled = (*_METHODS, "OPTIONS") if path.startswith("/forms/") else _METHODS
        for method in sorted({each.upper() for each in methods}.intersection(throttled)):
            name, times = _rate(path, method)
            yield {
                "ResourcePath": path if path == "/" else "/" + path.replace("/", "~1"),
                "HttpMethod": method,
                "ThrottlingRateLimit": {"Ref": name} if times == 1 else _multiple(name, times),
                "ThrottlingBurstLimit": _multiple(name, 2 * times),
            }


def _rate(path: str, method: str) -> tuple[str, int]:
    """Return the parameter that limits a route, and by how much it is multiplied.

    A form's unsubscribes have four times what its signups have: a flood of 10,000 posts a minute refuses none of them.
    """
    if path == _UNSUBSCRIBE_FORM:
        return "FormsRate", 4
    if path.startswith("/forms/"):
        return "FormsRate", 1
    return ("EventsRate" if (path, method) == ("/events", "POST") else "OtherRate"), 1


def _multiple(name: str, times: int) -> dict[str, Any]:
    return {"Fn::FindInMap": [_MAPPING, {"Ref": name}, _TIMES[times]]}
