"""Connections of the transport: refused ones, TLS, the same one for many calls."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.errors import Kind
from chalicelib.providers.transport import wire
from chalicelib.providers.transport.exchange import Call
from chalicelib.providers.transport.session import Transport, make_session
from tests.contract.calls import BROKEN, CHUNKED, GZIP, OK, TOO_SLOW, a_call, failure, send
from tests.contract.scripted import Line, Reply, Scripted, answer, dripping, message, raw
from tests.support.certificates import self_signed
from tests.support.controlled_time import OwnTime


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
        return self_signed("127.0.0.1", tmp_path)

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
