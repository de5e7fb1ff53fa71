"""Requests to providers and their answers as values, and what any provider's answer means.

Loads no HTTP library, since the configuration loads the declarations of providers. `session` makes the calls.
"""

from __future__ import annotations

import json
import re
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from socket import socket
from typing import Any, Literal

from ...domain import strict_json
from ...domain.errors import Kind, ProviderError
from ...domain.reasons import ReasonCode
from . import noise
from .ssrf_guard import may_be_reached

MEGABYTE = 1024 * 1024
SLICE_BYTES = 64 * 1024
LONGEST_RETRY_AFTER = 86400.0
SHORTEST_CALL = 0.25
"""Seconds that must be left for a call to be started at all."""
GZIP_MAGIC = b"\x1f\x8b"
_UNDECODED = re.compile(r"[\udc80-\udcff]")
"""Bytes that are not UTF-8, as `surrogateescape` decodes them."""


class KeyRefused(ProviderError):
    """The provider says that the key is invalid: of kind ACCOUNT; the secret is read again in case it has changed."""

    def __init__(self, message: str, *, provider_code: str | None = None, remedy: str = "") -> None:
        super().__init__(
            Kind.ACCOUNT, message, provider_code=provider_code, remedy=remedy, reason_code=ReasonCode.WRONG_KEY
        )


@dataclass(frozen=True, slots=True)
class Timing:
    """The monotonic clock of calls, and how a socket's reads are limited; tests replace both and need not wait.

    `limit_read` makes the next read from a socket raise `TimeoutError` after so many seconds without a byte.
    """

    monotonic: Callable[[], float] = time.monotonic
    limit_read: Callable[[socket, float], None] = socket.settimeout


_WHERE_IT_IS = (
    " (on AWS the Elastic IP of the NAT gateway, as functions outside a VPC have no address that stays; on a machine "
    "of your own the public address of its internet connection, which your router shows)"
)
SYSTEM_TIMING = Timing()


