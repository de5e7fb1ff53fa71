"""A back end of one's own: what it is told, what its answers mean, and which addresses are called."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.domain.reasons import ReasonCode
from chalicelib.providers import registry
from chalicelib.providers.spec import Contact, Occasion, Provider
from chalicelib.providers.transport.exchange import Timing
from chalicelib.providers.transport.session import Transport
from tests.contract.scripted import Line, Scripted, answer, endless, message, once, raw, silence
from tests.support.back_end import SECRET, back_end_account, told
from tests.support.controlled_time import OwnTime

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
OCCASION = Occasion("event-1", AT, "form", "footer", "4781")
SECOND_READING = Occasion("event-2", AT, "link", reading=2)


def connect(url: str, transport: Transport, **options: Any) -> Provider:
    return registry.spec("webhook").connect(back_end_account(url, **options), transport)


@pytest.fixture
def back_end(server: Scripted, transport: Transport) -> Provider:
    return connect(f"{server.url}/relais?site=1", transport)


def sign_up(provider: Provider, email: str = "zoe@example.com", occasion: Occasion = OCCASION) -> None:
    provider.sign_up("4781", [Contact(email, {"prenom": "Zoé"}, occasion)], budget=15)


def unsubscribe(provider: Provider) -> None:
    provider.unsubscribe("zoe@example.com", global_scope=False, budget=15, occasion=OCCASION)


def forget(provider: Provider) -> None:
    provider.forget("zoe@example.com", budget=15, occasion=OCCASION)


def failure(ask: Callable[[], object]) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask()
    return caught.value


def test_every_event_is_a_signed_notice(back_end: Provider, server: Scripted) -> None:
    sign_up(back_end)
    unsubscribe(back_end)
    forget(back_end)
    back_end.lift_suppression("zoe@example.com", list_id="4781", provider_id=None, budget=5)
    back_end.unsubscribe("a+b@example.com", global_scope=True, budget=5, occasion=SECOND_READING)
    assert {request.path for request in server.received} == {"/relais?site=1"}
    signup, left, forgotten, second = map(told, server.received)
    assert signup.id == "event-1" and signup.type == "subscriber.signed_up"
    assert signup.timestamp == "2026-03-01T09:30:00Z"
    assert signup.data == {
        "id": "event-1",
        "email": "zoe@example.com",
        "form": "footer",
        "list": "4781",
        "fields": {"prenom": "Zoé"},
        "occurred_at": "2026-03-01T09:30:00Z",
        "origin": "form",
    }
    assert (left.id, left.type, left.data["fields"]) == ("event-1", "subscriber.unsubscribed", {})
    assert forgotten.type == "subscriber.forgotten"
    assert (second.id, second.data["id"], second.data["list"]) == ("event-2.2", "event-2", None)
    assert server.connections == 1, "kept alive"


def test_described_examples_are_what_would_be_told(back_end: Provider, server: Scripted) -> None:
    for type, item in registry.spec("webhook").webhooks().items():
        example = item["post"]["requestBody"]["content"]["application/json"]["example"]
        data = example["data"]
        occasion = Occasion(data["id"], AT, data["origin"], data["form"], data["list"])
        if type == "subscriber.signed_up":
            back_end.sign_up("4781", [Contact(data["email"], data["fields"], occasion)], budget=15)
        elif type == "subscriber.forgotten":
            back_end.forget(data["email"], budget=15, occasion=occasion)
        else:
            back_end.unsubscribe(data["email"], global_scope=False, budget=15, occasion=occasion)
        assert json.loads(server.received[-1].body) == example
        assert told(server.received[-1]).type == type


@pytest.mark.parametrize(
    "reply",
    [
        answer(b"", 204, {"Content-Type": "text/plain"}),
        answer(b"<html>thanks</html>", 201),
        answer(b"\xff\xfe{", 200, {"Content-Encoding": "gzip"}),
        raw(message(b"", 202, {"Content-Length": "100"}) + b"cut"),
        endless(message(b"", 200, {"Content-Length": "100000000"}), b"x" * 65536, 1600),
    ],
    ids=["empty", "HTML", "broken gzip", "truncated", "100 MB"],
)
def test_a_success_is_one_whatever_its_body(reply: Any, back_end: Provider, server: Scripted) -> None:
    server.otherwise = reply
    sign_up(back_end)
    assert len(server.received) == 1


def test_a_body_that_drips_holds_nobody_up(server: Scripted) -> None:
    limits: list[float] = []

    def limit(sock: socket.socket, seconds: float) -> None:
        limits.append(seconds)
        sock.settimeout(seconds)

    def head_first(line: Line) -> None:
        line.send(message(b"", 200, {"Content-Length": "2"}))
        once(lambda: min(limits) <= 2, raw(b"ok"))(line)

    server.otherwise = head_first
    sign_up(connect(f"{server.url}/relais", Transport(timing=Timing(limit_read=limit))))
    assert max(limits) > 2 >= min(limits), "the headers have their time, the body two seconds"


@pytest.mark.parametrize("status", [400, 422])
def test_a_refused_signup_is_refused_and_a_refused_unsubscribe_is_told_again(
    status: int, back_end: Provider, server: Scripted
) -> None:
    server.otherwise = answer({"error": "zoe@example.com is not wanted"}, status)
    error = failure(lambda: sign_up(back_end))
    assert (error.kind, error.row_only) == (Kind.CONTACT, False)
    for ask in (unsubscribe, forget):
        error = failure(lambda ask=ask: ask(back_end))
        assert (error.kind, error.row_only) == (Kind.LATER, True)
        assert error.reason_code is ReasonCode.REJECTED_BY_PROVIDER and "@" not in error.message


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_the_owner_must_act(status: int, back_end: Provider, server: Scripted) -> None:
    server.otherwise = answer(b"", status)
    error = failure(lambda: unsubscribe(back_end))
    assert (error.kind, error.row_only, error.list_only) == (Kind.ACCOUNT, False, False)
    assert error.remedy.endswith(".") and str(status) in error.message


@pytest.mark.parametrize("status", [300, 304, 402, 405, 408, 409, 418, 429, 500, 502, 503, 504, 599])
def test_every_other_status_is_for_later(status: int, back_end: Provider, server: Scripted) -> None:
    server.otherwise = answer(b"", status, {"Retry-After": "9"})
    error = failure(lambda: sign_up(back_end))
    assert (error.kind, error.row_only, error.retry_after) == (Kind.LATER, False, 9)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int, back_end: Provider, server: Scripted) -> None:
    server.otherwise = answer(b"", status, {"Location": "http://169.254.169.254/latest/meta-data/"})
    assert failure(lambda: sign_up(back_end)).kind is Kind.LATER
    assert len(server.received) == 1


@pytest.mark.parametrize("reply", [silence(30), raw(b""), raw(b"HTTP/1.1 200", reset=True)])
def test_a_lost_answer_leaves_the_outcome_unknown(reply: Any, back_end: Provider, server: Scripted) -> None:
    server.otherwise = reply
    assert failure(lambda: sign_up(back_end)).kind is Kind.UNKNOWN


def test_nothing_is_sent_without_time_or_event(back_end: Provider, server: Scripted) -> None:
    assert failure(lambda: back_end.sign_up("", [Contact("a@b.example", {}, OCCASION)], budget=0)).kind is Kind.LATER
    assert failure(lambda: back_end.sign_up("", [Contact("a@b.example")], budget=5)).kind is Kind.CALLER
    assert failure(lambda: back_end.call("help", {}, budget=5)).kind is Kind.CALLER
    assert not server.received


def test_nothing_secret_is_shown(server: Scripted, transport: Transport) -> None:
    account = back_end_account(f"{server.url}/relais?token=hidden")
    server.otherwise = answer(SECRET.encode(), 500)
    error = failure(lambda: sign_up(registry.spec("webhook").connect(account, transport)))
    shown = f"{account!r} {error!r} {error.remedy}"
    assert "hidden" not in shown and SECRET not in shown and "zoe@" not in shown


class Resolver:
    """A resolver of names that answers as a test says."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if not self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return self.addresses


