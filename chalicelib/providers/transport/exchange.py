"""A call to a provider and its answer as values, and what an answer means before any provider has looked at it.

Needs no HTTP library, so that declarations and mappings load without one. The call is made by `transport`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from socket import socket
from typing import Any, Literal, NoReturn

from ...domain.errors import Kind, ProviderError

MEGABYTE = 1024 * 1024
LONGEST_RETRY_AFTER = 86400.0
SHORTEST_CALL = 0.25
"""Seconds that must be left for a call to be started at all."""


class KeyRefused(ProviderError):
    """The provider says that the key is invalid: of kind ACCOUNT; the secret is read again in case it has changed."""

    def __init__(self, message: str, *, provider_code: str | None = None) -> None:
        super().__init__(Kind.ACCOUNT, message, provider_code=provider_code)


@dataclass(frozen=True, slots=True)
class Timing:
    """The clock that calls are timed by, and how they wait for an answer. Passed in, so that tests need not wait.

    `monotonic` gives seconds. `limit_read` has the next read from a socket raise `TimeoutError` when no byte has come
    after so many seconds.
    """

    monotonic: Callable[[], float] = time.monotonic
    limit_read: Callable[[socket, float], None] = socket.settimeout


SYSTEM_TIMING = Timing()


class Deadline:
    """A moment on the monotonic clock by which a whole method, of one call or several, must be done."""

    __slots__ = ("_at", "_monotonic")

    def __init__(self, budget: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._at = monotonic() + budget

    def left(self) -> float:
        """Seconds that are left; below zero when it is past."""
        return self._at - self._monotonic()


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to a provider. Its repr shows nothing that could hold a secret or a person.

    `label` is the function's name and the only thing that errors and metrics call it by. `changes`: the request may
    change something at the provider, so that a lost answer leaves the outcome unknown. `budget`: seconds it may take
    in all; `read_timeout`: seconds without a byte after which it is given up. `max_bytes` caps the answer, unpacked.
    """

    account: str
    label: str
    method: Literal["GET", "POST"]
    url: str = field(repr=False)
    changes: bool
    budget: float
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    read_timeout: float = 30.0
    max_bytes: int = 32 * MEGABYTE

    def without_answer(self, why: str, *, retry_after: float | None = None) -> ProviderError:
        """The error of a request that was sent and brought no usable answer: unknown if it may have changed something.

        `why` is put behind the label and must hold nothing of the request or the answer.
        """
        kind = Kind.UNKNOWN if self.changes else Kind.LATER
        return ProviderError(kind, f"{self.label}: {why}", retry_after=retry_after)


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """What came back, of any status but a redirect, without its body: status and headers (names in lower case)."""

    call: Call
    status: int
    headers: Mapping[str, str] = field(repr=False)

    def unusable(self, why: str) -> ProviderError:
        """The error of an answer that says neither yes nor no; the status goes first where it tells more."""
        return self.overload() or self.call.without_answer(f"{why} (HTTP {self.status})")

    def overload(self) -> ProviderError | None:
        """The error that the status alone tells of a server in trouble; None for every other status.

        429 and 503 say that the request was turned away; any other 5xx may have come after the work was done.
        """
        retry_after = seconds_to_wait(self.headers.get("retry-after"))
        if self.status in (429, 503):
            why = "too many calls" if self.status == 429 else "the provider is not available"
            message = f"{self.call.label}: {why} (HTTP {self.status})"
            return ProviderError(Kind.LATER, message, provider_code=str(self.status), retry_after=retry_after)
        if self.status >= 500:
            return self.call.without_answer(f"the provider failed (HTTP {self.status})", retry_after=retry_after)
        return None


@dataclass(frozen=True, slots=True)
class Answer(AnswerHead):
    """An answer with its whole body."""

    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as JSON values. Raises `ProviderError` (unknown or later) saying what it is instead."""
        try:
            return _parse(self.body)
        except _NotJson as found:
            why = str(found)
        raise self.unusable(why)

    def text(self) -> str:
        """The body as text, whatever it is; for reading a provider's bare words, never for showing."""
        return self.body.decode("utf-8-sig", "replace").strip()

    def slices(self, size: int = 64 * 1024) -> Iterator[bytes]:
        """The body from its beginning, a part at a time, for readers of long answers that need no more than that."""
        for start in range(0, len(self.body), size):
            yield self.body[start : start + size]


@dataclass(frozen=True, slots=True)
class StreamedAnswer(AnswerHead):
    """An answer whose body is still under way."""

    parts: Iterator[bytes] = field(repr=False)

    def slices(self) -> Iterator[bytes]:
        """The body as it comes, once. Raises `ProviderError` where it breaks off, lasts too long or is too large."""
        return self.parts

    def whole(self) -> Answer:
        """The same with its whole body. Raises as `slices` does."""
        return Answer(self.call, self.status, self.headers, b"".join(self.parts))


def to_json(value: Any) -> bytes:
    """Encodes a request's body as compact UTF-8 JSON.

    A lone surrogate has no UTF-8 form and becomes a question mark: better than a signup that can never be sent.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def seconds_to_wait(retry_after: str | None) -> float | None:
    """A Retry-After header, seconds or an HTTP date, as seconds from now, 0 to a day; None if it says nothing."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if re.fullmatch(r"[0-9]{1,18}(\.[0-9]+)?", text):
        return min(float(text), LONGEST_RETRY_AFTER)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


class _NotJson(Exception):
    """The body is not JSON; the text says what it is instead."""


def _parse(body: bytes) -> Any:
    """JSON text is UTF-8 (RFC 8259), whatever charset a header claims; a byte order mark is overlooked."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Raised below, outside: the decoder's error holds the whole body.
        text = None
    if text is None:
        raise _NotJson("the answer is in a charset other than UTF-8")
    if not text.strip():
        raise _NotJson("the answer is empty")
    value, failed = _decode(text)
    if failed:
        raise _NotJson("an HTML page instead of JSON" if text.lstrip().startswith("<") else "truncated or broken JSON")
    # A lone surrogate can be written in JSON and nowhere else: everything that stores or sends it on would fail.
    return _without_surrogates(value) if "\\ud" in text or "\\uD" in text else value


def _decode(text: str) -> tuple[Any, bool]:
    """(value, False), or (None, True) when `text` is not JSON. Deep nesting and endless numbers are not JSON to us."""
    try:
        return json.loads(text, parse_constant=_refuse_constant), False
    except (ValueError, RecursionError):
        return None, True


def _refuse_constant(_: str) -> NoReturn:
    """NaN and Infinity are Python's own addition to JSON."""
    raise ValueError


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value
