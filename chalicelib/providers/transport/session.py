"""Makes the HTTP calls of all providers, through one pooled session.

Nothing here retries (only the delivery does), follows a redirect, or puts a URL into an error or a log: the providers
take keys and sessions in URLs.
"""

from __future__ import annotations

import errno
import logging
import socket
import ssl
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from ...domain.errors import Kind, ProviderError
from .exchange import (
    GZIP_MAGIC,
    SHORTEST_CALL,
    SLICE_BYTES,
    SYSTEM_TIMING,
    Answer,
    Call,
    Deadline,
    StreamedAnswer,
    Timing,
    gunzip,
)
from .ssrf_guard import ForbiddenAddress, Resolve, check_addresses, resolve
from .wire import Attempt, HttpPool, HttpsPool

CONNECT_SECONDS = 5.0
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = (301, 302, 303, 307, 308)
_PERMANENT_REDIRECTS = (301, 308)
_NO_NETWORK = "If all providers are silent: functions in a VPC reach the internet only through a NAT gateway."
_LIBRARY_ERRORS = (requests.RequestException, HTTPError, OSError, ValueError)

OnCall = Callable[[str, str, float, str], None]
"""Called once for every call: label, account, seconds, and `ok`, the kind of its error, or `unexpected`."""
Admit = Callable[[str], None]
"""Called before every call, with the account: raises `ProviderError` (later) when no call may be made now."""
T = TypeVar("T")


