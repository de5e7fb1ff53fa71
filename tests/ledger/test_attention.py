"""The list of what needs attention: what is in it, in which order, for how long, and at what cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from chalicelib.config.model import RetryPolicy
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.domain.events import Event, EventType, Status
from chalicelib.domain.reasons import ReasonCode
from chalicelib.domain.times import epoch_milliseconds as to_ms
from chalicelib.ledger.attention import MORE_QUERIES, READ_ON, AttentionEntry, AttentionList, AttentionQuery
from chalicelib.ledger.attention_index import BadCursor, Listed
from chalicelib.ledger.event_status import EventView
from chalicelib.ledger.keys import attention_entry
from chalicelib.ledger.table import Table
from local.bench.consumed import Consumed
from tests.support.memory import LEDGER, MemoryDynamo
from tests.support.product import START, FakeContext, Product, settings

BOTH = ("lyon", "paris")


def read(product: Product, *statuses: str, accounts: tuple[str, ...] = BOTH, **query: Any) -> list[AttentionEntry]:
    """Reads the list to its end, page by page."""
    found: list[AttentionEntry] = []
    query["statuses"] = tuple(map(Listed, statuses)) or tuple(Listed)
    cursor: str | None = None
    for _ in range(1000):
        page = AttentionList(product.container.table).page(
            AttentionQuery(accounts, cursor=cursor, **query), product.clock()
        )
        assert len(page.entries) <= query.get("limit", 50)
        found += page.entries
        cursor = page.cursor
        if cursor is None:
            return found
    raise AssertionError("the list has no end")


def ids(entries: list[AttentionEntry]) -> list[str]:
    return [entry.event_id for entry in entries]


def refused(product: Product, count: int, **changes: Any) -> list[Event]:
    """Signups that the provider refuses one by one, each in its own words."""
    product.paris.rule = lambda _, emails: ProviderError(Kind.CONTACT, f"no {sorted(emails)[0].partition('@')[0]}")
    events = []
    for number in range(count):
        event = product.signup(f"{chr(97 + number)}@example.com", id=f"refused-{number}", **changes)
        product.work(*product.store(event))
        events.append(event)
        product.clock.forward(seconds=1)
    product.paris.rule = None
    return events


def test_what_is_pending_parked_refused_or_quarantined_is_listed_and_nothing_else(product: Product) -> None:
    product.settings = settings(delivery=RetryPolicy(give_up_after_hours=1))
    product.restart()
    refused(product, 1, form="footer")
    product.work(*product.store(product.signup("ok@example.com")))
    product.store(product.signup("t@example.com", id="trap", refused="trap", refused_code=ReasonCode.TRAP))
    product.store(product.signup("s@example.com", id="spam", refused="spam", refused_code=ReasonCode.SPAM))
    product.store(product.signup("i@example.com", id="invalid", refused="invalid: x"))
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    product.store(product.signup("p@example.com", id="parked"))
    product.clock.forward(hours=1.1)
    product.work("parked")
    product.store(product.signup("w@example.com", id="pending"))
    leave = product.unsubscribe("q@example.com", id="quarantined", form="footer")
    product.store(leave)
    product.clock.forward(seconds=1)
    flood = replace(product.signup("f@example.com", id="flood"), form="footer", list=None)
    product.store(flood)
    product.clock.forward(minutes=1)
    quarantine(product, leave)
    quarantine(product, flood)
    assert ids(read(product)) == ["flood", "quarantined", "pending", "parked", "invalid", "refused-0"]
    assert ids(read(product, "pending")) == ["flood", "quarantined", "pending"], "as in report"
    assert ids(read(product, "quarantined")) == ["flood", "quarantined"]
    assert ids(read(product, "quarantined", type=EventType.UNSUBSCRIBE)) == ["quarantined"]
    assert ids(read(product, type=EventType.SIGNUP, until=flood.accepted_at)) == [
        "flood",
        "pending",
        "parked",
        "invalid",
        "refused-0",
    ]
    assert ids(read(product, "parked")) == ["parked"]
    shown = read(product, "refused")[-1]
    assert (shown.account, shown.type, shown.form, shown.status.value) == (
        "paris",
        EventType.SIGNUP,
        "footer",
        "refused",
    )
    assert (shown.reason, shown.reason_code, shown.accepted_at) == ("no a", ReasonCode.REJECTED_BY_PROVIDER, START)
    assert ids(read(product, form="footer")) == ["flood", "quarantined", "refused-0"]
    assert read(product, accounts=("lyon",)) == []
    assert ids(read(product, since=START + timedelta(hours=1))) == ["flood", "quarantined", "pending"]


def quarantine(product: Product, event: Event) -> None:
    from chalicelib.ledger.quarantine import QUARANTINE_LENGTH, QuarantineStore

    until = event.accepted_at + QUARANTINE_LENGTH[event.type]
    assert QuarantineStore(product.container.table).quarantine(event, "paris", until, product.clock())


@pytest.mark.seconds
def test_pages_continue_where_the_last_one_ended_though_all_were_accepted_at_one_moment(product: Product) -> None:
    stored = product.store(
        *(product.signup(f"p{n}@example.com", id=f"e{n}", refused="invalid: x") for n in range(40)),
        *(product.signup(f"w{n}@example.com", id=f"w{n}") for n in range(40)),
        *(product.unsubscribe(f"u{n}@example.com", id=f"u{n}") for n in range(40)),
    )
    found = ids(read(product, limit=7))
    assert sorted(found) == sorted(stored), "each once"


def test_parked_and_refused_deliveries_are_listed_by_acceptance_over_all_accounts(product: Product) -> None:
    for number in range(30):
        account = BOTH[number % 2]
        product.store(
            product.signup("p@example.com", id=f"e{number}", accounts=(account,), refused="invalid: x"),
            product.signup("w@example.com", id=f"w{number}", accounts=(account,)),
        )
        product.clock.forward(milliseconds=40)
    found = read(product, "refused", limit=4)
    assert ids(found) == [f"e{number}" for number in reversed(range(30))]
    assert ids(read(product, limit=100)) == [f"{kind}{n}" for n in reversed(range(30)) for kind in "we"]


def test_a_new_entry_neither_repeats_nor_hides_another_on_the_next_page(product: Product) -> None:
    refused(product, 6)
    attention = AttentionList(product.container.table)
    query = AttentionQuery(BOTH, (Listed.REFUSED,), limit=3)
    first = attention.page(query, product.clock())
    product.store(product.signup("new@example.com", id="new", refused="invalid: x"))
    product.container.resend({"id": first.entries[-1].event_id, "status": "refused"}, FakeContext())
    second = attention.page(replace(query, cursor=first.cursor), product.clock())
    assert [entry.event_id for entry in second.entries] == ["refused-2", "refused-1", "refused-0"]


@pytest.mark.seconds
@pytest.mark.parametrize("accounts", [("paris",), BOTH])
def test_an_entry_leaves_when_it_is_sent_again_forgotten_or_expired(
    product: Product, accounts: tuple[str, ...]
) -> None:
    def refuse(event_id: str, email: str) -> None:
        product.clock.forward(minutes=1)
        for provider in product.providers.values():
            provider.rule = lambda *_: ProviderError(Kind.CALLER, f"no {event_id}")
        product.work(*product.store(product.unsubscribe(email, id=event_id, accounts=accounts)))
        for provider in product.providers.values():
            provider.rule = None

    refuse("sent", "a@example.com")
    refuse("forgotten", "b@example.com")
    refuse("expired", "c@example.com")
    once = ["expired", "forgotten", "sent"]
    assert ids(read(product)) == [event_id for event_id in once for _ in accounts]
    assert not product.container.sweeper.run()["enqueued"], "sweep sees none of them"
    product.container.resend({"id": "sent", "status": "refused"}, FakeContext())
    product.work("sent")
    assert set(ids(read(product))) == {"expired", "forgotten"}
    product.container.forget({"email": "b@example.com"}, FakeContext())
    assert "forgotten" not in ids(read(product, "refused"))
    product.clock.forward(days=91)
    assert read(product, "refused") == [], "DynamoDB deletes it later"


def test_a_kept_message_leaves_when_it_is_sent_again_or_erased(product: Product) -> None:
    body = {"type": "unsubscribe", "id": "b1", "email": "a@example.com", "scope": "moon"}
    product.work(bodies=(body,))
    assert {entry.account for entry in read(product, "refused")} == set(BOTH)
    product.container.forget({"email": "a@example.com"}, FakeContext())
    assert read(product, "refused") == []


@pytest.mark.parametrize(
    "made_up",
    ["", "x", "é", "bm9wZQ", "W10", "WyJwYXJpcyNyZWZ1c2VkIiwtMSwiYSIsdHJ1ZV0", "W1tbW1tb", "x" * 2000],
)
def test_a_made_up_cursor_is_refused(product: Product, made_up: str) -> None:
    with pytest.raises(BadCursor):
        AttentionList(product.container.table).page(AttentionQuery(BOTH, cursor=made_up), product.clock())


def test_a_cursor_of_another_account_or_status_is_refused(product: Product) -> None:
    refused(product, 3)
    attention = AttentionList(product.container.table)
    cursor = attention.page(AttentionQuery(BOTH, limit=1), product.clock()).cursor
    for query in (AttentionQuery(("lyon",), cursor=cursor), AttentionQuery(BOTH, (Listed.PARKED,), cursor=cursor)):
        with pytest.raises(BadCursor):
            attention.page(query, product.clock())


@pytest.mark.seconds
def test_a_page_costs_one_query_however_much_is_listed(product: Product, aws: Any) -> None:
    many(product, 400)
    consumed = Consumed()
    consumed.watch(product.container.table._client.meta.events)
    attention = AttentionList(product.container.table)
    page = attention.page(AttentionQuery(("paris",), (Listed.REFUSED,)), product.clock())
    assert len(page.entries) == 50 and consumed.calls == {"Query": 1}
    consumed.clear()
    page = attention.page(AttentionQuery(("paris",), (Listed.REFUSED,), cursor=page.cursor), product.clock())
    assert len(page.entries) == 50 and consumed.calls == {"Query": 1}
    assert consumed.read_units <= 4, "51 entries of the index, not 400"
    consumed.clear()
    attention.page(AttentionQuery(BOTH, limit=500), product.clock())
    assert consumed.calls == {"Query": 2}, "one for each account, of every type and state"


@pytest.mark.seconds
def test_what_fills_a_page_hides_nothing_and_costs_one_query_more(product: Product) -> None:
    (oldest,) = product.store(product.unsubscribe("u@example.com"))
    product.clock.forward(seconds=40)
    waiting = product.store(*(product.signup(f"w{n}@example.com", id=f"w{n}") for n in range(60)))
    product.clock.forward(hours=1)
    (newest,) = product.store(product.unsubscribe("v@example.com"))
    many(product, 60)
    consumed = Consumed()
    consumed.watch(product.container.table._client.meta.events)
    page = AttentionList(product.container.table).page(
        AttentionQuery(("paris",), (Listed.PENDING,), limit=20), product.clock()
    )
    assert ids(list(page.entries))[0] == newest, "though the signups come first in the index"
    assert consumed.calls == {"Query": 2}, "one that the signups fill, one for the unsubscribes"
    assert sorted(ids(read(product, "pending", limit=20))) == sorted([oldest, *waiting, newest])
    consumed.clear()
    found = AttentionList(product.container.table).newest(AttentionQuery(BOTH, limit=20), product.clock())
    assert {listed: (len(entries), more) for listed, (entries, more) in found.items()} == {
        Listed.PENDING: (23, True),
        Listed.QUARANTINED: (0, False),
        Listed.PARKED: (0, False),
        Listed.REFUSED: (19, True),
    }
    assert consumed.calls == {"Query": 3}


def many(product: Product, count: int) -> None:
    """Refused signups, as an attempt leaves them."""
    event = product.signup("a@example.com", refused="invalid: x", refused_code=ReasonCode.UNKNOWN_FIELD)
    product.store(event)
    item = product.container.table.get((f"E#{event.id}", "E"))
    assert item is not None

    def put(number: int) -> None:
        earlier = attention_entry("paris", Status.REFUSED, START - timedelta(milliseconds=number))
        product.container.table.put_new({**item, "pk": f"E#n{number}", **earlier})

    product.container.table.in_parallel(put, range(count - 1))


def view(product: Product) -> EventView:
    container = product.container
    return EventView(container.table, container.accounts.read, product.clock, container.remedy)


def test_events_are_shown_as_by_their_id_and_what_moved_on_is_left_out(product: Product) -> None:
    refused(product, 2)
    product.store(product.unsubscribe("z@example.com", id="both", accounts=BOTH))
    page = view(product).page(AttentionQuery(BOTH))
    assert [shown["id"] for shown in page.events] == ["both", "refused-1", "refused-0"], "once, though it waits twice"
    assert [view(product).find(shown["id"]) for shown in page.events] == list(page.events)
    change(product, "refused-1", "SET #status = :status", status="delivered")
    change(product, "refused-0", "SET expires_at = :status", status=1)
    page = view(product).page(AttentionQuery(BOTH, (Listed.REFUSED,)))
    assert page.events == ()


def change(product: Product, event_id: str, expression: str, **values: Any) -> None:
    """Changes an item without the index, as if the index were late."""
    names = {"status": "status"} if "#status" in expression else None
    product.container.table.update((f"E#{event_id}", "E"), expression, values, names=names)
    place = "SET due_pk = :due_pk, due_sk = :due_sk"
    product.container.table.update((f"E#{event_id}", "E"), place, attention_entry("paris", Status.REFUSED, START))


@pytest.mark.seconds
def test_a_page_of_events_costs_two_batches_more(product: Product) -> None:
    refused(product, 5)
    product.work(*product.store(*(product.signup(f"x{n}@example.com", refused="invalid: x") for n in range(60))))
    consumed = Consumed()
    consumed.watch(product.container.table._client.meta.events)
    page = view(product).page(AttentionQuery(("paris",), (Listed.REFUSED,)))
    assert len(page.events) == 50 and consumed.calls == {"Query": 1, "BatchGetItem": 1}


@pytest.mark.slow
def test_a_page_of_a_hundred_thousand_costs_what_a_page_of_a_hundred_does() -> None:
    dynamo = MemoryDynamo()
    table = Table(cast(Any, dynamo), LEDGER)
    for number in range(100_000):
        table.put_new(
            {
                "pk": f"E#n{number}",
                "sk": "E",
                "type": "signup",
                "status": "refused",
                "reason": "no",
                "accounts": ["paris"],
                "accepted": to_ms(START) + number,
                **attention_entry("paris", Status.REFUSED, START + timedelta(milliseconds=number)),
                "occurred": to_ms(START),
                "form": "rare" if number % 1000 == 0 else "footer",
            }
        )
    query = AttentionQuery(("paris",), (Listed.REFUSED,))
    for expected in range(99_999, 99_999 - 20 * 50, -50):
        before = dynamo.counts.get("query", 0)
        page = AttentionList(table).page(query, START)
        assert page.entries[0].event_id == f"n{expected}" and len(page.entries) == 50
        assert dynamo.counts.get("query", 0) == before + 1
        query = replace(query, cursor=page.cursor)
    rare, pages = AttentionQuery(("paris",), (Listed.REFUSED,), form="rare"), 0
    found: list[str] = []
    while pages == 0 or rare.cursor is not None:
        before = dynamo.counts.get("query", 0)
        page = AttentionList(table).page(rare, START)
        found += ids(list(page.entries))
        assert dynamo.counts.get("query", 0) <= before + 1 + MORE_QUERIES, "a page of a rare form ends early"
        rare, pages = replace(rare, cursor=page.cursor), pages + 1
    assert found == [f"n{number}" for number in range(99_000, -1, -1000)]
    assert pages == -(-100_000 // (MORE_QUERIES * READ_ON)), "each reads as much as it may"
