"""The one way out to the providers: one pooled session and one way to make a call through it.

Nothing here retries (the delivery engine does, and nothing else), follows a redirect, or lets a URL near an error or a
log: the providers put keys and sessions into URLs.
"""

from __future__ import annotations

import errno
import logging
import socket
import ssl
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from itertools import chain, islice
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from ...domain.errors import Kind, ProviderError
from .exchange import SHORTEST_CALL, SYSTEM_TIMING, Answer, Call, Deadline, StreamedAnswer, Timing
from .wire import Attempt, Pool, PoolTLS

CONNECT_SECONDS = 5.0
_SLICE = 64 * 1024
_REDIRECTS = (301, 302, 303, 307, 308)
_MOVED_FOR_GOOD = (301, 308)
_BREAKS = (requests.RequestException, HTTPError, OSError, ValueError)
"""What the libraries raise where a call breaks."""

OnCall = Callable[[str, str, float, str], None]
"""Told of every call: label, account, seconds it took, and `ok` or the kind of its error."""
Admit = Callable[[str], None]
"""Asked before every call, with the account: raises `ProviderError` (later) when the call may not be made now."""
T = TypeVar("T")


class _Session(requests.Session):
    """A session that never looks at where a redirect leads.

    With redirects merely switched off, requests still prepares the next request, and for that reads the whole body of
    the redirect into memory.
    """

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


class _Adapter(HTTPAdapter):
    """requests' adapter over the watched connections of `wire`."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": Pool, "https": PoolTLS}


def make_session(ca_bundle: str | None = None) -> requests.Session:
    """The session for all providers: kept-alive connections, TLS always verified, no retries, redirects or cookies.

    The environment is not trusted: a proxy variable or a .netrc would reroute calls that a provider answers only when
    they come from a declared IP, and add credentials that nobody configured. AWS_CA_BUNDLE is for AWS alone.
    `ca_bundle` is the path of other root certificates than certifi's.
    """
    session = _Session()
    session.trust_env = False
    session.verify = ca_bundle or True
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update({"User-Agent": "Relais", "Accept-Encoding": "gzip"})
    adapter = _Adapter(pool_connections=10, pool_maxsize=16, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    # urllib3 logs whole URLs, at DEBUG for every request and at WARNING for odd headers.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    return session


class Transport:
    """Makes calls. One per process, safe to use from several threads."""

    def __init__(
        self,
        session: requests.Session | None = None,
        on_call: OnCall | None = None,
        admit: Admit | None = None,
        timing: Timing = SYSTEM_TIMING,
    ) -> None:
        self._session = session or make_session()
        self._on_call = on_call
        self._admit = admit
        self._timing = timing

    def deadline(self, budget: float) -> Deadline:
        """The deadline of what may take so many seconds from now, by the clock that the calls are timed by."""
        return Deadline(budget, self._timing.monotonic)

    def send(self, call: Call) -> Answer:
        """Make the call and return its answer, whatever the status. Raises `ProviderError`; see `exchange`."""
        return self.exchange(call, lambda answer: answer)

    def exchange(self, call: Call, read: Callable[[Answer], T]) -> T:
        """Make the call and return what `read` makes of the answer; `on_call` is told once, with the final outcome.

        Raises `ProviderError`: LATER when nothing was sent (not admitted, no time left, no connection); ACCOUNT when
        the host's certificate does not hold, the URL cannot be used or has moved for good; for whatever else brought no
        whole answer (time over, connection lost, any other redirect, too large a body) UNKNOWN if the call changes
        something, else LATER; and what `read` raises.
        """
        with self._told(call):
            with self._answered(call) as arriving:
                answer = arriving.whole()
            return read(answer)

    def stream(self, call: Call, read: Callable[[StreamedAnswer], Iterable[T]]) -> Iterator[T]:
        """Make the call and give what `read` makes of the answer while the body still comes, in bounded memory.

        The first value is read before this returns, so that a refusal is raised here; reading on may raise too, both as
        in `exchange`. `on_call` is called once, at the end, with all the time that passed, the reader's own included.
        Dropping the iterator half way closes the connection.
        """
        values = self._streamed(call, read)
        first = list(islice(values, 1))
        return chain(first, values)

    def _streamed(self, call: Call, read: Callable[[StreamedAnswer], Iterable[T]]) -> Iterator[T]:
        with self._told(call), self._answered(call) as arriving:
            yield from read(arriving)

    @contextmanager
    def _told(self, call: Call) -> Iterator[None]:
        """Tell `on_call` of what happens within."""
        started = self._timing.monotonic()
        outcome = "ok"
        try:
            yield
        except ProviderError as error:
            outcome = error.kind.value
            raise
        finally:
            if self._on_call is not None:
                self._on_call(call.label, call.account, self._timing.monotonic() - started, outcome)

    @contextmanager
    def _answered(self, call: Call) -> Iterator[StreamedAnswer]:
        """The answer to the call as soon as its headers are there."""
        attempt = Attempt(self.deadline(call.budget), call.read_timeout, self._timing)
        if call.budget < SHORTEST_CALL:
            raise ProviderError(Kind.LATER, f"{call.label}: no time left to make the call")
        if self._admit is not None:
            self._admit(call.account)
        response = self._send(call, attempt)
        try:
            if response.status_code in _REDIRECTS:
                raise _redirected(call, response.status_code)
            headers = {name.lower(): value for name, value in response.headers.items()}
            yield StreamedAnswer(call, response.status_code, headers, _parts(call, attempt, response))
        finally:
            # A connection whose answer was read to its end is back in the pool by now and is not touched by this.
            response.close()

    def _send(self, call: Call, attempt: Attempt) -> requests.Response:
        try:
            request = requests.Request(call.method, call.url, headers=dict(call.headers), data=call.body or None)
            prepared = self._session.prepare_request(request)
            timeout = (min(CONNECT_SECONDS, call.budget / 4), min(call.read_timeout, call.budget * 0.9))
            with attempt:
                return self._session.send(prepared, stream=True, timeout=timeout, allow_redirects=False)
        except _BREAKS as error:
            failure = _explain(call, attempt, error)
        # Raised out here so that the library's exception, whose text may hold the URL, is not even its context.
        raise failure


def _redirected(call: Call, status: int) -> ProviderError:
    why = f"the provider redirects elsewhere, which is never followed (HTTP {status})"
    if status in _MOVED_FOR_GOOD:
        return ProviderError(Kind.ACCOUNT, f"{call.label}: {why}; check the account's base_url")
    return call.without_answer(why)


def _parts(call: Call, attempt: Attempt, response: requests.Response) -> Iterator[bytes]:
    """The body, unpacked, slice by slice, of at most `call.max_bytes` in all."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "x-gzip"):
        raise call.without_answer("the answer is packed in a way nobody asked for")
    slices = _slices(call, attempt, response)
    size = 0
    for part in _unpacked(call, slices) if "gzip" in encoding else slices:
        size += len(part)
        if size > call.max_bytes:
            raise call.without_answer(f"the answer is larger than {call.max_bytes} bytes")
        yield part


