"""Fetches a source's file from its configured URL, checks every redirect and address, and streams the content."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from typing import Any
from urllib.parse import urljoin

import certifi
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError, TimeoutError as TookTooLong
from urllib3.util import Timeout, Url, parse_url

from ..config.model import Source
from ..jobs.errors import SyncFailed, SyncRefused
from ..providers.transport.exchange import MEGABYTE, SLICE_BYTES, Deadline, gunzip, seconds_to_wait
from ..providers.transport.ssrf_guard import ForbiddenAddress, Resolve, check_addresses, resolve
from ..providers.transport.wire import Attempt, HttpPool, HttpsPool

LARGEST_FILE = 200 * MEGABYTE
"""Bytes of a file, unpacked."""
MOST_REDIRECTS = 5
CONNECT_SECONDS = 5.0
READ_TIMEOUT = 60.0
"""Seconds without a byte: a file generated on request may take a while to start."""
_REDIRECTS = (301, 302, 303, 307, 308)
_RETRYABLE = (408, 425, 429)
_CERTIFICATE = (
    "The host's certificate is not valid for this name, or has expired: compare the host in the address, or ask "
    "its operator."
)
_LOGIN = (
    "The host wants a login, and Relais sends none: use an address of the file that contains its own key, or have the "
    "host let Relais in."
)
_REMEDIES = {
    401: _LOGIN,
    403: _LOGIN,
    404: "There is no file at this address: compare it, letter by letter, with the one that the export shows.",
    410: "The file is gone from this address: make the export again, and use its new address.",
}
_PORTS = {"http": 80, "https": 443}
_HEADERS = {"User-Agent": "Relais", "Accept": "text/csv, text/plain;q=0.9, */*;q=0.5", "Accept-Encoding": "gzip"}


@dataclass(frozen=True)
class Fetcher:
    """Fetches files over the providers' transport, with its own rules.

    Connects to a checked address and does not resolve the name again (DNS rebinding); TLS and the Host header use the
    name. Never uses cookies, credentials or a proxy.
    """

    resolve: Resolve = resolve
    ca_bundle: str | None = None
    """Path of root certificates that replace certifi's."""
    largest: int = LARGEST_FILE
    read_timeout: float = READ_TIMEOUT

    @contextmanager
    def open(self, source: Source, budget: float) -> Iterator[Iterator[bytes]]:
        """Streams the file's decompressed bytes; `budget` is the total time in seconds.

        Entering and reading raise:
            SyncFailed: The host cannot be reached or fails, or the answer broke off.
            SyncRefused: An address is forbidden, or the answer is no file (4xx, too large). A page is known by its
                content, when its rows are read.
        """
        Attempt(Deadline(budget), self.read_timeout).begin()
        with _translated_errors():
            response = self._follow(source)
        try:
            _check(response)
            yield self._read(response)
        finally:
            response.close()

    def _follow(self, source: Source) -> Any:
        """Follows redirects and returns the last answer, its body unread."""
        url = _parsed(source.url)
        for _ in range(MOST_REDIRECTS + 1):
            response = self._get(url, source.allow_private)
            if response.status not in _REDIRECTS:
                return response
            location = response.headers.get("Location")
            response.close()
            url = _redirect_target(url, location)
        raise SyncRefused(f"it redirects more than {MOST_REDIRECTS} times")

    def _get(self, url: Url, allow_private: bool) -> Any:
        host, port = (url.host or "").strip("[]"), url.port or _PORTS[url.scheme or ""]
        try:
            addresses = self.resolve(host, port)
        except UnicodeError:
            raise SyncRefused("the host's name cannot be used") from None
        except OSError:
            raise SyncFailed("the host's name cannot be resolved at the moment") from None
        try:
            check_addresses(addresses, allow_private=allow_private)
        except ForbiddenAddress as error:
            raise SyncRefused(str(error)) from None
        for address in addresses:
            try:
                return self._request(url, host, address, port)
            except (NewConnectionError, ConnectTimeoutError):
                continue
        raise SyncFailed("the host cannot be reached")

    def _request(self, url: Url, host: str, address: str, port: int) -> Any:
        pool: HttpPool | HttpsPool
        if url.scheme == "https":
            pool = HttpsPool(
                address,
                port,
                server_hostname=host,
                assert_hostname=host,
                cert_reqs="CERT_REQUIRED",
                ca_certs=self.ca_bundle or certifi.where(),
            )
        else:
            pool = HttpPool(address, port)
        return pool.urlopen(
            "GET",
            url.request_uri,
            headers={**_HEADERS, "Host": url.netloc or host},
            redirect=False,
            retries=False,
            assert_same_host=False,
            timeout=Timeout(connect=CONNECT_SECONDS, read=self.read_timeout),
            preload_content=False,
            decode_content=False,
        )

    def _read(self, response: Any) -> Iterator[bytes]:
        size = 0
        with _translated_errors():
            slices: Iterator[bytes] = iter(partial(response.read, SLICE_BYTES, decode_content=False), b"")
            for part in gunzip(slices) if "gzip" in _coding(response) else slices:
                size += len(part)
                if size > self.largest:
                    raise SyncRefused(f"the file is larger than {self.largest / MEGABYTE:g} MB")
                yield part


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Translates the libraries' errors, whose texts may contain the URL, into ours."""
    failure: Exception | None = None
    try:
        yield
    except SSLError:
        failure = SyncFailed("no trusted TLS connection", remedy=_CERTIFICATE)
    except (TimeoutError, TookTooLong):
        failure = SyncFailed("the host takes too long")
    except (HTTPError, HTTPException, OSError, EOFError):
        failure = SyncFailed("the connection broke")
    except zlib.error:
        failure = SyncFailed("the answer's gzip coding is broken")
    if failure is not None:
        raise failure from None


def _parsed(text: str) -> Url:
    """Parses a URL; it must be http or https with a host and no credentials."""
    try:
        url = parse_url(text)
    except HTTPError:
        raise SyncRefused("the URL, or one that it redirects to, cannot be used") from None
    if url.scheme not in _PORTS or not url.host:
        raise SyncRefused("the URL, or one that it redirects to, is neither http nor https")
    if url.auth is not None:
        raise SyncRefused("it redirects to a URL with credentials")
    return url


def _redirect_target(url: Url, location: str | None) -> Url:
    if not location:
        raise SyncRefused("it redirects without a location")
    try:
        following = _parsed(urljoin(url.url, location))
    except ValueError:
        raise SyncRefused("it redirects to an invalid URL") from None
    if url.scheme == "https" and following.scheme == "http":
        raise SyncRefused("it redirects from https to http")
    return following


def _check(response: Any) -> None:
    """Rejects all answers but a file: SyncFailed for temporary failures, SyncRefused for the others."""
    status = response.status
    if status >= 500 or status in _RETRYABLE:
        wait = seconds_to_wait(response.headers.get("Retry-After"))
        raise SyncFailed(f"the host failed (HTTP {status})", retry_after=wait)
    if status != 200:
        raise SyncRefused(f"the host returned no file (HTTP {status})", remedy=_REMEDIES.get(status, ""))
    if _coding(response) not in ("", "identity", "gzip", "x-gzip"):
        raise SyncRefused("the answer has a content coding that was not asked for")


def _coding(response: Any) -> str:
    return str(response.headers.get("Content-Encoding", "")).strip().lower()
