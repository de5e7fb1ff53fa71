"""Signups of a form above its limits: accepted, and delivered only if an operator releases them; else erased."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.domain.events import Consent, Door, Event
from chalicelib.domain.networks import network_of
from chalicelib.ledger.attention import AttentionList, AttentionQuery
from chalicelib.ledger.attention_index import Listed
from chalicelib.observability import metrics
from chalicelib.statistics.form_days import form_days
from tests.operators.support import calls, enqueued, items, report, resend
from tests.support.aws import TestAws
from tests.support.http import request
from tests.support.product import START, FakeContext, Product, settings

LIMIT = 3
JSON = {"content-type": "application/json"}
QUARANTINED = {"status": "quarantined"}


def limited(**limits: Any) -> Product:
    given = settings()
    footer = given.forms["footer"]
    return Product(replace(given, forms={"footer": replace(footer, **limits), "shop": replace(footer, name="shop")}))


@pytest.fixture
def product(resources: TestAws) -> Product:
    return limited(signups_per_hour=LIMIT)


def submit(product: Product, email: str, form: str = "footer", **more: str) -> str:
    """Fill in a form; the event's id."""
    body = json.dumps({"email": email, **more})
    answer = request(product.container, "POST", f"/forms/{form}/signup", JSON, body)
    assert answer.status == 202, answer.body
    return str(answer.json["id"])


def flood(product: Product, beyond: int = 1) -> list[str]:
    """The ids of signups beyond the form's limit; those within it are delivered and forgotten."""
    within = [submit(product, f"p{number}@example.com") for number in range(LIMIT)]
    product.work(*within)
    ids = [submit(product, f"q{number}@example.com") for number in range(beyond)]
    product.work(*ids)
    assert signed_up(product) == [f"p{number}@example.com" for number in range(LIMIT)]
    product.paris.rows.clear()
    return ids


def signed_up(product: Product) -> list[str]:
    return [email for _, email, _ in product.paris.rows]


def by_form(product: Product, email: str, ip: str | None, **changes: Any) -> Event:
    """A signup as the form's door makes it, from an IP address."""
    consent = Consent(ip=ip, at=product.clock(), door=Door.FORM)
    return product.signup(email, form="footer", list=None, consent=consent, **changes)


def test_signups_above_the_limit_are_accepted_and_wait(product: Product) -> None:
    first, second = flood(product, 2)
    assert resend(product) == {"resent": 0}
    product.clock.forward(days=29)
    assert product.container.sweeper.run() == {"enqueued": 0}
    product.work(first, second)
    assert signed_up(product) == []
    shown = product.delivery(first)
    assert (shown["status"], shown["reason"], shown["reason_code"]) == ("pending", "quarantined", "quarantined")
    assert (shown["attempts"], shown["next_attempt_at"]) == (0, "2026-03-31T09:30:00Z")


def test_other_forms_and_other_senders_are_not_delayed(product: Product) -> None:
    flood(product)
    (sent,) = product.store(product.signup("back-end@example.com", form="footer", list=None))
    product.work(submit(product, "shop@example.com", form="shop"), sent)
    assert sorted(signed_up(product)) == ["back-end@example.com", "shop@example.com"]
    product.clock.forward(hours=1)
    product.work(submit(product, "later@example.com"))
    assert "later@example.com" in signed_up(product), "in another hour of the clock"


def test_repeats_traps_and_spam_use_nothing_of_the_limit(product: Product) -> None:
    for _ in range(LIMIT):
        product.work(submit(product, "a@example.com"))
        product.work(submit(product, "robot@example.com", website="http://spam.example"))
        product.work(submit(product, "spam@example.com", prenom="http://spam.example"))
    ids = []
    for number in range(LIMIT):
        product.clock.forward(milliseconds=1)
        ids.append(submit(product, f"p{number}@example.com"))
    product.work(*ids, *ids)
    product.work(*ids)
    assert signed_up(product) == ["a@example.com", "p0@example.com", "p1@example.com"]
    assert product.delivery(ids[-1])["reason"] == "quarantined"


def test_accepting_costs_no_call_for_counting(product: Product) -> None:
    submit(product, "warm@example.com")
    made = calls(product)
    submit(product, "a@example.com")
    assert made == ["PutItem", "SendMessage"] or len(made) <= 2


@pytest.mark.seconds
def test_signups_that_wait_for_their_account_are_counted_once(product: Product) -> None:
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    ids = [submit(product, f"p{number}@example.com") for number in range(LIMIT)]
    for _ in range(4):
        product.work(*ids)
        product.clock.forward(minutes=2)
    product.paris.rule = None
    product.clock.forward(hours=1)
    product.work(*ids)
    assert len(signed_up(product)) == LIMIT


