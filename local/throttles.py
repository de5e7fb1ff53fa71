"""Gives the routes of the API their throttles, by which API Gateway answers 429 before a function is invoked.

Each method of each path counts by itself, so forms have paths of their own, beside those of `/forms/{form}` that the
others share. CloudFormation cannot multiply, so a mapping has the multiples of the rates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

UNTHROTTLED = ("/unsubscribe/{token}", "/{proxy+}")
"""No throttle of ours refuses an unsubscribe link, nor one to which a mail program has appended something."""
MOST_A_SECOND = 150
"""A mapping has at most 200 entries, and cfn-lint warns before that."""
MOST_FORMS = 40
"""Forms with paths of their own, four each: an API has at most 300, and a template 1 MB."""
OF_A_FORM = {
    "/forms/{form}": ("get",),
    "/forms/{form}/challenge": ("get", "options"),
    "/forms/{form}/signup": ("options", "post"),
    "/forms/{form}/unsubscribe": ("options", "post"),
}
"""The paths of a form, and the methods that visitors use. What else is sent there goes to the shared path."""
_UNSUBSCRIBE_FORM = re.compile("/forms/[^/]+/unsubscribe")
_INTEGRATION = "x-amazon-apigateway-integration"
_MAPPING = "Multiples"
_TIMES = {2: "Twice", 4: "FourTimes", 8: "EightTimes"}
# Every other method is answered with 405 at every path, as cheaply as what has no path, which is not throttled.
_METHODS = ("GET", "HEAD", "POST")


def apply(template: dict[str, Any], forms: Iterable[str] = ()) -> None:
    """Adds the throttles to a template that Chalice has generated, for the paths of its API and those of `forms`."""
    properties = template["Resources"]["RestAPI"]["Properties"]
    paths: dict[str, Any] = properties["DefinitionBody"]["paths"]
    for form in with_own(forms):
        paths |= {path.replace("{form}", form): _of_one_form(paths[path], path) for path in OF_A_FORM}
    properties["MethodSettings"] = list(_method_settings(paths))
    rates = range(1, MOST_A_SECOND + 1)
    multiples = {str(rate): {name: rate * times for times, name in _TIMES.items()} for rate in rates}
    template.setdefault("Mappings", {})[_MAPPING] = multiples


def with_own(forms: Iterable[str]) -> list[str]:
    """Returns the forms that have throttles of their own, the first of all by name. The others share theirs."""
    return sorted(forms)[:MOST_FORMS]


def _of_one_form(shared: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Returns the methods of a form's own path: the integration alone, as SAM writes a method, for the sake of size."""
    integrations = {method: {**shared[method][_INTEGRATION]} for method in OF_A_FORM[path]}
    for integration in integrations.values():
        del integration["responses"]
    return {method: {"responses": {}, _INTEGRATION: found} for method, found in integrations.items()}


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
    """Returns the parameter that limits a route, and by how much it is multiplied.

    A form's unsubscribes have four times what its signups have: a flood of 10,000 posts a minute refuses none of them.
    """
    if _UNSUBSCRIBE_FORM.fullmatch(path):
        return "FormsRate", 4
    if path.startswith("/forms/"):
        return "FormsRate", 1
    return ("EventsRate" if (path, method) == ("/events", "POST") else "OtherRate"), 1


def _multiple(name: str, times: int) -> dict[str, Any]:
    return {"Fn::FindInMap": [_MAPPING, {"Ref": name}, _TIMES[times]]}
