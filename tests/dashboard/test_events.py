"""What needs a person is listed and grouped, looked up, sent again and discarded; no page shows an address."""

from __future__ import annotations

import html
import json
import logging
import re
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.config.model import Form
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.domain.events import Consent, Door, Doubt
from chalicelib.domain.reasons import ReasonCode
from chalicelib.ledger import attention
from chalicelib.web.pages.dashboard.reason_texts import REASONS
from chalicelib.web.routes.dashboard import events as routes
from tests.dashboard.visitor import ADMIN_KEY, Person, with_admin_key, words
from tests.support.http import request
from tests.support.product import Product

UNKNOWN_FIELD = ProviderError(Kind.CONTACT, "field nom does not exist", reason_code=ReasonCode.UNKNOWN_FIELD)


def refused(product: Product, *names: str) -> list[str]:
    """Signups by the form that the provider has refused."""
    product.paris.rule = lambda *_: UNKNOWN_FIELD
    ids = []
    for name in names:  # each in a batch of its own, so that no list is taken for broken
        ids += product.store(product.signup(f"{name}@example.com", form="footer"))
        product.work(ids[-1])
    product.paris.rule = None
    return ids


def quarantined(product: Product) -> list[str]:
    """Three unsubscribes by the form, of which the second and the third are above its limit."""
    with_admin_key(product, forms={"footer": Form("footer", "paris", "4781", "email", {}, unsubscribes_per_hour=1)})
    ids = product.store(*(product.unsubscribe(f"{name}@example.com", form="footer") for name in ("u", "v", "w")))
    product.work(*ids, queue="unsubscribes")
    return [one for one in ids if product.delivery(one)["status"] == "pending"]


def test_nothing_waits(person: Person) -> None:
    assert "Nothing waits, and nothing needs your decision." in words(person.get("/dashboard/events"))


def test_refusals_are_grouped_by_reason_and_listed(product: Product, person: Person) -> None:
    ids = refused(product, "a", "b", "c")
    page = person.get("/dashboard/events")
    assert "The provider does not know a field: correct [forms…fields] Refused paris footer 3 1 March" in words(page)
    assert all(event_id in page.body for event_id in ids)


