"""What a form shows a visitor to correct: the fields, their faults, and what was typed."""

from __future__ import annotations

import pytest

from tests.web.form_pages import SITE, Page, browse, heading, settings_with
from tests.web.surroundings import World

HOSTILE = "\"'><script>alert(1)</script>&amp;{{ 7 * 7 }}"


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ("", "type it, as in name@example.com"),
        ("zoe.example.com", "the sign @ is missing"),
        ("a@b@example.com", "type one address, with one @"),
        ("zoe @ example.com, ben@example.com", "type one address, with one @"),
        ("zoe martin@example.com", "an address has no space in it"),
        ("zoe@example", "check what follows the @"),
        ("zoe@example..com", "check what follows the @"),
        ("zoe..m@example.com", "this address is not valid"),
    ],
)
def test_a_wrong_address_is_named_in_plain_words(world: World, typed: str, fault: str) -> None:
    answer = browse(world, settings_with(), "/forms/footer/signup", [("email", typed)], **{"Accept-Language": "en"})
    page = Page(answer)
    assert (answer.status, heading(answer)) == (422, "Something is still to be corrected")
    assert answer.body.startswith("<!doctype html>") and "<title>Error – " in answer.body
    assert page.text.count(fault) == 2, "in the summary and at the field"
    assert {link for link in page.links if link.startswith("#")} <= {f"#{each}" for each in page.ids}
    assert page.sent["email"] == [typed]
    assert world.stored == []


def test_what_was_typed_is_kept_and_the_corrected_form_is_accepted(world: World) -> None:
    fields = [
        ("email", "zoe@example"),
        ("prenom", HOSTILE),
        ("unknown", "x"),
        ("website", ""),
        ("consent.text", "v3"),
        ("_charset_", "UTF-8"),
    ]
    settings = settings_with(redirect=None, allow_links=True)
    page = Page(browse(world, settings, "/forms/footer/signup", fields))
    assert page.shown == ["email"], "only what is wrong, and the address"
    assert page.sent == {
        "email": ["zoe@example"],
        "prenom": [HOSTILE],
        "website": [""],
        "consent.text": ["v3"],
        "consent.source": [f"{SITE}/"],
    }
    assert [(form.get("method"), form.get("action")) for form in page.forms] == [("post", None)], "to the same address"
    corrected = [(name, text) for name, texts in (page.sent | {"email": ["zoe@example.com"]}).items() for text in texts]
    answer = browse(
        world,
        settings,
        "/forms/footer/signup",
        corrected,
        Origin="https://relais.test",
        Referer="https://relais.test/forms/footer/signup",
        Host="relais.test",
    )
    assert answer.status == 200
    [event] = world.stored
    assert (event.email, event.fields) == ("zoe@example.com", {"prenom": HOSTILE})
    assert event.consent is not None
    assert (event.consent.source, event.consent.text) == (f"{SITE}/", "v3"), "the website's page, not that of Relais"
    assert f"{SITE}/" in Page(answer).links, "the way back, too"


def test_several_texts_of_a_field_are_kept(world: World) -> None:
    fields = [("email", "a"), ("prenom", "Zoé"), ("prenom", " Anne\r\nMarie "), ("prenom", "")]
    assert Page(browse(world, settings_with(), "/forms/footer/signup", fields)).sent["prenom"] == [
        "Zoé",
        " Anne\r\nMarie ",
        "",
    ]


def test_hostile_texts_are_shown_as_text(world: World) -> None:
    settings = settings_with(field_length=10)
    for text in (HOSTILE, f"</textarea>{HOSTILE}{'x' * 90}", f"\n\n{HOSTILE}"):
        answer = browse(world, settings, "/forms/footer/signup", [("email", HOSTILE), ("prenom", text)])
        page = Page(answer)
        assert (page.sent["email"], page.sent["prenom"]) == ([HOSTILE], [text])
        assert page.shown == ["email", "prenom"]
        assert "<script" not in answer.body
        assert "location" not in answer.headers


def test_too_long_a_text_says_how_long_it_may_be(world: World) -> None:
    answer = browse(world, settings_with(), "/forms/footer/signup", [("email", "a@example.com"), ("prenom", "x" * 612)])
    page = Page(answer)
    assert page.text.count("500 caractères au plus\u00a0; vous en avez écrit 612.") == 2
    assert "Prénom" in page.text
    assert page.shown == ["email", "prenom"]


def test_a_filled_trap_stays_filled(world: World) -> None:
    fields = [("email", "a@example.com"), ("prenom", "x" * 501), ("website", "https://spam.example")]
    page = Page(browse(world, settings_with(), "/forms/footer/signup", fields))
    assert page.sent["website"] == ["https://spam.example"]
    assert "website" not in page.shown


def test_a_form_without_the_address_field_is_told_what_it_sends(world: World) -> None:
    """A visitor can still type the address; the owner of the site sees which names were sent."""
    fields = [("mail", "zoe@example.com"), ('a & "b"', "x"), ("zoe@example.com", "x")]
    answer = browse(world, settings_with(), "/forms/footer/signup", fields, **{"Accept-Language": "en"})
    assert "The form does not send the field <code>email</code>, which the configuration says is" in answer.body
    assert "but <code>mail</code>, <code>a &amp; &#34;b&#34;</code>, <code>…@…</code>." in answer.body
    assert Page(answer).shown == ["email"]
    assert "does not send" not in browse(world, settings_with(), "/forms/footer/signup", [("email", "a")]).body


def test_an_unsubscribe_asks_for_the_address_alone(world: World) -> None:
    fields = [("email", "nobody"), ("prenom", "Zoé"), ("website", "x")]
    answer = browse(world, settings_with(), "/forms/footer/unsubscribe", fields, **{"Accept-Language": "nl"})
    page = Page(answer)
    assert (answer.status, page.sent) == (422, {"email": ["nobody"]})
    assert "Schrijf mij uit" in page.text


def test_a_field_that_no_visitor_typed_is_the_owners_to_mend(world: World) -> None:
    fields = [("email", "a"), ("consent.wording_sha256", "x")]
    answer = browse(world, settings_with(), "/forms/footer/signup", fields, **{"Accept-Language": "en"})
    assert (answer.status, heading(answer)) == (422, "This form is not connected properly")
    assert "<code>consent.wording_sha256</code> must be a SHA-256" in answer.body


@pytest.mark.parametrize(
    ("redirect", "allowed"),
    [
        (None, ""),
        (
            "https://www.example.com/merci?a=1",
            " https://www.example.com https://example.com https://*.example.com",
        ),
        ("https://xn--caf-dma.example:8443/", " https://xn--caf-dma.example:8443 https://*.xn--caf-dma.example:8443"),
        ("http://127.0.0.1:8000/merci", " http://127.0.0.1:8000"),
        ("http://localhost:5500/merci", " http://localhost:5500"),
        ("http://[::1]:5500/merci", " http://[::1]:5500"),
    ],
)
def test_the_form_again_may_go_on_to_the_redirect(world: World, redirect: str | None, allowed: str) -> None:
    """Browsers check a form's redirects, also those of the site itself, against the policy of the form's page."""
    answer = browse(world, settings_with(redirect=redirect), "/forms/footer/signup", [("email", "a")])
    assert f"form-action 'self'{allowed};" in answer.headers["content-security-policy"]
