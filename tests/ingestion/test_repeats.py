"""A plain form signup that repeats form, address and fields within ten minutes is the same event (field case 9)."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.config.model import Privacy
from chalicelib.config.secrets import Secret
from tests.support.http import request
from tests.support.product import ADDRESS_KEY, START, FakeContext, settings
from tests.support.reference import World, serial

JSON = {"content-type": "application/json"}
URLENCODED = {"content-type": "application/x-www-form-urlencoded"}
MULTIPART = '--x\r\nContent-Disposition: form-data; name="email"\r\n\r\na@example.com\r\n--x--\r\n'
EMAIL = "a@example.com"
SIGNUP, UNSUBSCRIBE = "/forms/footer/signup", "/forms/footer/unsubscribe"


@pytest.fixture(autouse=True)
def one_thread_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    serial(monkeypatch)


@pytest.fixture
def world() -> World:
    given = settings()
    footer = given.forms["footer"]
    return World(replace(given, forms={"footer": footer, "other": replace(footer, name="other")}))


def post(world: World, path: str, body: Any = None, headers: dict[str, str] = JSON) -> str:
    """Submits a form; returns the event's id."""
    text = body if isinstance(body, str) else json.dumps(body or {"email": EMAIL})
    answer = request(world.container, "POST", path, headers, text)
    assert (answer.status, answer.json["status"]) == (202, "accepted")
    return str(answer.json["id"])


def stored(world: World) -> int:
    return sum(pk.startswith("E#") for pk in world.dynamo.items)


def test_field_case_9_a_double_click_is_one_event_and_one_row(world: World) -> None:
    first = post(world, SIGNUP)
    before = {pk: dict(items) for pk, items in world.dynamo.items.items()}
    world.clock.forward(seconds=1)
    assert post(world, SIGNUP) == first
    assert {pk: dict(items) for pk, items in world.dynamo.items.items()} == before, "something new is stored"
    world.work(first, first)
    assert world.logged["paris"].log == [("signup", EMAIL)]
    assert post(world, SIGNUP) == first, "also once it is delivered"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (JSON, {"email": " A@Example.COM"}),
        (JSON, {"email": EMAIL, "prenom": " "}),
        (JSON, {"email": EMAIL, "other": "unmapped"}),
        (JSON, {"email": EMAIL, "consent": {"text": "v2"}}),
        (URLENCODED, "email=a%40example.com"),
        ({"content-type": "multipart/form-data; boundary=x"}, MULTIPART),
        (JSON | {"referer": "https://www.example.com/other", "user-agent": "another browser"}, {"email": EMAIL}),
    ],
    ids=["spelling", "blank field", "unmapped field", "consent", "urlencoded", "multipart", "another page"],
)
def test_what_is_said_of_the_person_makes_a_repeat(world: World, headers: dict[str, str], body: Any) -> None:
    assert post(world, SIGNUP) == post(world, SIGNUP, body, headers)
    assert stored(world) == 1


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("/forms/other/signup", JSON, {"email": EMAIL}),
        (SIGNUP, JSON, {"email": "b@example.com"}),
        (SIGNUP, JSON, {"email": EMAIL, "prenom": "Ana"}),
        (SIGNUP, JSON, {"email": EMAIL, "website": "filled"}),
        (SIGNUP, JSON | {"idempotency-key": "k"}, {"email": EMAIL}),
        (UNSUBSCRIBE, JSON, {"email": EMAIL}),
    ],
    ids=["form", "address", "fields", "trap", "key", "verb"],
)
def test_anything_else_is_another_event(world: World, path: str, headers: dict[str, str], body: Any) -> None:
    assert post(world, SIGNUP) != post(world, path, body, headers)
    assert stored(world) == 2


def test_ten_minutes_of_the_clock_are_a_window(world: World) -> None:
    ids = []
    for minutes in (0, 5, 4.9, 0.2):
        world.clock.forward(minutes=minutes)
        ids.append(post(world, SIGNUP))
    assert ids[:3] == [ids[0]] * 3 and ids[3] != ids[0]
    assert stored(world) == 2


def test_traps_whose_data_is_dropped_are_events_of_their_own(world: World) -> None:
    trap = {"email": "nobody", "website": "filled"}
    assert post(world, SIGNUP, trap) != post(world, SIGNUP, trap)


@pytest.mark.parametrize("way", ["form", "events", "link", "forget"])
def test_a_signup_after_an_unsubscribe_is_another_event(world: World, way: str) -> None:
    """Who signs up, unsubscribes and signs up again within ten minutes is signed up in the end."""
    first = post(world, SIGNUP)
    world.clock.forward(seconds=30)
    leave(world, way)
    world.clock.forward(seconds=30)
    again = post(world, SIGNUP)
    assert again != first
    world.clock.forward(seconds=30)
    assert post(world, SIGNUP) == again, "and its repeat is the same again"
    world.clock.forward(seconds=30)
    leave(world, way)
    world.clock.forward(seconds=30)
    assert post(world, SIGNUP) not in (first, again)


def leave(world: World, way: str) -> None:
    if way == "form":
        post(world, UNSUBSCRIBE)
    elif way == "forget":
        assert "error" not in world.container.forget({"email": EMAIL}, FakeContext())
    elif way == "events":
        world.work(bodies=({"type": "unsubscribe", "email": " A@example.com."},), queue="unsubscribes")
    else:
        event = world.unsubscribe(EMAIL, accounts=("paris", "lyon"), all_accounts=True)
        world.store(event)


