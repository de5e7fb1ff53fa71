"""Signups of forms go to the account, the list and the fields that the configuration in force gives them.

Each test corrects a mistake in the configuration over the same ledger: what waited is delivered by itself, what was
refused is delivered after `resend`, and every person once.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from chalicelib.config.model import Form
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.domain.events import EventType
from tests.operators.support import enqueued, report, resend
from tests.support.aws import TestAws
from tests.support.http import request
from tests.support.interleaving import AnswerLost, Died, NotDone, Point, Run, all_orders, fail_each_operation
from tests.support.product import START, FakeContext, Product, settings
from tests.support.reference import World

PEOPLE = ["ann@example.com", "bob@example.com", "zoe@example.com"]
FOOTER = Form("footer", "paris", "4781", "email", {"prenom": "prenom"})


def forms(*changed: Form) -> Mapping[str, Form]:
    return {form.name: form for form in changed}


def restart(product: Product, *changed: Form, **more: Any) -> None:
    """Another configuration over the same ledger."""
    product.settings = settings(forms=forms(*changed), **more)
    product.restart()


def accept(product: Product, email: str) -> str:
    """A person signs up on the website; the event's id."""
    body = json.dumps({"email": email, "prenom": "Zoe"})
    answer = request(product.container, "POST", "/forms/footer/signup", {}, body)
    assert answer.status == 202
    return str(answer.json["id"])


def sign_up(product: Product, resources: TestAws) -> list[str]:
    """The people sign up, and the worker is notified once; their ids."""
    ids = [accept(product, email) for email in PEOPLE]
    product.work(*enqueued(resources))
    return ids


def minute(product: Product, resources: TestAws) -> None:
    """A minute later sweep runs, and what it enqueues comes twice."""
    product.clock.forward(minutes=1)
    product.container.sweeper.run()
    ids = enqueued(resources)
    if ids:
        product.work(*ids)
        product.work(*ids)


def unknown_column(name: str) -> Any:
    """A provider that refuses contacts with a field that its list does not have."""
    return lambda verb, emails: ProviderError(Kind.CONTACT, f"unknown column {name}") if verb == "sign_up" else None


def statuses(product: Product, ids: Sequence[str]) -> Counter[tuple[str, str]]:
    return Counter((one["account"], one["status"]) for event_id in ids for one in product.view(event_id)["deliveries"])


def delivered_once(product: Product, ids: Sequence[str], account: str = "paris", list_id: str = "4781") -> None:
    """Asserts that everybody is on that list once, with the field, and nowhere else."""
    rows = product.providers[account].rows
    assert sorted(rows, key=str) == sorted(((list_id, email, {"prenom": "Zoe"}) for email in PEOPLE), key=str)
    assert not any(provider.rows for name, provider in product.providers.items() if name != account)
    assert statuses(product, ids) == {(account, "delivered"): len(ids)}
    counted = report(product)["accounts"]
    assert {name: one["accepted"] for name, one in counted.items() if one["accepted"]} == {account: len(ids)}
    by_day = product.container.counts.read(START.date(), product.clock().date())
    assert {(one.account, one.outcome): one.number for one in by_day} == {
        (account, "accepted"): len(ids),
        (account, "delivered"): len(ids),
    }


@pytest.mark.seconds
def test_a_wrong_field_is_mended(product: Product, resources: TestAws) -> None:
    restart(product, replace(FOOTER, fields={"prenom": "frist_name"}))
    product.paris.rule = unknown_column("frist_name")
    ids = sign_up(product, resources)
    assert statuses(product, ids) == {("paris", "refused"): 3}
    product.paris.rule = None
    restart(product, FOOTER)
    assert resend(product, status="refused", form="footer") == {"resent": 3}
    ids_again = enqueued(resources)
    product.work(*ids_again)
    product.work(*ids_again)
    delivered_once(product, ids)


@pytest.mark.seconds
def test_a_wrong_list_is_mended(product: Product, resources: TestAws) -> None:
    restart(product, replace(FOOTER, list="4718"))
    product.container.sweeper.run()
    product.paris.rule = lambda verb, _: ProviderError(Kind.CONTACT, "no such list") if verb == "sign_up" else None
    ids = sign_up(product, resources)
    waiting = product.delivery(ids[0])
    assert (waiting["status"], waiting["reason"]) == ("pending", "the list 4718 is not there any more")
    product.paris.rule = None
    restart(product, FOOTER)
    minute(product, resources)
    delivered_once(product, ids)