class _Adapter(HTTPAdapter):
    """The adapter of requests, over the connections of `wire`."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": HttpPool, "https": HttpsPool}


def make_session(ca_bundle: str | None = None) -> requests.Session:
    """Makes the session for all providers: keep-alive, TLS always verified, no retries.

    The environment is not trusted: a proxy variable or a .netrc would reroute calls that a provider answers only when
    they come from a declared IP, and add credentials that nobody configured. AWS_CA_BUNDLE is for AWS alone.
    `ca_bundle` is the path of root certificates that replace certifi's.
    """
    session = requests.Session()
    session.trust_env = False
    session.verify = ca_bundle or True
    session.headers.update({"User-Agent": "Relais", "Accept-Encoding": "gzip"})
    adapter = _make_adapter()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    # urllib3 logs whole URLs, at DEBUG for every request and at WARNING for odd headers.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    return session


def _make_adapter() -> _Adapter:
    return _Adapter(pool_connections=10, pool_maxsize=16, max_retries=0)


class Transport:
    """Makes calls. One per process, safe to use from several threads."""

    def __init__(
        self,
        session: requests.Session | None = None,
        on_call: OnCall | None = None,
        admit: Admit | None = None,
        timing: Timing = SYSTEM_TIMING,
        resolve: Resolve = resolve,
    ) -> None:
        self._session = session or make_session()
        self._checked = {allow_private: _make_adapter() for allow_private in (False, True)}
        """The connections of calls whose host is checked, apart from all others: none is reused unchecked."""
        self._resolve = resolve
        self._on_call = on_call
        self._admit = admit
        self._timing = timing
        self.deadline = partial(Deadline, monotonic=timing.monotonic)
        """Makes the deadline so many seconds from now, on the clock of the calls."""

    def exchange(self, call: Call, read: Callable[[Answer], T]) -> T:
        """Makes the call and returns `read(answer)`, whatever the answer's status.

        Raises `ProviderError`: LATER when nothing was sent (not admitted, no time left, no connection); ACCOUNT when
        the host's certificate is invalid or the URL is unusable or has moved permanently; for anything else without a
        whole answer (timeout, lost connection, other redirect, too large a body) UNKNOWN if the call changes
        something, else LATER; and what `read` raises.
        """
        with self._answer(call) as answer:
            body = b"".join(answer.parts)
            return read(Answer(call, answer.status, answer.headers, body, sent_from=answer.sent_from))

    def check_host(self, call: Call) -> None:
        """Resolves the host of a call and checks its addresses as the call would, without making a connection.

        Raises `ProviderError`: LATER if it cannot be resolved, ACCOUNT if an address is forbidden.
        """
        url = parse_url(call.url)
        try:
            addresses = self._resolve((url.host or "").strip("[]"), url.port or _PORTS[url.scheme or "https"])
            check_addresses(addresses, allow_private=bool(call.allow_private))
            return
        except ForbiddenAddress as error:
            failure = _forbidden(call, error)
        except (OSError, UnicodeError):
            reason = "no connection to the provider (its name is not found)"
            failure = ProviderError(Kind.LATER, f"{call.label}: {reason}", remedy=call.check_address)
        raise failure

    def stream(self, call: Call, read: Callable[[StreamedAnswer], Iterable[T]]) -> Iterator[T]:
        """Makes the call and yields the items of `read(answer)` while the body arrives, in bounded memory.

        The first item is read before this returns, so that a refusal is raised here; reading on may raise too, both as
        in `exchange`. `on_call` is called once, at the end, with all the time that passed, the reader's own included.
        Dropping the iterator half way closes the connection.
        """
        items = self._streamed(call, read)
        first = list(islice(items, 1))
        return chain(first, items)

    def _streamed(self, call: Call, read: Callable[[StreamedAnswer], Iterable[T]]) -> Iterator[T]:
        with self._answer(call) as answer:
            yield from read(answer)

    @contextmanager
    def _answer(self, call: Call) -> Iterator[StreamedAnswer]:
        """Makes the call; gives its answer once the headers have arrived, and reports the outcome at the end."""
        started = self._timing.monotonic()
        attempt = Attempt(
            self.deadline(call.budget),
            call.read_timeout,
            self._timing,
            allow_private=call.allow_private,
            resolve=self._resolve,
        )
        response, outcome = None, "ok"
        try:
            self._require_admission(call)
            response = self._send(call, attempt)
            if response.status_code in _REDIRECTS and not call.reads_redirects:
                raise _redirect_error(call, response.status_code)
            if call.body_budget is not None:
                attempt.deadline = self.deadline(min(call.body_budget, attempt.deadline.left()))
            body = _body(call, attempt, response)
            yield StreamedAnswer(call, response.status_code, response.headers, body, sent_from=attempt.sent_from)
        except ProviderError as error:
            outcome = error.kind.value
            raise
        except Exception:  # a defect of the client that reads the answer: the call has not succeeded
            outcome = "unexpected"
            raise
        finally:
            if response is not None:
                # Does nothing to a connection whose answer was read to its end: that one is back in the pool.
                response.close()
            if self._on_call is not None:
                self._on_call(call.label, call.account, self._timing.monotonic() - started, outcome)

    def _require_admission(self, call: Call) -> None:
        """Raises `ProviderError` (later) when there is no time left for the call, or it may not be made now."""
        if call.budget < SHORTEST_CALL:
            raise ProviderError(Kind.LATER, f"{call.label}: no time left to make the call")
        if self._admit is not None:
            self._admit(call.account)

    def _send(self, call: Call, attempt: Attempt) -> requests.Response:
        try:
            request = requests.Request(call.method, call.url, headers=dict(call.headers), data=call.body or None)
            prepared = self._session.prepare_request(request)
            # The adapter, not `Session.send`: that one keeps cookies, and prepares the next request of a redirect even
            # if redirects are disabled, for which it reads the redirect's whole body into memory.
            if call.allow_private is None:
                adapter = self._session.get_adapter(str(prepared.url))
            else:
                adapter = self._checked[call.allow_private]
            timeout = (min(CONNECT_SECONDS, call.budget / 4), min(call.read_timeout, call.budget * 0.9))
            attempt.begin()
            return adapter.send(prepared, stream=True, timeout=timeout, verify=self._session.verify or True)
        except ForbiddenAddress as error:
            failure = _forbidden(call, error)
        except _LIBRARY_ERRORS as error:
            failure = _failure(call, attempt, error)
        # Raised here so that the library's exception, whose text may hold the URL, is not even its context.
        raise failure


def _forbidden(call: Call, error: ForbiddenAddress) -> ProviderError:
    return ProviderError(Kind.ACCOUNT, f"{call.label}: {error}; nothing was sent", remedy=call.check_address)


def _redirect_error(call: Call, status: int) -> ProviderError:
    reason = f"the provider redirects elsewhere, which is never followed (HTTP {status})"
    if status in _PERMANENT_REDIRECTS:
        message = f"{call.label}: {reason}; check the account's base_url"
        return ProviderError(Kind.ACCOUNT, message, remedy=call.check_address)
    return call.without_answer(reason, remedy=call.check_address)


def _body(call: Call, attempt: Attempt, response: requests.Response) -> Iterator[bytes]:
    """Yields the decompressed body in slices, at most `call.max_bytes` in all.

    Whether it is compressed is known by its first bytes: some servers state a content coding that the body has not.
    """
    slices: Iterator[bytes] = iter(partial(response.raw.read, SLICE_BYTES, decode_content=False), b"")
    size = 0
    try:
        first = next(slices, b"")
        slices = chain((first,), slices)
        for part in gunzip(slices) if first.startswith(GZIP_MAGIC) else slices:
            size += len(part)
            if size > call.max_bytes:
                raise call.without_answer(f"the answer is larger than {call.max_bytes} bytes")
            yield part
        return
    except zlib.error:
        failure = call.without_answer("the answer's gzip coding is invalid")
    except EOFError:
        failure = call.without_answer("the answer is truncated")
    except _LIBRARY_ERRORS as error:
        failure = _failure(call, attempt, error)
    raise failure


def _failure(call: Call, attempt: Attempt, error: Exception) -> ProviderError:
    """Returns the error of a failed call, by whether anything was sent; looks at types only, never at texts."""
    causes = tuple(_causes(error))
    timed_out = any(isinstance(cause, TimeoutError) for cause in causes)
    if attempt.sent:
        reason = "no answer in time" if timed_out else "the connection broke before a whole answer came"
        return call.without_answer(reason, remedy=call.check_address)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        reason = "the provider's certificate cannot be trusted, nothing was sent"
        return ProviderError(Kind.ACCOUNT, f"{call.label}: {reason}", remedy=call.check_address)
    if isinstance(error, ValueError):
        message = f"{call.label}: the account's base_url cannot be used"
        return ProviderError(Kind.ACCOUNT, message, remedy=call.check_address)
    reason = "it broke while it was made"
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        reason = "its name is not found"
    elif timed_out:
        reason = "no answer in time"
    elif any(isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED for cause in causes):
        reason = "refused"
    remedy = f"{call.check_address} {_NO_NETWORK}" if timed_out else call.check_address
    return ProviderError(Kind.LATER, f"{call.label}: no connection to the provider ({reason})", remedy=remedy)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yields `error` and everything it came from; requests and urllib3 wrap each other in causes and in arguments."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        found = waiting.pop()
        if isinstance(found, BaseException) and id(found) not in seen:
            seen.add(id(found))
            waiting += [found.__cause__, found.__context__, getattr(found, "reason", None), *found.args]
            yield found