def test_both_readings_of_an_address_with_white_space_count(world: World) -> None:
    ids = [post(world, SIGNUP, {"email": email}) for email in ("a+b@example.com", "ab@example.com")]
    world.clock.forward(seconds=1)
    post(world, UNSUBSCRIBE, {"email": "a b@example.com"})
    world.clock.forward(seconds=1)
    again = [post(world, SIGNUP, {"email": email}) for email in ("a+b@example.com", "ab@example.com")]
    assert not set(ids) & set(again)


def test_an_unsubscribe_of_another_person_or_before_the_signup_changes_nothing(world: World) -> None:
    post(world, UNSUBSCRIBE)
    world.clock.forward(seconds=1)
    first = post(world, SIGNUP)
    world.clock.forward(seconds=1)
    post(world, UNSUBSCRIBE, {"email": "b@example.com"})
    world.clock.forward(seconds=1)
    assert post(world, SIGNUP) == first


def test_leaving_signing_up_and_leaving_within_ten_minutes_ends_out(world: World) -> None:
    told = []
    for path in (UNSUBSCRIBE, SIGNUP, UNSUBSCRIBE):
        told.append(post(world, path, {"email": "A@example.com"}))
        world.clock.forward(seconds=20)
    assert len(set(told)) == 3, "an unsubscribe is never taken for a repeat"
    world.work(*told)
    assert world.logged["lyon"].log[-1][0] == "unsubscribe"
    assert world.logged["paris"].log[-1][0] == "unsubscribe"


def test_the_mirror_case_ends_in(world: World) -> None:
    accounts = {"lyon": world.settings.accounts["lyon"]}
    form = replace(world.settings.forms["footer"], account="lyon", lifts_suppression=True)
    world.settings = replace(world.settings, accounts=accounts, forms={"footer": form})
    world.restart()
    told = []
    for path in (SIGNUP, UNSUBSCRIBE, SIGNUP):
        told.append(post(world, path, {"email": "A@example.com"}))
        world.clock.forward(seconds=20)
    for event_id in told:
        world.work(event_id)
    assert [verb for verb, _ in world.logged["lyon"].log] == ["signup", "unsubscribe", "lift", "signup"]


def test_an_erased_signup_is_no_reason_for_a_conflict(world: World) -> None:
    world.work(post(world, SIGNUP))
    assert "error" not in world.container.forget({"email": EMAIL}, FakeContext())
    post(world, SIGNUP)


def requests_of(world: World, path: str) -> Counter[str]:
    """The requests to the ledger that accepting one submission takes."""
    made: Counter[str] = Counter()
    world.point = lambda name: made.update([name])
    post(world, path)
    world.point = lambda name: None
    return made


def test_accepting_a_signup_takes_one_request_and_an_unsubscribe_one_more_than_before(world: World) -> None:
    assert requests_of(world, SIGNUP) == {"put_item": 1}
    assert requests_of(world, SIGNUP) == {"put_item": 1, "get_item": 1}, "a repeat alone looks for an unsubscribe"
    assert requests_of(world, UNSUBSCRIBE) == {"transact_write_items": 1, "update_item": 1}


def test_what_is_kept_of_an_unsubscribe_holds_no_address_and_expires(world: World) -> None:
    post(world, UNSUBSCRIBE)
    ((pk, items),) = ((pk, items) for pk, items in world.dynamo.items.items() if pk.startswith("U#"))
    (item,) = items.values()
    assert set(item) == {"pk", "sk", "stored_at", "expires_at"} and "example" not in json.dumps([pk, item])
    assert int(item["expires_at"]["N"]) == int((START + timedelta(hours=1)).timestamp())


def test_an_older_unsubscribe_that_is_stored_later_does_not_move_the_time_back(world: World) -> None:
    later = world.unsubscribe(EMAIL, accepted_at=START + timedelta(minutes=2))
    world.store(later, world.unsubscribe(EMAIL, accepted_at=START + timedelta(minutes=1)))
    found = world.container.events.recent_unsubscribes.latest(EMAIL)
    assert found == int((START + timedelta(minutes=2)).timestamp() * 1000)


def test_the_id_cannot_be_computed_from_the_address(world: World) -> None:
    def id_under(*keys: str) -> str:
        other = World(replace(world.settings, privacy=Privacy(tuple(map(Secret.plain, keys)))))
        return post(other, SIGNUP)

    mine = post(world, SIGNUP)
    assert id_under(ADDRESS_KEY) == mine
    assert id_under("placeholder-address-key-2", ADDRESS_KEY) == mine, "a new key that is put first changes no id"
    assert id_under("placeholder-address-key-2") != mine


def test_answers_tell_nobody_whether_an_address_is_known(world: World) -> None:
    """Unknown, signed up, delivered, or unsubscribed: the answer has the same form, and the id no time."""
    answers = []
    for before in ((), (SIGNUP,), (UNSUBSCRIBE,), (SIGNUP, UNSUBSCRIBE)):
        fresh = World(world.settings)
        fresh.work(*(post(fresh, path) for path in before))
        fresh.clock.forward(seconds=5)
        answers.append(request(fresh.container, "POST", SIGNUP, JSON, json.dumps({"email": EMAIL})))
    assert {(answer.status, frozenset(answer.json), len(answer.json["id"])) for answer in answers} == {
        (202, frozenset({"id", "status"}), 45)
    }
    assert {answer.json["id"][:5] for answer in answers} == {"form-"}