@pytest.mark.seconds
@pytest.mark.parametrize("removed", [False, True], ids=["kept", "removed"])
def test_a_wrong_account_is_mended_also_while_it_is_paused_or_removed(
    product: Product, resources: TestAws, removed: bool
) -> None:
    restart(product, replace(FOOTER, account="lyon"))
    product.container.sweeper.run()
    product.providers["lyon"].rule = lambda *_: ProviderError(Kind.ACCOUNT, "key", retry_after=3000)
    ids = sign_up(product, resources)
    assert statuses(product, ids) == {("lyon", "pending"): 3}
    accounts = {name: one for name, one in settings().accounts.items() if name == "paris" or not removed}
    restart(product, FOOTER, accounts=accounts)
    minute(product, resources)
    delivered_once(product, ids)
    assert product.providers["lyon"].calls_of("sign_up") == 1


@pytest.mark.seconds
def test_what_was_refused_at_a_wrong_account_goes_to_the_right_one(product: Product, resources: TestAws) -> None:
    restart(product, replace(FOOTER, account="lyon"))
    product.providers["lyon"].rule = unknown_column("prenom")
    ids = sign_up(product, resources)
    assert statuses(product, ids) == {("lyon", "refused"): 3}
    restart(product, FOOTER)
    assert resend(product, status="refused") == {"resent": 3}
    assert enqueued(resources) == sorted(ids), "and this notification is lost"
    minute(product, resources)
    delivered_once(product, ids)


@pytest.mark.seconds
def test_signups_of_a_renamed_form_wait_for_its_old_name(product: Product, resources: TestAws) -> None:
    product.container.sweeper.run()
    ids = [accept(product, email) for email in PEOPLE]
    enqueued(resources)  # lost
    restart(product, replace(FOOTER, name="pied"))
    assert product.delivery(ids[0])["reason"] == "form footer is not in the configuration"
    product.clock.forward(hours=2)
    minute(product, resources)
    waiting = product.delivery(ids[0])
    assert (waiting["status"], waiting["reason"]) == ("pending", "form footer is not in the configuration")
    product.clock.forward(minutes=50)
    assert product.container.sweeper.run() == {"enqueued": 0}, "it is not tried every minute"
    restart(product, replace(FOOTER, name="pied"), FOOTER)
    minute(product, resources)
    delivered_once(product, ids)


@pytest.mark.seconds
def test_signups_of_a_form_that_is_gone_are_parked_in_the_end_and_can_be_resent(
    product: Product, resources: TestAws, caplog: pytest.LogCaptureFixture
) -> None:
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    ids = sign_up(product, resources)
    product.paris.rule = None
    restart(product)
    product.clock.forward(days=6)
    minute(product, resources)
    assert statuses(product, ids) == {("paris", "pending"): 3}
    minute(product, resources)
    assert product.delivery(ids[0])["next_attempt_at"] == "2026-03-07T10:31:00Z"
    [line] = [one.__dict__ for one in caplog.records if one.message == "form not in configuration"]
    assert (line["levelname"], line["form"], line["events"]) == ("ERROR", "footer", 3)
    product.clock.forward(days=2)
    minute(product, resources)
    parked = product.delivery(ids[0])
    assert (parked["status"], parked["reason"]) == ("parked", "form footer is not in the configuration")
    restart(product, FOOTER)
    assert resend(product) == {"resent": 3}
    minute(product, resources)
    delivered_once(product, ids)


@pytest.mark.seconds
def test_a_changed_mapping_counts_for_what_waits_also_while_its_list_is_paused(
    product: Product, resources: TestAws
) -> None:
    restart(product, replace(FOOTER, fields={"prenom": "frist_name"}))
    product.container.sweeper.run()
    product.paris.rule = lambda *_: ProviderError(Kind.ACCOUNT, "no credit", list_only=True, retry_after=3000)
    ids = sign_up(product, resources)
    assert statuses(product, ids) == {("paris", "pending"): 3}
    product.paris.rule = None
    restart(product, FOOTER)
    minute(product, resources)
    delivered_once(product, ids)


def test_two_forms_of_one_list_make_one_row_of_a_person(product: Product) -> None:
    later = product.clock() + timedelta(seconds=1)
    restart(product, FOOTER, Form("shop", "paris", "4781", "mail", {"name": "nom", "first": "prenom"}))
    product.work(
        *product.store(
            product.signup(PEOPLE[0], form="footer", list=None, fields={"prenom": "Ann"}),
            product.signup(
                PEOPLE[0], later, form="shop", list=None, fields={"first": "Anne", "name": "Dupont", "old": "x"}
            ),
        )
    )
    assert product.paris.rows == [("4781", PEOPLE[0], {"prenom": "Anne", "nom": "Dupont"})]


