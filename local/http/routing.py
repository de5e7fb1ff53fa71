"""Which of a REST API's resources a request meets: by path and method together, the most specific first.

A known path without the request's method falls through to a less specific resource, down to `/{proxy+}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import unquote

_ANY_METHOD = "X-AMAZON-APIGATEWAY-ANY-METHOD"


class Resources:
    """The resources of an API, by the methods of each path (`Api.methods`)."""

    def __init__(self, methods: Mapping[str, frozenset[str]]) -> None:
        patterns = sorted((path.split("/") for path in methods), key=lambda pattern: [*map(_vagueness, pattern)])
        self._resources = [(pattern, "/".join(pattern), methods["/".join(pattern)]) for pattern in patterns]

    def find(self, method: str, path: str) -> tuple[str, dict[str, str]] | None:
        """The resource of a percent-encoded path and its parameters, encoded as they came; None when there is none."""
        segments = path.split("/")
        for pattern, resource, methods in self._resources:
            parameters = _parameters(pattern, segments)
            if parameters is not None and not methods.isdisjoint({method, _ANY_METHOD}):
                return resource, parameters
        return None


def _vagueness(place: str) -> int:
    return 2 if place.endswith("+}") else 1 if place.startswith("{") else 0


def _parameters(pattern: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    """The parameters when the segments fit the pattern. None is ever empty; the last may be greedy."""
    if pattern[-1].endswith("+}") and len(segments) > len(pattern):
        segments = [*segments[: len(pattern) - 1], "/".join(segments[len(pattern) - 1 :])]
    if len(pattern) != len(segments):
        return None
    found = {}
    for place, segment in zip(pattern, segments, strict=True):
        if place.startswith("{") and segment:
            found[place.strip("{+}")] = segment
        elif place != unquote(segment):
            return None
    return found
