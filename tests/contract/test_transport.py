"""The transport against a server that produces every kind of error over bare sockets."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import traceback
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.providers.transport.exchange import MEGABYTE, Answer, Call
from chalicelib.providers.transport.session import Transport
from tests.contract.calls import BROKEN, CHUNKED, GZIP, OK, SECRET, TOO_SLOW, a_call, bomb, failure, read_strictly, send
from tests.contract.scripted import Endless, Line, Reply, Scripted, after, answer, endless, raw, silence


@pytest.fixture
def real_server() -> Iterator[Scripted]:
    """A server that really lets its clients wait."""
    with Scripted() as running:
        yield running


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

    def test_a_defect_of_the_client_that_reads_the_answer_is_no_success(self, server: Scripted) -> None:
        def defective(given: Answer) -> None:
            raise KeyError("id")

        reported: list[str] = []
        transport = Transport(on_call=lambda *call: reported.append(call[3]))
        server.script = [answer({})]
        with pytest.raises(KeyError):
            transport.exchange(a_call(server.url), defective)
        assert reported == ["unexpected"]


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
