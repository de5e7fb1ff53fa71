"""Any request to `POST /events` gets a proper answer, and nothing unsigned is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st

from tests.ingestion.test_signatures import whsec
from tests.support.examples import examples
from tests.web.surroundings import World, ask, gateway_event, make_app
from tests.web.test_webhooks import SIGNUP, UNSUBSCRIBE, settings, signed

pytestmark = pytest.mark.no_cover

FUZZ = hypothesis_settings(deadline=None, max_examples=examples(30), suppress_health_check=list(HealthCheck))
BODY = json.dumps(SIGNUP)
RIGHT = signed(BODY)
STRANGE = signed(BODY, whsec("strange"))

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
names = ["type", "id", "occurred_at", "form", "account", "list", "email", "fields", "consent", "accounts", "scope"]
right_values = st.sampled_from(
    ["signup", "unsubscribe", "sync", "footer", "paris", "4781", "zoe@example.com", "account", "2026-03-01T09:30:00Z"]
)
event = st.dictionaries(st.sampled_from(names), anything | right_values | st.lists(right_values, max_size=3))
nearly = st.builds(lambda right, wrong: {**right, **wrong}, st.sampled_from([SIGNUP, UNSUBSCRIBE]), event)


def header(name: str) -> st.SearchStrategy[str]:
    """A header's value: anything, or the right one with something changed."""
    right = RIGHT[name]
    cut = st.integers(0, len(right)).map(lambda at: right[:at] + right[at + 1 :])
    added = st.tuples(st.integers(0, len(right)), st.text(max_size=3)).map(
        lambda change: right[: change[0]] + change[1] + right[change[0] :]
    )
    return st.text(max_size=60) | cut | added


@FUZZ
@given(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]).flatmap(
    lambda name: st.tuples(st.just(name), header(name))
))  # fmt: skip
def test_a_wrong_header_is_401(change: tuple[str, str]) -> None:
    name, value = change
    world = World()
    answer = ask(make_app(world, settings()), gateway_event("POST", "/events", RIGHT | {name: value}, BODY))
    # An extra space or a further signature is within the standard: a list that contains the right one.
    fits = value == RIGHT[name] or (name == "webhook-signature" and RIGHT[name] in value.split(" "))
    assert answer.status == (202 if fits else 401)
    assert len(world.stored) == fits


@pytest.mark.seconds
@FUZZ
@given(st.binary(max_size=200) | st.text(max_size=200) | nearly.map(json.dumps), st.sampled_from([{}, RIGHT, STRANGE]))
def test_an_unsigned_body_is_401(body: bytes | str, headers: dict[str, str]) -> None:
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    world = World()
    answer = ask(make_app(world, settings()), gateway_event("POST", "/events", headers, text))
    assert answer.status == (202 if (text, headers) == (BODY, RIGHT) else 401)
    assert len(world.stored) == (answer.status == 202)


@pytest.mark.seconds
@FUZZ
@given(anything | nearly | st.fixed_dictionaries({"events": st.lists(nearly | anything, max_size=6)}))
def test_every_event_of_a_signed_body_is_decided(body: Any) -> None:
    text = json.dumps(body)
    world = World()
    answer = ask(make_app(world, settings()), gateway_event("POST", "/events", signed(text), text))
    assert answer.status in (202, 400, 422)
    if answer.status == 202:
        told = [one["index"] for part in ("events", "rejected") for one in answer.json[part]]
        count = len(body["events"]) if body.get("events") is not None else 1
        assert sorted(told) == list(range(count))
        assert answer.json["accepted"] == len(answer.json["events"]) == len(world.stored)
    else:
        assert world.stored == []
        assert all(set(one) == {"field", "message"} for one in answer.json.get("errors", []))


@FUZZ
@given(st.text(max_size=200))
def test_any_signed_text_is_read_or_rejected(text: str) -> None:
    world = World()
    answer = ask(make_app(world, settings()), gateway_event("POST", "/events", signed(text), text))
    assert answer.status in (400, 422)
