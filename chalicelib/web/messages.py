"""HTTP as values: what a request holds and what an answer holds, free of any framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..ingestion.bodies import BodyError


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. Header names are lower-case; `query` keeps the last value of each parameter.

    Its path is not here: the route that it matched is given the path's parameters, decoded.
    """

    method: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = b""
    """None: the body came in an encoding of the gateway's that could not be undone."""
    source_ip: str | None = None
    id: str = ""
    unmatched_path: str = ""
    """The path that no declared route matched, without the first slash, still percent-encoded."""
    answer_headers: dict[str, str] = field(default_factory=dict)
    """Headers that the answer gets, whatever it is; routes add to them before anything can fail."""

    @property
    def wants_html(self) -> bool:
        """True when the client prefers HTML to JSON, as a browser's form or link does."""
        accept = self.headers.get("accept", "").lower()
        return "text/html" in accept

    def content(self) -> bytes:
        """The body. Raises BodyError, 400, when it could not be decoded."""
        if self.body is None:
            raise BodyError(400, "The body could not be decoded.")
        return self.body


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer; `body` is text (UTF-8 on the wire)."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
