"""Single cases in which an event could be lost, doubled unmarked or wrongly finished, found by reading the code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.errors import Kind, LedgerUnavailable
from chalicelib.domain.events import EventType
from tests.support.interleaving import Died, NotDone, Repeat
from tests.support.product import settings
from tests.support.reference import World, check

JOIN, LEAVE = EventType.SIGNUP, EventType.UNSUBSCRIBE


pytestmark = pytest.mark.usefixtures("one_thread_a_worker")


def joins(world: World, persons: Sequence[str], account: str = "paris") -> list[str]:
    """Stored signups of several people."""
    return world.store(*(world.event(JOIN, person, 1, (account,)) for person in persons))


def persons(count: int) -> list[str]:
    """Names of eight letters."""
    return [f"person{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(count)]


def refuse(world: World, emails: Sequence[str], message: str = "no such mailbox") -> None:
    """Have paris refuse calls with one of these addresses."""
    world.logged["paris"].refuses |= {email.lower() for email in emails}


def test_giving_up_never_changes_a_delivery_claimed_by_another_worker(world: World) -> None:
    """After a long outage the probe may contain signups beyond the give-up time; other claimed signups must wait."""
    (event_id,) = joins(world, ["annabell"])
    world.logged["paris"].fault = Kind.LATER
    world.work(event_id)
    world.clock.forward(hours=170)
    world.logged["paris"].fault = None
    probing, other = world.worker(), world.worker()

    def meanwhile(name: str) -> None:
        if name == "before signup":
            world.point = lambda _: None
            other.work(event_id)

    world.point = meanwhile
    probing.work(event_id)
    assert world.delivery(event_id)["status"] == "delivered"


def test_giving_up_marks_an_unrecorded_outcome_as_unknown(world: World) -> None:
    """Its worker died when the row was on the list: an operator who resends the parked signup must know."""
    (event_id, other) = joins(world, ["annabell", "bertrand"])
    world.point = lambda name: die_at(name, "after signup")
    with pytest.raises(Died):
        world.work(event_id)
    world.point = lambda name: None
    world.clock.forward(hours=170)
    world.logged["paris"].fault = Kind.LATER
    world.work(other)
    world.work(event_id)
    found = world.delivery(event_id)
    assert (found["status"], found["unknown_outcome"]) == ("parked", True)


def first_update(fault: type[BaseException]) -> Any:
    """A `point` that fails the first update of the ledger."""
    remaining = [1]

    def point(name: str) -> None:
        if name == "update_item" and remaining:
            remaining.pop()
            raise fault

    return point


def die_at(name: str, where: str) -> None:
    if name == where:
        raise Died


def test_rows_of_a_refused_batch_stay_marked_unknown_when_time_runs_out(world: World) -> None:
    ids = joins(world, persons(8))
    refuse(world, [world.events[ids[7]].email])
    calls = 0

    def slow(name: str) -> None:
        nonlocal calls
        if name == "before signup":
            calls += 1
            if calls == 2:
                world.clock.forward(seconds=118)

    world.point = slow
    world.work(*ids)
    pending = [one for one in map(world.delivery, ids) if one["status"] == "pending"]
    assert pending and all(one["unknown_outcome"] for one in pending)
    assert all(one["attempts"] >= 1 for one in pending)


def test_a_delivered_event_is_recorded_once_the_ledger_answers_again(world: World) -> None:
    """Otherwise the signup would be sent a second time, and be marked as unknown at best."""
    (event_id,) = joins(world, ["annabell"])
    remaining = [3]

    def point(name: str) -> None:
        if name == "update_item" and world.logged["paris"].log and remaining[0]:
            remaining[0] -= 1
            raise NotDone

    world.point = point
    world.work(event_id)
    found = world.delivery(event_id)
    assert (found["status"], found["unknown_outcome"], remaining) == ("delivered", False, [0])


@pytest.mark.seconds
def test_claims_are_released_when_the_ledger_fails_half_way(world: World) -> None:
    """No more rows can be claimed to fill a call: the first ones are sent, or wait, but are not marked unknown."""
    remaining = world.event(LEAVE, "annabell", 2, ("paris",))
    world.work(*world.store(remaining))
    first = world.event(JOIN, "annabell", 0, ("paris",))
    ids = [*world.store(first), *joins(world, persons(255))]
    read: Any = world.container.subscriptions.read
    calls = iter([read, broken])
    world.container.subscriptions.read = lambda *given: next(calls, read)(*given)  # type: ignore[method-assign]
    world.work(*ids)
    assert world.logged["paris"].calls[1:] == [("signup", 254)], "the first was superseded, and one left out"
    world.settle()
    assert not any(world.delivery(event_id)["unknown_outcome"] for event_id in ids)
    check(world)


def broken(*_: object) -> Any:
    raise LedgerUnavailable("the ledger did not answer")


def test_an_unsubscribe_for_all_accounts_waits_until_it_is_recorded_for_future_accounts(world: World) -> None:
    leave = replace(world.event(LEAVE, "annabell", 2, ("lyon",)), all_accounts=True)
    world.events[leave.id] = leave
    world.store(leave)

    world.point = first_update(NotDone)
    world.work(leave.id)
    world.settle()
    (join,) = joins(world, ["annabell"])
    world.work(join)
    assert world.delivery(join)["status"] == "superseded"


def test_a_signup_for_an_account_without_signups_blocks_nothing_else(world: World) -> None:
    here, there = joins(world, ["annabell"]), joins(world, ["bertrand"], "lyon")
    world.work(*here[1:])
    known: Any = world.container.capabilities
    world.container.__dict__["capabilities"] = lambda name: replace(
        known(name), signup_batch=0 if name == "paris" else 255
    )
    del world.container.__dict__["worker"]
    assert world.work(*here, *there) == {"batchItemFailures": []}
    assert world.delivery(there[0], "lyon")["status"] == "delivered"
    assert world.delivery(here[0])["status"] == "parked"


def test_a_failing_provider_client_pauses_only_its_account(world: World) -> None:
    """The effect before the failure is unknown, and must not be repeated every minute."""
    here, there = joins(world, ["annabell"]), joins(world, ["bertrand"], "lyon")

    def point(name: str) -> None:
        if name == "after signup" and world.logged["paris"].log:
            raise KeyError("answer")

    world.point = point
    assert world.work(*here, *there) == {"batchItemFailures": []}
    found = world.delivery(here[0])
    assert (found["status"], found["unknown_outcome"], found["attempts"]) == ("pending", True, 1)
    assert "annabell" not in str(found["reason"])
    world.point = lambda name: None
    assert world.container.accounts.read("paris").pause is not None
    world.settle()
    check(world)


def test_a_partly_expired_event_is_not_found(world: World) -> None:
    leave = world.event(LEAVE, "annabell", 2, ("paris", "lyon"))
    world.work(*world.store(leave))
    world.dynamo.put_items({(f"E#{leave.id}", name): None for name in ("D#paris", "D#lyon")})
    assert world.container.events_routes is not None
    from chalicelib.ledger.event_status import EventView

    assert EventView(world.container.table, world.container.accounts.read, world.clock).find(leave.id) is None


def test_an_event_for_several_accounts_expires_despite_a_lost_ledger_answer(world: World) -> None:
    leave = world.event(LEAVE, "annabell", 2, ("paris", "lyon"))
    world.store(leave)

    def point(name: str) -> None:
        if name == "update_item" and world.logged["lyon"].log and world.logged["paris"].log:
            raise Repeat

    world.point = point
    world.work(leave.id)
    assert all("expires_at" in item for item in world.dynamo.items[f"E#{leave.id}"].values())


def test_eight_bad_rows_at_the_start_of_a_batch_do_not_pause_a_list(world: World) -> None:
    names = persons(40)
    ids = world.store(*(world.event(JOIN, name, minute, ("paris",)) for minute, name in enumerate(names)))
    refuse(world, [world.events[event_id].email for event_id in ids[:8]])
    world.work(*ids)
    world.settle(rounds=5)
    statuses = [world.delivery(event_id)["status"] for event_id in ids]
    assert statuses == ["refused"] * 8 + ["delivered"] * 32


def test_pending_events_of_a_removed_account_are_parked(world: World) -> None:
    (event_id,) = joins(world, ["annabell"])
    world.container.sweeper.run()
    accounts = {name: account for name, account in world.settings.accounts.items() if name != "paris"}
    world.settings = settings(accounts=accounts, forms={})
    world.settle()
    assert world.delivery(event_id)["status"] == "parked"


def test_an_unsubscribe_for_a_removed_account_counts_when_it_is_configured_again(world: World) -> None:
    leave = world.event(LEAVE, "annabell", 2, ("paris",))
    world.store(leave)
    whole = world.settings
    world.settings = settings(accounts={"lyon": whole.accounts["lyon"]}, forms={})
    world.restart()
    world.work(leave.id)
    assert world.delivery(leave.id)["status"] == "parked"
    world.settings = whole
    world.restart()
    (join,) = joins(world, ["annabell"])
    world.work(join)
    assert world.delivery(join)["status"] == "superseded"


def test_a_refusal_by_one_list_closes_the_circuit_of_its_account(world: World) -> None:
    (first,) = joins(world, ["annabell"])
    world.logged["paris"].fault = Kind.LATER
    world.work(first)
    world.logged["paris"].fault = None
    world.clock.forward(seconds=31)
    world.logged["paris"].lists.clear()
    refuse(world, [world.events[first].email])
    world.work(first)
    state = world.container.accounts.read("paris")
    assert state.pause is None and "4781" in state.lists


def test_the_earliest_due_come_first(world: World) -> None:
    ids = []
    for name in persons(40):
        ids += joins(world, [name])
        world.clock.forward(seconds=31)
    assert world.container.events.due("paris", JOIN, None, 10) == ids[:10]


def test_unrecorded_attempts_are_counted(world: World) -> None:
    (event_id,) = joins(world, ["annabell"])
    world.logged["paris"].fault = Kind.UNKNOWN
    world.work(event_id)
    world.clock.forward(seconds=31)
    world.point = lambda name: die_at(name, "after signup")
    with pytest.raises(Died):
        world.work(event_id)
    world.settle()
    assert world.delivery(event_id)["attempts"] == len(world.logged["paris"].log) == 3


def test_a_worker_with_a_fast_clock_takes_over_no_valid_lease(world: World) -> None:
    join, leave = world.event(JOIN, "annabell", 1, ("paris",)), world.event(LEAVE, "annabell", 2, ("paris",))
    world.store(join, leave)
    slow, ahead = world.worker(), world.worker()

    def meanwhile(name: str) -> None:
        if name == "before signup":
            world.point = lambda _: None
            world.clock.forward(seconds=116 + 4)  # the last moment of the longest call, and what the clocks differ by
            ahead.work(leave.id, milliseconds=60_000)
            world.clock.forward(seconds=-4)
            assert world.logged["paris"].log == []

    world.point = meanwhile
    slow.work(join.id)
    assert not world.delivery(join.id)["unknown_outcome"]
    world.settle()
    check(world)


@pytest.mark.seconds
def test_all_claims_are_released_when_time_runs_out_before_the_call(world: World) -> None:
    ids = joins(world, persons(255))
    remaining = [3]

    def slow(name: str) -> None:
        if name == "update_item" and remaining[0]:
            remaining[0] -= 1
            world.clock.forward(seconds=40)

    world.point = slow
    world.work(*ids)
    assert world.logged["paris"].calls == []
    assert not any("lease_token" in item for items in world.dynamo.items.values() for item in items.values())
    world.settle()
    assert not any(world.delivery(event_id)["unknown_outcome"] for event_id in ids)
    check(world)


def test_a_signup_needs_three_writes_and_few_reads(world: World) -> None:
    """Put 1 and index 1, state 1, finish 1 and index 1: five write units for an item of up to 1 KB.

    A fourth write has the counts of the whole batch.
    """
    world.work(*joins(world, ["annabell"]))
    before = dict(world.dynamo.counts)
    event = world.event(JOIN, "bertrand", 1, ("paris",))
    world.store(event)
    world.work(event.id)
    spent = {name: count - before.get(name, 0) for name, count in world.dynamo.counts.items()}
    assert (spent["put_item"], spent["update_item"]) == (1, 2 + 1)
    assert spent["batch_get_item"] == 3
    assert "delete_item" not in spent and "transact_write_items" not in spent
    (item,) = world.dynamo.items[f"E#{event.id}"].values()
    assert len(str(item)) < 1024
