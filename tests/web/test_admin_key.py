"""Wrong admin keys are counted, and slowed down from the eleventh in ten minutes; the right key always passes."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import LedgerUnavailable
from chalicelib.observability import metrics
from tests.web.surroundings import ADMIN_KEY, NOW, Answer, World, ask, gateway_event, make_app, make_settings

PATHS = ["/stats/campaigns", "/stats/campaigns/paris/1", "/events/1"]


class Visitor:
    """Asks from one network address."""

    def __init__(self, world: World) -> None:
        self._app = make_app(world, make_settings())

    def ask(self, authorization: str | None, ip: str | None = "203.0.113.9", path: str = PATHS[0]) -> Answer:
        event: dict[str, Any] = gateway_event("GET", path, {"Authorization": authorization} if authorization else {})
        event["requestContext"]["identity"]["sourceIp"] = ip
        return ask(self._app, event)

    def wrong(self, number: int = 0, **of: Any) -> int:
        return self.ask(f"Bearer wrong-{number}", **of).status


@pytest.fixture
def visitor(world: World) -> Visitor:
    return Visitor(world)


@pytest.mark.seconds
def test_hostile_case_17_many_wrong_keys_are_slowed_and_the_right_one_passes(visitor: Visitor) -> None:
    assert [visitor.wrong(number, path=PATHS[number % 3]) for number in range(300)] == [401] * 10 + [429] * 290
    assert visitor.ask(f"Bearer {ADMIN_KEY}").status == 200
    assert visitor.wrong() == 429


def test_a_429_says_when_to_try_again(visitor: Visitor) -> None:
    for _ in range(10):
        visitor.wrong()
    answer = visitor.ask("Bearer wrong")
    assert 0 < int(answer.headers["retry-after"]) <= 600
    assert answer.headers["content-type"] == "application/problem+json"


def test_other_addresses_are_not_slowed(visitor: Visitor) -> None:
    for _ in range(12):
        visitor.wrong()
    assert visitor.wrong(ip="203.0.113.10") == 401


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:203.0.113.9", "203.0.113.9", True),
        ("203.0.113.9", "203.0.113.8", False),
        (None, None, True),
        ("not an address", "not an address", True),
    ],
)
def test_an_ipv6_sender_is_its_network(visitor: Visitor, one: str | None, other: str | None, same: bool) -> None:
    for _ in range(11):
        visitor.wrong(ip=one)
    assert visitor.wrong(ip=other) == (429 if same else 401)


def test_after_ten_minutes_the_count_begins_again(visitor: Visitor, world: World) -> None:
    for _ in range(11):
        visitor.wrong()
    world.now = NOW + timedelta(minutes=10)
    assert visitor.wrong() == 401


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic abc", "Digest x"])
def test_a_missing_key_is_not_a_wrong_one(visitor: Visitor, world: World, authorization: str | None) -> None:
    assert [visitor.ask(authorization).status for _ in range(12)] == [401] * 12
    assert world.counted == []


def test_the_right_key_writes_nothing(visitor: Visitor, world: World) -> None:
    assert visitor.ask(f"Bearer {ADMIN_KEY}").status == 200
    assert world.counted == []


def test_without_the_ledger_a_wrong_key_is_still_401(visitor: Visitor, world: World) -> None:
    world.failure = LedgerUnavailable("the ledger did not answer")
    assert [visitor.wrong() for _ in range(12)] == [401] * 12


def test_wrong_keys_are_counted_and_no_address_or_key_is_stored_or_logged(
    visitor: Visitor, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(12):
        visitor.wrong(7)
    metrics.flush()
    said = "".join(capsys.readouterr())
    lines = [json.loads(line) for line in said.splitlines()]
    assert sum(line.get("wrong_admin_keys", 0) for line in lines) == 12
    assert [line["wrong_keys"] for line in lines if line.get("message") == "admin key rejected"] == [1, 11]
    for secret in ("203.0.113.9", "wrong-7"):
        assert secret not in said and secret not in str(world.counted)