def test_a_short_page_of_a_rare_form_says_that_only_a_part_was_searched(
    product: Product, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    [rare] = refused(product, "a")
    product.clock.forward(minutes=1)
    common = product.signup("b@example.com", form="other", refused="invalid: x")
    product.store(*(replace(common, id=f"b{number}") for number in range(130)))
    monkeypatch.setattr(attention, "READ_ON", 30)
    monkeypatch.setattr(attention, "MORE_QUERIES", 2)
    person.log_in()
    page = person.get("/dashboard/events?status=refused&form=footer")
    assert "Only a part of the list was searched" in words(page) and "Nothing of the kind" not in words(page)
    [following] = re.findall(r'href="([^"]+)" rel="next"', page.body)
    page = person.get("/dashboard/events" + html.unescape(following).removeprefix("/dashboard/events"))
    assert rare in page.body and "Only a part" not in words(page)


def test_a_day_and_a_reason_are_chosen(product: Product, person: Person) -> None:
    [first] = refused(product, "a")
    product.clock.forward(days=1)
    [second] = refused(product, "b")
    person.log_in()

    def shown(choice: str) -> list[bool]:
        page = person.get(f"/dashboard/events?status=refused&{choice}").body
        return [one in page for one in (first, second)]

    assert shown("day=2026-03-01") == [True, False]
    assert shown("day=2026-03-02") == [False, True]
    assert shown("code=unknown_field") == [True, True]
    assert shown("code=invalid_address") == [False, False]
    assert shown("code=unknown_field&form=footer&day=2026-03-02") == [False, True]


def test_a_group_is_sent_again_after_a_preview(product: Product, person: Person) -> None:
    ids = refused(product, "a", "b")
    group = "status=refused&account=paris&form=footer&code=unknown_field"
    preview = person.get(f"/dashboard/events/resend?{group}")
    assert words(preview).count("Send 2 signups or unsubscribes again?") == 1
    assert {product.delivery(one)["status"] for one in ids} == {"refused"}, "asking changes nothing"
    fields = dict(part.split("=") for part in group.split("&"))
    answer = person.post("/dashboard/events/resend", **fields)
    assert "Done: 2 signups or unsubscribes are being sent again now." in words(person.follow(answer))
    product.work(*ids)
    assert {product.delivery(one)["status"] for one in ids} == {"delivered"}
    assert "Nothing waits" in words(person.get("/dashboard/events"))


def test_selected_ones_are_sent_again(product: Product, person: Person) -> None:
    first, second = refused(product, "a", "b")
    page = person.get("/dashboard/events?status=refused")
    assert f'<input type="checkbox" name="event" value="{first}"' in page.body
    answer = person.post("/dashboard/events/resend", status="refused", event=first)
    assert "n=1" in answer.headers["location"]
    assert product.delivery(first)["status"] == "pending"
    assert product.delivery(second)["status"] == "refused"


def test_with_nothing_selected_nothing_changes(product: Product, person: Person) -> None:
    ids = refused(product, "a", "b")
    person.get("/dashboard/events?status=refused")
    for verb in ("resend", "discard"):
        status = "refused" if verb == "resend" else "quarantined"
        said = person.follow(person.post(f"/dashboard/events/{verb}", status=status, selected="yes"))
        assert "Nothing is selected, so nothing has changed." in words(said)
    assert {product.delivery(one)["status"] for one in ids} == {"refused"}


def test_the_log_says_which_session_acted(product: Product, person: Person, capsys: pytest.CaptureFixture[str]) -> None:
    [event_id] = refused(product, "a")
    person.get("/dashboard/events")
    capsys.readouterr()
    person.post("/dashboard/events/resend", status="refused", event=event_id)
    [line] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "resend finished" in line]
    assert re.fullmatch("session [0-9a-f]{8}", line["by"])
    assert line["resent"] == 1


def test_one_event_is_sent_again_from_its_page(product: Product, person: Person) -> None:
    [event_id] = refused(product, "a")
    page = person.get(f"/dashboard/events/{event_id}")
    assert "This signup was refused." in words(page)
    assert "field nom does not exist" in words(page)
    done = person.follow(person.post(f"/dashboard/events/{event_id}/resend"))
    assert "Done: it is being sent again now." in words(done)
    assert "This signup still waits and goes by itself." in words(done)
    again = person.follow(person.post(f"/dashboard/events/{event_id}/resend"))
    assert "Nothing has changed" in words(again)


def test_a_program_with_the_admin_key_needs_no_body(product: Product, person: Person) -> None:
    [event_id] = refused(product, "zoe")
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    answer = request(product.container, "POST", f"/dashboard/events/{event_id}/resend", headers)
    assert (answer.status, "done=resent_one" in answer.headers.get("location", "")) == (303, True)


def test_quarantined_unsubscribes_are_released_or_discarded(product: Product, person: Person) -> None:
    first, second = quarantined(product)
    person.get("/dashboard/events?status=quarantined")
    asked = person.follow(person.post("/dashboard/events/discard", status="quarantined", event=first, selected="yes"))
    assert "Discard it?" in words(asked)
    assert product.delivery(first)["status"] == "pending", "what cannot be undone is asked for"
    done = person.follow(person.post("/dashboard/events/discard", status="quarantined", event=first))
    assert "Done: it was discarded and its data erased." in words(done)
    assert product.delivery(first)["reason"] == "discarded"
    page = person.get(f"/dashboard/events/{first}")
    assert "This unsubscribe was discarded, and its data is erased." in words(page)
    assert "Send again" not in words(page)
    assert first not in person.get("/dashboard/events").body
    released = person.follow(person.post("/dashboard/events/resend", status="quarantined", event=second))
    assert "Done: it is being delivered now." in words(released)
    product.work(second, queue="unsubscribes")
    assert product.delivery(second)["status"] == "delivered"


