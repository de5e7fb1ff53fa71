"""The transport against a server that produces every kind of error over bare sockets."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import ssl
import threading
import traceback
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.providers.transport import wire
from chalicelib.providers.transport.exchange import MEGABYTE, Answer, Call
from chalicelib.providers.transport.session import Transport, make_session
from tests.contract.scripted import (
    Endless,
    Line,
    Reply,
    Scripted,
    after,
    answer,
    dripping,
    endless,
    message,
    raw,
    silence,
)
from tests.support.controlled_time import OwnTime

SECRET = "placeholder-secret-in-the-url"
OK = message({"result": "ok"})
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
GZIP = {"Content-Encoding": "gzip"}


@pytest.fixture
def real_server() -> Iterator[Scripted]:
    """A server that really lets its clients wait."""
    with Scripted() as running:
        yield running


def a_call(url: str, *, changes: bool = True, budget: float = 10.0, **more: Any) -> Call:
    secret_url = f"{url}/path?key={SECRET}"
    return Call("paris", "list_insert", "POST", secret_url, changes, budget, body=b'{"rows": 1}', **more)


def send(transport: Transport, call: Call) -> Answer:
    """The answer to a call, regardless of its status."""
    return transport.exchange(call, lambda answer: answer)


def failure(ask: Callable[[], object]) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask()
    return caught.value


# What a call that changes something becomes, and what a read becomes. A call may be sent and bring nothing usable in
# many ways; they all leave its outcome unknown.
BROKEN: dict[str, Reply] = {
    "silence": silence(30),
    "closed without an answer": raw(b""),
    "reset without an answer": raw(b"", reset=True),
    "closed in the status line": raw(b"HTTP/1."),
    "closed in the headers": raw(OK[:30]),
    "closed in the body": raw(OK[:-3]),
    "closed in a chunk": raw(CHUNKED + b"20\r\n" + b'{"result'),
    "closed before the last chunk": raw(CHUNKED + b'f\r\n{"result":"ok"}\r\n'),
    "a chunk of nonsense length": raw(CHUNKED + b"zz\r\n"),
    "not HTTP": raw(b"220 mail.example.com ESMTP\r\n"),
    "an endless header line": endless(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65536, 100),
    "endless headers": endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000, 100),
    "dripping headers": dripping(OK, 4),
    "a dripping body": lambda line: (line.send(OK[:-12]), dripping(OK[-12:], 4)(line))[0],
    "gzip cut short": raw(message(gzip.compress(b'{"result":"ok"}')[:-9], headers=GZIP)),
    "gzip of nonsense": raw(message(b"\x1f\x8b\x08nonsense", headers=GZIP)),
    "another packing": answer(b"?", headers={"Content-Encoding": "br"}),
    "redirect 302": answer(b"", 302, {"Location": "http://127.0.0.1:1/elsewhere"}),
    "redirect 307": answer(b"", 307, {"Location": "/elsewhere"}),
    "status 500": answer({"result": "ok"}, 500),
    "status 502": answer(b"<html>", 502),
    "an HTML page": answer(b"<!doctype html><p>Maintenance", headers={"Content-Type": "text/html"}),
    "an empty body": answer(b""),
    "a blank body": answer(b" \r\n "),
    "truncated JSON": answer(b'{"result": "o'),
    "two JSON values": answer(b'{"result": "ok"}{}'),
    "NaN": answer(b'{"result": NaN}'),
    "deep nesting": answer(b"[" * 200_000),
    "an endless number": answer(b"9" * 10_000),
    "Latin-1": answer('{"result": "réussi"}'.encode("latin-1")),
    "UTF-16": answer('{"result": "ok"}'.encode("utf-16")),
}


TOO_SLOW = {"silence", "dripping headers", "a dripping body"}


def read_strictly(got: Answer) -> Any:
    """What a provider's client does: the body, and the status where the body does not settle it."""
    value = got.json()
    if got.status >= 400:
        raise got.unusable("an error")
    return value


