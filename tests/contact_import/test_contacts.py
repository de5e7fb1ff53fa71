"""Contacts syncs: every contact becomes a signup in the ledger; some providers fetch the file themselves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.config.model import RetryPolicy
from chalicelib.domain.errors import Kind, LedgerUnavailable, ProviderError
from chalicelib.ledger.events import EventStore
from tests.contact_import.syncs import LIST, enqueued, items, made, people, resend, run, sync
from tests.contract.scripted import Scripted, answer
from tests.support.aws import TestAws
from tests.support.product import Product


class TestInline:
    def test_every_contact_becomes_a_signup(self, product: Product, aws: TestAws) -> None:
        event = sync(contacts=people(3), occurred_at="2026-03-01T09:00:00Z", **LIST)
        run(product, event)
        stored = made(product, aws)
        assert sorted(one.event.email for one in stored) == [f"person{n}@example.com" for n in range(3)]
        for one in stored:
            assert one.event.accounts == ("paris",)
            assert (one.event.list, one.event.may_lift_suppression) == ("4781", False)
            assert one.event.occurred_at.isoformat() == "2026-03-01T09:00:00+00:00"
            assert set(one.event.fields) == {"prenom"}
        view = product.view(event["id"])
        assert (view["type"], view["status"]) == ("sync", "delivered")
        assert (
            view["deliveries"][0] | {"account": "paris", "attempts": 1, "reason": "held 3, refused 0"}
            == (view["deliveries"][0])
        )
        product.work(*(one.event.id for one in stored))
        assert sorted(product.paris.emails) == sorted(person["email"] for person in people(3))

    def test_a_wrong_contact_is_refused_alone(self, product: Product, aws: TestAws) -> None:
        bad = [{"email": "nobody"}, {"prenom": "Zoé"}, {"email": "  "}]
        event = sync(contacts=[*people(2), *bad], **LIST)
        run(product, event)
        assert product.delivery(event["id"])["reason"] == "held 2, refused 3 (contacts 3, 4, 5)"
        assert product.view(event["id"])["status"] == "delivered"
        assert len(made(product, aws)) == 2
        refused = [item for item in items(aws) if item.get("reason", {}).get("S", "").startswith("invalid: contact")]
        assert len(refused) == 3
        assert all(item["email"]["S"] == "" and item["status"]["S"] == "refused" for item in refused)

    def test_the_address_can_be_in_the_address_column_of_the_list(self, product: Product, aws: TestAws) -> None:
        product.paris.address_column = "adresse"
        run(product, sync(contacts=[{"adresse": "zoe@example.com", "ville": "Lyon"}], **LIST))
        (one,) = made(product, aws)
        assert (one.event.email, dict(one.event.fields)) == ("zoe@example.com", {"ville": "Lyon"})
        assert product.paris.calls_of("address_field") == 1

    def test_the_provider_is_not_called_when_there_is_an_email_column(self, product: Product, aws: TestAws) -> None:
        product.paris.rule = lambda verb, emails: ProviderError(Kind.ACCOUNT, "the key is wrong")
        run(product, sync(contacts=people(1), **LIST))
        assert len(made(product, aws)) == 1

    def test_contacts_without_any_address_are_refused(self, product: Product) -> None:
        event = sync(contacts=[{"nom": "zoe@example.com"}], **LIST)
        product.paris.address_column = "adresse"
        run(product, event)
        delivery = product.delivery(event["id"])
        assert (delivery["status"], delivery["reason"]) == (
            "refused",
            "there is no column email and none adresse: call the column of the addresses by one of the two",
        )

    def test_a_repeated_sync_creates_nothing(self, product: Product, aws: TestAws) -> None:
        event = sync(contacts=people(5), **LIST)
        run(product, event)
        before = {one.event.id for one in made(product, aws)}
        run(product, event)
        assert made(product, aws) == []
        assert len(before) == 5
        run(product, {**event, "contacts": people(6)})
        assert product.view(event["id"])["status"] == "delivered"
        assert made(product, aws) == []

    def test_contacts_of_a_sync_are_not_stored_twice(self, product: Product, aws: TestAws) -> None:
        event = sync(contacts=people(2), **LIST)
        run(product, event)
        (item,) = [item for item in items(aws) if item["pk"]["S"] == f"E#{event['id']}"]
        assert "person0" not in json.dumps(item)
        assert item["sync"]["M"] == {"kind": {"S": "contacts"}}

    def test_a_repeated_row_is_one_signup(self, product: Product, aws: TestAws) -> None:
        run(product, sync(contacts=[*people(1), *people(1)], **LIST))
        assert len(made(product, aws)) == 1

    def test_other_queues_forward_it_to_the_sync_queue(self, product: Product, aws: TestAws) -> None:
        event = sync(contacts=people(1), **LIST)
        product.work(bodies=(event,), queue="unsubscribes")
        assert product.view(event["id"])["status"] == "pending"
        assert enqueued(aws, "relais-local-syncs") == [event["id"]]
        product.work(event["id"], queue="syncs")
        assert product.view(event["id"])["status"] == "delivered"

    @pytest.mark.no_cover
    def test_a_thousand_contacts_of_maximum_length_are_accepted(self, product: Product, aws: TestAws) -> None:
        """256 KB of JSON still fit into one item of the ledger."""
        contacts = [{"email": f"p{number}@example.com", "note": "é" * 99} for number in range(1000)]
        event = sync(contacts=contacts, **LIST)
        size = len(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode())
        contacts[0]["note"] += "x" * (256 * 1024 - size)
        run(product, event)
        assert product.delivery(event["id"])["reason"] == "held 1000, refused 0"


class TestUnsubscribedContacts:
    def test_an_import_never_resubscribes(self, product: Product, aws: TestAws) -> None:
        product.work(*product.store(product.unsubscribe("person0@example.com")))
        later = product.unsubscribe("person1@example.com", product.clock.now.replace(year=2027))
        product.work(*product.store(later))
        product.clock.forward(hours=1)
        run(product, sync(contacts=people(3), **LIST))
        ids = {one.event.email: one.event.id for one in made(product, aws)}
        product.work(*ids.values())
        assert product.paris.emails == ["person2@example.com"]
        first, second = (product.delivery(ids[f"person{number}@example.com"]) for number in (0, 1))
        assert (first["status"], first["reason"]) == ("refused", "suppressed")
        assert second["status"] == "superseded"


class TestFetchedByTheProvider:
    def test_the_provider_gets_the_url_and_nothing_else_happens(
        self, product: Product, aws: TestAws, host: Scripted
    ) -> None:
        event = sync(source="bulk")
        run(product, event)
        assert product.paris.fetched == [("4781", f"{host.url}/export.csv")]
        delivery = product.delivery(event["id"])
        assert (delivery["status"], delivery["reason"]) == ("delivered", "fetched by the provider itself")
        assert host.connections == 0
        product.work(event["id"], queue="syncs")
        assert len(product.paris.fetched) == 1

    @pytest.mark.parametrize(
        ("kind", "status", "unknown"),
        [
            (Kind.LATER, "pending", False),
            (Kind.ACCOUNT, "pending", False),
            (Kind.UNKNOWN, "pending", True),
            (Kind.CALLER, "refused", False),
        ],
    )
    def test_provider_errors_refuse_retry_or_pause(
        self, product: Product, kind: Kind, status: str, unknown: bool
    ) -> None:
        product.paris.after = lambda verb, emails: ProviderError(kind, "no")
        event = sync(source="bulk")
        run(product, event)
        delivery = product.delivery(event["id"])
        assert (delivery["status"], delivery["unknown_outcome"]) == (status, unknown)
        assert delivery["reason"] == "source bulk: no"
        assert product.container.accounts.read("paris").pause is None

    def test_a_worker_that_died_during_the_call_leaves_an_unknown_outcome(
        self, product: Product, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        event = sync(source="bulk")

        def dies(verb: str, emails: Sequence[str]) -> None:
            raise KeyboardInterrupt

        product.paris.after = dies
        with pytest.raises(KeyboardInterrupt):
            run(product, event)
        product.paris.after = None
        product.restart()
        product.clock.forward(minutes=10)
        product.work(event["id"], queue="syncs")
        delivery = product.delivery(event["id"])
        assert (delivery["status"], delivery["unknown_outcome"]) == ("delivered", True)
        assert len(product.paris.fetched) == 2

    def test_an_unknown_outcome_is_recorded_also_if_the_account_is_paused_when_a_worker_looks_next(
        self, product: Product
    ) -> None:
        event = sync(source="bulk")
        product.paris.after = lambda verb, emails: (_ for _ in ()).throw(KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            run(product, event)
        product.paris.after = None
        product.restart()
        product.clock.forward(minutes=10)
        product.paris.rule = lambda verb, emails: ProviderError(Kind.LATER, "busy", retry_after=600)
        product.work(*product.store(product.signup("zoe@example.com")))
        product.paris.rule = None
        product.work(event["id"], queue="syncs")
        assert (len(product.paris.fetched), product.delivery(event["id"])["unknown_outcome"]) == (1, True)
        product.clock.forward(hours=2)
        product.work(event["id"], queue="syncs")
        delivery = product.delivery(event["id"])
        assert (len(product.paris.fetched), delivery["status"], delivery["unknown_outcome"]) == (2, "delivered", True)

    @pytest.mark.parametrize(("write", "kind"), [("finish", None), ("postpone", Kind.UNKNOWN)])
    def test_an_outcome_that_the_ledger_does_not_record_is_unknown(
        self, product: Product, monkeypatch: pytest.MonkeyPatch, write: str, kind: Kind | None
    ) -> None:
        def unavailable(*_: Any) -> bool:
            raise LedgerUnavailable("the ledger did not answer")

        product.paris.after = lambda verb, emails: ProviderError(kind, "no answer") if kind else None
        event = sync(source="bulk")
        with monkeypatch.context() as failing:
            failing.setattr(EventStore, write, unavailable)
            run(product, event)
        product.paris.after = None
        product.clock.forward(minutes=10)
        product.work(event["id"], queue="syncs")
        delivery = product.delivery(event["id"])
        assert (delivery["status"], delivery["unknown_outcome"]) == ("delivered", True)
        assert len(product.paris.fetched) == 2

    def test_field_case_22_a_file_whose_every_fetch_breaks_off_is_parked(self, product: Product) -> None:
        """Each attempt may add all of its rows again."""
        product.paris.after = lambda verb, emails: ProviderError(Kind.UNKNOWN, "no answer")
        event = sync(source="bulk")
        run(product, event)
        for _ in range(10):
            product.clock.forward(hours=2)
            product.work(event["id"], queue="syncs")
        delivery = product.delivery(event["id"])
        assert (len(product.paris.fetched), delivery["status"], delivery["unknown_outcome"]) == (3, "parked", True)
        assert delivery["reason"] == "source bulk: outcome unknown after 3 attempts: no answer"
        product.paris.after = None
        resend(product, "parked", event["id"])
        product.work(event["id"], queue="syncs")
        assert product.delivery(event["id"])["status"] == "delivered"

    def test_a_fetch_whose_workers_died_is_parked_too(self, product: Product) -> None:
        product.paris.after = lambda verb, emails: (_ for _ in ()).throw(KeyboardInterrupt)
        event = sync(source="bulk")
        with pytest.raises(KeyboardInterrupt):
            run(product, event)
        for _ in range(2):
            product.restart()
            product.clock.forward(minutes=10)
            with pytest.raises(KeyboardInterrupt):
                product.work(event["id"], queue="syncs")
        product.paris.after = None
        product.restart()
        product.clock.forward(minutes=10)
        product.work(event["id"], queue="syncs")
        assert (len(product.paris.fetched), product.delivery(event["id"])["status"]) == (3, "parked")

    def test_a_paused_account_is_not_called(self, product: Product) -> None:
        product.paris.rule = lambda verb, emails: ProviderError(Kind.LATER, "busy", retry_after=600)
        product.work(*product.store(product.signup("zoe@example.com")))
        product.paris.rule = None
        event = sync(source="bulk")
        run(product, event)
        assert product.paris.fetched == []
        product.clock.forward(seconds=601)
        product.work(event["id"], queue="syncs")
        assert len(product.paris.fetched) == 1


def test_give_up_time_counts_from_the_resend(product: Product, host: Scripted) -> None:
    product.settings = replace(product.settings, delivery=RetryPolicy(give_up_after_hours=1))
    product.restart()
    host.otherwise = answer(b"", 500)
    event = sync(source="crm")
    run(product, event)
    product.clock.forward(hours=2)
    product.work(event["id"], queue="syncs")
    assert product.delivery(event["id"])["status"] == "parked"
    resend(product, "parked", event["id"])
    product.work(event["id"], queue="syncs")
    assert product.delivery(event["id"])["status"] == "pending"