def test_an_operator_releases_them_and_they_are_given_up_no_earlier_than_others(product: Product) -> None:
    first, second = flood(product, 2)
    product.clock.forward(days=20)
    product.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    assert resend(product, id=first, **QUARANTINED) == {"resent": 1}
    product.work(first)
    assert (product.delivery(first)["status"], product.delivery(first)["reason"]) == ("pending", "down")
    product.paris.rule = None
    product.clock.forward(hours=1)
    assert resend(product, form="footer", type="signup", **QUARANTINED) == {"resent": 1}
    product.work(first, second)
    assert sorted(signed_up(product)) == ["q0@example.com", "q1@example.com"]
    assert product.delivery(second)["status"] == "delivered"


def test_an_operator_discards_a_flood_of_signups_and_no_unsubscribe(product: Product, resources: TestAws) -> None:
    given = product.settings.forms["footer"]
    product.settings = replace(product.settings, forms={"footer": replace(given, unsubscribes_per_hour=0)})
    product.restart()
    ids = flood(product, 3)
    (leaves,) = product.store(product.unsubscribe("z@example.com", form="footer"))
    product.work(leaves)
    assert resend(product, type="signup", discard=True, **QUARANTINED) == {"discarded": 3}
    assert [product.delivery(one)["reason"] for one in (*ids, leaves)] == ["discarded"] * 3 + ["quarantined"]
    for one in ids:
        (item,) = items(resources, one).values()
        assert {"email", "fields", "consent", "due_pk"}.isdisjoint(item)
    enqueued(resources)
    product.clock.forward(days=31)
    product.container.sweeper.run()
    assert set(enqueued(resources)).isdisjoint(ids)


@pytest.mark.seconds
def test_after_thirty_days_they_end_refused_and_erased(
    product: Product, resources: TestAws, capsys: pytest.CaptureFixture[str]
) -> None:
    (waits,) = flood(product)
    enqueued(resources)
    product.clock.forward(days=30)
    metrics.flush()
    capsys.readouterr()
    assert product.container.sweeper.run() == {"enqueued": 1}
    assert enqueued(resources) == [waits]
    product.work(waits)
    (delivery,) = (product.shown(waits) or {})["deliveries"]
    assert (delivery["status"], delivery["reason"], delivery["reason_code"]) == (
        "refused",
        "quarantined",
        "quarantined",
    )
    (item,) = items(resources, waits).values()
    assert {"email", "fields", "consent", "due_pk", "due_at"}.isdisjoint(item) and "expires_at" in item
    assert resend(product, id=waits, status="refused") == {"resent": 0}
    assert resend(product, id=waits, **QUARANTINED) == {"resent": 0}
    assert signed_up(product) == []
    found = report(product)
    assert (found["refused"], found["pending"], found["quarantined"]) == (1, 0, 0)
    metrics.flush()
    assert "unexpected_refusals" not in capsys.readouterr().out
    (day,) = form_days(product.container.counts.read(START.date(), START.date()))
    assert (day.accepted, day.delivered, day.quarantined, day.refused) == (LIMIT + 1, LIMIT, 1, 1)


def test_they_are_reported_logged_and_no_part_of_any_age(
    product: Product, resources: TestAws, capsys: pytest.CaptureFixture[str]
) -> None:
    (waits,) = flood(product)
    enqueued(resources)
    product.clock.forward(hours=5)
    product.container.sweeper.run()
    metrics.flush()
    out = capsys.readouterr()
    lines = [json.loads(line) for line in (out.out + out.err).splitlines() if line.startswith("{")]
    assert [line["signups_quarantined"] for line in lines if "signups_quarantined" in line] == [1]
    (said,) = [line for line in lines if line.get("message") == "signups quarantined"]
    assert (said["form"], said["limit"], said["event_ids"]) == ("footer", "form", [waits])
    measured = [line for line in lines if line.get("account") == "paris" and "oldest_pending_seconds" in line]
    assert measured[-1]["oldest_pending_seconds"] == measured[-1]["oldest_unsubscribe_seconds"] == 0
    found = report(product)
    assert (found["pending"], found["quarantined"], found["oldest_pending_seconds"]) == (1, 1, 0)
    assert found["oldest_unsubscribe_seconds"] == 0


def test_a_changed_form_does_not_announce_what_is_quarantined(product: Product, resources: TestAws) -> None:
    product.container.sweeper.run()
    flood(product)
    form = replace(product.settings.forms["footer"], list="1207")
    product.settings = replace(product.settings, forms={"footer": form})
    product.restart()
    enqueued(resources)
    assert product.container.sweeper.run() == {"enqueued": 0}