@pytest.mark.parametrize(
    ("addresses", "allow_private"),
    [
        (["10.0.0.7"], False),
        (["127.0.0.1"], False),
        (["::1"], False),
        (["93.184.216.34", "192.168.1.1"], False),
        (["169.254.169.254"], True),
        (["::ffff:169.254.169.254"], True),
    ],
)
def test_a_forbidden_address_is_not_called(addresses: list[str], allow_private: bool, own_time: OwnTime) -> None:
    transport = Transport(timing=own_time.timing, resolve=Resolver(*addresses))
    provider = connect("https://crm.example.com/relais", transport, allow_private=allow_private)
    for ask in (lambda: sign_up(provider), lambda: provider.read_lists([], budget=5)):
        error = failure(ask)
        assert error.kind is Kind.ACCOUNT and "address" in error.message and "url" in error.remedy


def test_the_checked_address_is_the_one_that_is_called(server: Scripted, own_time: OwnTime) -> None:
    """Also on a connection that is kept; the name is resolved once for each connection, and never by anything else."""
    resolver = Resolver("127.0.0.1")
    url = f"http://crm.nonesuch.invalid:{server.port}/relais"
    provider = connect(url, Transport(timing=own_time.timing, resolve=resolver))
    sign_up(provider)
    resolver.addresses = ["10.0.0.7"]
    sign_up(provider)
    assert resolver.asked == ["crm.nonesuch.invalid"] and server.connections == 1
    assert server.received[0].headers["host"] == f"crm.nonesuch.invalid:{server.port}"


def test_the_next_address_is_tried_where_one_does_not_answer(server: Scripted, own_time: OwnTime) -> None:
    url = f"http://crm.nonesuch.invalid:{server.port}/relais"
    sign_up(connect(url, Transport(timing=own_time.timing, resolve=Resolver("::1", "127.0.0.1"))))
    assert len(server.received) == 1


def test_an_unknown_name_is_for_later(own_time: OwnTime) -> None:
    provider = connect("https://crm.example.com/", Transport(timing=own_time.timing, resolve=Resolver()))
    for ask in (lambda: sign_up(provider), lambda: provider.read_lists([], budget=5)):
        error = failure(ask)
        assert error.kind is Kind.LATER and "name is not found" in error.message


def test_the_check_of_an_account_posts_nothing(back_end: Provider, server: Scripted, transport: Transport) -> None:
    assert back_end.read_lists(["4781"], budget=5).keys() == {"4781"}
    assert not server.received and server.connections == 0
