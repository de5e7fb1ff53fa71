"""Every fault that can be ordered, seen from a client's side."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests

from local.sandbox import Control, Sandbox, start
from local.sandbox.ediware.samples import API_KEY
from local.sandbox.faults import KINDS
from local.sandbox.provider import SettingError

Insert = Callable[..., requests.Response]


@pytest.fixture
def insert(sandbox: Sandbox) -> Insert:
    """`list_insert` of the given addresses (default: one)."""

    def call(*addresses: str, timeout: float = 10) -> requests.Response:
        rows = [{"email": address} for address in addresses or ("a@example.com",)]
        body = {"api_key": API_KEY, "list_id": "4781", "tab_insert": rows}
        url = f"{sandbox.url}/ediware/api_http/list_insert"
        return requests.post(url, json=body, timeout=timeout, allow_redirects=False)

    return call


def inserted(control: Control) -> list[str]:
    """The addresses inserted into the list beyond the sample."""
    rows = control.state()["providers"]["ediware"]["accounts"]["paris"]["lists"]["4781"]["rows"]
    return [row["email"] for row in rows][1:]


def outcome(insert: Insert) -> object:
    """A response, or the exception that came in its place."""
    try:
        return insert()
    except requests.RequestException as error:
        return error


@pytest.mark.parametrize(("when", "rows"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize(
    "kind", ["status", "reset", "close", "truncated", "html", "empty", "truncated_json", "redirect"]
)
def test_the_work_is_done_before_the_fault_or_not_at_all(
    control: Control, insert: Insert, kind: str, when: str, rows: int
) -> None:
    control.fault(kind, when=when, times=1)
    outcome(insert)
    assert len(inserted(control)) == rows
    assert insert().json() == {"result": "ok"}
    assert [call["worked"] for call in control.calls(function="list_insert")] == [when == "after", True]


def test_a_status_comes_with_its_body_and_retry_after(control: Control, insert: Insert) -> None:
    control.fault("status", status=429, retry_after=7, body='{"slow": "down"}', content_type="application/json")
    answer = insert()
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()) == (429, "7", {"slow": "down"})


@pytest.mark.server
def test_a_timeout_keeps_the_connection_open_without_an_answer(wait_for: Callable[..., Any]) -> None:
    with start() as sandbox, socket.create_connection(("127.0.0.1", sandbox.port), timeout=5) as client:
        control = Control(sandbox.url)
        control.fault("timeout", delay_seconds=30, times=1)
        client.sendall(b"POST /ediware/api_http/list_list HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        wait_for(control.calls, every_seconds=0.005)
        client.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.recv(1)


def test_an_open_connection_ends_when_its_time_is_over(control: Control, insert: Insert, pauses: list[float]) -> None:
    control.fault("timeout", delay_seconds=30, when="after")
    with pytest.raises(requests.ConnectionError):
        insert()
    assert sum(pauses) == pytest.approx(30)
    assert len(inserted(control)) == 1


def test_an_open_connection_ends_when_the_client_disconnects(control: Control, sandbox: Sandbox) -> None:
    held, gone = threading.Event(), threading.Event()

    def pause(seconds: float) -> bool:
        held.set()
        return not gone.wait(10)

    sandbox.simulation.pause = pause
    control.fault("timeout", delay_seconds=1_000_000)
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=5) as client:
        client.sendall(b"POST /ediware/api_http/list_list HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        assert held.wait(10)
        client.shutdown(socket.SHUT_WR)
        gone.set()
        assert client.recv(1) == b""


def test_a_reset_resets_the_connection(sandbox: Sandbox, control: Control) -> None:
    control.fault("reset")
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=5) as client:
        client.sendall(b"POST /ediware/api_http/list_list HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        with pytest.raises(ConnectionResetError):
            client.recv(100)


def test_a_close_ends_the_connection_properly(sandbox: Sandbox, control: Control) -> None:
    control.fault("close")
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=5) as client:
        client.sendall(b"POST /ediware/api_http/list_list HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        assert client.recv(100) == b""


def test_a_truncated_answer_breaks_off(control: Control, insert: Insert) -> None:
    control.fault("truncated")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        insert()


def test_invalid_bodies_are_sent_as_described(control: Control, insert: Insert) -> None:
    control.fault("empty", times=1)
    assert insert().content == b""
    bodies = {"html": b"<!DOCTYPE", "truncated_json": b'{"resul', "wrong_type": b'["unexpected"]'}
    for kind, body in bodies.items():
        control.fault(kind, times=1)
        assert insert().content.startswith(body)


def test_a_wrong_charset_sends_bytes_that_are_not_utf8(control: Control, insert: Insert) -> None:
    control.fault("wrong_charset")
    answer = insert()
    assert "utf-8" in answer.headers["Content-Type"]
    with pytest.raises(UnicodeDecodeError):
        answer.content.decode()
    assert "ok" in answer.content.decode("iso-8859-1") and len(inserted(control)) == 1


def test_a_notice_stands_before_the_true_answer(control: Control, insert: Insert) -> None:
    control.fault("notice")
    content = insert().content
    assert content.startswith(b"<br />\n<b>Notice</b>:") and content.endswith(b'{"result": "ok"}')
    assert len(inserted(control)) == 1


def test_a_redirect_names_another_host(control: Control, insert: Insert) -> None:
    control.fault("redirect", location="http://elsewhere.invalid/")
    answer = insert()
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://elsewhere.invalid/")


@pytest.mark.parametrize("compressed", [False, True])
def test_a_huge_body_is_sent(control: Control, insert: Insert, compressed: bool) -> None:
    control.fault("huge", size_bytes=3_000_000, compressed=compressed)
    answer = insert()
    assert len(answer.content) == 3_000_000
    assert (int(answer.headers["Content-Length"]) < 100_000) == compressed


def test_a_dripping_answer_takes_its_time(control: Control, insert: Insert, pauses: list[float]) -> None:
    control.fault("drip", delay_seconds=2)
    answer = insert()
    assert answer.json() == {"result": "ok"}
    assert pauses == [2] * len(answer.content)


def test_bad_rows_refuse_the_call(control: Control, insert: Insert) -> None:
    control.fault("refuse_rows", contains="bad")
    answer = insert("a@example.com", "bad@example.com", "b@example.com")
    assert answer.status_code == 200 and answer.json()["error"] == "1"
    assert inserted(control) == []
    assert insert("a@example.com").json() == {"result": "ok"}


def test_bad_rows_can_keep_the_rows_before_them(control: Control, insert: Insert) -> None:
    control.fault("refuse_rows", contains="bad", partial=True, body="Error line refused")
    assert insert("a@example.com", "bad@example.com", "b@example.com").json()["message"] == "Error line refused"
    assert inserted(control) == ["a@example.com"]
    insert("bad@example.com")
    assert inserted(control) == ["a@example.com"]


def test_a_refused_key_and_added_latency(control: Control, insert: Insert, pauses: list[float]) -> None:
    control.fault("latency", delay_seconds=2)
    control.fault("refuse_key", account="paris")
    assert insert().json()["message"] == "Error api_key invalid"
    assert pauses == [2]
    control.clear_faults()
    assert insert().json() == {"result": "ok"}


def test_rules_are_applied_in_order(control: Control, insert: Insert) -> None:
    control.fault("pass", times=1)
    control.fault("status", status=503, times=2)
    control.fault("status", status=500, skip=1, times=1)
    assert [insert().status_code for _ in range(6)] == [200, 503, 503, 200, 500, 200]


def test_a_rate_is_the_same_for_the_same_seed(control: Control, insert: Insert) -> None:
    def run(seed: int) -> list[int]:
        control.clear_faults()
        control.fault("status", rate=0.4, seed=seed)
        return [insert().status_code for _ in range(40)]

    first = run(1)
    assert run(1) == first != run(2)
    assert 5 < first.count(500) < 30


def test_rules_apply_only_to_the_calls_they_name(control: Control, insert: Insert) -> None:
    for rule in ({"function": "unsub_add"}, {"provider": "other"}, {"account": "other"}, {"contains": "zzz"}):
        control.fault("status", **rule)
    assert insert().status_code == 200
    number = control.fault("status", function="list_insert", account="paris", contains="a@")
    assert insert().status_code == 500
    control.clear_faults(number)
    assert insert().status_code == 200


@pytest.mark.parametrize(
    "rule",
    [{"kind": "unheard"}, {"kind": "status", "colour": 1}, {"kind": "refuse_rows"}, {"kind": "reset", "when": "now"}],
)
def test_an_invalid_rule_is_rejected_with_a_reason(control: Control, rule: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=r"known|one of|needs|must be"):
        control.fault(**rule)
    assert control.faults() == []


def test_every_fault_is_documented() -> None:
    assert len(KINDS) >= 16 and all(KINDS.values())