def _slices(call: Call, attempt: Attempt, response: requests.Response) -> Iterator[bytes]:
    while part := _slice(call, attempt, response):
        yield part


def _slice(call: Call, attempt: Attempt, response: requests.Response) -> bytes:
    try:
        part: bytes = response.raw.read(_SLICE, decode_content=False)
        return part
    except _BREAKS as error:
        failure = _explain(call, attempt, error)
    raise failure


def _unpacked(call: Call, slices: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack gzip a slice at a time, so that a body that unpacks to gigabytes is met by the cap, not by memory."""
    unpack = zlib.decompressobj(wbits=31)
    for packed in slices:
        rest = packed
        while rest and not unpack.eof:
            try:
                part = unpack.decompress(rest, _SLICE)
            except zlib.error:
                part = None
            if part is None:
                raise call.without_answer("the answer is packed wrongly")
            yield part
            rest = unpack.unconsumed_tail
    if not unpack.eof:
        raise call.without_answer("the answer is cut short")


def _explain(call: Call, attempt: Attempt, error: Exception) -> ProviderError:
    """The error of a call that broke, by whether anything was sent; only types are looked at, never texts."""
    causes = tuple(_causes(error))
    if attempt.sent:
        timed_out = any(isinstance(cause, TimeoutError) for cause in causes)
        return call.without_answer(
            "no answer in time" if timed_out else "the connection broke before a whole answer came"
        )
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        why = "the provider's certificate cannot be trusted, nothing was sent"
        return ProviderError(Kind.ACCOUNT, f"{call.label}: {why}")
    if isinstance(error, ValueError):
        return ProviderError(Kind.ACCOUNT, f"{call.label}: the account's base_url cannot be used")
    return ProviderError(Kind.LATER, f"{call.label}: no connection to the provider ({_no_connection(causes)})")


def _no_connection(causes: tuple[BaseException, ...]) -> str:
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "its name is not found"
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return "no answer in time"
    if any(isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED for cause in causes):
        return "refused"
    return "it broke while it was made"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and everything that it came from; requests and urllib3 wrap one another in causes and in arguments."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        found = waiting.pop()
        if isinstance(found, BaseException) and id(found) not in seen:
            seen.add(id(found))
            waiting += [found.__cause__, found.__context__, getattr(found, "reason", None), *found.args]
            yield found
