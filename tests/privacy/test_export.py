"""`export_person`: all data stored about one person, and nothing about anybody else."""

from __future__ import annotations

import hashlib
import json
import logging
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.config.model import Privacy
from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import Kind, ProviderError
from tests.privacy.support import dump, export, forget, new_product
from tests.support.memory import MemoryDynamo
from tests.support.product import ADDRESS_KEY, START, FakeContext, Product, settings

ZOE = "zoe@example.com"
WORDING = "Je veux recevoir la lettre."
BODY: dict[str, Any] = {
    "type": "signup",
    "id": "order-1",
    "occurred_at": "2026-03-01T09:29:00.5Z",
    "form": "footer",
    "email": "Zoe@Example.COM",
    "fields": {"prenom": "Zoé"},
    "consent": {"source": "https://www.example.com/", "ip": "203.0.113.9", "text": "v3", "wording": WORDING},
}


def states_of(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["account"]: one for one in answer["subscription_states"]}


def test_an_event_is_exported_with_all_stored_data(product: Product, ledger: MemoryDynamo) -> None:
    product.work(bodies=(BODY,))
    answer = export(product)
    assert answer["email"] == ZOE
    assert answer["made_at"] == "2026-03-01T09:30:00Z"
    (event,) = answer["events"]
    assert event == {
        "id": "order-1",
        "type": "signup",
        "occurred_at": "2026-03-01T09:29:00.500Z",
        "accepted_at": "2026-03-01T09:30:00Z",
        "email": "zoe@example.com",
        "form": "footer",
        "door": "queue",
        "list": "4781",
        "fields": {"prenom": "Zoé"},
        "scope": "account",
        "all_accounts": False,
        "forget_request": False,
        "may_lift_suppression": True,
        "consent": {
            "at": "2026-03-01T09:29:00.500Z",
            "source": "https://www.example.com/",
            "ip": "203.0.113.9",
            "text": "v3",
            "wording_sha256": hashlib.sha256(WORDING.encode()).hexdigest(),
            "door": "queue",
        },
        "deliveries": [
            {
                "account": "paris",
                "status": "delivered",
                "attempts": 1,
                "reason": None,
                "reason_code": None,
                "unknown_outcome": False,
                "next_attempt_at": None,
                "updated_at": "2026-03-01T09:30:00Z",
                "resent_at": None,
            }
        ],
        "kept_until": "2026-05-30T09:30:00Z",
    }
    assert (
        states_of(answer)["paris"] | {"signed_up_at": "2026-03-01T09:29:00.500Z", "last_event": "order-1"}
        == (states_of(answer)["paris"])
    )
    assert WORDING not in json.dumps(dump(ledger))
    (row,) = product.paris.rows
    assert dict(row[2]) == {"prenom": "Zoé"}, "consent goes to no provider"


def test_everything_in_an_item_is_in_the_export(product: Product, ledger: MemoryDynamo) -> None:
    """A new attribute of events must be listed here or exported."""
    product.work(bodies=(BODY,))
    (item,) = [item for item in dump(ledger) if item["pk"]["S"] == "E#order-1"]
    not_about_a_person = {"pk", "sk", "content", "accounts", "touched"}
    shown = {
        *("type", "email", "occurred", "accepted", "list", "form", "door", "fields", "consent", "expires_at"),
        *("status", "attempts", "updated"),
    }
    assert item.keys() == not_about_a_person | shown


def test_all_spellings_of_the_address_and_no_other_person_are_exported(product: Product) -> None:
    others = ["zoe+shop@example.com", "azoe@example.com", "zoe@example.org", "zoe@example.com.example"]
    mine = [product.signup(email) for email in (ZOE, "ZOE@EXAMPLE.COM")]
    product.store(*mine, *(product.signup(email) for email in others))
    product.store(product.unsubscribe("zOe@example.com", accounts=("paris", "lyon"), all_accounts=True))
    answer = export(product, " zoe@EXAMPLE.com ")
    assert len(answer["events"]) == 3
    assert not [email for email in others if email in json.dumps(answer)]
    (leave,) = [one for one in answer["events"] if one["type"] == "unsubscribe"]
    assert leave["all_accounts"]
    assert [one["status"] for one in leave["deliveries"]] == ["pending", "pending"]
    assert leave["kept_until"] is None


