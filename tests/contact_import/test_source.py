"""Fetching a file: only from permitted addresses, with bounded time and size for any behaviour of the host."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.config.model import Source
from chalicelib.contact_import.source import MEGABYTE, Fetcher
from chalicelib.jobs.errors import SyncFailed, SyncRefused
from tests.contract.scripted import Reply, Scripted, answer, dripping, endless, message, raw, silence
from tests.support.certificates import self_signed

CSV = b"email;prenom\na@example.com;Zo\xc3\xa9\n"
FILE = answer(CSV, headers={"Content-Type": "text/csv"})
KEY = "placeholder-key-in-the-url"
GZIP = {"Content-Type": "text/csv", "Content-Encoding": "gzip"}


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted(otherwise=FILE) as running:
        yield running


def source(url: str, *, allow_private: bool = True) -> Source:
    return Source("crm", url, "paris", "4781", allow_private)


def fetch(fetcher: Fetcher, wanted: Source, budget: float = 5.0) -> bytes:
    with fetcher.open(wanted, budget) as parts:
        return b"".join(parts)


def redirect(location: str, status: int = 302) -> Reply:
    return answer(b"", status, {"Location": location})


def named(*answers: str) -> Fetcher:
    """A fetcher whose resolver knows one answer for every name."""
    return Fetcher(resolve=lambda host, port: list(answers))


def test_a_file_is_fetched_without_credentials(server: Scripted) -> None:
    assert fetch(Fetcher(), source(f"{server.url}/export.csv?key={KEY}&x=a%20b")) == CSV
    (request,) = server.received
    assert (request.method, request.path) == ("GET", f"/export.csv?key={KEY}&x=a%20b")
    assert set(request.headers) == {"host", "user-agent", "accept", "accept-encoding"}
    assert request.headers["host"] == server.url.removeprefix("http://")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "localhost", "0"]
)
def test_the_loopback_is_not_reachable_in_any_notation(server: Scripted, host: str) -> None:
    with pytest.raises(SyncRefused, match="address"):
        fetch(Fetcher(), source(f"http://{host}:{server.port}/x.csv", allow_private=False))
    assert server.connections == 0


@pytest.mark.parametrize("host", ["[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[::]"])
def test_the_loopback_is_not_reachable_by_ipv6(server: Scripted, host: str) -> None:
    with pytest.raises(SyncRefused, match="address"):
        fetch(Fetcher(), source(f"http://{host}:{server.port}/x.csv", allow_private=False))
    assert server.connections == 0


@pytest.mark.parametrize("answers", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::1"], ["169.254.169.254"]])
def test_a_public_name_resolving_to_the_loopback_is_rejected(server: Scripted, answers: list[str]) -> None:
    with pytest.raises(SyncRefused, match="address"):
        fetch(named(*answers), source(f"http://crm.example.com:{server.port}/x.csv", allow_private=False))
    assert server.connections == 0


def test_the_metadata_service_is_unreachable_even_for_private_sources() -> None:
    with pytest.raises(SyncRefused, match="nothing is fetched from"):
        fetch(Fetcher(), source("http://169.254.169.254/latest/meta-data/"))


def test_the_connection_uses_the_checked_address(server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that changes its meaning after the check changes nothing: it is resolved once, and not by the socket."""
    asked: list[str] = []

    def answers(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.255.255.1"]

    def never(*arguments: object, **options: object) -> None:
        assert arguments[0] == "127.0.0.1"
        return real(*arguments, **options)  # type: ignore[arg-type, return-value]

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", never)
    assert fetch(Fetcher(resolve=answers), source(f"http://crm.example.com:{server.port}/x.csv")) == CSV
    assert asked == ["crm.example.com"]
    assert server.received[0].headers["host"] == f"crm.example.com:{server.port}"


def test_the_next_address_is_tried_if_one_does_not_answer(server: Scripted) -> None:
    assert fetch(named("127.0.0.2", "127.0.0.1"), source(f"http://crm.example.com:{server.port}/x.csv")) == CSV


class TestRedirects:
    def test_a_few_redirects_are_followed(self, server: Scripted) -> None:
        server.script += [redirect("/two", 301), redirect("three?x=1", 302), redirect(f"{server.url}/four", 307)]
        assert fetch(Fetcher(), source(f"{server.url}/a/one")) == CSV
        assert [request.path for request in server.received] == ["/a/one", "/two", "/three?x=1", "/four"]

    def test_too_many_redirects_are_rejected(self, server: Scripted) -> None:
        server.otherwise = redirect("/again")
        with pytest.raises(SyncRefused, match="more than 5"):
            fetch(Fetcher(), source(server.url))
        assert len(server.received) == 6

    def test_every_redirect_target_is_checked(self, server: Scripted) -> None:
        answers = {"outside.example.com": ["127.0.0.1"], "inside.example.com": ["169.254.1.1"]}
        fetcher = Fetcher(resolve=lambda host, port: answers[host])
        for location in (f"http://inside.example.com:{server.port}/", "//inside.example.com/x"):
            server.script.append(redirect(location))
            with pytest.raises(SyncRefused, match="nothing is fetched from"):
                fetch(fetcher, source(f"http://outside.example.com:{server.port}/"))
        assert len(server.received) == 2

    @pytest.mark.parametrize(
        ("location", "why"),
        [
            ("file:///etc/passwd", "neither http"),
            ("ftp://crm.example.com/x", "neither http"),
            ("gopher://127.0.0.1/", "neither http"),
            ("http://me:pw@127.0.0.1/", "credentials"),
            ("http://[::1/", "invalid URL|cannot be used"),
            ("http://127.0.0.1:99999/", "cannot be used"),
        ],
    )
    def test_redirects_to_other_schemes_are_rejected(self, server: Scripted, location: str, why: str) -> None:
        server.script.append(redirect(location))
        with pytest.raises(SyncRefused, match=why):
            fetch(Fetcher(), source(server.url))
        assert len(server.received) == 1

    def test_a_redirect_without_location_is_rejected(self, server: Scripted) -> None:
        server.script.append(answer(b"", 302))
        with pytest.raises(SyncRefused, match="without a location"):
            fetch(Fetcher(), source(server.url))


class TestResponses:
    @pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 204, 206, 304])
    def test_a_missing_file_is_a_refusal(self, server: Scripted, status: int) -> None:
        server.otherwise = answer(b"", status)
        with pytest.raises(SyncRefused, match=f"HTTP {status}"):
            fetch(Fetcher(), source(server.url))

    @pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
    def test_a_server_error_is_retried(self, server: Scripted, status: int) -> None:
        server.otherwise = answer(b"", status, {"Retry-After": "7"})
        with pytest.raises(SyncFailed, match=f"HTTP {status}") as caught:
            fetch(Fetcher(), source(server.url))
        assert caught.value.retry_after == 7

    def test_a_gzip_file_is_unpacked(self, server: Scripted) -> None:
        server.otherwise = answer(gzip.compress(CSV * 10_000), headers=GZIP)
        assert fetch(Fetcher(), source(server.url)) == CSV * 10_000

    def test_other_content_codings_are_rejected(self, server: Scripted) -> None:
        server.otherwise = answer(CSV, headers={"Content-Encoding": "br"})
        with pytest.raises(SyncRefused, match="content coding"):
            fetch(Fetcher(), source(server.url))

    @pytest.mark.parametrize("packed", [gzip.compress(CSV * 1000)[:-20], b"not gzip at all", b""])
    def test_a_broken_gzip_file_is_rejected(self, server: Scripted, packed: bytes) -> None:
        server.otherwise = answer(packed, headers=GZIP)
        with pytest.raises(SyncFailed, match="broke"):
            fetch(Fetcher(), source(server.url))

    def test_a_compression_bomb_stops_at_the_size_limit(self, server: Scripted) -> None:
        packer = zlib.compressobj(9, wbits=31)
        bomb = b"".join([*(packer.compress(bytes(1_000_000)) for _ in range(60)), packer.flush()])
        assert Fetcher().largest == 200 * MEGABYTE
        server.otherwise = answer(bomb, headers=GZIP)
        tracemalloc.start()
        fetcher = Fetcher(largest=40 * MEGABYTE)
        with pytest.raises(SyncRefused, match="larger than 40 MB"), fetcher.open(source(server.url), 60.0) as parts:
            for _ in parts:
                pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 5_000_000

    def test_a_file_over_the_size_limit_is_rejected(self, server: Scripted) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n\r\n"
        server.otherwise = endless(head, b"x" * 65536, 100)
        with pytest.raises(SyncRefused, match="larger than 1 MB"):
            fetch(Fetcher(largest=1024 * 1024), source(server.url))

    def test_a_truncated_file_is_retried(self, server: Scripted) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
        server.otherwise = raw(head + CSV)
        with pytest.raises(SyncFailed, match="broke"):
            fetch(Fetcher(), source(server.url))

    @pytest.mark.parametrize("play", [raw(b""), raw(b"", reset=True), raw(b"SSH-2.0-OpenSSH\r\n")])
    def test_a_closed_connection_is_retried(self, server: Scripted, play: Reply) -> None:
        server.otherwise = play
        with pytest.raises(SyncFailed, match="broke"):
            fetch(Fetcher(), source(server.url))

    def test_a_silent_host_times_out(self, server: Scripted) -> None:
        server.otherwise = silence(20)
        with pytest.raises(SyncFailed, match="too long"):
            fetch(Fetcher(read_timeout=0.3), source(server.url))

    def test_a_slow_dripping_host_times_out(self, server: Scripted) -> None:
        server.otherwise = dripping(message(CSV, headers={"Content-Type": "text/csv"}), 0.05)
        with pytest.raises(SyncFailed, match="too long"):
            fetch(Fetcher(), source(server.url), 0.3)

    @pytest.mark.server
    def test_a_refused_connection_is_retried(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        with pytest.raises(SyncFailed, match="cannot be reached"):
            fetch(Fetcher(), source(f"http://127.0.0.1:{port}/"))

    def test_an_unknown_host_name_is_retried(self) -> None:
        def unknown(host: str, port: int) -> list[str]:
            raise socket.gaierror(-2, "Name or service not known")

        with pytest.raises(SyncFailed, match="cannot be resolved"):
            fetch(Fetcher(resolve=unknown), source("http://crm.example.com/"))

    def test_an_invalid_host_name_is_rejected(self) -> None:
        with pytest.raises(SyncRefused, match="cannot be used"):
            fetch(Fetcher(), source(f"http://{'x' * 70}.example.com/"))

    def test_no_error_contains_the_url(self, server: Scripted) -> None:
        for play in (raw(b""), answer(b"", 404), silence(5), redirect(f"http://me:pw@127.0.0.1/?{KEY}")):
            server.otherwise = play
            with pytest.raises((SyncFailed, SyncRefused)) as caught:
                fetch(Fetcher(read_timeout=0.2), source(f"{server.url}/?key={KEY}"))
            assert KEY not in repr(caught.value)
            assert caught.value.__cause__ is None
            assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.server
class TestTls:
    @pytest.fixture
    def authority(self, tmp_path: Path) -> Path:
        """A certificate for crm.example.com that is its own authority, and its key."""
        return self_signed("crm.example.com", tmp_path)

    @pytest.fixture
    def port(self, authority: Path) -> Iterator[int]:
        """A host that answers with the file over TLS, once a connection, and notes the name that it is asked for."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority)
        listener = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                    with context.wrap_socket(sock, server_side=True) as line:
                        line.recv(65536)
                        line.sendall(message(CSV, headers={"Content-Type": "text/csv", "Connection": "close"}))
                except ssl.SSLError:
                    continue
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)

    def test_the_host_name_is_verified_on_a_connection_by_address(self, authority: Path, port: int) -> None:
        fetcher = Fetcher(resolve=lambda host, port: ["127.0.0.1"], ca_bundle=str(authority))
        assert fetch(fetcher, source(f"https://crm.example.com:{port}/x.csv")) == CSV

    def test_a_certificate_of_another_host_is_rejected(self, authority: Path, port: int) -> None:
        fetcher = Fetcher(resolve=lambda host, port: ["127.0.0.1"], ca_bundle=str(authority))
        with pytest.raises(SyncFailed, match="TLS"):
            fetch(fetcher, source(f"https://other.example.com:{port}/x.csv"))

    def test_a_certificate_of_an_unknown_authority_is_rejected(self, port: int) -> None:
        with pytest.raises(SyncFailed, match="TLS"):
            fetch(named("127.0.0.1"), source(f"https://crm.example.com:{port}/x.csv"))

    def test_a_redirect_from_https_to_http_is_rejected(self, authority: Path, server: Scripted) -> None:
        from urllib3.util import parse_url

        from chalicelib.contact_import.source import _redirect_target

        with pytest.raises(SyncRefused, match="from https to http"):
            _redirect_target(parse_url("https://crm.example.com/"), "http://crm.example.com/")
