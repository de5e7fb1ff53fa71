"""A back end as an account: its notices have the retries, pauses and order rules of any other account."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.config.secrets import Secret
from chalicelib.delivery.resubscription import follow_resubscription
from chalicelib.domain.events import Door, Event, EventType
from chalicelib.domain.ids import suppression_lift_id
from chalicelib.providers.account import Account
from tests.contract.scripted import Line, Scripted, answer, message
from tests.support.aws import TestAws
from tests.support.back_end import Told, back_end_account, told
from tests.support.product import Product, settings
from tests.support.provider import FakeProvider

pytestmark = pytest.mark.server

BOTH = ("paris", "crm")


@pytest.fixture
def world(resources: TestAws, crm: Scripted) -> Product:
    """An account at a provider, and the back end."""
    paris = Account("paris", "ediware", secrets={"api_key": Secret.plain("placeholder")})
    accounts = {"paris": paris, "crm": back_end_account(f"{crm.url}/relais")}
    return Product(settings(accounts=accounts), providers={"paris": FakeProvider()})


def notices(crm: Scripted) -> list[Told]:
    return [told(request) for request in crm.received]


def signup(world: Product, email: str = "zoe@example.com", **changes: Any) -> Event:
    return world.signup(email, **{"accounts": ("crm",), "list": "vip", "door": Door.QUEUE, **changes})


def deliver(world: Product, *events: Event) -> list[str]:
    ids = world.store(*events)
    world.work(*ids)
    return ids


def statuses(world: Product, *ids: str) -> list[str]:
    return [world.delivery(event_id, "crm")["status"] for event_id in ids]


def test_each_event_is_told_by_itself_and_only_by_its_clean_address(world: Product, crm: Scripted) -> None:
    first, second = signup(world, fields={"prenom": "Zoé"}), signup(world, fields={"nom": "Z"})
    left = world.unsubscribe("Jörg@BÜCHER.example", accounts=BOTH, all_accounts=True, form="footer", door=Door.FORM)
    deliver(world, first, second)
    deliver(world, left)
    heard = notices(crm)
    assert sorted(one.id for one in heard[:2]) == sorted([first.id, second.id]), "one notice for each, not one row"
    assert {one.data["origin"] for one in heard[:2]} == {"queue"} and heard[0].data["list"] == "vip"
    assert [(one.id, one.data["email"]) for one in heard[2:]] == [(left.id, "jörg@xn--bcher-kva.example")]
    assert len(world.paris.unsubscribed_emails) == 3, "a provider is told every spelling"


def test_two_readings_of_an_address_are_two_notices(world: Product, crm: Scripted) -> None:
    left = world.unsubscribe("zoe news@example.com", accounts=("crm",), door=Door.LINK)
    deliver(world, left)
    assert [(one.id, one.data["email"], one.data["origin"]) for one in notices(crm)] == [
        (left.id, "zoe+news@example.com", "link"),
        (f"{left.id}.2", "zoenews@example.com", "link"),
    ]


def test_a_forget_request_is_told_as_such(world: Product, crm: Scripted) -> None:
    deliver(world, signup(world))
    answered = world.container.forget({"email": "zoe@example.com"}, FakeTime())
    assert "error" not in answered
    assert [(one.type, one.data["origin"]) for one in notices(crm)][1:] == [("subscriber.forgotten", "operator")]


class FakeTime:
    def get_remaining_time_in_millis(self) -> int:
        return 120_000


def test_down_for_two_days_loses_nothing(world: Product, crm: Scripted) -> None:
    crm.otherwise = answer(b"", 503)
    ids = world.store(
        *(signup(world, f"a{number}@example.com") for number in range(5)),
        world.unsubscribe("left@example.com", accounts=BOTH, all_accounts=True),
    )
    for _ in range(48):
        world.work(*ids)
        world.clock.forward(hours=1)
    assert set(statuses(world, *ids)) == {"pending"} and len(crm.received) < 60, "paused, not hammered"
    assert world.delivery(ids[-1])["status"] == "delivered", "no other account waits"
    told_before = len(crm.received)
    crm.otherwise = answer(b"", 200)
    for _ in range(3):
        world.work(*ids)
        world.clock.forward(hours=2)
    assert set(statuses(world, *ids)) == {"delivered"}
    assert sorted(one.id for one in notices(crm)[told_before:]) == sorted(ids), "each once"


def test_one_that_is_gone_pauses_the_account_as_its_owners_fault(
    world: Product, crm: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    crm.otherwise = answer(b"", 410)
    (event_id,) = deliver(world, signup(world))
    shown = world.delivery(event_id, "crm")
    assert shown["status"] == "pending" and "410" in shown["reason"]
    (paused,) = [one for one in caplog.records if one.getMessage() == "paused"]
    assert (paused.levelname, vars(paused)["kind"]) == ("ERROR", "account")
    deliver(world, signup(world, "other@example.com"))
    assert len(crm.received) == 1


@pytest.mark.parametrize("verb", [EventType.SIGNUP, EventType.UNSUBSCRIBE])
def test_one_event_that_it_always_fails_at_keeps_no_other_waiting(
    world: Product, crm: Scripted, verb: EventType
) -> None:
    """Anybody can fill in a form: a field that breaks the back end must not stop all other notices."""

    def reply(line: Line) -> None:
        status = 500 if b"poison@" in crm.received[-1].body else 200
        line.send(message(b"", status))

    def event(name: str) -> Event:
        if verb is EventType.SIGNUP:
            return signup(world, f"{name}@example.com")
        return world.unsubscribe(f"{name}@example.com", accounts=("crm",))

    crm.otherwise = reply
    ids = deliver(world, event("poison"))
    for number in range(5):
        ids += deliver(world, event(f"a{number}"))  # it is paused
        world.clock.forward(hours=1, minutes=1)
        world.work(*world.container.events.due("crm", verb, None, 250))  # as sweep does after a pause
    assert statuses(world, *ids) == ["pending", *["delivered"] * 5]


def test_a_refused_unsubscribe_is_told_again_and_nobody_else_waits(world: Product, crm: Scripted) -> None:
    crm.script = [answer(b"", 422)]
    (left,) = deliver(world, world.unsubscribe("left@example.com", accounts=("crm",)))
    shown = world.delivery(left, "crm")
    assert (shown["status"], shown["attempts"], shown["reason_code"]) == ("pending", 1, "rejected_by_provider")
    assert shown["next_attempt_at"] is not None and not shown["unknown_outcome"]
    (joined,) = deliver(world, signup(world))
    assert statuses(world, joined) == ["delivered"], "nothing is paused"
    world.work(left)
    assert len(crm.received) == 2, "not before its time"
    world.clock.forward(minutes=2)
    world.work(left)
    assert statuses(world, left) == ["delivered"]


def test_refused_signups_end_refused_however_many_there_are(world: Product, crm: Scripted) -> None:
    crm.otherwise = answer(b"", 400)
    ids = deliver(world, *(signup(world, f"a{number}@example.com") for number in range(15)))
    assert set(statuses(world, *ids)) == {"refused"}
    crm.otherwise = answer(b"", 200)
    (joined,) = deliver(world, signup(world))
    assert statuses(world, joined) == ["delivered"]


def test_who_refuses_after_an_outage_has_answered(world: Product, crm: Scripted) -> None:
    crm.script = [answer(b"", 503), answer(b"", 422)]
    (first,) = deliver(world, signup(world))
    world.clock.forward(hours=1)
    (left,) = deliver(world, world.unsubscribe("left@example.com", accounts=("crm",)))
    assert world.container.accounts.read("crm").pause is None
    world.work(first)
    assert statuses(world, first, left) == ["delivered", "pending"]


def test_an_older_signup_after_a_newer_unsubscribe_is_not_told(world: Product, crm: Scripted) -> None:
    before = world.clock.now
    world.clock.forward(minutes=5)
    deliver(world, world.unsubscribe("zoe@example.com", accounts=BOTH, all_accounts=True))
    (late,) = deliver(world, signup(world, occurred_at=before))
    assert statuses(world, late) == ["superseded"]
    assert [one.type for one in notices(crm)] == ["subscriber.unsubscribed"]


def test_a_resubscription_is_told_by_its_signup_alone(world: Product, crm: Scripted) -> None:
    deliver(world, world.unsubscribe("zoe@example.com", accounts=BOTH, all_accounts=True))
    world.clock.forward(minutes=5)
    plain, again = signup(world, may_lift_suppression=False), signup(world)
    (refused,) = deliver(world, plain)
    assert world.delivery(refused, "crm")["reason"] == "suppressed"
    (delivered,) = deliver(world, again)
    assert statuses(world, delivered) == ["delivered"]
    assert [one.id for one in notices(crm)][1:] == [again.id]


def test_a_resubscription_elsewhere_makes_no_event_for_it(world: Product) -> None:
    """Such events are for providers that take no signups; a back end gets the signups themselves."""
    deliver(world, world.unsubscribe("zoe@example.com", accounts=("crm",)))
    world.clock.forward(minutes=5)
    elsewhere = world.signup("zoe@example.com")
    follow_resubscription(world.container, world.container.capabilities, elsewhere)
    assert world.container.events.load([suppression_lift_id(elsewhere.id, "crm")]) == []
