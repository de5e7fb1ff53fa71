"""HTTP as values: what a request holds and what an answer holds, free of any framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. Header names are lower-case; `path` is still percent-encoded; `query` keeps the last value."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    undecodable: bool = False
    """The body came in an encoding of the gateway's that could not be undone; `body` is empty then."""
    source_ip: str | None = None
    id: str = ""

    @property
    def wants_html(self) -> bool:
        """True when the client prefers HTML to JSON, as a browser's form or link does."""
        accept = self.headers.get("accept", "").lower()
        return "text/html" in accept


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer; `body` is text (UTF-8 on the wire)."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