def test_a_person_who_leaves_meanwhile_is_not_signed_up_by_a_release(product: Product) -> None:
    (waits,) = flood(product)
    product.clock.forward(hours=1)
    (leaves,) = product.store(product.unsubscribe("q0@example.com"))
    product.work(leaves)
    assert resend(product, **QUARANTINED) == {"resent": 1}
    product.work(waits)
    assert product.delivery(waits)["status"] == "superseded"


def test_a_person_who_is_forgotten_leaves_nothing_in_quarantine(product: Product, resources: TestAws) -> None:
    (waits,) = flood(product)
    assert "error" not in product.container.forget({"email": "q0@example.com"}, FakeContext())
    (item,) = items(resources, waits).values()
    assert "email" not in item and "consent" not in item


@pytest.mark.seconds
def test_the_nightly_pass_puts_a_lost_one_back_into_quarantine(product: Product) -> None:
    (waits,) = flood(product)
    product.container.table.update((f"E#{waits}", "E"), "REMOVE due_pk, due_at")
    attention = AttentionList(product.container.table)
    query = AttentionQuery(("paris",), (Listed.QUARANTINED,))
    assert attention.page(query, product.clock()).entries == ()
    product.clock.forward(hours=24)
    for _ in range(3):
        product.container.sweep(FakeContext())
    (entry,) = attention.page(query, product.clock()).entries
    assert (entry.event_id, entry.quarantined) == (waits, True)


class TestNetworks:
    """`signups_per_hour_per_network`: one sender's signups, before those of the whole form are counted."""

    @pytest.fixture
    def product(self, resources: TestAws) -> Product:
        return limited(signups_per_hour=5, signups_per_hour_per_network=2)

    @pytest.mark.seconds
    def test_one_network_is_limited_and_uses_nothing_of_the_others(self, product: Product) -> None:
        robots = []
        for number in range(20):
            product.clock.forward(milliseconds=1)
            robots.append(by_form(product, f"r{number}@example.com", f"203.0.113.{number}"))
        people = [by_form(product, f"p{number}@example.com", f"2001:db8:0:{number}00::1") for number in range(3)]
        product.work(*product.store(*robots))
        product.work(*product.store(*people))
        assert sorted(signed_up(product)) == [f"{name}@example.com" for name in ("p0", "p1", "p2", "r0", "r1")]
        assert {product.delivery(one.id)["reason"] for one in robots[2:]} == {"quarantined"}

    def test_it_is_counted_for_each_form_and_hour_and_only_where_the_sender_is_known(self, product: Product) -> None:
        first = [by_form(product, f"a{number}@example.com", "203.0.113.9") for number in range(2)]
        unknown = [by_form(product, f"u{number}@example.com", ip) for number, ip in enumerate((None, "", "no address"))]
        product.work(*product.store(*first, *unknown))
        assert len(signed_up(product)) == 5
        product.clock.forward(hours=1)
        product.work(*product.store(by_form(product, "later@example.com", "203.0.113.9")))
        assert len(signed_up(product)) == 6

    def test_the_network_is_kept_as_a_keyed_hash_for_an_hour(self, product: Product) -> None:
        product.work(*product.store(by_form(product, "a@example.com", "203.0.113.9")))
        table = product.container.table
        attributes = ("pk", "sk", "marks", "expires_at")
        pages = table.scan(0, 1, "begins_with(#pk, :start)", attributes, {"start": "S#network#"})
        (item,) = [item for page in pages for item in page]
        assert re.fullmatch("S#network#[0-9a-f]{32}", item["pk"])
        assert item["expires_at"] == int((product.clock() + timedelta(hours=1)).timestamp())

    def test_the_log_names_the_limit_and_no_network(self, product: Product, capsys: pytest.CaptureFixture[str]) -> None:
        product.work(*product.store(*(by_form(product, f"a{n}@example.com", "203.0.113.9") for n in range(3))))
        out = capsys.readouterr()
        (said,) = [line for line in (out.out + out.err).splitlines() if '"signups quarantined"' in line]
        assert json.loads(said)["limit"] == "network"
        assert "203.0.113" not in out.out + out.err


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:22ff::1", "2001:db8:1:2200::/56"),
        ("fe80::1%eth0", "fe80::/56"),
        ("", None),
        ("203.0.113.9:443", None),
        ("unknown", None),
    ],
)
def test_a_network_is_the_24_or_56_of_an_address(ip: str, network: str | None) -> None:
    assert network_of(ip) == network