def test_only_the_persons_own_contacts_of_a_sync_are_exported(product: Product) -> None:
    contacts = [{"email": "Zoe@example.com", "prenom": "Zoé"}, {"email": "max@example.com", "prenom": "Max"}]
    sync = {"type": "sync", "id": "crm-1", "kind": "contacts", "account": "paris", "list": "4781", "contacts": contacts}
    product.work(bodies=(sync,), queue="signups")
    answer = export(product)
    (event,) = answer["events"]
    assert (event["id"], event["type"], event["contacts"]) == ("crm-1", "sync", contacts[:1])
    assert "max" not in json.dumps(answer).lower()


def test_subscription_states_are_exported_with_readable_times(product: Product) -> None:
    leave = product.unsubscribe(ZOE, START - timedelta(hours=1))
    product.work(*product.store(product.signup(ZOE, START - timedelta(hours=2)), leave))
    told = states_of(export(product))
    assert set(told) == {"paris"}
    assert told["paris"]["unsubscribed_at"] == "2026-03-01T08:30:00Z"
    assert told["paris"]["unsubscribed_by_event"] == leave.id
    assert told["paris"]["forgotten_at"] is None


def test_after_erasure_only_subscription_states_are_exported(product: Product) -> None:
    product.work(bodies=(BODY,))
    product.clock.forward(minutes=1)
    assert forget(product) == {"erased": 1, "waiting": 0}
    answer = export(product)
    assert answer["events"] == []
    assert states_of(answer)["all accounts"]["forgotten_at"] == "2026-03-01T09:31:00Z"
    assert states_of(answer)["all accounts"]["unsubscribed_at"] == "2026-03-01T09:31:00Z"
    assert set(states_of(answer)) == {"all accounts", "paris", "lyon"}
    assert "Zoé" not in json.dumps(answer, ensure_ascii=False)
    assert "only the subscription state remains" in answer["retention"]["erased"]


def test_an_unknown_person_has_an_empty_export(product: Product) -> None:
    answer = export(product, "nobody@example.com")
    assert (answer["subscription_states"], answer["events"]) == ([], [])


def test_expired_items_are_not_exported(product: Product) -> None:
    product.work(bodies=(BODY,))
    product.clock.forward(days=89.9)
    assert len(export(product)["events"]) == 1
    product.clock.forward(days=0.2)
    answer = export(product)
    assert answer["events"] == []
    assert states_of(answer)["paris"]["signed_up_at"] is not None


def test_states_under_an_older_address_key_are_exported(ledger: MemoryDynamo) -> None:
    old = new_product(dynamo=ledger)
    old.work(bodies=(BODY,))
    keys = (Secret.plain("placeholder-address-key-2"), Secret.plain(ADDRESS_KEY))
    product = new_product(
        settings=settings(privacy=Privacy(keys)), clock=old.clock, providers=old.providers, dynamo=ledger
    )
    product.work(*product.store(product.unsubscribe(ZOE, START)))
    told = states_of(export(product))["paris"]
    assert (told["signed_up_at"], told["unsubscribed_at"]) == ("2026-03-01T09:29:00.500Z", "2026-03-01T09:30:00Z")


def test_an_export_is_complete_or_fails(product: Product) -> None:
    product.work(bodies=(BODY,))
    answer = export(product, milliseconds=4_000)
    assert set(answer) == {"error"}
    assert answer["error"]["kind"] == "later"


@pytest.mark.parametrize("event", [None, {}, {"email": ["zoe@example.com"]}, {"email": "zoe"}, {"address": ZOE}])
def test_wrong_parameters_are_rejected_with_the_right_ones(product: Product, event: Any) -> None:
    answer = product.container.export_person(event, FakeContext())
    assert set(answer) == {"error"}
    assert answer["error"]["kind"] == "caller"


def test_no_log_line_shows_the_person(product: Product, caplog: pytest.LogCaptureFixture) -> None:
    product.paris.rule = lambda *_: ProviderError(Kind.CONTACT, f"{ZOE} is not wanted")
    product.work(bodies=(BODY,))
    with caplog.at_level(logging.DEBUG):
        answer = export(product)
    assert "example.com" not in answer["events"][0]["deliveries"][0]["reason"]
    logged = json.dumps([record.__dict__ for record in caplog.records], default=str, ensure_ascii=False)
    assert "person data exported" in logged
    assert not [stored_data for stored_data in ("zoe@", "Zoé", "203.0.113") if stored_data.lower() in logged.lower()]
