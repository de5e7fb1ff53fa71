"""Lists as providers send them: rows that shift between pages, a connection that breaks, and very many of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.config.secrets import Secret
from local.sandbox import Control, Sandbox, start as start_sandbox
from local.sandbox.mailpartner.samples import API_KEY
from local.sandbox.mymailmarket.samples import CREDENTIALS, NEWSLETTER
from tests.support.stack import ROOT
from tests.unsubscribe_sync.big_list import run_three_times
from tests.unsubscribe_sync.world import World, three_accounts

MANY_ROWS, FEW_ROWS = 20_000, 2_000


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    running = start_sandbox()
    yield running
    running.stop()


@pytest.fixture
def world(sandbox: Sandbox) -> World:
    """The accounts that are read are those of the sandbox."""
    config = three_accounts()
    options = {name: str(value) for name, value in CREDENTIALS.items()}
    hidden = {name: Secret.plain(options.pop(name)) for name in ("password", "api_key", "shared_secret")}
    accounts = {
        **config.accounts,
        "lettre": replace(
            config.accounts["lettre"],
            base_url=f"{sandbox.url}/mailpartner/v1",
            secrets={"api_key": Secret.plain(API_KEY)},
        ),
        "brussel": replace(
            config.accounts["brussel"],
            base_url=f"{sandbox.url}/mymailmarket/V2.svc",
            options=options,
            secrets=hidden,
        ),
    }
    world = World(replace(config, accounts=accounts))
    for name in ("lettre", "brussel"):
        del world.product.providers[name]
    world.restart()
    return world


def test_rows_shifting_between_pages_are_not_missed(world: World, sandbox: Sandbox) -> None:
    """Six hundred unsubscribed rows; after each page one is added or removed, so that all others shift."""
    control = Control(sandbox.url)
    emails = [f"person{number}@example.com" for number in range(600)]
    rows = [
        {"MailAddress": email, "Status": "unsubscribed", "seconds_ago": number + 1}
        for number, email in enumerate(emails)
    ]
    control.set("mymailmarket", add_subscribers={"list": NEWSLETTER, "rows": rows})
    control.set(
        "mymailmarket", add_subscribers={"list": NEWSLETTER, "rows": ["late0@example.com", "late1@example.com"]}
    )
    shifts = [
        {"set_status": {"MailAddress": "late0@example.com", "Status": "unsubscribed", "list": NEWSLETTER}},
        {"remove": "person3@example.com"},
        {"set_status": {"MailAddress": "late1@example.com", "Status": "unsubscribed", "list": NEWSLETTER}},
    ]
    control.set("mymailmarket", between_pages=shifts)
    first = world.sync()["brussel"]
    assert first["error"] is None
    stored = {one.event.email for one in world.events(enqueued(world))}
    assert stored >= set(emails) - {"person3@example.com"}
    world.sync()
    assert stored | {one.event.email for one in world.events(enqueued(world))} >= {
        "late0@example.com",
        "late1@example.com",
    }


def enqueued(world: World) -> list[str]:
    return [event_id for _, body in world.queues.enqueued() for event_id in body["event_ids"]]


def test_a_broken_connection_is_reported_and_the_next_run_continues(world: World, sandbox: Sandbox) -> None:
    control = Control(sandbox.url)
    control.set("mailpartner", add_optouts=["zoe@example.com"])
    control.fault("truncated", provider="mailpartner", function="unsubscribe/list", times=1)
    assert world.sync()["lettre"]["error"] is not None
    again = world.sync()["lettre"]
    assert again["error"] is None
    assert "zoe@example.com" in {one.event.email for one in world.events(enqueued(world))}


def test_a_long_list_takes_work_only_for_new_rows(sandbox: Sandbox) -> None:
    check(run_three_times(sandbox.url, FEW_ROWS), FEW_ROWS)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own figure of the memory is read from /proc")
def test_a_long_list_takes_little_memory(sandbox: Sandbox) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.unsubscribe_sync.big_list", sandbox.url, str(MANY_ROWS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout.splitlines()[-1])
    check(result["runs"], MANY_ROWS)
    assert result["peak_mb"] < 128


def check(runs: Sequence[dict[str, Any]], rows: int) -> None:
    """The first run takes the list as known, the second finds nothing, the third finds ten."""
    first, second, third = runs
    assert (first["read"] >= rows, first["written"], first["error"]) == (True, 0, None)
    permits = second["calls"].pop("update_item", 0)  # for the provider's call, where those of the first run are old
    assert permits <= 1
    assert second["calls"] == {"get_item": 2, "batch_get_item": 1}  # one of them whether all address keys are there
    assert (third["written"], third["calls"]["put_item"]) == (10, 10)
    assert third["calls"]["update_item"] <= 1 + 10 + 10 + 10 + 3
    assert third["calls"]["batch_get_item"] <= 3