class Deadline:
    """The moment on the monotonic clock by which a method, of one call or several, must be done."""

    __slots__ = ("_at", "_monotonic")

    def __init__(self, budget: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._at = monotonic() + budget

    def left(self) -> float:
        """Returns the seconds left; below zero when it is past."""
        return self._at - self._monotonic()


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to a provider. Its repr shows nothing that could hold a secret or a person.

    `label` is the function's name, the only name for the call in errors and metrics. `changes`: the request may change
    something at the provider, so that a lost answer leaves the outcome unknown. `budget` is the total time in seconds,
    `read_timeout` the seconds without a byte after which the call fails, `max_bytes` the limit of the decompressed
    answer.

    `allow_private` is None for a host that is trusted as configured. Else its address is checked before anything is
    sent (`ssrf_guard`): a public one may be reached, with True a private one, too. With `reads_redirects` an answer
    that redirects is read like any other, instead of being an error; none is followed. `body_budget` is the time in
    seconds for the answer's body alone. `remedy` is what the owner can do where the address may be wrong, if that is no
    `base_url`.
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
    allow_private: bool | None = None
    reads_redirects: bool = False
    body_budget: float | None = None
    remedy: str = ""

    def without_answer(self, reason: str, *, retry_after: float | None = None, remedy: str = "") -> ProviderError:
        """Returns the error of a request without a usable answer: unknown if it may have changed something, else later.

        `reason` must contain nothing of the request or the answer.
        """
        kind = Kind.UNKNOWN if self.changes else Kind.LATER
        return ProviderError(kind, f"{self.label}: {reason}", retry_after=retry_after, remedy=remedy)

    @property
    def check_address(self) -> str:
        """The remedy where the request may have gone to a wrong address."""
        return self.remedy or (
            f"If [accounts.{self.account}] has a base_url, compare it with the address that the provider gave, or take "
            "it out: without it the provider's usual address is called. Otherwise try again later."
        )


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """Status and headers (a mapping that ignores case) of an answer; a redirect's only if the call reads those.

    `sent_from` is this machine's own address on the connection, which a provider sees only where no NAT is in between.
    """

    call: Call
    status: int
    headers: Mapping[str, str] = field(repr=False)
    sent_from: str | None = field(default=None, kw_only=True)

    @property
    def public_sender(self) -> str | None:
        """The address that the provider saw the call come from; None if that is not known without asking others."""
        if self.sent_from is None:
            return None
        address = ip_address(self.sent_from.partition("%")[0])
        return str(address) if may_be_reached(address, allow_private=False) else None

    @property
    def caller(self) -> str:
        """The address that the provider saw, or where its owner finds it, in words."""
        known = f": {self.public_sender}" if self.public_sender else _WHERE_IT_IS
        return f"the IP address that Relais calls from{known}"

    @property
    def is_success(self) -> bool:
        """True for a status of 2xx."""
        return 200 <= self.status < 300

    def report_noise(self, beside: str) -> None:
        """Logs and counts the noise beside an answer that could be read nevertheless."""
        noise.report(self.call.account, self.call.label, beside)

    def unusable(self, reason: str) -> ProviderError:
        """Returns the error of an answer that is neither a success nor a failure; `overload` comes first."""
        reason, remedy = f"{reason} (HTTP {self.status})", self.call.check_address
        return self.overload() or self.call.without_answer(reason, remedy=remedy)

    def overload(self) -> ProviderError | None:
        """Returns the error of status 429 or 5xx; None for every other status.

        With 429 and 503 the request was turned away; any other 5xx may have come after the work was done.
        """
        if self.status < 500 and self.status != 429:
            return None
        retry_after = seconds_to_wait(self.headers.get("Retry-After"))
        if self.status not in (429, 503):
            return self.call.without_answer(f"the provider failed (HTTP {self.status})", retry_after=retry_after)
        reason = "too many calls" if self.status == 429 else "the provider is not available"
        message = f"{self.call.label}: {reason} (HTTP {self.status})"
        code = ReasonCode.THROTTLED if self.status == 429 else ReasonCode.PROVIDER_DOWN
        return ProviderError(
            Kind.LATER, message, provider_code=str(self.status), retry_after=retry_after, reason_code=code
        )


@dataclass(frozen=True, slots=True)
class Answer(AnswerHead):
    """An answer with its whole body."""

    body: bytes = field(repr=False)

    def json(self) -> Any:
        """Returns the body as JSON values. Raises `ProviderError` (unknown or later) saying what it is instead.

        JSON text is UTF-8 (RFC 8259), whatever charset a header states; byte order marks are ignored. Under a status of
        success a vendor's `noise` round it is passed over, logged and counted.
        """
        text = self.body.decode("utf-8-sig", "surrogateescape")
        with suppress(ValueError):
            return _parsed(text)
        if self.is_success:
            with suppress(ValueError):
                found, beside = noise.split(text)
                value = _parsed(found)
                self.report_noise(beside)
                return value
        # Not raised in a handler: the decoder's errors hold the body.
        raise self.unusable(_instead_of_json(text))

    def text(self) -> str:
        """Returns the body as text, to recognise bare messages; never for showing."""
        return self.body.decode("utf-8-sig", "replace").strip()

    def slices(self) -> Iterator[bytes]:
        """Yields the body in slices, as `StreamedAnswer.slices` does."""
        for start in range(0, len(self.body), SLICE_BYTES):
            yield self.body[start : start + SLICE_BYTES]


@dataclass(frozen=True, slots=True)
class StreamedAnswer(AnswerHead):
    """An answer whose body is still arriving."""

    parts: Iterator[bytes] = field(repr=False)

    def slices(self) -> Iterator[bytes]:
        """Returns the body as it arrives, once. Raises `ProviderError` where it breaks off, is late or too large."""
        return self.parts


def to_json(value: Any) -> bytes:
    """Encodes a request's body as compact UTF-8 JSON.

    A lone surrogate has no UTF-8 form and becomes a question mark: better than a signup that can never be sent.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def gunzip(slices: Iterable[bytes]) -> Iterator[bytes]:
    """Decompresses gzip in bounded slices, so that a limit on their total also bounds memory.

    Raises `zlib.error` for invalid data and `EOFError` for truncated data.
    """
    decoder = zlib.decompressobj(wbits=31)
    for packed in slices:
        while packed and not decoder.eof:
            if part := decoder.decompress(packed, SLICE_BYTES):
                yield part
            packed = decoder.unconsumed_tail
    while part := decoder.decompress(b"", SLICE_BYTES):
        yield part
    if not decoder.eof:
        raise EOFError


def seconds_to_wait(retry_after: str | None) -> float | None:
    """Reads a Retry-After header, seconds or an HTTP date, as seconds from now, 0 to a day; None if it is neither."""
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


def _parsed(text: str) -> Any:
    """Parses JSON text whose bytes were UTF-8. Raises ValueError."""
    if _UNDECODED.search(text):
        raise ValueError("bytes that are no UTF-8")
    value = strict_json.load(text, finite=True)
    # JSON can hold a lone surrogate; whatever stores or sends it on would fail.
    return _without_surrogates(value) if "\\ud" in text or "\\uD" in text else value


def _instead_of_json(text: str) -> str:
    if _UNDECODED.search(text):
        return "the answer is in a charset other than UTF-8"
    if not text.strip():
        return "the answer is empty"
    return "an HTML page instead of JSON" if text.lstrip().startswith("<") else "truncated or broken JSON"


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value
