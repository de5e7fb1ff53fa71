"""`forget` beside other work: events under a worker, later events of the person, contacts syncs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.errors import Kind, ProviderError
from tests.privacy.support import MINUTE, ZOE, event_item, forget, holders, new_product, up
from tests.support.memory import MemoryDynamo
from tests.support.product import START, Product, settings


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


def test_a_later_unsubscribe_from_a_fast_clock_stays(product: Product) -> None:
    ahead = product.unsubscribe(ZOE, START + 3 * MINUTE, accounts=("paris", "lyon"), all_accounts=True)
    product.work(*product.store(ahead))
    forget(product)
    (state,) = product.container.subscriptions.of(ZOE)["*"]
    assert state.unsubscribed_by == ahead.id
    assert (state.unsubscribed_at or 0) > (state.forgotten_at or 0) > 0
