"""The values between the HTTP server and the simulated providers: request, recognised call, reply."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"
TEXT_TYPE = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `path` is below the provider's prefix, still percent-encoded."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    body: bytes = b""
    client: str = "127.0.0.1"

    def segments(self) -> list[str]:
        """Returns the path's segments, each decoded by itself, so that an encoded slash stays in its segment."""
        return [unquote(part) for part in self.path.split("/") if part]


@dataclass(frozen=True, slots=True)
class Call:
    """A recognised request before any work is done: what faults match and what is logged."""

    function: str
    account: str = ""
    """Name of the account with the call's key; empty when none has it."""
    addresses: tuple[str, ...] = ()
    """The contacts in the call, in order."""
    data: Any = None
    """The parsed parameters. Secrets are masked when logged calls are shown."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer. With `parts` the body is sent in these chunks as they are produced, and `body` is empty."""

    body: bytes = b""
    status: int = 200
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: Iterator[bytes] | None = None

    def whole(self) -> Reply:
        """Returns the reply with its whole body; consumes `parts`."""
        return self if self.parts is None else replace(self, body=b"".join(self.parts), parts=None)


def json_reply(value: Any, status: int = 200, content_type: str = JSON_TYPE) -> Reply:
    """Returns `value` as JSON text, with accents unescaped."""
    return Reply(json.dumps(value, ensure_ascii=False).encode(), status, content_type)


def text_reply(text: str, status: int = 200, content_type: str = TEXT_TYPE) -> Reply:
    """Returns plain text, or text of another `content_type`."""
    return Reply(text.encode(), status, content_type)
