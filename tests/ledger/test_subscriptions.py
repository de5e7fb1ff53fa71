"""Leasing an address: one conditional write decides between workers, whatever each of them read before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.addresses import Reading
from chalicelib.domain.events import Event, Status
from chalicelib.domain.ordering import Decision, Lease, SubscriptionState, merge
from chalicelib.domain.times import epoch_milliseconds as to_ms
from chalicelib.ledger.keys import EVERY_ACCOUNT, AddressKeys
from chalicelib.ledger.subscriptions import DeliveryAttempt, LeaseResult, SubscriptionStore
from chalicelib.ledger.table import Key
from tests.support.product import ADDRESS_KEY, START, Product

MINUTE = timedelta(minutes=1)
UNTIL = START + MINUTE
EMAIL = "zoe@example.com"
GO, SUPERSEDED = LeaseResult(Decision.GO), LeaseResult(Decision.SUPERSEDED)


class Ledger:
    """The subscription store, with statuses of deliveries set by the test, and the expired leases that it reported."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.states = product.container.subscriptions
        self.statuses: dict[str, Status] = {}
        self.lost: list[Lease] = []

    def known(self, event: Event, states: SubscriptionStore | None = None) -> dict[Key, SubscriptionState]:
        return (states or self.states).read([event.email], "paris")[event.email]

    def state(self) -> SubscriptionState:
        """The state of the address at the account and for all accounts, including the lease."""
        known = self.known(self.product.signup(EMAIL))
        return merge(*known.values())

    def take(
        self,
        event: Event,
        token: str,
        *,
        known: dict[Key, SubscriptionState] | None = None,
        now: datetime = START,
        lifts: bool = False,
        states: SubscriptionStore | None = None,
    ) -> LeaseResult:
        attempt = DeliveryAttempt(
            event, "paris", now + MINUTE, token, Reading(event.email), provider_lifts_suppression=lifts
        )
        seen = known if known is not None else self.known(event, states)
        self.statuses.setdefault(event.id, Status.PENDING)
        return (states or self.states).take_lease(attempt, seen, self.statuses.get, self.lost.append, now)

    def release(self, event: Event, token: str) -> None:
        self.states.release(DeliveryAttempt(event, "paris", UNTIL, token, Reading(event.email)))


@pytest.fixture
def ledger(product: Product) -> Ledger:
    return Ledger(product)


@pytest.fixture
def join(product: Product) -> Event:
    return product.signup(EMAIL, START, id="join")


def test_a_lease_blocks_other_deliveries(product: Product, ledger: Ledger, join: Event) -> None:
    assert ledger.take(join, "one") == GO
    hold = ledger.state().lease
    assert hold is not None and (hold.event, hold.token, hold.until) == ("join", "one", to_ms(UNTIL))
    other = product.signup("ZOE@example.com", START, id="other")
    assert ledger.take(other, "two") == LeaseResult(None, busy_until=to_ms(UNTIL))
    assert ledger.take(join, "one") == GO, "it is its own already: its answer may have been lost"
    assert ledger.take(product.signup("leo@example.com"), "three") == GO


def test_of_many_workers_one_gets_the_lease(product: Product, ledger: Ledger) -> None:
    events = [product.signup(EMAIL, START, id=f"e{n}") for n in range(8)]
    known = {event.id: ledger.known(event) for event in events}
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda event: ledger.take(event, event.id, known=known[event.id]), events))
    assert sorted(each.decision is Decision.GO for each in taken) == [False] * 7 + [True]
    assert ledger.lost == []


def test_a_released_lease_is_free_and_only_its_owner_can_release_it(ledger: Ledger, join: Event) -> None:
    ledger.take(join, "one")
    ledger.release(join, "another")
    assert ledger.state().lease is not None
    ledger.release(join, "one")
    assert ledger.state() == SubscriptionState()
    assert ledger.take(join, "two") == GO


def test_an_expired_lease_is_taken_over_and_reported(product: Product, ledger: Ledger, join: Event) -> None:
    ledger.take(join, "one")
    other = product.signup(EMAIL, START, id="other")
    assert ledger.take(other, "two", now=UNTIL - timedelta(milliseconds=1)).decision is None
    assert ledger.take(other, "two", now=UNTIL) == GO
    assert [(hold.event, hold.token) for hold in ledger.lost] == [("join", "one")]


def test_of_two_workers_one_takes_over_an_expired_lease(product: Product, ledger: Ledger, join: Event) -> None:
    ledger.take(join, "one")
    first, second = (product.signup(EMAIL, START, id=name) for name in ("first", "second"))
    known = ledger.known(first)
    assert ledger.take(first, "two", known=known, now=UNTIL) == GO
    assert ledger.take(second, "three", known=known, now=UNTIL) == LeaseResult(None, busy_until=to_ms(UNTIL + MINUTE))
    hold = ledger.state().lease
    assert hold is not None and hold.token == "two"


def test_an_expired_lease_of_a_delivered_signup_is_recorded_and_taken_over(
    product: Product, ledger: Ledger, join: Event
) -> None:
    ledger.take(join, "one")
    ledger.statuses["join"] = Status.DELIVERED
    assert ledger.take(product.signup(EMAIL, START + MINUTE, id="other"), "two") == GO
    assert (ledger.lost, ledger.state().signed_up_at) == ([], to_ms(START))


