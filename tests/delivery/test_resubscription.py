"""Resubscription: the provider lifts the suppression first; where it cannot, the signup is refused with a remedy."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import Kind, LedgerUnavailable, ProviderError
from chalicelib.domain.events import EventType, Status
from chalicelib.domain.ids import suppression_lift_id
from chalicelib.ledger.subscriptions import SubscriptionStore
from chalicelib.operators.ledger_scan import LedgerScan
from chalicelib.providers.account import Account
from tests.support.interleaving import AnswerLost, Died, NotDone, Point, fail_each_operation
from tests.support.product import FakeContext, settings
from tests.support.reference import LoggedProvider, World, check, serial

JOIN, LEAVE = EventType.SIGNUP, EventType.UNSUBSCRIBE
ALL = ("paris", "lyon", "nice")


pytestmark = pytest.mark.usefixtures("one_thread_a_worker")


def three() -> World:
    """Accounts that cannot lift (paris), can (lyon), and can and have no lists (nice)."""
    accounts = {name: Account(name, "ediware", secrets={"api_key": Secret.plain("placeholder")}) for name in ALL}
    return World(settings(accounts=accounts), providers={name: LoggedProvider() for name in ALL})


def unsubscribed_everywhere(world: World) -> None:
    """Annabell unsubscribes from all accounts at minute 1."""
    world.work(*world.store(world.event(LEAVE, "annabell", 1, ALL, all_accounts=True)), queue="unsubscribes")


def come(world: World, account: str, minute: int = 2, **more: Any) -> str:
    """A signup of hers, delivered; its id."""
    (event_id,) = world.store(world.event(JOIN, "annabell", minute, (account,), **more))
    world.work(event_id)
    return event_id


def verbs(world: World, account: str) -> list[str]:
    return [verb for verb, _ in world.logged[account].log]


def go_on(world: World, *ids: str) -> None:
    """Delivers until none of these events is pending."""
    world.settle()
    world.events |= {stored.event.id: stored.event for stored in world.container.events.load(ids)}
    world.settle()


def test_the_suppression_is_lifted_once_before_the_signup() -> None:
    world = three()
    unsubscribed_everywhere(world)
    event_id = come(world, "lyon")
    assert verbs(world, "lyon") == ["unsubscribe", "lift", "signup"]
    delivery = world.delivery(event_id, "lyon")
    assert (delivery["status"], delivery["attempts"], delivery["unknown_outcome"]) == ("delivered", 1, False)
    assert "remedy" not in delivery
    again = come(world, "lyon", 3, may_lift_suppression=False)
    assert world.delivery(again, "lyon")["status"] == "delivered"
    assert verbs(world, "lyon")[3:] == ["signup"]


def test_a_second_list_of_the_account_is_resubscribed_too() -> None:
    world = three()
    unsubscribed_everywhere(world)
    come(world, "lyon")
    come(world, "lyon", 3)
    assert verbs(world, "lyon") == ["unsubscribe", "lift", "signup", "lift", "signup"]


def test_a_signup_without_permission_is_refused_with_the_permitted_ways() -> None:
    world = three()
    unsubscribed_everywhere(world)
    delivery = world.delivery(come(world, "lyon", may_lift_suppression=False), "lyon")
    assert (delivery["status"], delivery["reason"]) == ("refused", "suppressed")
    assert "lifts_suppression" in delivery["remedy"]
    assert verbs(world, "lyon") == ["unsubscribe"]
    assert verbs(world, "nice") == ["unsubscribe"]


def test_an_unsupported_lift_is_refused_with_the_manual_remedy() -> None:
    world = three()
    unsubscribed_everywhere(world)
    delivery = world.delivery(come(world, "paris"))
    assert (delivery["status"], delivery["reason"]) == ("refused", "suppressed")
    assert "unsubscribed list" in delivery["remedy"]


def test_a_resubscription_lifts_the_suppression_at_accounts_without_lists() -> None:
    world = three()
    unsubscribed_everywhere(world)
    event_id = come(world, "lyon")
    follow = suppression_lift_id(event_id, "nice")
    go_on(world, follow)
    assert world.delivery(follow, "nice")["status"] == "delivered"
    assert verbs(world, "nice") == ["unsubscribe", "lift"]
    assert verbs(world, "paris") == ["unsubscribe"]
    check(world)


def test_an_unsubscribe_after_a_resubscription_counts_again() -> None:
    world = three()
    unsubscribed_everywhere(world)
    follow = suppression_lift_id(come(world, "lyon"), "nice")
    world.work(*world.store(world.event(LEAVE, "annabell", 3, ("nice",))))
    go_on(world, follow)
    assert world.delivery(follow, "nice")["status"] == "superseded"
    assert verbs(world, "nice") == ["unsubscribe", "unsubscribe"]


def test_without_an_unsubscribe_nothing_is_lifted() -> None:
    world = three()
    world.work(*world.store(world.event(LEAVE, "annabell", 1, ("nice",))))
    event_id = come(world, "lyon")
    assert world.container.events.load([suppression_lift_id(event_id, "nice")]) == []
    assert verbs(world, "lyon") == ["signup"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [(Kind.CONTACT, "refused"), (Kind.LATER, "pending"), (Kind.ACCOUNT, "pending"), (Kind.UNKNOWN, "pending")],
)
def test_a_failed_lift_keeps_the_signup_pending_or_refuses_it(
    kind: Kind, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = three()
    unsubscribed_everywhere(world)

    def fails(*_: object, **__: object) -> None:
        raise ProviderError(kind, "the provider's message")

    monkeypatch.setattr(world.logged["lyon"], "lift_suppression", fails)
    event_id = come(world, "lyon")
    delivery = world.delivery(event_id, "lyon")
    assert (delivery["status"], delivery["reason"]) == (status, "the provider's message")
    assert delivery["unknown_outcome"] is (kind is Kind.UNKNOWN)
    assert verbs(world, "lyon") == ["unsubscribe"]
    monkeypatch.undo()
    serial(monkeypatch)
    world.settle()
    assert verbs(world, "lyon")[1:] == ([] if kind is Kind.CONTACT else ["lift", "signup"])


def test_only_unsubscribed_rows_of_a_batch_are_lifted_and_only_the_refused_one_fails() -> None:
    world = three()
    people = ["annabell", "bertrand", "camillaa"]
    for person in people[:2]:
        world.work(*world.store(world.event(LEAVE, person, 1, ("lyon",))))
    world.logged["lyon"].refuses = {"annabell@example.com"}
    ids = world.store(*(world.event(JOIN, person, 2, ("lyon",)) for person in people))
    world.work(*ids)
    assert [world.delivery(event_id, "lyon")["status"] for event_id in ids] == ["refused", "delivered", "delivered"]
    assert verbs(world, "lyon")[2:] == ["lift", "signup", "signup"]
    assert world.logged["lyon"].calls[-1] == ("signup", 2)


@pytest.mark.parametrize(("more", "row_id"), [({}, "row-7"), ({"Annabell@example.com": "row-8"}, None)])
def test_the_provider_row_id_is_stored_and_used_for_the_lift_unless_spellings_made_several_rows(
    monkeypatch: pytest.MonkeyPatch, more: dict[str, str], row_id: str | None
) -> None:
    world = three()
    given: list[str | None] = []
    rows = {"annabell@example.com": "row-7", **more}
    monkeypatch.setattr(world.logged["lyon"], "unsubscribe", lambda email, **_: rows.get(email))
    monkeypatch.setattr(
        world.logged["lyon"], "lift_suppression", lambda email, *, provider_id, **_: given.append(provider_id)
    )
    unsubscribed_everywhere(world)
    come(world, "lyon")
    assert given == [row_id]


def test_a_row_id_that_cannot_be_stored_does_not_fail_the_unsubscribe(monkeypatch: pytest.MonkeyPatch) -> None:
    world = three()

    def fails(*_: object) -> None:
        raise LedgerUnavailable("down")

    monkeypatch.setattr(SubscriptionStore, "record_row", fails)
    monkeypatch.setattr(world.logged["lyon"], "unsubscribe", lambda email, **_: "row-7")
    unsubscribed_everywhere(world)
    assert world.view("e0")["status"] == "delivered"


@pytest.mark.seconds
@pytest.mark.parametrize("fault", [NotDone, AnswerLost, Died])
def test_any_single_operation_that_fails_during_a_resubscription(fault: type[BaseException]) -> None:
    """Also between the lift and the signup, and between the signup and its follow-up."""

    def resubscribe(point: Point) -> None:
        world = three()
        unsubscribed_everywhere(world)
        (event_id,) = world.store(world.event(JOIN, "annabell", 2, ("lyon",)))
        world.point = point
        with suppress(Died):
            world.work(event_id)
        world.clock.forward(seconds=200)
        go_on(world, suppression_lift_id(event_id, "nice"))
        check(world)
        assert world.delivery(suppression_lift_id(event_id, "nice"), "nice")["status"] == "delivered"
        assert verbs(world, "nice")[-1] == "lift"

    assert fail_each_operation(resubscribe, fault) >= 10


def again(world: World, **wanted: Any) -> dict[str, Any]:
    return world.container.resend({"status": "refused", **wanted}, FakeContext())


def test_resending_one_event_by_id_records_a_manual_resubscription() -> None:
    world = three()
    unsubscribed_everywhere(world)
    event_id = come(world, "paris")
    assert again(world, id=event_id) == {"resent": 1}
    world.work(event_id)
    assert world.delivery(event_id)["status"] == "delivered"
    assert verbs(world, "paris") == ["unsubscribe", "signup"]


def test_resending_by_filter_leaves_out_a_suppressed_signup(monkeypatch: pytest.MonkeyPatch) -> None:
    world = three()
    unsubscribed_everywhere(world)
    event_id = come(world, "paris")
    monkeypatch.setattr(LedgerScan, "find", lambda _, part, *__, **___: [[event_id]] if part == 0 else [])
    assert again(world, account="paris") == {"resent": 0}
    assert world.delivery(event_id)["reason"] == "suppressed"
    assert verbs(world, "paris") == ["unsubscribe"]


def test_a_later_unsubscribe_is_not_covered_by_a_manual_resubscription() -> None:
    world = three()
    unsubscribed_everywhere(world)
    event_id = come(world, "paris", 5)
    assert again(world, id=event_id) == {"resent": 1}
    world.work(*world.store(world.event(LEAVE, "annabell", 3, ("paris",))))
    world.work(event_id)
    assert world.delivery(event_id)["reason"] == "suppressed"
    assert again(world, id=event_id) == {"resent": 1}
    world.work(*world.store(world.event(LEAVE, "annabell", 6, ("paris",))))
    world.work(event_id)
    assert world.delivery(event_id)["status"] == "superseded"


def test_no_manual_resubscription_is_recorded_where_the_provider_can_lift() -> None:
    world = three()
    unsubscribed_everywhere(world)
    event_id = come(world, "lyon", may_lift_suppression=False)
    assert again(world, id=event_id) == {"resent": 1}
    world.work(event_id)
    assert world.delivery(event_id, "lyon")["reason"] == "suppressed"


def test_no_manual_resubscription_is_recorded_for_an_undelivered_unsubscribe() -> None:
    world = three()
    world.logged["paris"].fault = Kind.LATER
    unsubscribed_everywhere(world)
    world.clock.forward(seconds=100)
    (event_id,) = world.store(world.event(JOIN, "annabell", 2, ("paris",)))
    world.logged["paris"].fault = None
    stored = world.container.events.load([event_id])[0]
    refused = replace(stored.deliveries["paris"], status=Status.REFUSED, reason="suppressed")
    assert world.container.events.finish(stored.event, refused, world.clock())
    answer = again(world, id=event_id)
    assert answer["resent"] == 0
    assert "has not received" in answer["error"]["message"]
