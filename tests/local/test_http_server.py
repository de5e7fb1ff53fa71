"""The HTTP server in front of the gateway: connections, bodies, and no client that brings it down."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack

import pytest

from local.http import server as server_module
from tests.local.recorder import Recorder

pytestmark = pytest.mark.server


def test_chunked_bodies_are_assembled(recorder: Recorder) -> None:
    chunks = b"4;note=x\r\none \r\n3\r\ntwo\r\n0\r\nTrailer: x\r\n\r\n"
    recorder.raw(b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
    assert recorder.event["body"] == "one two"


def test_expect_100_continue_is_answered(recorder: Recorder) -> None:
    with socket.create_connection(("127.0.0.1", recorder.server.port), timeout=5) as client:
        client.sendall(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"ok")
        assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert recorder.event["body"] == "ok"


def test_one_connection_serves_many_requests(recorder: Recorder) -> None:
    recorder.answer = lambda event: {"statusCode": 200, "body": "said"}
    with socket.create_connection(("127.0.0.1", recorder.server.port), timeout=5) as client:
        for _ in range(50):
            client.sendall(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody")
            answer = client.recv(65536)  # head and body in one packet: the second of two would wait for the client
            assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\n\r\nsaid")
            assert b"Connection: close" not in answer
    assert len(recorder.events) == 50


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /x HTTP/9.9\r\n\r\n",
        b"GET http://elsewhere/ HTTP/1.1\r\nHost: h\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: many\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: ²\r\n\r\n".encode("latin-1"),
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: ٣\r\n\r\nabc".encode(),
        b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc",
        b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0x3\r\n\r\nabc",
        b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1_4\r\n" + b"x" * 20 + b"\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n+14\r\n" + b"x" * 20 + b"\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x14\r\n" + b"x" * 20 + b"\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-4\r\nxxxx\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n²\r\nxx\r\n0\r\n\r\n".encode("latin-1"),
        b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\n\r\n",
        b"GET /x HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
def test_hostile_case_10_a_malformed_request_gets_400_without_side_effects(recorder: Recorder, sent: bytes) -> None:
    assert recorder.raw(sent).startswith(b"HTTP/1.1 400 ")
    assert recorder.send("GET", "/x").status == 200


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"GET /x HT", b"POST /x HTTP/1.1\r\nContent-Length: 100\r\n\r\nfew"])
def test_disconnecting_clients_do_not_affect_others(
    recorder: Recorder, sent: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    recorder.raw(sent)
    assert recorder.send("GET", "/x").status == 200
    assert "Traceback" not in capfd.readouterr().err


def test_hostile_case_10_half_open_connections_keep_nobody_waiting(recorder: Recorder) -> None:
    with ExitStack() as open_:
        for sent in (b"", b"G", b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n") * 100:
            client = open_.enter_context(socket.create_connection(("127.0.0.1", recorder.server.port)))
            client.sendall(sent)
        assert recorder.send("GET", "/x").status == 200


def test_above_the_most_connections_the_longest_idle_one_is_closed(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "MOST_CONNECTIONS", 2)
    address = ("127.0.0.1", recorder.server.port)
    with socket.create_connection(address) as oldest, socket.create_connection(address):
        oldest.settimeout(10)
        for _ in range(3):
            assert recorder.send("GET", "/x").status == 200
        assert oldest.recv(1) == b""


def test_a_silent_client_does_not_block_others(recorder: Recorder) -> None:
    gate = threading.Event()
    with socket.create_connection(("127.0.0.1", recorder.server.port)):
        assert recorder.send("GET", "/x").status == 200
        recorder.answer = lambda event: (
            gate.wait(5) and {"statusCode": 200} if event["path"] == "/slow" else {"statusCode": 204}
        )
        slow = threading.Thread(target=recorder.send, args=("GET", "/slow"))
        slow.start()
        assert recorder.send("GET", "/x").status == 204
        gate.set()
        slow.join()
