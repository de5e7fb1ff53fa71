"""One of everything that the product stores in the ledger, for `tests/ledger/test_stored_items.py`.

`python -m tests.ledger.stored_world` records it as what this version stores: `stored_items/VERSION.json`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3

from chalicelib import __version__
from chalicelib.config.model import Form
from chalicelib.domain.confirmation import Confirmation
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.domain.events import Consent, Door, EventType, Sync
from tests.support.aws import TestAws
from tests.support.product import START, FakeContext, Product, settings

FOLDER = Path(__file__).parent / "stored_items"
LEDGER = "relais-local-ledger"
EVIDENCE = Consent(source="https://www.example.com/", text="v3", ip="203.0.113.9", at=START, door=Door.WEBHOOK)
UNCONFIRMED = Confirmation(START + timedelta(hours=1), "fr")
FOOTER = Form("footer", "paris", "4781", "email", {"prenom": "prenom"}, unsubscribes_per_hour=1)


class Died(BaseException):
    """The worker's process ended."""


def write_all(product: Product) -> dict[str, str]:
    """Has the product store one of everything; returns the final status of each event once all goes well again."""
    product.settings = settings(forms={"footer": FOOTER})
    product.restart()
    paris, becomes = product.paris, dict[str, str]()

    def store(status: str, *events: Any) -> list[str]:
        becomes.update((event.id, status) for event in events)
        return product.store(*events)

    def named(name: str, **changes: Any) -> Any:
        return product.signup(f"{name}@example.com", id=name, **changes)

    product.work(*store("delivered", named("delivered", consent=EVIDENCE, form="footer", list=None)))
    again = replace(named("again-2"), email="again@example.com")
    product.work(*store("delivered", named("again", consent=EVIDENCE), again))
    gone = product.unsubscribe("gone@example.com", id="gone", accounts=("paris", "lyon"), all_accounts=True)
    product.work(*store("delivered", gone), queue="unsubscribes")
    older = product.signup("gone@example.com", START.replace(year=2020), id="older")
    product.work(*store("superseded", older))
    by_form = [product.unsubscribe(f"{name}@example.com", id=name, form="footer") for name in ("first", "quarantined")]
    product.work(*store("delivered", *by_form), queue="unsubscribes")
    paris.rule = lambda *_: ProviderError(Kind.CONTACT, "no such column")
    product.work(*store("refused", named("refused", form="footer", list=None)))
    paris.rule, paris.after = None, lambda *_: (_ for _ in ()).throw(Died())
    died = store("delivered", named("died"), replace(named("died-2"), email="died@example.com"))
    try:
        product.work(*died)
    except Died:
        product.restart()
    paris.rule, paris.after = lambda *_: ProviderError(Kind.UNKNOWN, "no answer"), None
    leaving = product.unsubscribe("leaving@example.com", id="leaving", accounts=("paris", "lyon"), all_accounts=True)
    product.work(*store("delivered", leaving), queue="unsubscribes")
    product.work(*store("delivered", named("waiting")))
    store("delivered", named("never-announced"))
    product.work(*store("refused", named("unconfirmed", form="footer", list=None, confirmation=UNCONFIRMED)))
    contacts = Sync("contacts", contacts=({"email": "row@example.com", "prenom": "Zoé"},))
    store("delivered", replace(named("sync"), type=EventType.SYNC, email="", sync=contacts))
    invalid = {"type": "unsubscribe", "id": "invalid", "email": "a@example.com", "occurred_at": "2026-02-26T10:00:00"}
    product.work(bodies=(invalid,), queue="unsubscribes")
    product.container.forget({"email": "forgotten@example.com", "idempotency_key": "asked-1"}, FakeContext())
    product.container.sweep(FakeContext())
    return becomes


def recorded(product: Product, aws: TestAws) -> dict[str, Any]:
    """What `write_all` leaves in the ledger, and what is to become of it."""
    becomes = write_all(product)
    return {"at": product.clock().isoformat(), "becomes": becomes, "items": items(aws)}


def items(aws: TestAws) -> list[dict[str, Any]]:
    """All items of the ledger, as DynamoDB writes them."""
    found: list[dict[str, Any]] = aws.dynamodb.scan(TableName=LEDGER, ConsistentRead=True)["Items"]
    return sorted(found, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


def shapes(stored: list[dict[str, Any]]) -> dict[str, list[str]]:
    """The attributes of each kind of item, each with its type."""
    found: dict[str, set[str]] = {}
    for item in stored:
        found.setdefault(_kind(item["pk"]["S"], item["sk"]["S"]), set()).update(_attributes(item))
    return {kind: sorted(attributes) for kind, attributes in sorted(found.items())}


def _kind(pk: str, sk: str) -> str:
    start = pk.partition("#")[0]
    if start in ("E", "A"):
        return f"{start} {sk.partition('#')[0] if start == 'E' else '*' if sk == '*' else 'account'}"
    return f"{start} {sk}" if start in ("S", "P", "U") and not sk[0].isdigit() else f"{start} {pk.split('#')[1]}"[:9]


def _attributes(item: Mapping[str, Any], within: str = "") -> set[str]:
    found = set()
    for name, value in item.items():
        ((kind, content),) = value.items()
        found.add(f"{within}{name}: {kind}")
        if kind == "M" and within.count(".") < 1 and name not in ("counts", "fields"):
            found |= _attributes(content, f"{within}{name}.")
    return found


def main() -> None:
    """Record."""
    from tests.support.in_process import in_process_aws

    aws = in_process_aws()
    boto3.DEFAULT_SESSION = aws.session
    os.environ.update(aws.environ)
    aws.reset()
    aws.create_resources()
    path = FOLDER / f"{__version__}.json"
    path.write_text(json.dumps(recorded(Product(), aws), indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")
    sys.stdout.write(f"wrote {path}\n")


if __name__ == "__main__":
    main()
