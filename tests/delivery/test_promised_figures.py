"""The figures of the promises, with the Ediware client over the simulated Ediware, which counts calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from typing import Any

import pytest

from chalicelib.config.secrets import Secret
from chalicelib.providers.account import Account
from local.sandbox import Control, start
from local.sandbox.ediware.samples import API_KEY
from tests.support.product import FakeContext, settings
from tests.support.reference import World

pytestmark = [pytest.mark.server, pytest.mark.no_cover]


class Ediware:
    """The product, with its ledger in memory, and one account at the simulated Ediware."""

    def __init__(self, url: str) -> None:
        self.control = Control(url)
        base = f"{url}/ediware/api_http"
        paris = Account("paris", "ediware", base_url=base, secrets={"api_key": Secret.plain(API_KEY)})
        self.product = World(settings(accounts={"paris": paris}), providers={})
        self.people: list[str] = []

    def signups(self, number: int) -> list[str]:
        """Stores so many signups; returns their ids."""
        new = [f"p{len(self.people) + n}@example.com" for n in range(number)]
        self.people += new
        return self.product.store(*(self.product.signup(person) for person in new))

    def calls(self) -> Counter[str]:
        """How often each function was called."""
        return Counter(self.control.state(newest=0)["providers"]["ediware"]["calls"])

    def rows(self) -> Counter[str]:
        """How often each person is on the list."""
        lists = self.control.state()["providers"]["ediware"]["accounts"]["paris"]["lists"]
        return Counter(row["email"] for row in lists["4781"]["rows"] if row["email"].startswith("p"))

    def statuses(self, ids: list[str]) -> Counter[str]:
        """How many deliveries have each status."""
        events = self.product.container.events
        return Counter(one.deliveries["paris"].status.value for one in events.load(ids))

    def report(self) -> Any:
        """The account in `report`."""
        return self.product.container.report(FakeContext())["accounts"]["paris"]

    def sweep(self) -> None:
        """A sweep, and an invocation for each ten messages."""
        self.product.container.sweeper.run()
        bodies = [body for _, body in self.product.queues.enqueued()]
        for first in range(0, len(bodies), 10):
            self.product.work(bodies=tuple(bodies[first : first + 10]))


@pytest.fixture
def ediware() -> Iterator[Ediware]:
    with start() as sandbox:
        yield Ediware(sandbox.url)


def test_one_bad_row_among_255_costs_sixteen_calls_more_and_no_other_row(ediware: Ediware) -> None:
    message = "Error this mailbox is closed"
    ediware.control.fault("refuse_rows", contains="p97@", body=message)
    ids = ediware.signups(255)
    ediware.product.work(*ids)
    assert ediware.calls()["list_insert"] <= 17
    assert ediware.rows() == Counter(person for person in ediware.people if person != "p97@example.com")
    assert ediware.statuses(ids) == {"delivered": 254, "refused": 1}
    refused = ediware.product.delivery(ids[97])
    assert (refused["status"], refused["attempts"]) == ("refused", 9)
    assert message in refused["reason"]


def test_a_deleted_list_costs_few_calls_and_refuses_no_event(ediware: Ediware) -> None:
    ids = ediware.signups(255)
    ediware.product.container.provider("paris").address_field("4781", budget=10)  # known, as in a warm worker
    ediware.control.set("ediware", delete_list="4781")
    ediware.control.forget_calls()
    ediware.product.work(*ids)
    assert ediware.calls().total() <= 25
    assert ediware.statuses(ids) == {"pending": 255}
    paused = ediware.report()["paused"]
    assert paused["lists"] == ["4781"]
    assert paused["reason"]


def test_a_refused_key_is_tried_a_few_times_however_many_events_arrive(ediware: Ediware) -> None:
    """Six hundred events by forty invocations and as many sweeps in twenty minutes; then the key is right again."""
    product, ids = ediware.product, list[str]()
    ediware.control.set("ediware", api_key="another-key")
    for _ in range(40):
        new = ediware.signups(15)
        ids += new
        product.work(*new)
        product.clock.forward(seconds=30)
        ediware.sweep()
    assert len(ids) == 600
    # Half a minute, then doubled each time, up to an hour: the sixth attempt is half an hour after the first.
    assert ediware.calls().total() <= 6
    assert ediware.statuses(ids) == {"pending": 600}
    assert "key" in ediware.report()["paused"]["reason"]
    ediware.control.set("ediware", api_key=API_KEY)
    product.clock.forward(hours=1)
    for _ in range(3):
        ediware.sweep()
    assert ediware.statuses(ids) == {"delivered": 600}
    assert ediware.rows() == Counter(ediware.people)
    assert ediware.report()["paused"] is None


@pytest.mark.parametrize(
    ("people", "batches"),
    [(600, 2), pytest.param(600, 1, marks=pytest.mark.slow), pytest.param(1000, 4, marks=pytest.mark.slow)],
)
def test_concurrent_batches_make_few_calls_more_than_one_would(ediware: Ediware, people: int, batches: int) -> None:
    ids = ediware.signups(people)
    parts = [ids[start::batches] for start in range(batches)]
    workers = [ediware.product.worker() for _ in parts]
    with ThreadPoolExecutor(batches) as pool:
        list(pool.map(lambda worker, part: worker.work(*part), workers, parts))
    assert ediware.calls()["list_insert"] <= ceil(people / 255) + batches - 1
    assert ediware.rows() == Counter(ediware.people)
    assert ediware.statuses(ids) == {"delivered": people}
