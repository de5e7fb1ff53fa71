"""`GET /events/{id}` and `GET /events`: the admin key, parameters, answers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import LedgerUnavailable
from chalicelib.ledger.attention import AttentionQuery
from chalicelib.ledger.attention_index import BadCursor, Listed
from tests.web.surroundings import ADMIN_KEY, Send, World, ask, event, gateway_event, make_app, make_settings

KEY = {"Authorization": f"Bearer {ADMIN_KEY}"}


def test_an_event_is_shown_to_the_holder_of_the_admin_key(send: Send, world: World) -> None:
    world.states["a:1"] = event("a:1", "delivered")
    answer = send("GET", "/events/a:1", KEY)
    assert (answer.status, answer.json) == (200, world.states["a:1"])
    assert send("GET", "/events/a%3A1", KEY).json == answer.json
    assert send("GET", "/events/a:1", {"authorization": f"bearer  {ADMIN_KEY}"}).status == 200
    head = send("HEAD", "/events/a:1", KEY)
    assert (head.status, head.body, head.headers["content-type"]) == (200, "", "application/json")


@pytest.mark.parametrize("path", ["/events/unknown", "/events/" + "x" * 129, "/events/a%2Fb", "/events/%C3%A9"])
def test_404_for_an_unknown_event(send: Send, path: str) -> None:
    assert send("GET", path, KEY).status == 404


@pytest.mark.parametrize(
    "given",
    [None, "", "Bearer", "Bearer ", ADMIN_KEY, f"Basic {ADMIN_KEY}", f"Bearer {ADMIN_KEY}x", f"Bearer {ADMIN_KEY[:-1]}",
     f"Bearer {ADMIN_KEY}, Bearer {ADMIN_KEY}", "Bearer clé"],
)  # fmt: skip
def test_401_without_the_right_key(send: Send, world: World, given: str | None) -> None:
    world.states["a"] = {"id": "a"}
    answer = send("GET", "/events/a", {} if given is None else {"Authorization": given})
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert ADMIN_KEY not in answer.body


def test_403_when_no_key_is_configured(world: World) -> None:
    app = make_app(world, make_settings(admin_key=None))
    assert ask(app, gateway_event("GET", "/events/a", KEY)).status == 403
    assert ask(app, gateway_event("GET", "/events/a")).status == 403


def test_503_when_the_ledger_or_the_key_cannot_be_read(
    send: Send, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.failure = LedgerUnavailable("down")
    assert send("GET", "/events/a", KEY).status == 503
    monkeypatch.delenv("RELAIS_TEST_NO_SUCH_KEY", raising=False)
    app = make_app(world, make_settings(admin_key=Secret("env:RELAIS_TEST_NO_SUCH_KEY", key="api.admin_key")))
    assert ask(app, gateway_event("GET", "/events/a", KEY)).status == 503


def test_other_methods_are_405(send: Send) -> None:
    answer = send("DELETE", "/events/a", KEY)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_the_list_of_events_takes_its_parameters_and_gives_a_cursor(send: Send, world: World) -> None:
    world.states["a"] = event("a", "refused")
    answer = send("GET", "/events", KEY)
    assert (answer.status, answer.json) == (200, {"events": [world.states["a"]], "cursor": "next"})
    assert world.listed[-1] == AttentionQuery(("paris", "lettre", "gone"), limit=50), "also what was configured once"
    path = "/events?status=refused&account=gone&form=footer&since=2026-03-01&limit=500&cursor=next&unknown=1"
    assert send("GET", path, KEY).status == 200
    since = datetime(2026, 3, 1, tzinfo=UTC)
    assert world.listed[-1] == AttentionQuery(
        ("gone",), (Listed.REFUSED,), "footer", since=since, limit=500, cursor="next"
    )
    assert send("HEAD", "/events?status=&limit=", KEY).body == ""
    assert world.listed[-1] == AttentionQuery(("paris", "lettre", "gone"), limit=50), "empty counts as absent"


def test_every_wrong_parameter_of_the_list_is_named(send: Send, world: World) -> None:
    path = "/events?status=delivered&account=a%20b&form=%C3%A9&since=yesterday&limit=501"
    answer = send("GET", path, KEY)
    assert answer.status == 422 and world.listed == []
    errors = {one["field"]: one["message"] for one in answer.json["errors"]}
    assert errors == {
        "status": "must be one of pending, parked, refused, quarantined",
        "account": "must be the name of an account",
        "form": "must be the name of a form",
        "since": "must be a date (2026-03-01) or an RFC 3339 time (2026-03-01T09:30:00Z)",
        "limit": "must be a whole number from 1 to 500",
    }
    world.failure = BadCursor("x")
    (error,) = send("GET", "/events?cursor=x", KEY).json["errors"]
    assert error["field"] == "cursor"


def test_the_list_of_events_needs_the_admin_key_and_the_ledger(send: Send, world: World) -> None:
    assert send("GET", "/events").status == 401
    assert send("GET", "/events", {"Authorization": "Bearer x"}).status == 401
    assert world.counted, "wrong keys are counted"
    world.failure = LedgerUnavailable("down")
    assert send("GET", "/events", KEY).status == 503
    assert ask(make_app(world, make_settings(admin_key=None)), gateway_event("GET", "/events", KEY)).status == 403
