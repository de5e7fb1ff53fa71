"""A signup with a copy moves to its form's new account while workers with either configuration run."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial

import pytest

from chalicelib.config.secrets import Secret
from chalicelib.domain.events import Status
from chalicelib.providers.account import Account
from tests.delivery.test_form_targets import FOOTER, forms
from tests.support.interleaving import AnswerLost, Died, NotDone, Point, Run, all_orders, fail_each_operation
from tests.support.product import settings
from tests.support.reference import LoggedProvider, World

ALL = ("paris", "lyon", "brest")
COPIED = replace(FOOTER, copy_to=("brest",))
ACCOUNTS = {name: Account(name, "ediware", secrets={"api_key": Secret.plain("placeholder")}) for name in ALL}

pytestmark = pytest.mark.usefixtures("unobserved_workers")


class TwoConfigurations:
    """The form is at `lyon` for one worker and at `paris` for the other; `brest` gets a copy."""

    def __init__(self) -> None:
        self.world = World(
            settings(accounts=ACCOUNTS, forms=forms(replace(COPIED, account="lyon"))),
            providers={name: LoggedProvider() for name in ALL},
        )
        event = self.world.signup("annabell@example.com", id="e0", form="footer", list=None, accounts=("lyon", "brest"))
        self.world.events["e0"] = event
        self.world.store(event)
        self.old = self.world.worker()
        self.world.settings = settings(accounts=ACCOUNTS, forms=forms(COPIED))
        self.world.restart()
        self.new = self.world.worker()

    def check(self) -> None:
        """The person is delivered once, and copied once, unless an outcome is unknown."""
        self.world.settle()
        deliveries = {one["account"]: one for one in self.world.view("e0")["deliveries"]}
        calls = [account for account, provider in self.world.logged.items() for _ in provider.log]
        assert deliveries["brest"]["status"] == Status.DELIVERED.value
        assert calls.count("brest") == 1 or deliveries["brest"]["unknown_outcome"]
        own = {name: one for name, one in deliveries.items() if name != "brest"}
        [delivered] = [name for name, one in own.items() if one["status"] == Status.DELIVERED.value]
        assert {one["status"] for one in own.values()} <= {Status.DELIVERED.value, Status.SUPERSEDED.value}
        made = [name for name in calls if name != "brest"]
        assert delivered in made
        assert len(made) == 1 or any(one["unknown_outcome"] for one in own.values()), f"{calls}: twice, and not marked"


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 1], ids=["old first", "new first"])
def test_a_person_is_delivered_and_copied_once_in_every_order(first: int) -> None:
    def order(switches: frozenset[int]) -> int:
        both, run = TwoConfigurations(), Run(switches)
        both.world.point = run.point
        works = [partial(both.old.work, "e0"), partial(both.new.work, "e0")]
        run.run(*(works[::-1] if first else works))
        both.check()
        return run.steps

    assert all_orders(order, 2) > 50


@pytest.mark.slow
def test_a_worker_killed_at_any_step_loses_and_doubles_nobody() -> None:
    for switches in (frozenset({4}), frozenset({9}), frozenset[int]()):
        for victim in (0, 1):
            for step in range(1, 20):
                both, run = TwoConfigurations(), Run(switches, kill=(victim, step))
                both.world.point = run.point
                run.run(partial(both.old.work, "e0"), partial(both.new.work, "e0"))
                both.check()


@pytest.mark.seconds
@pytest.mark.parametrize("fault", [NotDone, AnswerLost, Died])
def test_any_single_failing_operation_of_a_move_with_a_copy(fault: type[BaseException]) -> None:
    def move(point: Point) -> None:
        both = TwoConfigurations()
        both.world.point = point
        with suppress(Died):
            both.new.work("e0")
        both.check()

    assert fail_each_operation(move, fault) >= 8
