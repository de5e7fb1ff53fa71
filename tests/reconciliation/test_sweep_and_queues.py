"""Lost notifications, accounts that recover, and complete events on queues."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.errors import Kind, LedgerUnavailable, ProviderError
from chalicelib.domain.events import EventType, Sync
from chalicelib.ledger.oldest_pending import Waiting
from chalicelib.notification.notifier import notified_ids
from chalicelib.reconciliation import sweep
from tests.support.aws import TestAws
from tests.support.product import Product, settings


def messages(aws: TestAws, kind: str) -> list[Any]:
    """The bodies of what waits in a queue, taken out of it."""
    url = aws.sqs.get_queue_url(QueueName=f"relais-local-{kind}")["QueueUrl"]
    bodies = []
    while found := aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages"):
        for message in found:
            bodies.append(message["Body"])
            aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return bodies


def test_an_event_whose_notification_was_lost_is_enqueued_again_once_due(product: Product, resources: TestAws) -> None:
    (event_id,) = product.store(product.signup("a@example.com"))
    product.clock.forward(seconds=59)
    assert product.container.sweeper.run() == {"enqueued": 0}
    product.clock.forward(seconds=32)
    assert product.container.sweeper.run() == {"enqueued": 1}
    (body,) = messages(resources, "signups")
    assert notified_ids(json.loads(body)) == [event_id]
    product.work(event_id)
    assert product.container.sweeper.run() == {"enqueued": 0}


def test_unsubscribes_are_enqueued_on_their_own_queue(product: Product, resources: TestAws) -> None:
    product.store(product.unsubscribe("a@example.com", accounts=("paris", "lyon")))
    product.clock.forward(seconds=91)
    assert product.container.sweeper.run() == {"enqueued": 2}
    assert len(messages(resources, "unsubscribes")) == 2


@pytest.mark.seconds
def test_events_above_the_limit_of_a_run_are_enqueued_by_the_next_ones(
    product: Product, resources: TestAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "MOST_A_RUN", 4)
    first = product.store(*(product.signup(f"p{number}@example.com") for number in range(4)))
    product.clock.forward(seconds=31)
    others = product.store(*(product.signup(f"q{number}@example.com") for number in range(6)))
    product.clock.forward(hours=2)
    runs: list[set[str]] = []
    while product.container.sweeper.run() != {"enqueued": 0}:
        runs.append(
            {event_id for body in messages(resources, "signups") for event_id in notified_ids(json.loads(body)) or []}
        )
        product.work(*runs[-1])
        assert len(runs) < 9
    assert runs[0] == set(first), "those that were due first"
    assert runs[1] | runs[2] == set(others)
    assert len(product.paris.emails) == 10


def test_events_of_a_removed_account_are_enqueued_for_every_type(product: Product, resources: TestAws) -> None:
    product.container.sweeper.run()  # both accounts are configured
    sync = Sync("contacts", contacts=({"email": "c@example.com"},))
    ids = product.store(
        product.signup("a@example.com", accounts=("lyon",)),
        product.unsubscribe("b@example.com", accounts=("lyon",)),
        replace(product.signup("", accounts=("lyon",)), type=EventType.SYNC, sync=sync),
    )
    product.settings = settings(accounts={"paris": product.settings.accounts["paris"]})
    product.restart()
    product.clock.forward(seconds=91)
    assert product.container.sweeper.run() == {"enqueued": 3}
    for kind, event_id in zip(("signups", "unsubscribes", "syncs"), ids, strict=True):
        (body,) = messages(resources, kind)
        assert notified_ids(json.loads(body)) == [event_id]


def test_a_queue_with_enough_messages_gets_no_more(
    product: Product, resources: TestAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    product.container.sweeper.run()
    product.store(product.signup("a@example.com"), product.signup("a@example.com", accounts=("lyon",)))
    product.store(product.unsubscribe("b@example.com"))
    product.settings = settings(accounts={"paris": product.settings.accounts["paris"]})
    product.restart()
    product.clock.forward(seconds=91)
    with monkeypatch.context() as busy:
        waiting = {EventType.SIGNUP: sweep.BACKLOG_ENOUGH + 1}
        busy.setattr(product.container.notifier, "backlog", lambda verb: waiting.get(verb, 0))
        assert product.container.sweeper.run() == {"enqueued": 1}, "the unsubscribe"
    assert product.container.sweeper.run() == {"enqueued": 3}


def test_events_are_enqueued_if_the_queue_length_is_unknown(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    product.store(product.signup("a@example.com"), product.signup("b@example.com", accounts=("lyon",)))
    product.clock.forward(seconds=91)

    def unavailable(*_: Any) -> Any:
        raise LedgerUnavailable("the ledger did not answer")

    monkeypatch.setattr(Waiting, "oldest", unavailable)
    assert product.container.sweeper.run() == {"enqueued": 2}


@pytest.mark.seconds
def test_what_the_queue_did_not_accept_when_forms_changed_is_enqueued_by_the_next_run(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    product.container.sweeper.run()
    product.store(product.signup("a@example.com"))
    product.settings = settings(forms={"footer": replace(product.settings.forms["footer"], list="4782")})
    product.restart()
    with monkeypatch.context() as down:
        down.setattr(product.container.notifier, "notify", lambda *_: False)
        assert product.container.sweeper.run() == {"enqueued": 0}
    assert [product.container.sweeper.run() for _ in range(2)] == [{"enqueued": 1}, {"enqueued": 0}]


def test_accounts_take_turns(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    read = product.container.accounts.read

    def watched(account: str) -> Any:
        begun.append(account)
        return read(account)

    monkeypatch.setattr(product.container.accounts, "read", watched)
    firsts = set()
    for _ in range(2):
        begun.clear()
        product.container.sweeper.run()
        firsts.add(begun[0])
        assert set(begun) == {"paris", "lyon"}
        product.clock.forward(minutes=1)
    assert firsts == {"paris", "lyon"}


@pytest.mark.seconds
def test_a_paused_account_is_skipped_then_probed_then_enqueued_at_once(product: Product, resources: TestAws) -> None:
    product.paris.rule = lambda *_: ProviderError(Kind.ACCOUNT, "key")
    ids = product.store(*(product.signup(f"p{n}@example.com") for n in range(3)))
    product.work(ids[0])
    product.clock.forward(seconds=5)
    assert product.container.sweeper.run() == {"enqueued": 0}
    product.clock.forward(seconds=26)
    assert product.container.sweeper.run() == {"enqueued": 3}, "a probe, though nothing is due yet"
    messages(resources, "signups")
    product.paris.rule = None
    product.work(ids[1])
    assert sorted(notified_ids(json.loads(messages(resources, "signups")[0])) or []) == sorted({ids[0], ids[2]})


@pytest.mark.seconds
def test_a_refused_key_is_probed_a_few_times_however_many_events_arrive(product: Product) -> None:
    product.paris.rule = lambda *_: ProviderError(Kind.ACCOUNT, "key")
    for n in range(40):
        product.work(*product.store(product.signup(f"p{n}@example.com")))
        product.clock.forward(seconds=1)
    assert len(product.paris.calls) <= 3


def test_only_one_worker_probes(product: Product) -> None:
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    first, second = product.store(product.signup("a@example.com"), product.signup("b@example.com"))
    product.work(first)
    product.clock.forward(seconds=31)
    seen: list[int] = []

    def probing(*_: object) -> None:
        product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
        other = Product.__new__(Product)
        other.__dict__.update(product.__dict__)
        other.restart()
        other.work(second)
        seen.append(len(product.paris.calls))

    product.paris.rule = probing
    product.work(first)
    assert seen == [2]


def test_a_complete_event_on_a_queue_is_stored_and_delivered(product: Product) -> None:
    body = {"type": "signup", "id": "own-1", "form": "footer", "email": "a@example.com", "fields": {"prenom": "Zoé"}}
    for _ in range(2):
        assert product.work(bodies=(body,)) == {"batchItemFailures": []}
    assert product.paris.rows == [("4781", "a@example.com", {"prenom": "Zoé"})]
    assert product.delivery("own-1")["status"] == "delivered"


def test_an_invalid_event_is_refused_with_a_reason_and_without_the_address(product: Product) -> None:
    product.work(bodies=({"type": "signup", "id": "own-2", "form": "nowhere", "email": "not an address"},))
    view = product.view("own-2")
    assert view["status"] == "refused"
    assert "form" in view["deliveries"][0]["reason"]
    assert "not an address" not in json.dumps(view)


def test_the_same_id_with_other_content_is_refused_and_changes_nothing(product: Product) -> None:
    event = {"type": "signup", "id": "own-3", "form": "footer", "email": "a@example.com"}
    product.work(bodies=(event, {**event, "email": "b@example.com"}))
    assert len(product.paris.emails) == 1


def test_an_unreadable_message_goes_to_the_dead_letter_queue(product: Product, resources: TestAws) -> None:
    assert product.work(bodies=("{not json",)) == {"batchItemFailures": []}
    assert messages(resources, "signups-dlq") == ["{not json"]


def test_only_an_event_that_cannot_be_stored_is_redelivered(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    hold = product.container.events.store

    def sometimes(event: Any) -> bool:
        if event.email == "b@example.com":
            raise LedgerUnavailable("the ledger did not answer")
        return hold(event)

    assert product.container.worker is not None  # made before its parts are replaced
    monkeypatch.setattr(product.container.events, "store", sometimes)
    bodies = tuple({"type": "signup", "form": "footer", "email": f"{name}@example.com"} for name in "abc")
    failures = product.work(bodies=bodies)["batchItemFailures"]
    assert len(failures) == 1
    assert sorted(product.paris.emails) == ["a@example.com", "c@example.com"]


def test_events_of_a_removed_account_are_parked(product: Product) -> None:
    (event_id,) = product.store(product.signup("a@example.com", accounts=("gone",)))
    product.work(event_id)
    assert product.delivery(event_id, "gone")["status"] == "parked"


def test_an_invocation_without_remaining_time_calls_no_provider(product: Product) -> None:
    (event_id,) = product.store(product.signup("a@example.com"))
    product.work(event_id, milliseconds=5_000)
    assert product.paris.calls == []
    product.clock.forward(seconds=91)
    assert product.container.sweeper.run() == {"enqueued": 1}
    product.work(event_id)
    assert product.delivery(event_id)["unknown_outcome"] is False


def test_many_events_are_enqueued_in_few_messages(product: Product, resources: TestAws) -> None:
    assert product.container.notifier.notify(EventType.SIGNUP, [f"e{n}" for n in range(600)])
    found = [notified_ids(json.loads(body)) or [] for body in messages(resources, "signups")]
    assert sorted(len(ids) for ids in found) == [100, 250, 250]
