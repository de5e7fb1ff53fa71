"""What earlier versions stored works under this one; what this one stores is recorded for later versions.

`stored_items/VERSION.json` is the ledger that a version wrote. Those of released versions never change.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from chalicelib import __version__
from chalicelib.domain.events import Status
from chalicelib.observability import metrics
from tests.ledger.stored_world import FOLDER, FOOTER, LEDGER, recorded, shapes
from tests.operators.support import enqueued
from tests.support.aws import TestAws
from tests.support.product import FakeContext, Product, settings

RECORDED = sorted(FOLDER.glob("*.json"))


@pytest.mark.seconds
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: str(path.stem))
def test_what_a_version_stored_is_read_and_goes_on(
    product: Product, resources: TestAws, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics.flush()  # what other tests have counted
    capsys.readouterr()
    left = json.loads(path.read_text("utf-8"))
    for item in left["items"]:
        resources.dynamodb.put_item(TableName=LEDGER, Item=item)
    product.settings = settings(forms={"footer": FOOTER})
    product.clock.now = datetime.fromisoformat(left["at"])
    product.restart()
    becomes = left["becomes"]
    loaded = {one.event.id: one for one in product.container.events.load(becomes)}
    assert loaded.keys() == becomes.keys()
    waiting = [
        name for name, one in loaded.items() for each in one.deliveries.values() if each.status is Status.PENDING
    ]
    assert {"waiting", "died", "leaving", "quarantined", "never-announced", "sync"} <= set(waiting)
    product.clock.forward(hours=25)
    for _ in range(3):  # the first attempt ends the pause, and goes alone
        product.container.sweep(FakeContext())
        product.work(*{*waiting, *enqueued(resources)}, queue="syncs")
        product.clock.forward(minutes=2)
    assert {name: product.view(name)["status"] for name in becomes} == becomes
    assert [product.delivery(name)["unknown_outcome"] for name in ("died", "leaving", "waiting")] == [True, True, False]
    assert sorted(product.paris.emails) == [
        f"{name}@example.com" for name in ("died", "never-announced", "row", "waiting")
    ]
    assert sorted(product.paris.unsubscribed_emails) == ["leaving@example.com", "quarantined@example.com"]
    before = datetime.fromisoformat(left["at"]) - timedelta(hours=1)
    old = [product.signup(f"{name}@example.com", before) for name in ("gone", "leaving", "forgotten")]
    product.work(*product.store(*old))
    assert [product.view(event.id)["status"] for event in old] == ["superseded"] * 3
    metrics.flush()
    assert "malformed_items" not in capsys.readouterr().out


@pytest.mark.seconds
def test_what_this_version_stores_is_recorded(product: Product, resources: TestAws) -> None:
    """An unreleased version is recorded again; after a release the version has to change first."""
    path = FOLDER / f"{__version__}.json"
    assert path.exists(), "record what this version stores: .venv/bin/python -m tests.ledger.stored_world"
    assert shapes(recorded(product, resources)["items"]) == shapes(json.loads(path.read_text("utf-8"))["items"]), (
        "what is stored has changed: see `Changing what is stored` in docs/architecture.md; then, if this version is "
        "not released yet, .venv/bin/python -m tests.ledger.stored_world"
    )