def test_an_expired_lease_of_a_refused_signup_is_ignored(product: Product, ledger: Ledger, join: Event) -> None:
    ledger.take(join, "one")
    ledger.statuses["join"] = Status.REFUSED
    assert ledger.take(product.unsubscribe(EMAIL, START - MINUTE, id="leave"), "two") == GO
    assert ledger.state().signed_up_at is None


class TestUnsubscribes:
    def test_an_unsubscribe_is_recorded_with_its_lease(self, product: Product, ledger: Ledger) -> None:
        assert ledger.take(product.unsubscribe(EMAIL, START, id="leave"), "one") == GO
        state = ledger.state()
        assert (state.unsubscribed_at, state.unsubscribed_by) == (to_ms(START), "leave")
        assert state.lease is not None and state.lease.event == "leave"

    def test_an_unsubscribe_recorded_beside_a_lease_blocks_older_signups(
        self, product: Product, ledger: Ledger, join: Event
    ) -> None:
        early = product.signup(EMAIL, START - MINUTE, id="early")
        stale = ledger.known(early)
        ledger.take(join, "one")
        leave = product.unsubscribe(EMAIL, START, id="leave")
        assert ledger.take(leave, "two").decision is None
        assert ledger.state().unsubscribed_at == to_ms(START)
        ledger.release(join, "one")
        assert ledger.take(early, "three", known=stale) == SUPERSEDED, "what it had read says otherwise"
        assert ledger.take(join, "four") == SUPERSEDED, "a tie goes to the unsubscribe"
        assert ledger.take(leave, "five") == GO

    def test_the_latest_unsubscribe_counts(self, product: Product, ledger: Ledger) -> None:
        late = product.unsubscribe(EMAIL, START + MINUTE, id="late")
        assert ledger.take(late, "one") == GO
        ledger.release(late, "one")
        assert ledger.take(product.unsubscribe(EMAIL, START, id="early"), "two") == GO
        assert (ledger.state().unsubscribed_at, ledger.state().unsubscribed_by) == (to_ms(START + MINUTE), "late")

    def test_a_later_delivered_signup_supersedes_an_unsubscribe(
        self, product: Product, ledger: Ledger, join: Event
    ) -> None:
        ledger.take(join, "one")
        ledger.statuses["join"] = Status.DELIVERED
        leave = product.unsubscribe(EMAIL, START - MINUTE, id="leave")
        assert ledger.take(leave, "two") == SUPERSEDED
        assert ledger.take(product.unsubscribe(EMAIL, START, id="same"), "three") == GO

    def test_an_unsubscribe_for_all_accounts_counts_at_every_account(
        self, product: Product, ledger: Ledger, join: Event
    ) -> None:
        for at in (START, START - MINUTE, START + MINUTE, START):
            ledger.states.record_unsubscribe_for_all_accounts(
                product.unsubscribe(EMAIL, at, id=str(at), all_accounts=True)
            )
        place = (AddressKeys([ADDRESS_KEY.encode()]).partition(EMAIL), EVERY_ACCOUNT)
        assert ledger.known(join)[place].unsubscribed_at == to_ms(START + MINUTE)
        assert ledger.take(join, "one") == SUPERSEDED


class TestResubscription:
    @pytest.fixture(autouse=True)
    def left(self, product: Product, ledger: Ledger) -> None:
        leave = product.unsubscribe(EMAIL, START - MINUTE, id="leave")
        ledger.take(leave, "leave")
        ledger.statuses["leave"] = Status.DELIVERED

    def test_a_suppression_is_lifted_where_sender_and_provider_allow_it(self, ledger: Ledger, join: Event) -> None:
        assert ledger.take(join, "one", lifts=True) == LeaseResult(Decision.LIFT_SUPPRESSION)

    def test_otherwise_the_signup_is_suppressed_without_a_lease(
        self, product: Product, ledger: Ledger, join: Event
    ) -> None:
        assert ledger.take(join, "one") == LeaseResult(Decision.SUPPRESSED)
        plain = product.signup(EMAIL, START, id="plain", may_lift_suppression=False)
        assert ledger.take(plain, "two", lifts=True) == LeaseResult(Decision.SUPPRESSED)
        hold = ledger.state().lease
        assert hold is not None and hold.event == "leave"

    def test_signups_continue_after_a_resubscription(self, product: Product, ledger: Ledger, join: Event) -> None:
        ledger.take(join, "one", lifts=True)
        ledger.statuses["join"] = Status.DELIVERED
        assert ledger.take(product.signup(EMAIL, START + MINUTE, id="again"), "two") == GO


def test_states_under_an_older_address_key_count(product: Product, ledger: Ledger, join: Event) -> None:
    ledger.take(product.unsubscribe(EMAIL, START, id="leave"), "one")
    ledger.statuses["leave"] = Status.DELIVERED
    rotated = SubscriptionStore(
        product.container.table, AddressKeys([b"placeholder-address-key-2", ADDRESS_KEY.encode()])
    )
    assert len(ledger.known(join, rotated)) == 4
    assert ledger.take(join, "two", states=rotated) == SUPERSEDED
    alone = SubscriptionStore(product.container.table, AddressKeys([b"placeholder-address-key-2"]))
    assert ledger.take(join, "three", states=alone) == GO, "which is why no key is ever removed"
