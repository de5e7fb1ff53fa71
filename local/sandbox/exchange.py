"""What passes between the HTTP server and the simulated providers: a request, a call found in it, a reply."""

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
    """One HTTP request. `path` is as it came, still percent-encoded, below the provider's own prefix."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    body: bytes = b""
    client: str = "127.0.0.1"

    def segments(self) -> list[str]:
        """The path's parts, each decoded by itself, so that an encoded slash stays inside its part."""
        return [unquote(part) for part in self.path.split("/") if part]


@dataclass(frozen=True, slots=True)
class Call:
    """What a provider recognises in a request before it does any work: enough to match faults and to keep a journal."""

    function: str
    account: str = ""
    """Name of the sample account whose key came with the call; empty when none has that key."""
    addresses: tuple[str, ...] = ()
    """The contacts in the call, in order."""
    data: Any = None
    """The parsed parameters. Secrets are masked when the journal shows them."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer. With `parts` its body is these, sent in chunks as they are made, and `body` is empty."""

    body: bytes = b""
    status: int = 200
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: Iterator[bytes] | None = None

    def whole(self) -> Reply:
        """The same with its whole body; `parts` are used up."""
        return self if self.parts is None else replace(self, body=b"".join(self.parts), parts=None)


def json_reply(value: Any, status: int = 200, content_type: str = JSON_TYPE) -> Reply:
    """`value` as JSON text, accents left as they are."""
    return Reply(json.dumps(value, ensure_ascii=False).encode(), status, content_type)


def text_reply(text: str, status: int = 200, content_type: str = TEXT_TYPE) -> Reply:
    """Plain text, or whatever else `content_type` says."""
    return Reply(text.encode(), status, content_type)