def test_what_is_sent_again_after_the_configuration_changed_is_the_same_event(product: Product) -> None:
    event = {"type": "signup", "id": "order-1", "form": "footer", "email": PEOPLE[1], "fields": {"prenom": "Zoe"}}
    first = accept(product, PEOPLE[0])
    product.work(bodies=(event,))
    restart(product, replace(FOOTER, account="lyon", list="4782", fields={"prenom": "first_name"}))
    assert accept(product, PEOPLE[0]) == first
    product.work(bodies=(event,))
    assert product.view("order-1")["status"] == "delivered", "and no conflict of ids"
    assert report(product)["accepted"] == 2


def test_the_list_stands_with_a_delivered_signup(product: Product, resources: TestAws) -> None:
    ids = sign_up(product, resources)
    delivered_once(product, ids)
    [person] = product.container.export_person({"email": PEOPLE[0]}, FakeContext())["events"]
    assert (person["form"], person["list"], person["fields"]) == ("footer", "4781", {"prenom": "Zoe"})


class TwoConfigurations:
    """A signup of a form that one worker still has at `lyon`, and another at `paris`, as during a deployment."""

    def __init__(self) -> None:
        self.world = World(settings(forms=forms(replace(FOOTER, account="lyon"))))
        event = self.world.signup("annabell@example.com", id="e0", form="footer", list=None, accounts=("lyon",))
        self.world.events["e0"] = event
        self.world.store(event)
        self.old = self.world.worker()
        restart(self.world, FOOTER)
        self.new = self.world.worker()

    def check(self) -> None:
        """The person is delivered once, unless an outcome is unknown."""
        self.world.settle()
        calls = [account for account, provider in self.world.logged.items() for _ in provider.log]
        [delivery] = self.world.view("e0")["deliveries"]
        assert delivery["status"] == "delivered"
        assert delivery["account"] in calls
        assert len(calls) == 1 or delivery["unknown_outcome"], f"{calls}: twice, and not marked"


@pytest.mark.seconds
@pytest.mark.usefixtures("unobserved_workers")
@pytest.mark.parametrize("first", [0, 1], ids=["old first", "new first"])
def test_workers_with_two_configurations_deliver_a_person_once_in_every_order(first: int) -> None:
    def order(switches: frozenset[int]) -> int:
        both, run = TwoConfigurations(), Run(switches)
        both.world.point = run.point
        works = [partial(both.old.work, "e0"), partial(both.new.work, "e0")]
        run.run(*(works[::-1] if first else works))
        both.check()
        return run.steps

    assert all_orders(order, 2) > 50


@pytest.mark.seconds
@pytest.mark.usefixtures("unobserved_workers")
def test_a_worker_killed_at_any_step_of_a_move_or_before_it() -> None:
    for switches in (frozenset({4}), frozenset({6}), frozenset[int]()):
        for victim in (0, 1):
            for step in range(1, 12):
                both, run = TwoConfigurations(), Run(switches, kill=(victim, step))
                both.world.point = run.point
                run.run(partial(both.old.work, "e0"), partial(both.new.work, "e0"))
                both.check()


@pytest.mark.seconds
@pytest.mark.usefixtures("unobserved_workers")
@pytest.mark.parametrize("fault", [NotDone, AnswerLost, Died])
def test_any_single_failing_operation_of_a_move(fault: type[BaseException]) -> None:
    def move(point: Point) -> None:
        both = TwoConfigurations()
        both.world.point = point
        with suppress(Died):
            both.new.work("e0")
        both.check()

    assert fail_each_operation(move, fault) >= 6


@pytest.mark.usefixtures("unobserved_workers")
def test_a_delivery_whose_outcome_at_the_old_account_is_unknown_is_marked_when_it_moves() -> None:
    both = TwoConfigurations()

    def die(name: str) -> None:
        if name == "after signup":
            raise Died

    both.world.point = die
    with pytest.raises(Died):
        both.old.work("e0")
    both.world.point = lambda name: None
    both.new.work("e0")
    assert [(one["account"], one["status"]) for one in both.world.view("e0")["deliveries"]] == [("lyon", "pending")], (
        "the other worker may still be calling"
    )
    both.world.clock.forward(minutes=10)
    both.new.work("e0")
    delivery = both.world.delivery("e0")
    assert (delivery["status"], delivery["unknown_outcome"], delivery["attempts"]) == ("delivered", True, 2)
    leave = both.world.unsubscribe("annabell@example.com", both.world.clock.now, accounts=("lyon",))
    both.world.work(*both.world.store(leave), queue="unsubscribes")
    assert both.world.delivery(leave.id, "lyon")["status"] == "delivered"


def test_only_a_signup_is_mapped(product: Product) -> None:
    restart(product)
    (event_id,) = product.store(product.unsubscribe(PEOPLE[0], form="footer"))
    assert product.view(event_id)["type"] == EventType.UNSUBSCRIBE
    product.work(event_id)
    assert product.paris.unsubscribed_emails == [PEOPLE[0]]
