"""One table of path patterns and their methods; which of them a request meets, and what is said when it meets none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from .messages import Request, Response
from .problems import HttpProblem

Params = Mapping[str, str]
Handler = Callable[[Request, Params], Response]


def _lets_pass(request: Request, params: Params) -> None:
    """The guard of a path that has none."""


def _adds_nothing(request: Request, params: Params) -> Mapping[str, str]:
    """The headers of a path that has none of its own."""
    return {}


@dataclass(frozen=True, slots=True)
class Route:
    """A path pattern such as `/forms/{form}/signup` and a handler for each method it knows.

    `guard` runs before the method is looked at and raises what stops the request; `headers` go on every answer of the
    path, failures included.
    """

    pattern: str
    methods: Mapping[str, Handler]
    guard: Callable[[Request, Params], None] = _lets_pass
    headers: Callable[[Request, Params], Mapping[str, str]] = _adds_nothing

    def allowed(self) -> str:
        """The value of `Allow`: every method that the path answers."""
        known = set(self.methods) | {"OPTIONS"} | ({"HEAD"} if "GET" in self.methods else set())
        return ", ".join(sorted(known))

    def answer(self, request: Request, params: Params) -> Response:
        """What the path's handler answers; HEAD is GET, and OPTIONS without a handler of its own names the methods.

        Raises:
            HttpProblem: 405, or what guard and handler raise.
        """
        self.guard(request, params)
        handler = self.methods.get("GET" if request.method == "HEAD" else request.method)
        if handler is not None:
            if request.undecodable:
                raise HttpProblem(400, "The body could not be decoded.")
            return handler(request, params)
        if request.method == "OPTIONS":
            return Response(204, headers={"allow": self.allowed()})
        raise HttpProblem(405, "This path does not know that method.", headers={"allow": self.allowed()})


class Router:
    """Finds the route of a path."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = [(route.pattern.split("/"), route) for route in routes]

    def find(self, path: str) -> tuple[Route, Params] | None:
        """The first route that a percent-encoded path matches, and its parameters decoded; None when there is none."""
        segments = _decoded(path)
        if segments is None:
            return None
        for pattern, route in self._routes:
            params = _match(pattern, segments)
            if params is not None:
                return route, params
        return None


def _decoded(path: str) -> list[str] | None:
    """The segments of a path, split first and decoded once: `%2F` makes no segment and `%2525` stays `%25`."""
    try:
        return [unquote_to_bytes(segment).decode("utf-8") for segment in path.split("/")]
    except UnicodeError:
        return None


def _match(pattern: Sequence[str], segments: Sequence[str]) -> Params | None:
    """The parameters when every segment fits its place in the pattern. A parameter is never empty."""
    if len(pattern) != len(segments):
        return None
    params: dict[str, str] = {}
    for place, segment in zip(pattern, segments, strict=True):
        if place.startswith("{") and segment:
            params[place[1:-1]] = segment
        elif place != segment:
            return None
    return params
