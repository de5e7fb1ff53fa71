"""Contacts syncs: every row becomes a signup in the ledger, through failures of file, worker and provider."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.config.model import RetryPolicy
from chalicelib.contact_import import contacts
from chalicelib.contact_import.contacts import ContactsSync
from chalicelib.contact_import.rows import Rows
from chalicelib.domain.errors import Kind, LedgerUnavailable, ProviderError
from chalicelib.domain.events import Event, StoredEvent
from chalicelib.ledger.events import EventStore
from chalicelib.observability import metrics
from tests.contract.scripted import Scripted, answer
from tests.support.aws import TestAws
from tests.support.product import Product, settings

LIST = {"account": "paris", "list": "4781"}


def sync(**members: Any) -> dict[str, Any]:
    return {"type": "sync", "id": str(uuid.uuid4()), "kind": "contacts", **members}


def people(count: int, start: int = 0) -> list[dict[str, str]]:
    return [{"email": f"person{number}@example.com", "prenom": f"P{number}"} for number in range(start, start + count)]


def csv_of(rows: Sequence[Mapping[str, str]], separator: str = ";") -> bytes:
    lines = [separator.join(rows[0]), *(separator.join(row.values()) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def serve(host: Scripted, content: bytes) -> None:
    host.otherwise = answer(content, headers={"Content-Type": "text/csv"})


def enqueued(aws: TestAws, queue: str) -> list[str]:
    """The ids of notifications on a queue, which are removed."""
    ids: list[str] = []
    url = aws.queue_url(queue)
    while messages := aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages"):
        for message in messages:
            ids += json.loads(message["Body"])["event_ids"]
            aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return ids


def made(product: Product, aws: TestAws) -> list[StoredEvent]:
    return product.container.events.load(enqueued(aws, "relais-local-signups"))


def run(product: Product, *events: Mapping[str, Any], **options: Any) -> None:
    answered = product.work(bodies=events, queue="syncs", **options)
    assert answered == {"batchItemFailures": []}


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


def items(aws: TestAws) -> list[dict[str, Any]]:
    pages = aws.dynamodb.get_paginator("scan").paginate(TableName="relais-local-ledger")
    return [item for page in pages for item in page["Items"]]


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


def resend(product: Product, status: str, event_id: str) -> dict[str, Any]:
    from tests.support.product import FakeContext

    return product.container.resend({"status": status, "id": event_id}, FakeContext())


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