def test_what_a_form_brought_too_much_of_is_one_group(product: Product, person: Person) -> None:
    with_admin_key(product, forms={"footer": Form("footer", "paris", "4781", "email", {}, unsubscribes_per_hour=1)})
    events = [
        product.unsubscribe(f"{name}@example.com", form="footer", accounts=("paris", "lyon"), all_accounts=True)
        for name in ("u", "v", "w")
    ]
    product.work(*product.store(*events), queue="unsubscribes")
    page = person.get("/dashboard/events")
    assert (
        "Held: too many at once, or perhaps a robot Unsubscribes Quarantined All accounts footer 2 1 March Deliver"
        in words(page)
    )
    listed = person.get("/dashboard/events?status=quarantined")
    assert listed.body.count('type="checkbox"') == 2, "a person once, whatever the number of accounts"
    assert "goes by itself on 2 March, 10:30 (09:30 UTC), unless you discard it" in words(listed)
    assert "lyon, paris" in words(listed) or "paris, lyon" in words(listed)
    assert "2 signups or unsubscribes are held: too many at once, or perhaps a robot. Form: footer." in words(
        person.get("/dashboard")
    )


def test_a_group_of_which_only_the_newest_were_counted_says_so(
    product: Product, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    quarantined(product)
    assert "All accounts footer 2 1 March" in words(person.get("/dashboard/events"))
    monkeypatch.setattr(routes, "MOST_AT_ONCE", 1)
    assert "All accounts footer at least 1 1 March" in words(person.get("/dashboard/events"))


def test_signups_and_unsubscribes_of_a_form_are_held_and_discarded_apart(product: Product, person: Person) -> None:
    form = Form("footer", "paris", "4781", "email", {}, unsubscribes_per_hour=0, signups_per_hour=0)
    with_admin_key(product, forms={"footer": form})
    consent = Consent(door=Door.FORM)
    signups = [product.signup(f"{n}@example.com", form="footer", list=None, consent=consent) for n in range(3)]
    [leaves] = product.store(product.unsubscribe("u@example.com", form="footer"))
    product.work(leaves, *product.store(*signups))
    page = person.get("/dashboard/events")
    group = "Held: too many at once, or perhaps a robot Signups Quarantined All accounts footer 3 1 March Deliver"
    assert group in words(page) and "Held: too many at once, or perhaps a robot Unsubscribes" in words(page)
    listed = person.get("/dashboard/events?status=quarantined&type=signup")
    assert "is erased on 31 March, 11:30 (09:30 UTC), unless you deliver it" in words(listed)
    chosen = {"status": "quarantined", "type": "signup", "form": "footer"}
    asked = person.get("/dashboard/events/discard?status=quarantined&type=signup&form=footer")
    assert "Discard 3 signups or unsubscribes? Quarantined · Signups · footer" in words(asked)
    released = person.follow(person.post("/dashboard/events/resend", event=signups[0].id, **chosen))
    assert "Done: it is being delivered now." in words(released)
    done = person.follow(person.post("/dashboard/events/discard", **chosen))
    assert "Done: 2 signups or unsubscribes were discarded" in words(done)
    product.work(signups[0].id)
    statuses = [product.delivery(one.id)["status"] for one in signups]
    assert (statuses, product.delivery(leaves)["reason"]) == (["delivered", "refused", "refused"], "quarantined")


@pytest.mark.parametrize(
    ("doubt", "said"),
    [
        (Doubt.NO_PROOF, "the proof of work (altcha) that its form asks for is missing"),
        (Doubt.TOO_FAST, "the form was sent back faster than a person can"),
        (Doubt.STALE, "the page of the form was older than a day"),
    ],
)
def test_a_signup_that_is_held_says_what_was_doubted(product: Product, person: Person, doubt: Doubt, said: str) -> None:
    consent = Consent(door=Door.FORM)
    [held] = product.store(product.signup("a@example.com", form="footer", list=None, consent=consent, doubt=doubt))
    product.work(held)
    assert f"This signup is held: {said}" in words(person.get(f"/dashboard/events/{held}"))


def test_a_signup_that_nobody_let_go_says_so(product: Product, person: Person) -> None:
    with_admin_key(product, forms={"footer": Form("footer", "paris", "4781", "email", {}, signups_per_hour=0)})
    [waits] = product.store(product.signup("a@example.com", form="footer", list=None, consent=Consent(door=Door.FORM)))
    product.work(waits)
    page = words(person.get(f"/dashboard/events/{waits}"))
    assert "This signup is held: its form got too many at once." in page and "Erased on 31 March" in page
    product.clock.forward(days=30)
    product.work(waits)
    person.log_in()
    page = words(person.get(f"/dashboard/events/{waits}"))
    assert "This signup was held for 30 days, nobody delivered it, and its data is erased." in page
    assert "Send again" not in page and "Discard" not in page


def test_what_is_refused_cannot_be_discarded(product: Product, person: Person) -> None:
    [event_id] = refused(product, "a")
    person.get("/dashboard/events")
    assert person.post("/dashboard/events/discard", status="refused").status == 422
    assert "done=nothing" in person.post(f"/dashboard/events/{event_id}/discard").headers["location"]
    assert person.post("/dashboard/events/resend", status="pending").status == 422
    assert product.delivery(event_id)["status"] == "refused"


def test_only_relais_says_what_was_done(product: Product, person: Person) -> None:
    [event_id] = refused(product, "a")
    person.get("/dashboard/events")
    said = "Done: it is being sent again now."
    location = person.post(f"/dashboard/events/{event_id}/resend").headers["location"].removeprefix("/api")
    assert said in words(person.get(location))
    for forged in (location.split("&proof=")[0], location.replace("&n=1", "&n=2"), f"{location}0"):
        assert said not in words(person.get(forged))
    other = Person(product)
    other.log_in()
    assert said not in words(other.get(location))


@pytest.mark.parametrize("path", ["/resend", "/discard", "/{id}/resend", "/{id}/discard", "/lookup"])
def test_no_action_without_the_sessions_token(product: Product, person: Person, path: str) -> None:
    [event_id] = refused(product, "a")
    other = Person(product)
    other.log_in()
    other.get("/dashboard")
    for token in ("", other.csrf, "0" * 64):
        answer = person.post(f"/dashboard/events{path.format(id=event_id)}", csrf=token, status="refused")
        assert answer.status == 403
    assert product.delivery(event_id)["status"] == "refused"


def test_an_action_without_a_session_leads_to_the_login(product: Product) -> None:
    [event_id] = refused(product, "a")
    answer = Person(product).post(f"/dashboard/events/{event_id}/resend", status="refused")
    assert answer.headers["location"].startswith("/api/dashboard/login?next=")
    assert product.delivery(event_id)["status"] == "refused"


def test_an_event_is_looked_up_by_its_id(product: Product, person: Person) -> None:
    [event_id] = refused(product, "a")
    assert "This signup was refused." in words(person.follow(person.get(f"/dashboard/events?id={event_id}")))
    assert "No signup or unsubscribe has this id." in words(person.get("/dashboard/events?id=nothing"))
    missing = person.get("/dashboard/events/nothing")
    assert missing.status == 404
    assert "There is no such page" in words(missing)
    assert 'href="/api/dashboard"' in missing.body


def test_a_person_is_looked_up_by_address(
    product: Product, person: Person, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = product.store(product.signup("zoe@example.com"))
    product.work(*ids)
    person.get("/dashboard/events")
    with caplog.at_level(logging.DEBUG):
        page = person.post("/dashboard/events/lookup", address=" Zoe@Example.com ")
    assert "paris Signed up 1 March 2026, 10:30 (09:30 UTC)" in words(page)
    assert f"/dashboard/events/{ids[0]}" in page.body
    assert "lyon Not passed on here (yet)" in words(page)
    seen = page.body + caplog.text + capsys.readouterr().out + json.dumps(dict(page.headers))
    assert "zoe" not in seen.lower()
    assert person.post("/dashboard/events/lookup", address="none").status == 422


def test_a_program_that_looks_up_no_address_gets_a_problem(product: Product) -> None:
    headers = {"Authorization": f"Bearer {ADMIN_KEY}", "Content-Type": "application/x-www-form-urlencoded"}
    answer = request(product.container, "POST", "/dashboard/events/lookup", headers, "address=none")
    assert (answer.status, [error["field"] for error in answer.json["errors"]]) == (422, ["address"])


def test_pages_and_addresses_of_the_dashboard_show_no_address_of_a_person(product: Product, person: Person) -> None:
    ids = refused(product, "zoe-secret")
    for path in ("", "/events", f"/events/{ids[0]}", "/events?status=refused", "/forms/footer", "/campaigns"):
        page = person.get(f"/dashboard{path}")
        assert page.status == 200
        assert "zoe-secret" not in page.body


def test_pages_of_fifty(product: Product, person: Person) -> None:
    def wait(*_: Any) -> ProviderError:
        return ProviderError(Kind.ACCOUNT, "key refused")

    product.paris.rule = wait
    ids = product.store(*(product.signup(f"p{number}@example.com", form="footer") for number in range(60)))
    product.work(*ids)
    first = person.get("/dashboard/events?status=pending")
    assert sum(event_id in first.body for event_id in ids) == 50
    cursor = first.body.partition("cursor=")[2].partition('"')[0]
    second = person.get(f"/dashboard/events?status=pending&cursor={cursor}")
    assert sum(event_id in second.body for event_id in ids) == 10
    assert person.get("/dashboard/events?status=pending&cursor=forged").status == 200


@pytest.mark.parametrize("hostile", ["<script>", "' onload=", "\u202e", "a" * 5000, "%00"])
def test_hostile_parameters_are_only_text(person: Person, hostile: str) -> None:
    for name in ("status", "account", "form", "code", "day", "cursor", "id", "language", "done", "n"):
        page = person.get(f"/dashboard/events?{name}={hostile.replace('%', '%25').replace(' ', '+')}")
        assert page.status == 200
        assert "<script>" not in page.body


def test_every_reason_has_a_text() -> None:
    assert {f"reason_{code.value}" for code in ReasonCode} | {"reason_"} == set(REASONS)


def test_signups_of_a_form_that_is_gone_are_shown(product: Product, person: Person) -> None:
    [event_id] = product.store(product.signup("a@example.com", form="footer", list=None))
    with_admin_key(product, forms={})
    product.work(event_id)
    assert "The form is not configured any more" in words(person.get("/dashboard/events"))
    assert person.get(f"/dashboard/events/{event_id}").status == 200
    assert "Signups (1) wait for the form footer, which is not in the configuration any more." in words(
        person.get("/dashboard")
    )


def test_what_an_account_left_that_is_gone_is_shown(product: Product, person: Person) -> None:
    ids = refused(product, "a")
    product.container.sweeper.run()
    lyon = {name: account for name, account in product.settings.accounts.items() if name == "lyon"}
    with_admin_key(product, accounts=lyon, forms={})
    product.container.sweeper.run()
    assert ids[0] in person.get("/dashboard/events").body
    assert "One signup or unsubscribe is refused." in words(person.get("/dashboard"))


def test_nobody_who_unsubscribed_is_signed_up_by_a_tick(product: Product, person: Person) -> None:
    product.work(*product.store(product.unsubscribe("a@example.com")), queue="unsubscribes")
    product.clock.forward(hours=1)
    [event_id] = product.store(product.signup("a@example.com", form="footer"))
    product.work(event_id)
    assert product.delivery(event_id)["reason"] == "suppressed"
    page = person.get("/dashboard/events?status=refused")
    assert event_id in page.body
    assert 'type="checkbox"' not in page.body
    person.post("/dashboard/events/resend", status="refused", event=event_id, selected="yes")
    person.post(f"/dashboard/events/{event_id}/resend")
    assert product.delivery(event_id)["status"] == "refused"
    assert 'name="undone" value="yes" required' in person.get(f"/dashboard/events/{event_id}").body
    assert "done=resent_one" in person.post(f"/dashboard/events/{event_id}/resend", undone="yes").headers["location"]
    assert product.delivery(event_id)["status"] == "pending"
