"""The latest event wins, per address and account, in any order of arrival."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import LedgerUnavailable
from chalicelib.domain.events import Event
from chalicelib.domain.ordering import LeaseState, lease_state
from tests.support.dynamodb_backends import on_both
from tests.support.product import START, Product

MINUTE = timedelta(minutes=1)
pytestmark = on_both


def test_an_older_signup_is_superseded_by_an_unsubscribe(product: Product) -> None:
    leave = product.unsubscribe("a@example.com", START)
    join = product.signup("A@EXAMPLE.com", START - MINUTE)
    product.work(*product.store(leave))
    product.work(*product.store(join))
    assert product.delivery(join.id)["status"] == "superseded"
    assert product.paris.emails == []
    assert product.paris.unsubscribed_emails == ["a@example.com"]


def test_a_tie_goes_to_the_unsubscribe(product: Product) -> None:
    leave, join = product.unsubscribe("a@example.com", START), product.signup("a@example.com", START)
    product.work(*product.store(join, leave))
    assert product.delivery(join.id)["status"] == "superseded"
    assert product.delivery(leave.id)["status"] == "delivered"


def test_an_unsubscribe_after_a_delivered_signup_is_delivered(product: Product) -> None:
    product.work(*product.store(product.signup("a@example.com", START - MINUTE)))
    leave = product.unsubscribe("a@example.com", START)
    product.work(*product.store(leave))
    assert product.delivery(leave.id)["status"] == "delivered"
    assert product.paris.unsubscribed_emails == ["a@example.com"]


def test_an_unsubscribe_is_superseded_by_a_later_signup_that_was_delivered(product: Product) -> None:
    product.work(*product.store(product.signup("a@example.com", START)))
    leave = product.unsubscribe("a@example.com", START - MINUTE)
    product.work(*product.store(leave))
    assert product.delivery(leave.id)["status"] == "superseded"
    assert product.paris.unsubscribed_emails == []


def test_a_delivered_signup_still_counts_after_a_later_one_failed(product: Product) -> None:
    from chalicelib.domain.errors import Kind, ProviderError

    product.work(*product.store(product.signup("a@example.com", START)))
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    product.work(*product.store(product.signup("a@example.com", START + MINUTE)))
    product.paris.rule = None
    product.clock.forward(minutes=5)
    leave = product.unsubscribe("a@example.com", START - MINUTE)
    product.work(*product.store(leave))
    assert product.delivery(leave.id)["status"] == "superseded"


def test_a_delivered_signup_counts_after_its_event_expired(product: Product, resources: Any) -> None:
    join = product.signup("a@example.com", START)
    product.work(*product.store(join))
    resources.dynamodb.delete_item(TableName="relais-local-ledger", Key={"pk": {"S": f"E#{join.id}"}, "sk": {"S": "E"}})
    leave = product.unsubscribe("a@example.com", START - MINUTE)
    product.work(*product.store(leave))
    assert product.delivery(leave.id)["status"] == "superseded"


def test_a_later_signup_is_refused_where_suppressions_cannot_be_lifted(product: Product) -> None:
    product.work(*product.store(product.unsubscribe("a@example.com", START - MINUTE)))
    join = product.signup("a@example.com", START)
    product.work(*product.store(join))
    assert (product.delivery(join.id)["status"], product.delivery(join.id)["reason"]) == ("refused", "suppressed")
    assert product.paris.emails == []


def test_signups_of_different_times_never_supersede_each_other(product: Product) -> None:
    late, early = product.signup("a@example.com", START), product.signup("a@example.com", START - MINUTE)
    product.work(*product.store(late))
    product.work(*product.store(early))
    assert len(product.paris.emails) == 2


def test_an_unsubscribe_from_one_account_does_not_affect_another(product: Product) -> None:
    product.work(*product.store(product.unsubscribe("a@example.com", START, accounts=("lyon",))))
    join = product.signup("a@example.com", START - MINUTE)
    product.work(*product.store(join))
    assert product.delivery(join.id)["status"] == "delivered"


def test_an_unsubscribe_for_all_accounts_counts_for_an_account_configured_later(product: Product) -> None:
    leave = product.unsubscribe("a@example.com", START, accounts=("lyon",), all_accounts=True)
    product.work(*product.store(leave))
    join = product.signup("a@example.com", START - MINUTE)
    product.work(*product.store(join))
    assert product.delivery(join.id)["status"] == "superseded"


def test_an_unsubscribe_for_all_accounts_has_a_delivery_for_each(product: Product) -> None:
    leave = product.unsubscribe("a@example.com", accounts=("paris", "lyon"), all_accounts=True)
    product.work(*product.store(leave))
    assert [one["status"] for one in product.view(leave.id)["deliveries"]] == ["delivered", "delivered"]
    assert product.view(leave.id)["status"] == "delivered"
    assert [fake.unsubscribed_emails for fake in product.providers.values()] == [["a@example.com"]] * 2


def test_an_unsubscribe_under_an_older_address_key_is_found(product: Product) -> None:
    from chalicelib.config.model import Privacy
    from chalicelib.config.secrets import Secret
    from tests.support.product import ADDRESS_KEY, settings

    product.work(*product.store(product.unsubscribe("a@example.com", START)))
    keys = (Secret.plain("placeholder-address-key-2"), Secret.plain(ADDRESS_KEY))
    product.settings = settings(privacy=Privacy(keys))
    product.restart()
    join = product.signup("a@example.com", START - MINUTE)
    product.work(*product.store(join))
    assert product.delivery(join.id)["status"] == "superseded"


def while_leased(product: Product, event: Event, act: Any) -> None:
    """Deliver `event`, and do `act` once while its call is under way."""
    done: list[bool] = []

    def during(*_: object) -> None:
        if not done:
            done.append(True)
            act()

    product.paris.rule = during
    product.work(*product.store(event))


def test_an_unsubscribe_arriving_during_a_signup_call_is_delivered_after_it(product: Product) -> None:
    leave = product.unsubscribe("a@example.com", START)
    product.store(leave)

    def arrive() -> None:
        # Another worker, while ours is calling: its waiting for the address ends without getting it.
        other = Product.__new__(Product)
        other.__dict__.update(product.__dict__)
        other.restart()
        other.work(leave.id)
        assert product.paris.unsubscribed_emails == []

    while_leased(product, product.signup("a@example.com", START - MINUTE), arrive)
    assert product.delivery(leave.id)["status"] == "pending"
    product.clock.forward(minutes=5)
    product.work(leave.id)
    assert product.paris.unsubscribed_emails == ["a@example.com"]
    late = product.signup("a@example.com", START - MINUTE)
    product.work(*product.store(late))
    assert product.delivery(late.id)["status"] == "superseded"


def test_no_call_is_made_when_subscription_states_cannot_be_read(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    (event_id,) = product.store(product.signup("a@example.com"))
    store = product.container.subscriptions

    def broken(*_: object) -> None:
        raise LedgerUnavailable("the ledger did not answer")

    monkeypatch.setattr(store, "read", broken)
    product.work(event_id)
    assert product.paris.calls == []
    assert product.delivery(event_id)["status"] == "pending"


def test_a_final_event_does_not_block_its_address(product: Product) -> None:
    from chalicelib.domain.events import EventType
    from chalicelib.domain.ordering import Lease

    hold = Lease("e", EventType.SIGNUP, at=1, until=10, token="t")
    assert lease_state(hold, True, 5) is LeaseState.BUSY
    assert lease_state(hold, True, 10) is LeaseState.LOST
    assert lease_state(hold, False, 5) is LeaseState.DONE
    assert lease_state(replace(hold, until=1), False, 5) is LeaseState.DONE
