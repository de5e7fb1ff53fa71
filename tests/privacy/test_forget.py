"""`forget`: the person is unsubscribed everywhere at once, and all personal data is erased once it is final."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.config.model import Privacy
from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import Kind, LedgerUnavailable, ProviderError
from chalicelib.domain.events import Consent, Status
from chalicelib.ledger import erasing
from chalicelib.ledger.table import Table
from tests.privacy.support import PERSONAL, event_item, forget, holders, new_product
from tests.support.memory import MemoryDynamo
from tests.support.product import ADDRESS_KEY, START, Product, settings

ZOE = "zoe@example.com"
MINUTE = timedelta(minutes=1)


def delivered(product: Product, email: str = ZOE, **changes: Any) -> str:
    """A delivered signup with everything that may be personal; its id."""
    consent = Consent("https://www.example.com/", "v3", "203.0.113.9", START)
    event = product.signup(email, **{"fields": {"prenom": "Zoé"}, "consent": consent, **changes})
    product.work(*product.store(event))
    return event.id


def down(product: Product, *accounts: str) -> None:
    for account in accounts:
        product.providers[account].rule = lambda *_: ProviderError(Kind.LATER, "down")


def up(product: Product) -> None:
    for provider in product.providers.values():
        provider.rule = None


def test_personal_data_of_a_delivered_signup_is_erased_and_the_rest_stays(
    product: Product, ledger: MemoryDynamo
) -> None:
    event_id = delivered(product, "Zoe@Example.com")
    before = event_item(ledger, event_id)
    product.clock.forward(minutes=1)
    assert forget(product) == {"erased": 1, "waiting": 0}
    after = event_item(ledger, event_id)
    assert before.keys() - after.keys() == PERSONAL - {"waiting_ids"}
    assert after.keys() - before.keys() == {"erased"}
    assert all(after[name] == before[name] for name in before.keys() - PERSONAL)
    assert product.delivery(event_id)["status"] == "delivered"
    assert holders(ledger, "example.com") == []
    assert holders(ledger, "203.0.113") == []


def test_every_account_is_unsubscribed_and_the_state_for_all_accounts_records_it(product: Product) -> None:
    delivered(product)
    product.clock.forward(minutes=1)
    forget(product, " ZOE@example.com ")
    assert [provider.unsubscribed_emails for provider in product.providers.values()] == [[ZOE, "ZOE@example.com"]] * 2
    (state,) = product.container.subscriptions.of(ZOE)["*"]
    at = 1772357460000  # 2026-03-01T09:31:00Z
    assert (state.unsubscribed_at, state.forgotten_at) == (at, at)
    forget_request = product.view(state.unsubscribed_by or "")
    assert (forget_request["type"], forget_request["status"]) == ("unsubscribe", "delivered")


def test_a_provider_that_supports_deletion_deletes(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    known = product.container.capabilities

    def deletes(account: str) -> Any:
        found = known(account)
        return found and replace(found, deletes_subscribers=account == "lyon")

    monkeypatch.setitem(product.container.__dict__, "capabilities", deletes)
    forget(product)
    assert (product.providers["lyon"].forgotten, product.providers["lyon"].unsubscribed_emails) == ([ZOE], [])
    assert (product.paris.forgotten, product.paris.unsubscribed_emails) == ([], [ZOE])
    product.work(*product.store(product.unsubscribe(ZOE, START + MINUTE, accounts=("lyon",))))
    assert product.providers["lyon"].unsubscribed_emails == [ZOE], "an ordinary unsubscribe deletes nothing"


def test_repeating_is_harmless(product: Product) -> None:
    delivered(product)
    product.clock.forward(minutes=1)
    assert [forget(product) for _ in range(3)] == [{"erased": 1, "waiting": 0}, *[{"erased": 0, "waiting": 0}] * 2]
    assert product.paris.unsubscribed_emails == [ZOE]


def test_an_unknown_person_can_be_erased_too(product: Product, ledger: MemoryDynamo) -> None:
    assert forget(product) == {"erased": 0, "waiting": 0}
    assert product.paris.unsubscribed_emails == [ZOE]
    assert holders(ledger, ZOE) == []


def test_a_pending_signup_is_superseded_at_once_without_a_call(product: Product, ledger: MemoryDynamo) -> None:
    (event_id,) = product.store(product.signup(ZOE))
    assert forget(product) == {"erased": 1, "waiting": 0}
    assert product.delivery(event_id)["status"] == "superseded"
    assert product.paris.emails == []
    assert holders(ledger, ZOE) == []
    assert "expires_at" in event_item(ledger, event_id)


def test_deferred_signups_and_signups_of_a_paused_account_are_superseded_too(product: Product) -> None:
    down(product, "paris")
    ids = product.store(product.signup(ZOE), product.signup(ZOE))
    product.work(ids[0])
    assert product.delivery(ids[0])["next_attempt_at"] is not None
    assert forget(product) == {"erased": 2, "waiting": 1}, "the erasure request waits for paris"
    assert [product.delivery(event_id)["status"] for event_id in ids] == ["superseded"] * 2


def test_a_pending_event_is_erased_by_the_worker_that_finishes_it(product: Product, ledger: MemoryDynamo) -> None:
    leave = product.unsubscribe(ZOE, accounts=("paris", "lyon"), all_accounts=True)
    down(product, "paris")
    product.work(*product.store(leave))
    assert forget(product) == {"erased": 0, "waiting": 2}
    assert forget(product) == {"erased": 0, "waiting": 2}
    up(product)
    product.clock.forward(hours=2)
    product.work(leave.id)
    assert holders(ledger, ZOE) == [f"E#{product.container.subscriptions.of(ZOE)['*'][0].unsubscribed_by}"]
    product.container.sweeper.run()
    product.work(product.container.subscriptions.of(ZOE)["*"][0].unsubscribed_by or "")
    assert holders(ledger, ZOE) == []
    assert forget(product) == {"erased": 0, "waiting": 0}
    assert product.paris.unsubscribed_emails == [ZOE, ZOE]


@pytest.mark.parametrize(
    ("status", "accounts"),
    [
        (Status.PARKED, ("paris",)),
        (Status.PARKED, ("paris", "lyon")),
        (Status.REFUSED, ("paris", "lyon")),
        (Status.SUPERSEDED, ("paris",)),
    ],
)
def test_events_of_every_final_status_are_erased_and_never_resent(
    product: Product, ledger: MemoryDynamo, status: Status, accounts: tuple[str, ...]
) -> None:
    from tests.operators.support import end, resend

    event = product.unsubscribe(ZOE, accounts=accounts)
    product.store(event)
    for account in accounts:
        end(product, event, status, account)
    assert forget(product) == {"erased": 1, "waiting": 0}
    assert holders(ledger, ZOE) == []
    assert resend(product, status="parked", id=event.id) == {"resent": 0}
    assert resend(product, status="refused", id=event.id) == {"resent": 0}
    assert {one["status"] for one in product.view(event.id)["deliveries"]} == {status.value}


def test_a_resent_event_is_not_erased_under_its_worker(product: Product) -> None:
    from chalicelib.operators.requeue import Requeues
    from tests.operators.support import end

    event = product.unsubscribe(ZOE, accounts=("paris", "lyon"))
    product.store(event)
    for account in event.accounts:
        end(product, event, Status.PARKED, account)
    table = product.container.table
    seen = table.query(f"E#{event.id}")
    (stored,) = product.container.events.load([event.id])
    assert Requeues(product.container).requeue(stored, "lyon", product.clock())
    assert erasing.erase_items(table, seen, product.clock()) is erasing.ErasureOutcome.WAITING
    (stored,) = product.container.events.load([event.id])
    assert stored.event.email == ZOE
    assert not Requeues(product.container).requeue(stored, "paris", product.clock()), "marked before"


class TestClaimedByAnotherWorker:
    """A worker claimed a signup before the erasure request, and does not know of it."""

    def interrupted(self, product: Product, then: Any) -> str:
        """A signup's id; the person is forgotten while its call runs."""
        answers: list[Any] = []
        (event_id,) = product.store(product.signup(ZOE))

        def meanwhile(verb: str, emails: Any) -> ProviderError | None:
            if verb == "sign_up":
                product.clock.forward(minutes=1)
                answers.append(forget(product))
            return then

        product.paris.after = meanwhile
        product.work(event_id, milliseconds=300_000)
        product.paris.after = None
        assert answers == [{"erased": 0, "waiting": 2}]
        return event_id

    @pytest.mark.parametrize("failure", [None, ProviderError(Kind.LATER, "down"), ProviderError(Kind.CONTACT, "no")])
    def test_the_event_is_erased_by_the_worker_that_delivers_the_unsubscribe(
        self, product: Product, ledger: MemoryDynamo, failure: ProviderError | None
    ) -> None:
        event_id = self.interrupted(product, failure)
        assert f"E#{event_id}" in holders(ledger, ZOE)
        product.clock.forward(hours=2)
        product.work(product.container.subscriptions.of(ZOE)["*"][0].unsubscribed_by or "")
        product.work(event_id)
        assert holders(ledger, ZOE) == []
        assert product.paris.unsubscribed_emails == [ZOE], "an address signed up by the call is unsubscribed again"
        assert forget(product) == {"erased": 0, "waiting": 0}

    def test_the_event_is_erased_by_a_second_call(self, product: Product, ledger: MemoryDynamo) -> None:
        self.interrupted(product, None)
        product.clock.forward(hours=2)
        assert forget(product) == {"erased": 1, "waiting": 0}
        assert holders(ledger, ZOE) == []

    def test_erasure_works_with_one_account(self, ledger: MemoryDynamo) -> None:
        one = {"paris": settings().accounts["paris"]}
        product = new_product(settings=settings(accounts=one), dynamo=ledger)
        event_id = self.interrupted(product, None)
        product.clock.forward(hours=2)
        product.work(product.container.subscriptions.of(ZOE)["*"][0].unsubscribed_by or "")
        assert holders(ledger, ZOE) == []
        assert product.delivery(event_id)["status"] == "delivered"