@pytest.mark.parametrize("changes", [True, False], ids=["change", "read"])
@pytest.mark.parametrize("case", BROKEN)
def test_a_request_without_usable_answer_is_unknown_or_retried(
    case: str, changes: bool, server: Scripted, transport: Transport
) -> None:
    server.script = [BROKEN[case]]
    error = failure(lambda: transport.exchange(a_call(server.url, changes=changes), read_strictly))
    assert error.kind is (Kind.UNKNOWN if changes else Kind.LATER)
    assert ("in time" in error.message) == (case in TOO_SLOW)
    assert len(server.received) == 1


@pytest.mark.parametrize("case", BROKEN)
def test_no_error_or_log_contains_the_url(
    case: str, server: Scripted, transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.script = [BROKEN[case]]
    error = failure(lambda: transport.exchange(a_call(server.url), read_strictly))
    assert error.__cause__ is None
    assert SECRET not in "".join(traceback.format_exception(error)) + repr(error) + caplog.text
    assert "path?" not in caplog.text


@pytest.mark.parametrize("changes", [True, False])
@pytest.mark.parametrize("status", [429, 503])
def test_a_rejected_request_is_never_unknown(
    status: int, changes: bool, server: Scripted, transport: Transport
) -> None:
    server.script = [answer({"error": "1"}, status, {"Retry-After": "7"})]
    error = failure(lambda: transport.exchange(a_call(server.url, changes=changes), read_strictly))
    assert (error.kind, error.retry_after, error.provider_code) == (Kind.LATER, 7.0, str(status))


@pytest.mark.parametrize("status", [301, 308])
def test_a_permanently_moved_base_url_is_an_account_error(status: int, server: Scripted, transport: Transport) -> None:
    server.script = [answer(b"", status, {"Location": f"{server.url}/new"})]
    error = failure(lambda: send(transport, a_call(server.url)))
    assert error.kind is Kind.ACCOUNT and "base_url" in error.message
    assert len(server.received) == 1


def test_a_redirects_body_is_not_read(server: Scripted, transport: Transport, wait_for: Callable[..., Any]) -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 500000000\r\n\r\n"
    server.script = [body := endless(head, b"x" * MEGABYTE, 500)]
    assert failure(lambda: send(transport, a_call(server.url))).kind is Kind.UNKNOWN
    wait_for(lambda: server.ended)
    assert body.sent < 50, "no more than the buffers of the connection"


class TestNothingSent:
    @pytest.mark.server
    def test_a_refused_connection(self, transport: Transport) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            error = failure(lambda: send(transport, a_call(f"http://127.0.0.1:{unused.getsockname()[1]}")))
        assert error.kind is Kind.LATER and "refused" in error.message

    def test_an_unknown_host_name(self, transport: Transport) -> None:
        error = failure(lambda: send(transport, a_call("http://nowhere.invalid")))
        assert error.kind is Kind.LATER and "name" in error.message

    @pytest.mark.server
    def test_a_connection_that_is_not_accepted(self, transport: Transport) -> None:
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            waiting = [socket.socket() for _ in range(4)]
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(full.getsockname())
            error = failure(lambda: send(transport, a_call(f"http://127.0.0.1:{full.getsockname()[1]}", budget=0.3)))
            for each in waiting:
                each.close()
        assert error.kind is Kind.LATER and "in time" in error.message

    def test_a_reset_during_the_tls_handshake(self, server: Scripted, transport: Transport) -> None:
        server.script = [raw(b"", reset=True)]
        error = failure(lambda: send(transport, a_call(server.url.replace("http:", "https:"))))
        assert error.kind is Kind.LATER

    def test_no_time_left(self, server: Scripted, transport: Transport) -> None:
        error = failure(lambda: send(transport, a_call(server.url, budget=0.1)))
        assert error.kind is Kind.LATER
        assert server.connections == 0

    def test_time_used_up_by_connecting(
        self, server: Scripted, transport: Transport, own_time: OwnTime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connect = wire._TimedConnection.connect

        def slowly(self: Any) -> None:
            connect(self)
            own_time.advance(11)

        monkeypatch.setattr(wire._TimedConnection, "connect", slowly)
        error = failure(lambda: send(transport, a_call(server.url, budget=10)))
        assert error.kind is Kind.LATER
        assert server.received == []

    @pytest.mark.parametrize("url", ["ftp://example.com", "http://", "http://[::1", "http://exa mple.com"])
    def test_an_unusable_url_is_an_account_error(self, url: str, transport: Transport) -> None:
        error = failure(lambda: send(transport, a_call(url)))
        assert error.kind is Kind.ACCOUNT and "base_url" in error.message


class TestTls:
    @pytest.fixture
    def certificate(self, tmp_path: Path) -> Path:
        """A self-signed certificate for 127.0.0.1 and its key, in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        now = datetime.now(UTC)
        itself = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        signed = made.add_extension(itself, critical=False).sign(key, hashes.SHA256())
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / "both.pem").write_bytes(private + signed.public_bytes(Encoding.PEM))
        return tmp_path / "both.pem"

    @pytest.fixture
    def tls_server(self, server: Scripted, certificate: Path) -> Scripted:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.num_tickets = 0  # nothing comes that is no answer: `own_time` waits for readable sockets
        serve = server._serve

        def over_tls(sock: socket.socket, number: int) -> None:
            try:
                wrapped = context.wrap_socket(sock, server_side=True)
            except OSError:
                return
            server._lines.append(wrapped)
            serve(wrapped, number)

        server._serve = over_tls
        server.url = server.url.replace("http:", "https:")
        return server

    def test_an_untrusted_certificate_is_rejected(self, tls_server: Scripted, transport: Transport) -> None:
        error = failure(lambda: send(transport, a_call(tls_server.url)))
        assert error.kind is Kind.ACCOUNT and "certificate" in error.message
        assert tls_server.received == []

    def test_a_trusted_certificate_is_accepted(self, tls_server: Scripted, certificate: Path) -> None:
        transport = Transport(make_session(str(certificate)))
        for _ in range(2):
            assert send(transport, a_call(tls_server.url)).json() == {"result": "ok"}
        assert tls_server.connections == 1

    def test_the_certificate_is_that_of_the_name_and_not_of_the_address_that_was_checked(
        self, tls_server: Scripted, certificate: Path
    ) -> None:
        resolved: list[str] = []

        def resolve(host: str, port: int) -> list[str]:
            resolved.append(host)
            return ["127.0.0.1"]

        transport = Transport(make_session(str(certificate)), resolve=resolve)
        call = a_call(tls_server.url, allow_private=True)
        assert send(transport, call).json() == {"result": "ok"}
        elsewhere = a_call(tls_server.url.replace("127.0.0.1", "crm.example.com"), allow_private=True)
        error = failure(lambda: send(transport, elsewhere))
        assert error.kind is Kind.ACCOUNT and "certificate" in error.message
        assert resolved == ["127.0.0.1", "crm.example.com"] and len(tls_server.received) == 1

    def test_a_certificate_of_another_host_is_rejected(self, tls_server: Scripted, certificate: Path) -> None:
        transport = Transport(make_session(str(certificate)))
        error = failure(lambda: send(transport, a_call(tls_server.url.replace("127.0.0.1", "localhost"))))
        assert error.kind is Kind.ACCOUNT

    @pytest.mark.parametrize("case", ["silence", "dripping headers", "a dripping body", "closed in the body"])
    def test_the_deadline_applies_over_tls(self, case: str, tls_server: Scripted, certificate: Path) -> None:
        tls_server.script = [BROKEN[case]]
        transport = Transport(make_session(str(certificate)), timing=tls_server.timing)
        error = failure(lambda: send(transport, a_call(tls_server.url)))
        assert error.kind is Kind.UNKNOWN
        assert ("in time" in error.message) == (case in TOO_SLOW)


def test_an_answer_knows_the_address_that_its_call_was_sent_from(server: Scripted, transport: Transport) -> None:
    answered = send(transport, a_call(server.url))
    assert answered.sent_from == "127.0.0.1"
    assert answered.public_sender is None
    assert send(transport, a_call(server.url)).sent_from == "127.0.0.1", "also over a connection that was there"


class TestKeepAlive:
    def test_calls_share_a_connection(self, server: Scripted, transport: Transport) -> None:
        server.script = [answer(gzip.compress(b"{}"), headers=GZIP), raw_chunks, answer(b"<html>", 404)]
        for _ in range(5):
            send(transport, a_call(server.url))
        assert {each.connection for each in server.received} == {1}

    def test_a_stale_connection_is_not_reused(
        self, server: Scripted, transport: Transport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        send(transport, a_call(server.url))
        monkeypatch.setattr(wire, "LONGEST_IDLE", 0.0)
        send(transport, a_call(server.url))
        assert [each.connection for each in server.received] == [1, 2]

    @pytest.mark.parametrize("said", [True, False], ids=["announced", "unannounced"])
    def test_a_connection_that_the_server_closed_is_not_reused(
        self, said: bool, server: Scripted, transport: Transport, wait_for: Callable[..., Any]
    ) -> None:
        server.script = [raw(message({}, headers={"Connection": "close"}) if said else OK)]
        send(transport, a_call(server.url))
        wait_for(lambda: server.ended)
        send(transport, a_call(server.url))
        assert [each.connection for each in server.received] == [1, 2]

    def test_a_connection_closed_during_a_request_is_unknown_and_not_retried(
        self, server: Scripted, transport: Transport
    ) -> None:
        server.script = [answer({"result": "ok"}), raw(b"")]
        send(transport, a_call(server.url))
        assert failure(lambda: send(transport, a_call(server.url))).kind is Kind.UNKNOWN
        assert len(server.received) == 2

    def test_after_an_error_the_next_call_opens_a_new_connection(self, server: Scripted, transport: Transport) -> None:
        server.script = [dripping(OK, 4)]
        failure(lambda: send(transport, a_call(server.url)))
        assert send(transport, a_call(server.url)).json() == {"result": "ok"}
        assert [each.connection for each in server.received] == [1, 2]

    def test_concurrent_threads_get_their_own_answers(self, server: Scripted, transport: Transport) -> None:
        server.otherwise = echo(server)
        wrong: list[object] = []

        def ask(name: str) -> None:
            for number in range(20):
                body = json.dumps({"name": name, "number": number}).encode()
                call = Call("paris", "echo", "POST", server.url, True, 10.0, body=body)
                wrong.extend([name] if send(transport, call).json() != json.loads(body) else [])

        threads = [threading.Thread(target=ask, args=(f"thread {number}",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong and len(server.received) == 160
        assert server.connections <= 16


def raw_chunks(line: Line) -> None:
    """A whole chunked answer."""
    line.send(CHUNKED + b'8\r\n{"result\r\n7\r\n":"ok"}\r\n0\r\n\r\n')


def echo(server: Scripted) -> Reply:
    """Answers a request with its own body; a connection has one request at a time, so the newest of it is the one."""

    def play(line: Line) -> None:
        number = server._lines.index(line.sock) + 1
        newest = next(each for each in reversed(server.received) if each.connection == number)
        line.send(message(newest.body))

    return play


def bomb(line: Line) -> None:
    """A small gzip that unpacks to a hundred megabytes."""
    line.send(message(_bomb(), headers=GZIP))


@cache
def _bomb() -> bytes:
    pack = zlib.compressobj(level=1, wbits=31)
    return b"".join([*(pack.compress(b" " * MEGABYTE) for _ in range(100)), pack.flush()])


class TestBounds:
    @pytest.mark.parametrize(
        "reply",
        [
            endless(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n", b"x" * MEGABYTE, 100),
            endless(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b" " * MEGABYTE, 100),
            endless(CHUNKED, b"100000\r\n" + b"x" * MEGABYTE + b"\r\n", 100),
            bomb,
        ],
        ids=["of stated length", "until the end", "in chunks", "gzip bomb"],
    )
    def test_a_huge_body_is_abandoned_early(
        self, reply: Reply, server: Scripted, transport: Transport, wait_for: Callable[..., Any]
    ) -> None:
        server.script = [reply]
        tracemalloc.start()
        error = failure(lambda: send(transport, a_call(server.url, max_bytes=4 * MEGABYTE)))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert error.kind is Kind.UNKNOWN and "larger" in error.message
        assert peak < 20 * MEGABYTE
        wait_for(lambda: server.ended)
        assert not isinstance(reply, Endless) or reply.sent < 50, (
            "the cap's 4, and no more than the buffers of the connection"
        )

    def test_a_body_of_exactly_the_limit_is_read(self, server: Scripted, transport: Transport) -> None:
        server.script = [answer(b"x" * MEGABYTE)]
        assert len(send(transport, a_call(server.url, max_bytes=MEGABYTE)).body) == MEGABYTE

    def test_a_server_that_does_not_read_is_abandoned_at_the_deadline(
        self, server: Scripted, transport: Transport
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            call = Call(
                "paris",
                "send",
                "POST",
                f"http://127.0.0.1:{deaf.getsockname()[1]}",
                True,
                10.0,
                body=b"x" * 20 * MEGABYTE,
                read_timeout=0.1,
            )
            error = failure(lambda: send(transport, call))
        assert error.kind is Kind.UNKNOWN and "in time" in error.message

    def test_the_read_timeout_ends_a_call_before_its_budget(self, real_server: Scripted) -> None:
        real_server.script = [silence(30)]
        error = failure(lambda: send(Transport(), a_call(real_server.url, budget=1000, read_timeout=0.05)))
        assert error.kind is Kind.UNKNOWN and "in time" in error.message

    def test_a_slow_dripping_answer_ends_with_the_budget(self, real_server: Scripted) -> None:
        """No single wait lasts as long as the budget, so that no timeout of the libraries ends the call."""

        def drip(line: Line) -> None:
            for part, pause in ((OK[:9], 0.3), (OK[9:30], 0.25), (OK[30:], 0.0)):
                line.send(part)
                line.pause(pause)

        real_server.script = [drip]
        error = failure(lambda: send(Transport(), a_call(real_server.url, changes=False, budget=0.4)))
        assert error.kind is Kind.LATER and "in time" in error.message


class TestRequests:
    def test_the_request_is_sent_as_given(self, server: Scripted, transport: Transport) -> None:
        send(transport, a_call(server.url, headers={"Content-Type": "application/json"}))
        (request,) = server.received
        assert (request.method, request.path, request.body) == ("POST", f"/path?key={SECRET}", b'{"rows": 1}')
        assert request.headers["content-type"] == "application/json"
        assert request.headers["accept-encoding"] == "gzip"

    def test_an_encoded_path_is_not_changed(self, server: Scripted, transport: Transport) -> None:
        path = "/create/pa%2Fss%20w%C3%B6rd%3F%25/%7Bx%7D?a=%26&b=c%20d"
        send(transport, Call("brussel", "session", "GET", server.url + path, False, 5.0))
        assert server.received[0].path == path

    def test_a_post_without_body_has_content_length_zero(self, server: Scripted, transport: Transport) -> None:
        send(transport, Call("brussel", "trigger_send", "POST", server.url, True, 5.0))
        assert server.received[0].headers["content-length"] == "0"

    def test_proxy_settings_of_the_environment_are_ignored(
        self, server: Scripted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password placeholder\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        send(Transport(), a_call(server.url))
        assert "authorization" not in server.received[0].headers

    def test_cookies_are_not_stored(self, server: Scripted, transport: Transport) -> None:
        server.script = [answer({}, headers={"Set-Cookie": "session=placeholder; Path=/"})]
        send(transport, a_call(server.url))
        send(transport, a_call(server.url))
        assert "cookie" not in server.received[1].headers

    def test_the_repr_of_a_call_hides_its_contents(self) -> None:
        call = a_call("http://example.com", headers={"X-Key": SECRET})
        assert SECRET not in repr(call) and "rows" not in repr(call)
        assert "person" not in repr(Answer(call, 200, {"x": "person"}, b"person"))


class TestAnswers:
    def test_json_in_utf_8_whatever_the_header_claims(self, server: Scripted, transport: Transport) -> None:
        body = '\ufeff{"name": "Zoé"}'.encode()
        server.script = [answer(body, headers={"Content-Type": "text/html; charset=iso-8859-1"})]
        assert send(transport, a_call(server.url)).json() == {"name": "Zoé"}

    def test_gzip_is_unpacked(self, server: Scripted, transport: Transport) -> None:
        rows = [{"id": number} for number in range(50_000)]
        server.script = [answer(gzip.compress(json.dumps(rows).encode()), headers=GZIP)]
        assert send(transport, a_call(server.url)).json() == rows

    def test_a_lone_surrogate_is_replaced(self, server: Scripted, transport: Transport) -> None:
        server.script = [answer(b'[{"a\\ud800": "b\\uDFFF", "c": 1}]')]
        assert send(transport, a_call(server.url)).json() == [{"a?": "b?", "c": 1}]

    def test_a_complete_surrogate_pair_is_kept(self, server: Scripted, transport: Transport) -> None:
        server.script = [answer(b'"\\ud83d\\ude00"')]
        assert send(transport, a_call(server.url)).json() == "\U0001f600"

    def test_any_status_but_a_redirect_is_an_answer(self, server: Scripted, transport: Transport) -> None:
        server.script = [answer({"error": "1"}, status) for status in (201, 400, 401, 404, 500, 503)]
        for status in (201, 400, 401, 404, 500, 503):
            got = send(transport, a_call(server.url))
            assert (got.status, got.json()) == (status, {"error": "1"})


class TestOnCall:
    def test_every_call_is_reported_once_with_its_outcome(self, server: Scripted) -> None:
        reported: list[tuple[str, str, float, str]] = []
        transport = Transport(on_call=lambda *call: reported.append(call), timing=server.timing)
        server.script = [after(3, answer({})), answer(b"", 503), raw(b"")]
        transport.exchange(a_call(server.url), read_strictly)
        for _ in range(2):
            failure(lambda: transport.exchange(a_call(server.url), read_strictly))
        assert reported == [
            ("list_insert", "paris", 3, "ok"),
            ("list_insert", "paris", 0, "later"),
            ("list_insert", "paris", 0, "unknown"),
        ]


class TestAdmission:
    def test_a_call_that_is_not_admitted_is_not_made(self, server: Scripted) -> None:
        reported: list[str] = []

        def nobody(account: str) -> None:
            raise ProviderError(Kind.LATER, f"{account}: too many calls", retry_after=7)

        transport = Transport(on_call=lambda *call: reported.append(call[3]), admit=nobody)
        error = failure(lambda: send(transport, a_call(server.url)))
        assert (error.kind, error.retry_after) == (Kind.LATER, 7)
        assert server.connections == 0 and reported == ["later"]

    def test_every_call_requests_admission_once_with_its_account(self, server: Scripted) -> None:
        asked: list[str] = []
        transport = Transport(admit=asked.append)
        for _ in range(3):
            send(transport, a_call(server.url))
        failure(lambda: send(transport, a_call(server.url, budget=0.1)))
        assert asked == ["paris"] * 3
