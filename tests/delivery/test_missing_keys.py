"""While an address key that the ledger was written with is missing, signups wait, and all else goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.config.model import Privacy
from chalicelib.config.secrets import Secret
from chalicelib.domain.addresses import NORMALISATION_VERSION
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.domain.events import EventType, Sync
from chalicelib.ledger.address_key_check import RECORD
from chalicelib.notification.notifier import notified_ids
from chalicelib.observability import metrics
from tests.support.aws import TestAws
from tests.support.http import request
from tests.support.product import ADDRESS_KEY, START, FakeContext, Product

MINUTE = timedelta(minutes=1)
OLD, NEW = ADDRESS_KEY, "placeholder-address-key-2"
FORM = {"content-type": "application/x-www-form-urlencoded"}
Lose = Callable[[Product], None]


def with_keys(product: Product, *keys: str) -> None:
    """Another deployment: the same ledger and providers, other address keys."""
    product.settings = replace(product.settings, privacy=Privacy(tuple(Secret.plain(key) for key in keys)))
    product.restart()


def record_version(product: Product, version: int) -> None:
    product.container.table.update(RECORD, "SET normalisation = :version", {"version": version})
    product.restart()


def roll_back(product: Product) -> None:
    with_keys(product, OLD)


LOST: dict[str, tuple[Lose, Lose]] = {
    "a rollback across a rotation": (roll_back, lambda product: with_keys(product, NEW, OLD)),
    "a newer normalisation": (
        lambda product: record_version(product, NORMALISATION_VERSION + 1),
        lambda product: record_version(product, NORMALISATION_VERSION),
    ),
}
every_loss = pytest.mark.parametrize(("lose", "restore"), LOST.values(), ids=LOST)


@pytest.fixture
def product(resources: TestAws) -> Product:
    """The product after a rotation of its address key; one person has unsubscribed under the new key."""
    made = Product()
    made.work(*made.store(made.signup("long-ago@example.com")))
    with_keys(made, NEW, OLD)
    made.work(*made.store(made.unsubscribe("left@example.com", START)))
    return made


@pytest.fixture
def sweep(product: Product, resources: TestAws) -> Callable[[], None]:
    """A minute passes: sweep announces what is due, and workers deliver it."""

    def minute() -> None:
        product.clock.forward(minutes=1)
        product.container.sweep(FakeContext())
        for kind in ("signups", "unsubscribes", "syncs"):
            url = resources.sqs.get_queue_url(QueueName=f"relais-local-{kind}")["QueueUrl"]
            while found := resources.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
                ids = [one for message in found for one in notified_ids(json.loads(message["Body"])) or ()]
                for message in found:
                    resources.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                product.work(*ids, queue=kind)  # type: ignore[arg-type]

    return minute


def counted(capsys: pytest.CaptureFixture[str], name: str) -> float:
    metrics.flush()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    return sum(line.get(name, 0) for line in lines)


def stored(aws: TestAws) -> list[Any]:
    """All items of the ledger but the record of the keys."""
    items = aws.dynamodb.scan(TableName="relais-local-ledger", ConsistentRead=True)["Items"]
    return [item for item in items if item["pk"]["S"] != RECORD[0]]


def test_a_rotation_finds_what_was_written_under_both_keys(product: Product) -> None:
    product.work(*product.store(product.unsubscribe("long-ago@example.com", START)))
    with_keys(product, "placeholder-address-key-3", NEW, OLD)
    events = [product.signup(f"{name}@example.com", START - MINUTE) for name in ("left", "long-ago")]
    product.work(*product.store(*events))
    assert [product.delivery(event.id)["status"] for event in events] == ["superseded", "superseded"]


@pytest.mark.seconds
def test_a_rollback_before_the_new_key_was_used_is_only_a_warning(
    resources: TestAws, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    product = Product()
    product.work(*product.store(product.signup("a@example.com")))
    with_keys(product, NEW, OLD)
    product.store(product.signup("b@example.com"))
    product.container.sweep(FakeContext())
    roll_back(product)
    join = product.signup("c@example.com")
    product.work(*product.store(join))
    product.container.sweep(FakeContext())
    assert product.delivery(join.id)["status"] == "delivered"
    assert "unused address key missing" in caplog.text
    assert counted(capsys, "address_keys_missing") == 0


@pytest.mark.seconds
@every_loss
def test_signups_wait_and_are_delivered_once_when_the_key_is_back(
    product: Product, sweep: Callable[[], None], lose: Lose, restore: Lose, capsys: pytest.CaptureFixture[str]
) -> None:
    before = product.signup("before@example.com")
    product.store(before)
    lose(product)
    body = urlencode({"email": "new@example.com", "prenom": "Zoé"})
    answer = request(product.container, "POST", "/forms/footer/signup", FORM, body)
    assert answer.status == 202
    for _ in range(2):
        sweep()
    product.clock.forward(hours=2)
    sweep()  # from now on they are due an hour later
    waiting = [before.id, answer.json["id"]]
    for event_id in waiting:
        delivery = product.delivery(event_id)
        assert (delivery["status"], delivery["attempts"], delivery["reason_code"]) == (
            "pending",
            0,
            "address_key_missing",
        )
        assert delivery["reason"].startswith("address key missing: ")
    assert product.paris.calls_of("sign_up") == 1, "that before the rotation"
    assert counted(capsys, "address_keys_missing") == 3, "one a minute, for the alarm"
    restore(product)
    sweep()
    assert [product.delivery(event_id)["status"] for event_id in waiting] == ["delivered", "delivered"]
    assert sorted(product.paris.emails) == ["before@example.com", "long-ago@example.com", "new@example.com"]
    sweep()
    assert product.paris.calls_of("sign_up") == 2
    assert counted(capsys, "address_keys_missing") == 0


@pytest.mark.seconds
@every_loss
def test_a_person_who_left_under_the_missing_key_is_not_signed_up(
    product: Product, sweep: Callable[[], None], lose: Lose, restore: Lose
) -> None:
    lose(product)
    old_export = product.signup("left@example.com", START - MINUTE)
    product.store(old_export)
    product.work(old_export.id)
    for _ in range(3):
        sweep()
    assert "left@example.com" not in product.paris.emails
    restore(product)
    sweep()
    assert product.delivery(old_export.id)["status"] == "superseded"
    assert "left@example.com" not in product.paris.emails


@pytest.mark.seconds
@every_loss
def test_unsubscribes_go_on_and_count_when_the_key_is_back(
    product: Product, sweep: Callable[[], None], lose: Lose, restore: Lose
) -> None:
    lose(product)
    body = urlencode({"email": "leaving@example.com"})
    answer = request(product.container, "POST", "/forms/footer/unsubscribe", FORM, body)
    assert answer.status == 202
    product.work(answer.json["id"], queue="unsubscribes")
    assert product.view(answer.json["id"])["status"] == "delivered"
    assert product.paris.unsubscribed_emails == ["left@example.com", "leaving@example.com"]
    restore(product)
    sweep()
    events = [product.signup(f"{name}@example.com", START - MINUTE) for name in ("leaving", "others")]
    product.work(*product.store(*events))
    assert [product.delivery(event.id)["status"] for event in events] == ["superseded", "delivered"]


def test_the_latest_word_under_any_key_counts_when_the_key_is_back(product: Product) -> None:
    """The person unsubscribes under the new key, and later under the old one."""
    roll_back(product)
    product.work(*product.store(product.unsubscribe("left@example.com", START + 20 * MINUTE)), queue="unsubscribes")
    with_keys(product, NEW, OLD)
    product.clock.forward(hours=1)
    late = [product.signup("left@example.com", START + at * MINUTE) for at in (-10, 10, 20, 30)]
    for event in late:
        product.work(*product.store(event))
    shown = [(one["status"], one["reason"]) for one in (product.delivery(event.id) for event in late)]
    assert shown == [("superseded", None)] * 3 + [("refused", "suppressed")], "Ediware takes no unsubscribe back"


@pytest.mark.seconds
def test_the_time_until_a_signup_is_given_up_counts_from_the_return(
    product: Product, sweep: Callable[[], None]
) -> None:
    roll_back(product)
    join = product.signup("patient@example.com")
    product.work(*product.store(join))
    product.clock.forward(days=30)
    sweep()
    assert product.delivery(join.id)["status"] == "pending"
    with_keys(product, NEW, OLD)
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    for _ in range(2):
        sweep()
        product.clock.forward(days=3)
    assert product.delivery(join.id)["status"] == "pending"
    assert product.delivery(join.id)["reason"] == "down"
    product.clock.forward(days=2)
    sweep()
    assert product.delivery(join.id)["status"] == "parked"


def test_a_worker_that_was_warm_when_another_wrote_with_a_new_key_sees_it(resources: TestAws) -> None:
    """During a deployment one function has the new key already, and another does not."""
    product = Product()
    product.work(*product.store(product.signup("a@example.com")))
    warm = product.container
    with_keys(product, NEW, OLD)
    product.work(*product.store(product.unsubscribe("left@example.com", START)), queue="unsubscribes")
    product.container = warm
    old_export = product.signup("left@example.com", START - MINUTE)
    product.work(*product.store(old_export))
    assert product.delivery(old_export.id)["reason_code"] == "address_key_missing"
    assert product.paris.emails == ["a@example.com"]


def test_a_form_signup_that_is_repeated_after_the_rollback_is_the_same_event(product: Product) -> None:
    body = urlencode({"email": "new@example.com", "prenom": "Zoé"})

    def post() -> str:
        return str(request(product.container, "POST", "/forms/footer/signup", FORM, body).json["id"])

    first = post()
    roll_back(product)
    assert post() == first
    stated = product.signup("b@example.com", id="stated")
    product.store(stated)
    assert product.container.events.store(stated) is False, "the same content, whatever key is first"


@pytest.mark.seconds
def test_a_sync_of_contacts_waits_and_makes_each_signup_once(product: Product, sweep: Callable[[], None]) -> None:
    contacts = Sync("contacts", contacts=({"email": "row@example.com"},))
    sync = replace(product.signup(""), type=EventType.SYNC, sync=contacts)
    roll_back(product)
    product.store(sync)
    product.work(sync.id, queue="syncs")
    product.clock.forward(hours=2)
    sweep()  # from now on it is due an hour later
    assert product.delivery(sync.id)["reason_code"] == "address_key_missing"
    with_keys(product, NEW, OLD)
    sweep()
    sweep()
    assert product.delivery(sync.id)["status"] == "delivered"
    assert product.paris.emails.count("row@example.com") == 1


@pytest.mark.parametrize("function", ["forget", "export_person", "audit"])
def test_operators_functions_that_would_be_incomplete_say_so_and_do_nothing(
    product: Product, resources: TestAws, function: str
) -> None:
    roll_back(product)
    before = stored(resources)
    asked = {} if function == "audit" else {"email": "left@example.com"}
    answer: dict[str, Any] = getattr(product.container, function)(asked, FakeContext())
    assert answer["error"]["message"].startswith("address key missing: ")
    assert stored(resources) == before
    with_keys(product, NEW, OLD)
    assert "error" not in getattr(product.container, function)(asked, FakeContext())


def test_check_and_report_say_what_is_the_matter(product: Product) -> None:
    roll_back(product)
    product.work(*product.store(product.signup("new@example.com")))
    checked = product.container.check({}, FakeContext())
    assert checked["ok"] is False
    problems = [one["problem"] for one in checked["accounts"]["paris"]["problems"]]
    assert [one for one in problems if one.startswith("address key missing: ")]
    assert product.container.report(FakeContext())["pending"] == 1