class TestAfterwards:
    """The rules of order apply to later events."""

    @pytest.fixture(autouse=True)
    def forgotten(self, product: Product) -> None:
        forget(product)
        product.clock.forward(minutes=5)

    def test_an_older_signup_is_superseded_and_erased(self, product: Product, ledger: MemoryDynamo) -> None:
        late = product.signup(ZOE, START - MINUTE)
        product.work(*product.store(late))
        assert product.delivery(late.id)["status"] == "superseded"
        assert (product.paris.emails, holders(ledger, ZOE)) == ([], [])

    def test_a_later_signup_of_a_plain_form_is_refused_and_erased(self, product: Product, ledger: MemoryDynamo) -> None:
        later = product.signup(ZOE, may_lift_suppression=False)
        product.work(*product.store(later))
        assert (product.delivery(later.id)["status"], product.delivery(later.id)["reason"]) == ("refused", "suppressed")
        assert (product.paris.emails, holders(ledger, ZOE)) == ([], [])

    @pytest.fixture
    def lifting(self, product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
        """The accounts' provider can take an unsubscribe back."""
        known = product.container.capabilities

        def lifts(account: str) -> Any:
            found = known(account)
            return found and replace(found, lifts_suppression=True)

        monkeypatch.setitem(product.container.__dict__, "capabilities", lifts)
        product.container.__dict__.pop("worker", None)

    @pytest.mark.usefixtures("lifting")
    def test_a_later_signed_signup_is_delivered(self, product: Product, ledger: MemoryDynamo) -> None:
        later = product.signup(ZOE)
        product.work(*product.store(later))
        assert product.delivery(later.id)["status"] == "delivered"
        assert event_item(ledger, later.id)["email"] == {"S": ZOE}
        refused = product.signup(ZOE)
        product.paris.rule = lambda *_: ProviderError(Kind.CONTACT, "no")
        product.work(*product.store(refused))
        up(product)
        assert event_item(ledger, refused.id)["email"] == {"S": ZOE}, "it may be sent again"
        assert forget(product) == {"erased": 2, "waiting": 0}
        assert product.paris.unsubscribed_emails == [ZOE, ZOE], "a resubscribed address is unsubscribed again"
        assert holders(ledger, ZOE) == []

    @pytest.mark.usefixtures("lifting")
    def test_a_resubscribed_address_is_unsubscribed_again_even_if_its_event_expired(
        self, product: Product, ledger: MemoryDynamo
    ) -> None:
        resubscribed = product.signup(ZOE)
        product.work(*product.store(resubscribed))
        product.clock.forward(minutes=2)
        ledger.put_items({(f"E#{resubscribed.id}", sk): None for sk in ledger.items[f"E#{resubscribed.id}"]})
        assert forget(product) == {"erased": 0, "waiting": 0}
        assert product.paris.unsubscribed_emails == [ZOE, ZOE]

    @pytest.mark.usefixtures("lifting")
    def test_an_address_being_resubscribed_is_unsubscribed_again(self, product: Product, ledger: MemoryDynamo) -> None:
        answers = []

        def meanwhile(verb: str, emails: Any) -> None:
            if verb == "sign_up":
                product.clock.forward(minutes=1)
                answers.append(forget(product))

        resubscribed = product.signup(ZOE)
        product.store(resubscribed)
        product.paris.after = meanwhile
        product.work(resubscribed.id, milliseconds=300_000)
        product.paris.after = None
        assert answers == [{"erased": 0, "waiting": 2}]
        product.clock.forward(hours=2)
        assert forget(product) == {"erased": 1, "waiting": 0}
        assert product.paris.unsubscribed_emails == [ZOE, ZOE]
        assert holders(ledger, ZOE) == []

    def test_an_imported_unsubscribe_is_erased(self, product: Product, ledger: MemoryDynamo) -> None:
        for accounts in (("lyon",), ("paris", "lyon")):
            product.work(*product.store(product.unsubscribe(ZOE, accounts=accounts)))
        assert holders(ledger, ZOE) == []

    def test_resendable_later_events_keep_their_data(self, product: Product, ledger: MemoryDynamo) -> None:
        product.paris.rule = lambda *_: ProviderError(Kind.CONTACT, "no")
        leave = product.unsubscribe(ZOE, accounts=("paris", "lyon"))
        product.work(*product.store(leave))
        assert event_item(ledger, leave.id)["email"] == {"S": ZOE}


def sync(*emails: str, **members: Any) -> dict[str, Any]:
    contacts = [{"email": email, "prenom": "P"} for email in emails]
    return {
        "type": "sync",
        "id": "import",
        "kind": "contacts",
        "account": "paris",
        "list": "4781",
        "contacts": contacts,
        **members,
    }


class TestSyncs:
    def test_one_contact_of_a_pending_sync_is_erased_and_the_others_stay(
        self, product: Product, ledger: MemoryDynamo
    ) -> None:
        product.work(bodies=(sync(ZOE, "max@example.com"),), queue="signups")
        assert forget(product, "ZOE@example.com") == {"erased": 1, "waiting": 0}
        assert holders(ledger, ZOE) == []
        product.work("import", queue="syncs")
        assert product.delivery("import")["reason"] == "held 1, refused 0"

    def test_a_sync_without_other_contacts_ends(self, product: Product, ledger: MemoryDynamo) -> None:
        product.work(bodies=(sync(ZOE),), queue="signups")
        assert forget(product) == {"erased": 1, "waiting": 0}
        product.work("import", queue="syncs")
        assert product.delivery("import")["status"] == "refused"
        assert holders(ledger, ZOE) == []

    def test_rows_imported_afterwards_are_superseded_and_erased(self, product: Product, ledger: MemoryDynamo) -> None:
        forget(product)
        product.clock.forward(minutes=5)
        product.work(bodies=(sync(ZOE, "max@example.com"),), queue="syncs")
        rows = [key.removeprefix("E#") for key in holders(ledger, "example.com") if key.startswith("E#row-")]
        assert len(rows) == 2
        product.work(*rows)
        assert product.paris.emails == ["max@example.com"]
        assert holders(ledger, ZOE) == []

    def test_the_address_column_of_the_list_is_searched(self, product: Product, ledger: MemoryDynamo) -> None:
        contacts = [{"courriel": ZOE, "parrain": "max@example.com"}, {"courriel": "max@example.com"}]
        product.work(bodies=(sync(contacts=contacts),), queue="signups")
        assert forget(product) == {"erased": 1, "waiting": 0}
        assert holders(ledger, "max@example.com") == ["E#import"]

    def test_an_address_in_a_field_of_another_person_stays(self, product: Product, ledger: MemoryDynamo) -> None:
        contacts = [{"email": "max@example.com", "parrain": ZOE}]
        product.work(bodies=(sync(contacts=contacts),), queue="signups")
        assert forget(product) == {"erased": 0, "waiting": 0}


def test_events_under_two_address_keys_are_erased(ledger: MemoryDynamo) -> None:
    old = new_product(dynamo=ledger)
    event_id = delivered(old)
    keys = (Secret.plain("placeholder-address-key-2"), Secret.plain(ADDRESS_KEY))
    product = new_product(
        settings=settings(privacy=Privacy(keys)), clock=old.clock, providers=old.providers, dynamo=ledger
    )
    product.clock.forward(minutes=1)
    assert forget(product) == {"erased": 1, "waiting": 0}
    assert "email" not in event_item(ledger, event_id)
    assert product.paris.unsubscribed_emails == [ZOE]
    assert {len(states) for states in product.container.subscriptions.of(ZOE).values()} == {1, 2}, "found under both"
    third = (Secret.plain("placeholder-address-key-3"), *keys)
    newest = new_product(
        settings=settings(privacy=Privacy(third)), clock=old.clock, providers=old.providers, dynamo=ledger
    )
    late = newest.signup(ZOE, START)
    both = newest.unsubscribe(ZOE, START, accounts=("paris", "lyon"))
    newest.work(*newest.store(late, both))
    assert newest.delivery(late.id)["status"] == "superseded"
    assert holders(ledger, ZOE) == []
    assert forget(newest) == {"erased": 0, "waiting": 0}


def test_similar_addresses_are_not_erased(product: Product, ledger: MemoryDynamo) -> None:
    others = ["zoe+shop@example.com", "zoe@example.org", "azoe@example.com", "zoe@example.com.example"]
    for email in others:
        delivered(product, email)
    assert forget(product) == {"erased": 0, "waiting": 0}
    assert len(holders(ledger, "zoe")) == len(others)


def test_spellings_of_an_international_domain_are_erased(product: Product, ledger: MemoryDynamo) -> None:
    delivered(product, "zoé@exämple.com")
    product.clock.forward(minutes=1)
    assert forget(product, "ZOÉ@xn--exmple-cua.com") == {"erased": 1, "waiting": 0}


@pytest.mark.parametrize(
    "event", [None, [], {}, {"email": 5}, {"email": ""}, {"email": "nobody"}, {"email": ZOE, "confirm": True}]
)
def test_wrong_parameters_are_rejected_with_the_right_ones(product: Product, event: Any) -> None:
    from tests.support.product import FakeContext

    answer = product.container.forget(event, FakeContext())
    assert answer["error"]["kind"] == "caller"
    assert ZOE not in str(answer)
    assert product.paris.unsubscribed_emails == []


def test_running_out_of_time_is_reported_and_the_person_is_unsubscribed(product: Product) -> None:
    event_id = delivered(product)
    product.clock.forward(minutes=1)
    answer = forget(product, milliseconds=4_000)
    assert answer["error"] == {
        "kind": "later",
        "message": "the time ran out; call again for the rest",
        "provider_code": None,
    }
    assert product.container.subscriptions.of(ZOE)["*"][0].forgotten_at is not None
    assert forget(product) == {"erased": 1, "waiting": 0}
    assert product.delivery(event_id)["status"] == "delivered"
    assert product.paris.unsubscribed_emails == [ZOE]


@pytest.mark.parametrize("at", [1, 2, 4, 7, 10])
def test_a_ledger_failure_at_any_point_is_reported_and_repaired_by_repeating(
    product: Product, ledger: MemoryDynamo, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    delivered(product)
    product.store(product.signup(ZOE))
    product.clock.forward(minutes=1)
    left = [at]
    update = Table.update

    def failing(self: Table, *args: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise LedgerUnavailable("the ledger did not answer: placeholder")
        return update(self, *args, **options)

    monkeypatch.setattr(Table, "update", failing)
    answer = forget(product)
    assert "error" not in answer or answer["error"]["message"].endswith("; call again for the rest")
    monkeypatch.undo()
    product.clock.forward(hours=2)
    answers = [forget(product), forget(product)]
    assert answers[-1] == {"erased": 0, "waiting": 0}
    assert holders(ledger, ZOE) == []
    assert product.paris.unsubscribed_emails[-1:] == [ZOE]


def test_no_log_line_shows_the_address(product: Product, caplog: pytest.LogCaptureFixture) -> None:
    delivered(product)
    product.clock.forward(minutes=1)
    with caplog.at_level(logging.DEBUG):
        forget(product)
    assert "person forgotten" in caplog.text
    assert ZOE not in json.dumps([record.__dict__ for record in caplog.records], default=str)


def test_a_later_unsubscribe_from_a_fast_clock_stays(product: Product) -> None:
    ahead = product.unsubscribe(ZOE, START + 3 * MINUTE, accounts=("paris", "lyon"), all_accounts=True)
    product.work(*product.store(ahead))
    forget(product)
    (state,) = product.container.subscriptions.of(ZOE)["*"]
    assert state.unsubscribed_by == ahead.id
    assert (state.unsubscribed_at or 0) > (state.forgotten_at or 0) > 0
