"""Contacts syncs of a file: wrong files, failing hosts, files that change, workers that end or die."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.contact_import import contacts
from chalicelib.contact_import.contacts import ContactsSync
from chalicelib.contact_import.rows import Rows
from chalicelib.domain.errors import LedgerUnavailable
from chalicelib.domain.events import Event
from chalicelib.ledger.events import EventStore
from chalicelib.observability import metrics
from tests.contact_import.syncs import csv_of, enqueued, items, made, people, resend, run, serve, sync
from tests.contract.scripted import Scripted, answer
from tests.support.aws import TestAws
from tests.support.product import Product, settings


class TestFiles:
    def test_every_row_becomes_a_signup_and_bad_rows_are_reported(
        self, product: Product, aws: TestAws, host: Scripted
    ) -> None:
        lines = ["email;prenom", "a@example.com;Zoé", "", "nobody;x", "b@e.fr;x;y", "c@example.com;Léa", "d@e.fr;"]
        serve(host, "\n".join(lines).encode("cp1252"))
        event = sync(source="crm")
        run(product, event)
        assert product.delivery(event["id"])["reason"] == "held 3, refused 2 (lines 4, 5)"
        stored = {one.event.email: dict(one.event.fields) for one in made(product, aws)}
        assert stored == {"a@example.com": {"prenom": "Zoé"}, "c@example.com": {"prenom": "Léa"}, "d@e.fr": {}}

    def test_only_the_first_bad_lines_are_named(self, product: Product, host: Scripted) -> None:
        serve(host, b"email\n" + b"nobody\n" * 30)
        event = sync(source="crm")
        run(product, event)
        named = ", ".join(str(number) for number in range(2, 22))
        assert product.delivery(event["id"])["reason"] == f"held 0, refused 30 (lines {named}, …)"

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"<html>log in</html>", "an HTML page instead of a CSV file"),
            (b"", "the file is empty"),
            (b"nom;prenom\nx;y\n", "there is no column email"),
        ],
    )
    def test_an_invalid_file_refuses_the_sync(
        self, product: Product, host: Scripted, content: bytes, reason: str
    ) -> None:
        serve(host, content)
        event = sync(source="crm")
        run(product, event)
        delivery = product.delivery(event["id"])
        assert (delivery["status"], delivery["reason"]) == ("refused", f"source crm: {reason}")

    def test_a_failing_host_is_retried_with_backoff(self, product: Product, host: Scripted) -> None:
        host.otherwise = answer(b"", 500)
        event = sync(source="crm")
        run(product, event)
        waits = []
        for attempts in range(1, 5):
            delivery = product.delivery(event["id"])
            assert (delivery["status"], delivery["attempts"]) == ("pending", attempts)
            assert delivery["reason"] == "source crm: the host failed (HTTP 500)"
            product.work(event["id"], queue="syncs")
            assert product.delivery(event["id"])["attempts"] == attempts, "it is not due yet"
            started = product.clock.now
            while product.delivery(event["id"])["attempts"] == attempts:
                product.clock.forward(seconds=15)
                product.work(event["id"], queue="syncs")
            waits.append((product.clock.now - started).total_seconds())
        assert waits == [30, 60, 120, 240]
        assert product.container.accounts.read("paris").pause is None
        serve(host, csv_of(people(2)))
        product.clock.forward(hours=1)
        product.work(event["id"], queue="syncs")
        assert product.delivery(event["id"])["reason"] == "held 2, refused 0"

    def test_a_sync_is_finally_parked_and_can_be_resent(self, product: Product, host: Scripted) -> None:
        event = sync(source="crm")
        host.otherwise = answer(b"", 503)
        run(product, event)
        product.clock.forward(hours=169)
        product.work(event["id"], queue="syncs")
        assert product.delivery(event["id"])["status"] == "parked"
        serve(host, csv_of(people(2)))
        assert resend(product, "parked", event["id"]) == {"resent": 1}
        product.work(event["id"], queue="syncs")
        assert product.delivery(event["id"])["reason"] == "held 2, refused 0"

    def test_a_refused_sync_can_be_resent_once_the_file_is_corrected(self, product: Product, host: Scripted) -> None:
        event = sync(source="crm")
        run(product, event)
        assert product.delivery(event["id"])["reason"] == "source crm: the host returned no file (HTTP 404)"
        serve(host, csv_of(people(2)))
        assert resend(product, "refused", event["id"]) == {"resent": 1}
        product.work(event["id"], queue="syncs")
        assert product.delivery(event["id"])["reason"] == "held 2, refused 0"

    def test_a_private_address_is_refused_unless_allowed(self, product: Product, host: Scripted) -> None:
        serve(host, csv_of(people(1)))
        source = replace(product.settings.sources["crm"], allow_private=False)
        product.settings = replace(product.settings, sources={"crm": source})
        product.restart()
        event = sync(source="crm")
        run(product, event)
        assert "allow_private" in product.delivery(event["id"])["reason"]
        assert host.connections == 0

    def test_a_sync_of_a_removed_account_is_parked(self, product: Product) -> None:
        event = sync(source="crm")
        product.work(bodies=(event,), queue="signups")
        product.settings = settings()
        product.restart()
        product.work(event["id"], queue="syncs")
        delivery = product.delivery(event["id"])
        assert (delivery["status"], delivery["reason"]) == ("refused", "source crm: it is not configured any more")

    def test_sweep_enqueues_a_sync_whose_notification_was_lost(
        self, product: Product, aws: TestAws, host: Scripted
    ) -> None:
        serve(host, csv_of(people(1)))
        event = sync(source="crm")
        product.work(bodies=(event,), queue="signups")
        enqueued(aws, "relais-local-syncs")
        product.clock.forward(seconds=100)
        product.container.sweeper.run()
        assert enqueued(aws, "relais-local-syncs") == [event["id"]]


class TestLongFiles:
    """Files that one invocation cannot finish."""

    @pytest.fixture(autouse=True)
    def small_chunks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(contacts, "CHUNK", 10)

    @pytest.fixture
    def slowly(self, product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
        """Storing each chunk takes 40 seconds."""
        store = ContactsSync._store

        def slow(self: ContactsSync, events: Sequence[Event]) -> None:
            store(self, events)
            product.clock.forward(seconds=40)

        monkeypatch.setattr(ContactsSync, "_store", slow)

    @pytest.mark.usefixtures("slowly")
    def test_the_next_invocation_continues(self, product: Product, aws: TestAws, host: Scripted) -> None:
        serve(host, csv_of(people(75)))
        event = sync(source="crm")
        run(product, event)
        delivery = product.delivery(event["id"])
        assert (delivery["status"], delivery["reason"], delivery["attempts"]) == (
            "pending", "so far held 30, refused 0", 0,
        )  # fmt: skip
        ids = made(product, aws)
        assert len(ids) == 30
        assert enqueued(aws, "relais-local-syncs") == [event["id"]]
        product.work(event["id"], queue="syncs")
        assert len(made(product, aws)) == 30, "stored rows are not stored again"
        product.work(event["id"], queue="syncs")
        assert len(made(product, aws)) == 15
        assert product.delivery(event["id"])["reason"] == "held 75, refused 0"

    @pytest.mark.usefixtures("slowly")
    def test_a_changed_file_is_restarted_without_losing_or_doubling_rows(
        self, product: Product, aws: TestAws, host: Scripted
    ) -> None:
        serve(host, csv_of(people(50)))
        event = sync(source="crm")
        run(product, event)
        emails = [one.event.email for one in made(product, aws)]
        serve(host, csv_of([*people(5, start=100), *people(50)]))
        product.work(event["id"], queue="syncs")
        assert "starts again" in product.delivery(event["id"])["reason"]
        while product.view(event["id"])["status"] == "pending":
            product.clock.forward(seconds=60)
            product.work(event["id"], queue="syncs")
        assert product.delivery(event["id"])["reason"] == "held 55, refused 0"
        everybody = [item["email"]["S"] for item in items(aws) if item.get("type", {}).get("S") == "signup"]
        assert sorted(everybody) == sorted(person["email"] for person in [*people(50), *people(5, start=100)])
        assert set(emails) < set(everybody)

    @pytest.mark.usefixtures("slowly")
    def test_a_file_that_keeps_changing_is_given_up(self, product: Product, host: Scripted) -> None:
        event = sync(source="crm")
        serve(host, csv_of(people(50)))
        run(product, event)
        for start in range(1, 20):
            serve(host, csv_of(people(50, start)))
            product.clock.forward(hours=1)
            product.work(event["id"], queue="syncs")
            if product.view(event["id"])["status"] != "pending":
                break
        assert "a different one each time" in product.delivery(event["id"])["reason"]

    def test_a_sync_of_a_dead_worker_is_taken_over(
        self, product: Product, aws: TestAws, host: Scripted, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        serve(host, csv_of(people(50)))
        event = sync(source="crm")
        hold, calls = EventStore.store, []

        def dies(self: EventStore, one: Event) -> bool:
            calls.append(one.id)
            if len(calls) == 26:
                raise KeyboardInterrupt
            return hold(self, one)

        monkeypatch.setattr(EventStore, "store", dies)
        with pytest.raises(KeyboardInterrupt):
            run(product, event)
        monkeypatch.setattr(EventStore, "store", hold)
        product.restart()
        product.work(event["id"], queue="syncs")
        assert product.view(event["id"])["status"] == "pending", "its worker may still be alive"
        product.clock.forward(seconds=91)
        product.work(event["id"], queue="syncs")
        assert product.delivery(event["id"])["reason"] == "held 50, refused 0"
        everybody = [item["email"]["S"] for item in items(aws) if item.get("type", {}).get("S") == "signup"]
        assert sorted(everybody) == sorted(person["email"] for person in people(50))

    def test_a_worker_without_its_lease_stops(
        self, product: Product, aws: TestAws, host: Scripted, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The worker was suspended beyond its lease, and another worker has finished meanwhile."""
        serve(host, csv_of(people(30)))
        event = sync(source="crm")
        import_rows, asleep = ContactsSync._import, [True]

        def run_slowly(self: ContactsSync, rows: Rows) -> str:
            if asleep.pop() if asleep else False:
                product.clock.forward(seconds=91)
                product.work(event["id"], queue="syncs", milliseconds=120_000)
                assert product.view(event["id"])["status"] == "delivered"
            return import_rows(self, rows)

        monkeypatch.setattr(ContactsSync, "_import", run_slowly)
        run(product, event, milliseconds=300_000)
        assert product.delivery(event["id"])["attempts"] == 1
        ids = enqueued(aws, "relais-local-signups")
        assert len(set(ids)) == 30
        assert len(ids) == 30 + contacts.CHUNK, "it noticed after one chunk"

    def test_a_ledger_error_does_not_count_as_a_failed_attempt(
        self, product: Product, host: Scripted, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        serve(host, csv_of(people(30)))
        event = sync(source="crm")
        hold = EventStore.store
        calls: list[str] = []

        def fails(self: EventStore, one: Event) -> bool:
            calls.append(one.id)
            if len(calls) > 15:
                raise LedgerUnavailable("down")
            return hold(self, one)

        monkeypatch.setattr(EventStore, "store", fails)
        run(product, event)
        assert product.view(event["id"])["status"] == "pending"
        monkeypatch.setattr(EventStore, "store", hold)
        product.clock.forward(seconds=91)
        product.work(event["id"], queue="syncs")
        assert product.delivery(event["id"])["reason"] == "held 30, refused 0"

    @pytest.mark.usefixtures("slowly")
    @pytest.mark.parametrize(
        ("change", "value"),
        [
            ("SET progress.#name = :no", {"S": "many"}),
            ("REMOVE progress.#name", None),
            ("SET progress = :no", {"S": "rows"}),
            ("REMOVE progress.#name SET lease_until = :no", {"S": "later"}),
        ],
    )
    def test_malformed_progress_is_passed_over_and_the_sync_starts_from_the_beginning(
        self,
        product: Product,
        aws: TestAws,
        host: Scripted,
        monkeypatch: pytest.MonkeyPatch,
        change: str,
        value: dict[str, str] | None,
    ) -> None:
        counted: list[str] = []
        monkeypatch.setattr(metrics, "count", lambda name, value=1, account=None: counted.append(name))
        serve(host, csv_of(people(50)))
        event = sync(source="crm")
        run(product, event)
        names = {"#name": "rows"} if "#name" in change else {}
        update: dict[str, Any] = {"ExpressionAttributeNames": names} if names else {}
        if value is not None:
            update["ExpressionAttributeValues"] = {":no": value}
        key: Any = {"pk": {"S": f"P#{event['id']}"}, "sk": {"S": "sync"}}
        aws.dynamodb.update_item(TableName="relais-local-ledger", Key=key, UpdateExpression=change, **update)
        product.work(event["id"], queue="syncs", milliseconds=300_000)
        assert product.delivery(event["id"])["reason"] == "held 50, refused 0"
        assert counted.count("malformed_items") == 1
        everybody = [item["email"]["S"] for item in items(aws) if item.get("type", {}).get("S") == "signup"]
        assert sorted(everybody) == sorted(person["email"] for person in people(50))

    def test_no_sync_is_started_without_enough_time(self, product: Product, aws: TestAws, host: Scripted) -> None:
        serve(host, csv_of(people(1)))
        event = sync(source="crm")
        run(product, event, milliseconds=12_000)
        assert host.connections == 0
        assert enqueued(aws, "relais-local-syncs") == [event["id"]]
