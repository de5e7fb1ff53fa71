"""Signups of one address, list and right to lift suppressions that wait together go as one row.

`hostile-1`: a flood of one address must not keep its owner waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.delivery.batching import MOST_IN_A_ROW, Task, in_rows
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.domain.events import Delivery, Event, EventType
from chalicelib.domain.times import epoch_milliseconds as to_ms
from chalicelib.ledger.keys import parse_sort_key
from tests.support.interleaving import Died, NotDone
from tests.support.product import START, Product, settings
from tests.support.reference import World, check

JOIN, LEAVE = EventType.SIGNUP, EventType.UNSUBSCRIBE
PERSON = "annabell"


pytestmark = pytest.mark.usefixtures("one_thread_a_worker")


def joins(world: World, *minutes: int, account: str = "paris", **more: Any) -> list[str]:
    """Stored signups of one person."""
    return world.store(*(world.event(JOIN, PERSON, minute, (account,), **more) for minute in minutes))


def leave(world: World, minute: int, account: str = "paris") -> str:
    return world.store(world.event(LEAVE, PERSON, minute, (account,)))[0]


def rows(world: World, account: str = "paris") -> list[list[str]]:
    """The rows that were signed up, each as ids of its events: the one whose field counts is the last."""
    ids = {event.email: event_id for event_id, event in world.events.items()}
    return [[ids[email] for email in emails.split()] for verb, emails in world.logged[account].log if verb == "signup"]


def statuses(world: World, account: str = "paris") -> dict[str, str]:
    return {event_id: world.delivery(event_id, account)["status"] for event_id in world.events}


def fields(product: Product) -> list[dict[str, str]]:
    return [dict(sent) for _, _, sent in product.paris.rows]


def leases(world: World) -> list[dict[str, Any]]:
    return [item for items in world.dynamo.items.values() for item in items.values() if "lease_token" in item]


def test_hostile_1_signups_of_one_address_go_as_one_row_with_the_latest_value_of_each_field(product: Product) -> None:
    sent = [{"prenom": "Ana", "ville": "Lyon"}, {"prenom": "Anna"}, {"nom": "Roe"}]
    events = [
        product.signup("a@example.com", START - timedelta(minutes=age), fields=given)
        for age, given in zip((1, 3, 2), sent, strict=True)  # the order of arrival is not that of the events
    ]
    product.work(*product.store(*events))
    assert fields(product) == [{"prenom": "Ana", "ville": "Lyon", "nom": "Roe"}]
    views = [product.delivery(event.id) for event in events]
    assert [(one["status"], one["attempts"], one["unknown_outcome"]) for one in views] == [("delivered", 1, False)] * 3


@pytest.mark.seconds
def test_hostile_1_a_flood_is_one_row_and_ends_with_the_persons_own(world: World) -> None:
    ids = joins(world, *range(240))
    own = joins(world, 241)
    world.work(*ids, *own)
    assert [(len(row), row[-1]) for row in rows(world)] == [(241, own[0])]
    assert set(statuses(world).values()) == {"delivered"}
    check(world)


def test_a_row_is_of_one_address_list_and_right_to_lift(world: World) -> None:
    event = replace(world.event(JOIN, PERSON, 1, ("paris",)), email="a@example.com")
    others: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"email": "b@example.com"}, {}),
        ({"list": "4782"}, {}),
        ({"may_lift_suppression": False}, {}),
        ({}, {"reverted_unsubscribe_at": START}),
        ({"type": LEAVE, "list": None}, {}),
        ({"list": None}, {}),
    ]
    first = Task(event, Delivery("paris"))
    for number, (of_event, of_delivery) in enumerate(others):
        other = Task(replace(event, id=f"o{number}", **of_event), replace(Delivery("paris"), **of_delivery))
        assert in_rows([first, other]) == [(first,), (other,)]
        again = Task(replace(other.event, id="again"), other.delivery)
        together = other.event.type is JOIN and other.event.list is not None
        assert in_rows([other, again]) == ([(again, other)] if together else [(other,), (again,)])
    assert in_rows([first, Task(replace(event, id="f0", email="A@Example.com"), Delivery("paris"))])[0][1:]


def test_a_row_has_at_most_five_hundred_signups() -> None:
    event = Event("e", JOIN, "a@example.com", ("paris",), START, START, list="4781")
    tasks = [Task(replace(event, id=f"e{number}"), Delivery("paris")) for number in range(MOST_IN_A_ROW + 1)]
    assert [len(row) for row in in_rows(tasks)] == [MOST_IN_A_ROW, 1]


def test_other_people_of_the_batch_go_in_the_same_call(world: World) -> None:
    others = world.store(*(world.event(JOIN, f"person{letter}a", 1, ("paris",)) for letter in "abc"))
    world.work(*joins(world, 1, 2), *others, *joins(world, 3))
    assert world.logged["paris"].calls == [("signup", 4)]
    assert sorted(map(len, rows(world))) == [1, 1, 1, 3]


def test_a_refused_row_is_taken_apart_so_that_nobody_is_refused_for_the_field_of_another(world: World) -> None:
    ids = joins(world, *range(8))
    world.logged["paris"].refuses = {world.events[ids[5]].email}
    world.work(*ids)
    assert statuses(world) == {event_id: "refused" if event_id == ids[5] else "delivered" for event_id in ids}
    assert rows(world) == [ids[:4], [ids[4]], ids[6:]]
    assert not any(world.delivery(event_id)["unknown_outcome"] for event_id in ids), "a refused row was not inserted"
    check(world)


@pytest.mark.seconds
def test_a_refused_row_of_equal_signups_is_refused_in_one_call(product: Product) -> None:
    product.paris.rule = lambda verb, emails: ProviderError(Kind.CONTACT, "no such mailbox") if emails else None
    ids = product.store(*(product.signup("a@example.com", fields={"prenom": "Ana"}) for _ in range(40)))
    product.work(*ids)
    assert product.paris.calls_of("sign_up") == 1
    assert {product.delivery(event_id)["status"] for event_id in ids} == {"refused"}


def test_a_flood_of_one_refused_address_does_not_stop_its_list(world: World) -> None:
    """Rows of one address are evidence against the address, however many they are."""
    ids = joins(world, *range(30))
    world.logged["paris"].refuses = {f"{PERSON}@example.com"}
    world.work(*ids)
    assert set(statuses(world).values()) == {"refused"}
    assert world.container.accounts.read("paris").lists == {}


def test_a_worker_that_dies_after_the_call_leaves_every_signup_of_the_row_marked_unknown(world: World) -> None:
    ids = joins(world, 1, 2, 3)

    def point(name: str) -> None:
        if name == "after signup":
            raise Died

    world.point = point
    with pytest.raises(Died):
        world.work(*ids)
    world.point = lambda name: None
    world.clock.forward(seconds=200)
    world.worker().work(ids[0])  # one is enough to find out about all
    found = [world.delivery(event_id) for event_id in ids]
    assert [(one["unknown_outcome"], one["attempts"]) for one in found] == [(True, 2), (True, 1), (True, 1)]
    world.settle()
    check(world)


def test_an_unknown_outcome_is_recorded_for_each_signup_of_the_row(world: World) -> None:
    world.logged["paris"].fault = Kind.UNKNOWN
    ids = joins(world, 1, 2, 3)
    world.work(*ids)
    found = [world.delivery(event_id) for event_id in ids]
    assert [(one["status"], one["unknown_outcome"], one["attempts"]) for one in found] == [("pending", True, 1)] * 3
    world.settle()
    assert [len(row) for row in rows(world)] == [3, 3]
    check(world)


@pytest.mark.parametrize("finished", [1, 2])
def test_a_worker_that_dies_while_it_records_a_row_loses_and_doubles_nothing_unmarked(
    world: World, finished: int
) -> None:
    ids = joins(world, 1, 2, 3)
    written = []

    def point(name: str) -> None:
        if name == "after signup":
            written.append(name)
        elif written and name == "update_item":
            written.append(name)
            if len(written) == finished + 2:
                raise Died

    world.point = point
    with pytest.raises(Died):
        world.work(*ids)
    done = [world.delivery(event_id)["status"] for event_id in ids].count("delivered")
    assert done == finished
    other = world.worker()
    world.point = lambda name: None
    other.work(*ids)
    assert len(rows(world)) == 1, "the lease is the dead worker's, though the event it is named after may be delivered"
    world.settle()
    check(world)


def test_an_unsubscribe_supersedes_the_earlier_signups_of_a_row_alone(world: World) -> None:
    early, between, late = *joins(world, 1, account="lyon"), leave(world, 2, "lyon"), *joins(world, 3, account="lyon")
    world.work(early, between, late)
    assert statuses(world, "lyon") == {early: "superseded", between: "delivered", late: "delivered"}
    check(world)


def test_a_suppression_is_lifted_once_for_a_row(world: World) -> None:
    gone = leave(world, 1, "lyon")
    world.work(gone)
    world.work(*joins(world, 2, 3, 4, account="lyon"))
    assert [verb for verb, _ in world.logged["lyon"].log] == ["unsubscribe", "lift", "signup"]
    check(world)


def test_a_resubscription_by_a_row_is_followed_once(world: World) -> None:
    accounts = {**world.settings.accounts, "nice": replace(world.settings.accounts["lyon"], name="nice")}
    world.settings = settings(accounts=accounts)
    world.restart()
    gone = world.event(LEAVE, PERSON, 1, ("lyon", "nice"))
    world.work(*world.store(gone))
    before = set(world.dynamo.items)
    world.work(*joins(world, 2, 3, 4, account="lyon"))
    new = {pk for pk in set(world.dynamo.items) - before if pk.startswith("E#lift-")}
    assert len(new) == 1


def test_only_delivered_signups_of_a_row_supersede_an_earlier_unsubscribe(world: World) -> None:
    """The last of the row was refused: it does not count, and the unsubscribe between the two does."""
    first, last = joins(world, 1, 5)
    world.logged["paris"].refuses = {world.events[last].email}
    world.work(first, last)
    between, before = leave(world, 3), leave(world, 0)
    world.work(between, before)
    assert statuses(world) == {first: "delivered", last: "refused", between: "delivered", before: "superseded"}
    check(world)


def test_what_remains_of_a_row_in_the_subscription_state_is_its_latest_delivered_signup(world: World) -> None:
    ids = joins(world, 1, 2, 3)
    world.logged["paris"].refuses = {world.events[ids[2]].email}
    world.work(*ids)
    (lease,) = leases(world)
    assert lease["lease_event"] == {"S": ids[1]} and "lease_others" not in lease
    world.work(*joins(world, 4))
    assert "lease_others" not in leases(world)[0]


def test_signups_that_another_worker_has_delivered_meanwhile_are_left_out_of_the_row(world: World) -> None:
    ids = joins(world, 1, 2, 3)
    other = world.worker()

    def meanwhile(name: str) -> None:
        if name == "batch_get_item":
            world.point = lambda _: None
            other.work(ids[2])

    def first(name: str) -> None:
        world.point = meanwhile  # once its events are loaded

    world.point = first
    world.work(*ids)
    assert rows(world) == [[ids[2]], ids[:2]]
    check(world)


def test_workers_that_meet_at_an_address_merge_what_waits_and_rewrite_no_due_time(world: World) -> None:
    early, late = joins(world, *range(10)), joins(world, *range(10, 60))
    due = {event_id: world.dynamo.items[f"E#{event_id}"]["E"]["due_sk"] for event_id in late}
    other = world.worker()

    def meanwhile(name: str) -> None:
        if name == "before signup":
            world.point = lambda _: None
            other.work(*late)
            assert {world.delivery(event_id)["status"] for event_id in late} == {"pending"}
            assert {one: world.dynamo.items[f"E#{one}"]["E"]["due_sk"] for one in late} == due

    world.point = meanwhile
    world.work(*early)
    world.settle()
    assert rows(world)[0] == early and len(rows(world)) <= 3, "sweep takes those that are due by then"
    check(world)


def test_a_busy_signup_of_its_own_is_due_again_when_the_lease_ends(world: World) -> None:
    early, late = joins(world, 1), joins(world, 2)
    other = world.worker()

    def meanwhile(name: str) -> None:
        if name == "before signup":
            world.point = lambda _: None
            other.work(*late)

    world.point = meanwhile
    world.work(*early)
    _, due = parse_sort_key(world.dynamo.items[f"E#{late[0]}"]["E"]["due_sk"]["S"])
    assert due == to_ms(START + timedelta(seconds=120 + 5 + 1))


def test_rights_to_lift_that_differ_take_turns_in_one_invocation(world: World) -> None:
    plain = joins(world, 1, 2, may_lift_suppression=False)
    signed = joins(world, 3, 4)
    world.work(*plain, *signed)
    assert rows(world) == [plain, signed]


def test_a_failing_ledger_write_leaves_no_row_half_released(world: World) -> None:
    ids: Sequence[str] = joins(world, 1, 2)
    world.logged["paris"].refuses = {f"{PERSON}@example.com"}
    failed = []

    def point(name: str) -> None:
        if not failed and world.logged["paris"].refused and name == "update_item":
            failed.append(name)
            raise NotDone

    world.point = point
    world.work(*ids)
    assert failed
    world.settle()
    assert set(statuses(world).values()) == {"refused"}
    check(world)


def test_a_flood_of_bad_signups_comes_to_an_end_however_little_time_there_is(world: World) -> None:
    """Each invocation refuses what it has found out, so that the next one has less to do."""
    ids = joins(world, *range(40))
    world.logged["paris"].refuses = {world.events[event_id].email for event_id in ids[:-1]}
    left = []
    for _ in range(4):
        calls = [0]

        def slow(name: str, calls: list[int] = calls) -> None:
            if name == "before signup":
                calls[0] += 1
                world.clock.forward(seconds=2.5)

        world.point = slow
        world.worker().work(*ids)
        left.append([one for one in statuses(world).values() if one == "pending"])
        world.clock.forward(seconds=130)
    assert world.container.accounts.read("paris").pause is None
    assert [len(one) for one in left] == sorted((len(one) for one in left), reverse=True)
    assert len(left[-1]) < len(left[0]) < len(ids), "nothing was refused when time was up"
    world.settle(rounds=400)
    assert statuses(world)[ids[-1]] == "delivered"
    check(world)
