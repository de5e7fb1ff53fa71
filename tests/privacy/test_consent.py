"""Evidence of consent is stored with the subscription state while the person is signed up, and some years longer."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.config.model import Privacy
from chalicelib.config.secrets import Secret
from chalicelib.delivery.deadline import Deadline
from chalicelib.domain.addresses import Reading
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.domain.events import Consent, Door, Event, EventType
from chalicelib.ledger.subscriptions import DeliveryAttempt
from tests.privacy.support import dump, export, forget
from tests.support.http import request
from tests.support.interleaving import Died
from tests.support.memory import MemoryDynamo
from tests.support.product import ADDRESS_KEY, START, FakeContext, Product, settings
from tests.support.reference import World

ZOE = "zoe@example.com"
MINUTE = timedelta(minutes=1)
EVIDENCE = ("first_consent", "latest_consent", "lease_consents")


def signup(product: Product, text: str, minute: int = 0, **more: Any) -> Event:
    consent = Consent("https://www.example.com/", text, "203.0.113.9", START + minute * MINUTE, door=Door.WEBHOOK)
    return product.signup(ZOE, START + minute * MINUTE, **{"consent": consent, **more})


def texts(product: Product, account: str = "paris") -> list[str | None]:
    """The versions in the exported first and latest evidence."""
    for state in export(product)["subscription_states"]:
        if state["account"] == account:
            return [(state[name] or {}).get("text") for name in ("first_consent", "latest_consent")]
    return [None, None]


def stored(ledger: MemoryDynamo) -> int:
    """How many subscription states hold evidence."""
    return sum(any(name in item for name in EVIDENCE) for item in dump(ledger) if item["pk"]["S"].startswith("A#"))


def night(product: Product, **later: float) -> None:
    """A whole nightly pass."""
    product.clock.forward(**later)
    product.clock.now = product.clock().replace(hour=3)
    product.container.nightly_pass.run(Deadline.of(FakeContext(), product.clock))


def with_older_key(product: Product) -> None:
    """From now on another key writes."""
    keys = (Secret.plain("placeholder-address-key-2"), Secret.plain(ADDRESS_KEY))
    product.settings = settings(privacy=Privacy(keys))
    product.restart()


def test_a_delivered_form_signup_leaves_its_evidence_with_the_state(product: Product) -> None:
    body = json.dumps({"email": ZOE, "consent": {"text": "v3", "wording": "Oui."}})
    headers = {"content-type": "application/json", "referer": "https://www.example.com/news?id=1"}
    event_id = request(product.container, "POST", "/forms/footer/signup", headers, body).json["id"]
    product.work(event_id)
    (state,) = export(product)["subscription_states"]
    assert state["first_consent"] == state["latest_consent"]
    digest = state["first_consent"].pop("wording_sha256")
    assert len(digest) == 64
    assert state["first_consent"] == {
        "at": "2026-03-01T09:30:00Z",
        "door": "form",
        "source": "https://www.example.com/news",
        "ip": "203.0.113.9",
        "text": "v3",
        "form": "footer",
        "list": "4781",
    }


def test_signed_events_and_queues_bring_their_own_evidence(product: Product) -> None:
    body = {"type": "signup", "account": "paris", "list": "4781", "email": ZOE}
    product.work(bodies=(body | {"consent": {"text": "v1", "ip": "203.0.113.9"}},))
    (state,) = export(product)["subscription_states"]
    evidence = state["latest_consent"]
    assert (evidence["door"], evidence["text"], evidence["ip"], evidence["form"]) == (
        "queue",
        "v1",
        "203.0.113.9",
        None,
    )
    product.clock.forward(minutes=1)
    product.work(bodies=(body,))
    assert texts(product) == ["v1", "v1"], "a signup without consent brings none, and takes none away"


def test_an_import_brings_no_evidence(product: Product, ledger: MemoryDynamo) -> None:
    contacts = [{"email": ZOE, "prenom": "Zoé"}]
    sync = {"type": "sync", "kind": "contacts", "account": "paris", "list": "4781", "contacts": contacts}
    product.work(bodies=(sync,), queue="syncs")
    product.work(*(item["pk"]["S"][2:] for item in dump(ledger) if item.get("type") == {"S": "signup"}))
    assert product.paris.emails == [ZOE]
    assert stored(ledger) == 0


def test_of_several_signups_the_first_and_the_latest_are_kept(product: Product) -> None:
    for minute in range(4):
        product.work(*product.store(signup(product, f"v{minute}", minute)))
    assert texts(product) == ["v0", "v3"]


def test_evidence_outlasts_the_events(product: Product, ledger: MemoryDynamo) -> None:
    for minute in range(2):
        product.work(*product.store(signup(product, f"v{minute}", minute)))
    for pk in [pk for pk in ledger.items if pk.startswith("E#")]:
        del ledger.items[pk]
    night(product, days=10 * 366)
    assert texts(product) == ["v0", "v1"], "she is signed up still"


@pytest.mark.parametrize("kind", [Kind.CONTACT, Kind.LATER, Kind.ACCOUNT])
def test_a_signup_that_is_not_delivered_brings_none(product: Product, ledger: MemoryDynamo, kind: Kind) -> None:
    product.paris.rule = lambda *_: ProviderError(kind, "no")
    product.work(*product.store(signup(product, "v1")))
    assert stored(ledger) == 0


def test_a_suppressed_and_a_superseded_signup_bring_none(product: Product, ledger: MemoryDynamo) -> None:
    product.work(*product.store(product.unsubscribe(ZOE, START)), queue="unsubscribes")
    late = signup(product, "late", 5, may_lift_suppression=False)
    early = signup(product, "early", -5)
    product.work(*product.store(late, early))
    assert [product.delivery(one.id)["status"] for one in (late, early)] == ["refused", "superseded"]
    assert stored(ledger) == 0


def test_signups_of_one_row_keep_the_first_and_the_latest_that_was_delivered() -> None:
    world = World()

    def stored_signups(*minutes: int) -> list[Event]:
        consents = [Consent(text=f"v{minute}", at=START + minute * MINUTE) for minute in minutes]
        events = [
            world.event(EventType.SIGNUP, "annabell", minute, ("paris",), consent=consent)
            for minute, consent in zip(minutes, consents, strict=True)
        ]
        world.store(*events)
        return events

    def of_annabell() -> list[str | None]:
        known = world.container.subscriptions.look(
            "annabell@example.com", "paris", lambda id: world.container.events.status(id, "paris")
        )
        return [one.text if one else None for one in (known.first_consent, known.latest_consent)]

    row = stored_signups(0, 1, 2, 3)
    world.logged["paris"].refuses = {row[0].email, row[3].email}
    world.work(*(one.id for one in row))
    assert [world.delivery(one.id)["status"] for one in row] == ["refused", "delivered", "delivered", "refused"]
    assert of_annabell() == ["v1", "v2"]
    world.work(stored_signups(9)[0].id)
    assert of_annabell() == ["v1", "v9"]


def left(product: Product) -> None:
    """Zoe signed up and left a day later."""
    product.work(*product.store(signup(product, "v1")))
    product.clock.forward(days=1)
    product.work(*product.store(product.unsubscribe(ZOE)), queue="unsubscribes")


def test_evidence_goes_three_years_after_the_person_left_and_the_state_stays(
    product: Product, ledger: MemoryDynamo, capsys: pytest.CaptureFixture[str]
) -> None:
    left(product)
    night(product, days=3 * 365)
    assert texts(product) == ["v1", "v1"], "2029-03-01: three years are not over"
    night(product, days=2)
    assert (texts(product), stored(ledger)) == ([None, None], 0)
    assert '"expired consent evidence removed"' in capsys.readouterr().out
    (state,) = export(product)["subscription_states"]
    assert state["unsubscribed_at"] == "2026-03-02T09:30:00Z"
    again = product.signup(ZOE, may_lift_suppression=False)
    product.work(*product.store(again))
    assert product.delivery(again.id)["reason"] == "suppressed", "she stays unsubscribed"


def test_the_configuration_says_how_long(product: Product, ledger: MemoryDynamo) -> None:
    product.settings = settings(privacy=Privacy((Secret.plain(ADDRESS_KEY),), keep_consent_years=1))
    product.restart()
    left(product)
    assert "1 years after they left" in json.dumps(export(product)["retention"])
    night(product, days=364)
    assert stored(ledger) == 1
    night(product, days=2)
    assert stored(ledger) == 0


@pytest.mark.parametrize("older_key", [False, True])
def test_who_signs_up_again_keeps_the_first_evidence(product: Product, older_key: bool) -> None:
    """At an account that can lift a suppression."""
    product.work(*product.store(signup(product, "v1", accounts=("lyon",))))
    if older_key:
        with_older_key(product)
    product.clock.forward(days=1)
    product.work(*product.store(product.unsubscribe(ZOE, accounts=("lyon",))), queue="unsubscribes")
    product.clock.forward(days=1)
    product.work(*product.store(signup(product, "v2", minute=2 * 24 * 60, accounts=("lyon",))))
    assert texts(product, "lyon") == ["v1", "v2"]
    night(product, days=4 * 365)
    assert texts(product, "lyon") == ["v1", "v2"]


def test_an_unsubscribe_from_every_account_also_ends_the_time_of_one_not_configured_any_more(
    product: Product, ledger: MemoryDynamo
) -> None:
    product.work(*product.store(signup(product, "v1"), signup(product, "v2", accounts=("lyon",))))
    product.clock.forward(days=1)
    leave = product.unsubscribe(ZOE, accounts=("paris",), all_accounts=True)
    product.work(*product.store(leave), queue="unsubscribes")
    assert (stored(ledger), texts(product, "lyon")) == (2, ["v2", "v2"])
    night(product, days=3 * 366)
    assert stored(ledger) == 0


@pytest.mark.parametrize("how", ["account", "every account", "at the provider"])
def test_evidence_under_an_older_address_key_goes_too(product: Product, ledger: MemoryDynamo, how: str) -> None:
    product.work(*product.store(signup(product, "v1")))
    with_older_key(product)
    product.clock.forward(days=1)
    if how == "at the provider":
        at = int(product.clock().timestamp() * 1000)
        product.container.subscriptions.record_unsubscribed(ZOE, "paris", at, "sync-1", None)
    else:
        leave = product.unsubscribe(ZOE, all_accounts=how == "every account")
        product.work(*product.store(leave), queue="unsubscribes")
    assert texts(product) == ["v1", "v1"]
    night(product, days=3 * 366)
    assert stored(ledger) == 0


def test_states_under_two_keys_keep_the_first_and_the_latest(product: Product, ledger: MemoryDynamo) -> None:
    product.work(*product.store(signup(product, "v1")))
    with_older_key(product)
    product.work(*product.store(signup(product, "v2", 1)))
    product.work(*product.store(signup(product, "v3", 2)))
    assert (texts(product), stored(ledger)) == (["v1", "v3"], 2)


def test_forget_erases_the_evidence_at_once_under_every_key(product: Product, ledger: MemoryDynamo) -> None:
    product.work(*product.store(signup(product, "v1")))
    with_older_key(product)
    product.work(*product.store(signup(product, "v2", 1), signup(product, "v3", accounts=("lyon",))))
    assert stored(ledger) == 3
    product.clock.forward(minutes=5)
    forget(product)
    assert stored(ledger) == 0
    assert "203.0.113" not in json.dumps(dump(ledger))


def test_forget_erases_the_evidence_although_an_account_is_down(product: Product, ledger: MemoryDynamo) -> None:
    product.work(*product.store(signup(product, "v1")))
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    product.clock.forward(minutes=5)
    assert forget(product)["waiting"] == 1
    assert stored(ledger) == 0


def test_evidence_of_a_signup_that_was_being_delivered_is_erased_with_the_request(
    product: World, ledger: MemoryDynamo
) -> None:
    """The worker had the lease when the state was written, and dies after the provider has taken the signup."""
    event = signup(product, "v1")
    product.store(event)

    def die(*_: Any) -> None:
        forget(product)
        raise Died

    product.paris.rule = die
    with pytest.raises(Died):
        product.work(event.id)
    product.paris.rule = None
    product.clock.forward(minutes=10)
    for _ in range(5):
        product.container.sweeper.run()
        for _, body in product.queues.enqueued():
            product.work(*body["event_ids"])
        product.clock.forward(minutes=2)
    assert stored(ledger) == 0
    assert "203.0.113" not in json.dumps(dump(ledger))


def test_evidence_that_a_stale_worker_writes_after_the_request_is_erased_with_it(
    product: World, ledger: MemoryDynamo
) -> None:
    """It has read that the person is unknown, and takes the lease after `forget` has erased what there was."""
    states, event, done = product.container.subscriptions, signup(product, "v1"), product.clock()
    attempt = DeliveryAttempt(event, "paris", done + MINUTE, "token", Reading(ZOE))
    known = states.read([ZOE], "paris")[ZOE]
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    product.work(*product.store(product.signup("max@example.com")))
    product.clock.forward(seconds=20)
    assert forget(product)["waiting"] == 1, "the account is paused"
    states.take_lease(attempt, known, {}.get, lambda lease: None, done)
    assert stored(ledger) == 1
    product.paris.rule = None
    product.clock.forward(minutes=10)
    for _ in range(2):  # one probes the account
        product.container.sweeper.run()
        for _, body in product.queues.enqueued():
            product.work(*body["event_ids"])
    assert product.paris.unsubscribed_emails == [ZOE]
    assert stored(ledger) == 0


def test_everybody_else_is_left_alone(product: Product, ledger: MemoryDynamo) -> None:
    other = product.signup("max@example.com", consent=Consent(text="v1"))
    product.work(*product.store(other))
    left(product)
    forget(product)
    night(product, days=4 * 366)
    assert stored(ledger) == 1


def test_the_pass_does_not_take_evidence_of_who_signed_up_meanwhile(product: Product, ledger: MemoryDynamo) -> None:
    left(product)
    product.clock.forward(days=4 * 366)
    store = product.container.nightly_pass._finding_store
    page = store.page(None, product.clock())
    (key,) = page.expired_evidence
    product.container.table.update(key, "SET signed_up_at = :now", {"now": int(product.clock().timestamp() * 1000)})
    assert not store.remove_evidence(key, product.clock())
    assert stored(ledger) == 1
