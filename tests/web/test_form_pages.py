"""What a form shows a visitor: success, fields to correct with what was typed, later, and not connected properly."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from chalicelib.config.model import Form, Organisation, Settings
from chalicelib.domain.errors import LedgerUnavailable
from chalicelib.domain.events import EventType
from chalicelib.ingestion.bodies import Submission
from chalicelib.web.form_visit import FormVisit
from chalicelib.web.http_messages import Request
from chalicelib.web.pages.forms import failure_page
from chalicelib.web.problems import HttpProblem
from tests.support.examples import examples
from tests.web.surroundings import Answer, Send, World, ask, gateway_event, make_app, make_settings

ORGANISATION = Organisation("Les Amis & Cie", "https://amis.example.com/", "https://amis.example.com/vie-privee")
SITE = "https://shop.example.com"
HOSTILE = "\"'><script>alert(1)</script>&amp;{{ 7 * 7 }}"
BROWSER = {
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "Content-Type": "application/x-www-form-urlencoded",
    "Origin": SITE,
    "Referer": f"{SITE}/",
}
BROWSER_HEADERS = {name.lower(): value for name, value in BROWSER.items()}
Fields = list[tuple[str, str]]


class Page(HTMLParser):
    """What a browser would send from a page's form, its links, and its text."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        assert answer.headers["content-type"] == "text/html; charset=utf-8", answer.body
        self.sent: dict[str, list[str]] = {}
        self.shown: list[str] = []
        self.forms: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.buttons = 0
        self._area: str | None = None
        self.text = ""
        self.feed(answer.body)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert not [name for name in given if name == "style" or name.startswith("on")]
        assert tag not in ("script", "img", "link", "iframe")
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag == "form":
            self.forms.append(given)
        elif tag == "a":
            self.links.append(str(given["href"]))
        elif tag == "button":
            self.buttons += 1
        elif tag in ("input", "textarea"):
            name = str(given["name"])
            self._area = name if tag == "textarea" else None
            self.sent.setdefault(name, []).append(str(given.get("value") or ""))
            if given.get("type") != "hidden":
                self.shown.append(name)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area is None:
            self.text += data
        else:  # a browser drops one line break after the start tag
            self.sent[self._area][-1] += data.removeprefix("\n") if not self.sent[self._area][-1] else data


def settings_with(**form: Any) -> Settings:
    settings = make_settings()
    made: dict[str, Form] = {**settings.forms, "footer": replace(settings.forms["footer"], **form)}
    return replace(settings, organisation=ORGANISATION, forms=made)


def browse(
    world: World, settings: Settings, path: str, fields: Fields | None, method: str = "POST", **headers: str
) -> Answer:
    body = None if fields is None else urlencode(fields)
    answer = ask(make_app(world, settings), gateway_event(method, path, {**BROWSER, **headers}, body))
    assert answer.headers["cache-control"] == "no-store"
    if answer.body:
        assert "Les Amis &amp; Cie</a>" in answer.body and 'href="https://amis.example.com/vie-privee"' in answer.body
        assert answer.body.count("<h1>") == 1
        assert answer.headers["referrer-policy"] == "same-origin", "a form on it has to state its origin"
    return answer


def heading(answer: Answer) -> str:
    [found] = re.findall("<h1>(.*)</h1>", answer.body)
    return str(found)


# --- success ---


@pytest.mark.parametrize(
    ("language", "signed_up", "left"),
    [
        ("fr-BE,fr;q=0.9", "Merci pour votre inscription", "Votre désinscription est enregistrée"),
        ("nl-BE,nl;q=0.9,fr;q=0.8", "Bedankt voor uw inschrijving", "U bent uitgeschreven"),
        ("en", "Thank you for signing up", "You are unsubscribed"),
    ],
)
def test_success_without_a_redirect_is_a_page(world: World, language: str, signed_up: str, left: str) -> None:
    settings = settings_with(redirect=None)
    for verb, title in (("signup", signed_up), ("unsubscribe", left)):
        fields = [("email", "zoé@example.com")]
        answer = browse(world, settings, f"/forms/footer/{verb}", fields, **{"Accept-Language": language})
        assert (answer.status, heading(answer)) == (200, title)
        assert f'<html lang="{language[:2]}">' in answer.body
        assert "zoé@example.com" in answer.body
        assert f"{SITE}/" in Page(answer).links
    assert [event.type for event in world.stored] == [EventType.SIGNUP, EventType.UNSUBSCRIBE]


def test_each_verb_has_its_own_redirect(world: World) -> None:
    settings = settings_with(redirect_unsubscribe="https://www.example.com/au-revoir")
    for verb, page in (("signup", "merci"), ("unsubscribe", "au-revoir")):
        answer = browse(world, settings, f"/forms/footer/{verb}", [("email", "a@example.com")])
        assert (answer.status, answer.headers["location"]) == (303, f"https://www.example.com/{page}")


def test_a_script_gets_json_all_the_same(send: Send) -> None:
    headers = BROWSER | {"Accept": "*/*"}
    assert send("POST", "/forms/footer/signup", headers, "email=a%40example.com").json["status"] == "accepted"
    assert send("POST", "/forms/footer/signup", headers, "email=a").json["errors"][0]["field"] == "email"


@pytest.mark.parametrize(
    "fields",
    [
        [("email", "a@example.com")],
        [("email", "a@example.com"), ("website", "https://spam.example")],
        [("email", "a@example.com"), ("prenom", "https://spam.example")],
    ],
    ids=["accepted", "trap", "spam"],
)
def test_everybody_is_told_the_same_after_a_signup(world: World, fields: Fields) -> None:
    """Also that a form may not bring somebody back who has left, and what to do: whether they have is not told."""
    answer = browse(world, settings_with(redirect=None), "/forms/footer/signup", fields, **{"Accept-Language": "en"})
    again = browse(
        World(),
        settings_with(redirect=None),
        "/forms/footer/signup",
        [("email", "a@example.com")],
        **{"Accept-Language": "en"},
    )
    assert answer.body == again.body
    assert "Had you unsubscribed before?" in answer.body
    assert 'please contact <a href="https://amis.example.com/">Les Amis &amp; Cie</a> to come back' in answer.body


# --- language ---


@pytest.mark.parametrize(
    ("own", "asked", "language"),
    [
        (None, "de", "fr"),
        ("nl", "de", "nl"),
        ("nl", "", "nl"),
        ("nl", "*", "nl"),
        ("nl", "en,nl;q=0.5", "en"),
        ("en", "fr-CA", "fr"),
        ("en", "de,*;q=0.5", "en"),
    ],
)
def test_the_language_is_the_visitors_else_the_forms_else_french(
    world: World, own: str | None, asked: str, language: str
) -> None:
    for fields in ([("email", "a@example.com")], [("email", "a")]):
        answer = browse(
            world,
            settings_with(redirect=None, language=own),
            "/forms/footer/signup",
            fields,
            **{"Accept-Language": asked},
        )
        assert answer.headers["content-language"] == language
        assert {"Origin", "Accept", "Accept-Language"} <= set(answer.headers["vary"].split(", "))


# --- fields to correct ---


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
    """A visitor can type the address all the same; the owner of the site sees which name is wrong."""
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
        ("https://www.example.com/merci?a=1", " https://example.com https://*.example.com"),
        ("https://xn--caf-dma.example:8443/", " https://xn--caf-dma.example:8443 https://*.xn--caf-dma.example:8443"),
        ("http://127.0.0.1:8000/merci", " http://127.0.0.1:8000"),
        ("http://localhost:5500/merci", " http://localhost:5500"),
        ("http://[::1]:5500/merci", " http://[::1]:5500"),
    ],
)
def test_the_form_again_may_go_on_to_the_redirect(world: World, redirect: str | None, allowed: str) -> None:
    """Browsers hold the redirects after a form against the policy of the form's page, also the site's own ones."""
    answer = browse(world, settings_with(redirect=redirect), "/forms/footer/signup", [("email", "a")])
    assert f"form-action 'self'{allowed};" in answer.headers["content-security-policy"]


# --- later ---


def test_a_signup_that_cannot_be_stored_is_sent_again_by_one_button(world: World) -> None:
    world.failure = LedgerUnavailable("DynamoDB did not answer")
    fields = [("email", "zoe@example.com"), ("prenom", "Zoé")]
    answer = browse(world, settings_with(redirect=None), "/forms/footer/signup", fields, **{"Accept-Language": "en"})
    page = Page(answer)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert heading(answer) == "Please try again in a moment"
    assert (page.shown, page.buttons, page.sent["email"], page.sent["prenom"]) == (
        [],
        1,
        ["zoe@example.com"],
        ["Zoé"],
    )
    assert "gateway-request-1" in page.text
    world.failure = None
    again = [(name, text) for name, texts in page.sent.items() for text in texts]
    assert browse(world, settings_with(redirect=None), "/forms/footer/signup", again).status == 200
    assert [event.email for event in world.stored] == ["zoe@example.com"]


def test_a_defect_keeps_what_was_typed_and_says_nothing_of_itself(world: World) -> None:
    world.failure = RuntimeError("secret")
    page = browse(world, settings_with(), "/forms/footer/signup", [("email", "zoe@example.com")])
    assert (page.status, "secret" in page.body) == (500, False)
    assert Page(page).sent["email"] == ["zoe@example.com"]


@pytest.mark.parametrize(
    ("language", "title"), [("fr", "Un peu trop vite"), ("nl", "Even wachten"), ("en", "A little too fast")]
)
def test_a_limit_keeps_what_was_typed(language: str, title: str) -> None:
    submission = Submission({"email": ("zoe@example.com",), "prenom": ("Zoé",)})
    request = Request("POST", BROWSER_HEADERS | {"accept-language": language}, id="r-1")
    visit = FormVisit(request, EventType.SIGNUP, settings_with().forms["footer"], ORGANISATION, submission)
    page = failure_page(visit, HttpProblem(429, "Too many requests.", headers={"retry-after": "9"}))
    answer = Answer(page.status, dict(page.headers), page.body)
    assert (answer.status, answer.headers["retry-after"], heading(answer)) == (429, "9", title)
    assert (Page(answer).sent["email"], Page(answer).buttons) == (["zoe@example.com"], 1)


# --- not connected ---


@pytest.mark.parametrize(
    ("path", "headers", "status", "for_owner"),
    [
        (
            "/forms/footer/signup",
            {"Origin": "https://other.example"},
            403,
            "add <code>&#34;https://other.example&#34;</code> to",
        ),
        ("/forms/footer/signup", {"Origin": "null"}, 403, "Referrer-Policy"),
        ("/forms/nosuch/signup", {}, 404, "compare the address in <code>action</code>"),
        ("/forms/footer/signup", {"Origin": "https://<b>"}, 403, "This form may not be used from that site."),
    ],
)
def test_a_form_that_is_not_connected_is_said_to_be_so(
    world: World, path: str, headers: dict[str, str], status: int, for_owner: str
) -> None:
    answer = browse(
        world, settings_with(), path, [("email", "zoe@example.com")], **headers, **{"Accept-Language": "en"}
    )
    page = Page(answer)
    assert (answer.status, heading(answer)) == (status, "This form is not connected properly")
    assert "Please tell the owner of the website" in answer.body
    assert for_owner in answer.body
    assert "zoe" not in answer.body
    assert "https://other.example" not in page.links, "no way back to a site that is not listed"
    assert world.stored == []


@pytest.mark.parametrize("verb", ["signup", "unsubscribe"])
def test_get_on_a_forms_path_says_that_forms_are_posted(world: World, verb: str) -> None:
    path = f"/forms/footer/{verb}?email=zoe%40example.com"
    for language in ("fr", "nl", "en"):
        headers = {"Accept": "text/html", "Accept-Language": language}
        answer = ask(make_app(world, settings_with()), gateway_event("GET", path, headers))
        assert (answer.status, answer.headers["allow"]) == (405, "OPTIONS, POST")
        assert "<code>method=&#34;post&#34;</code>" in answer.body
        assert "zoe" not in answer.body
    machine = ask(make_app(world, settings_with()), gateway_event("GET", path))
    assert 'method="post"' in machine.json["detail"]
    assert world.stored == []


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/x-www-form-urlencoded; charset=utf-8", "email=%ff", 400),
        ("application/x-www-form-urlencoded", "email=" + "x" * 102_400, 413),
        ("application/xml", "<email/>", 415),
    ],
)
def test_a_body_that_cannot_be_read_recorded_nothing(world: World, content_type: str, body: str, status: int) -> None:
    headers = BROWSER | {"Content-Type": content_type, "Accept-Language": "en"}
    answer = ask(make_app(world, settings_with()), gateway_event("POST", "/forms/footer/signup", headers, body))
    assert answer.status == status
    assert "Nothing was recorded." in Page(answer).text
    assert f"{SITE}/" in Page(answer).links


# --- the way back ---


@pytest.mark.parametrize(
    ("headers", "back"),
    [
        ({"Referer": f"{SITE}/page?a=1"}, f"{SITE}/page?a=1"),
        ({"Referer": "https://other.example/"}, SITE),
        ({"Referer": "https://shop.example.com.other.example/"}, SITE),
        ({"Referer": "javascript:alert(1)"}, SITE),
        ({"Referer": "https://[/"}, SITE),
        ({"Referer": "", "Origin": "https://relais.test", "Host": "relais.test"}, "https://amis.example.com/"),
    ],
)
def test_the_way_back_is_a_listed_site_or_the_organisations(world: World, headers: dict[str, str], back: str) -> None:
    answer = browse(
        world, settings_with(redirect=None), "/forms/footer/signup", [("email", "a@example.com")], **headers
    )
    assert answer.status == 200
    assert f'class="button" href="{back}"' in answer.body


def test_without_an_organisation_pages_have_no_name_and_no_other_host(world: World) -> None:
    settings = replace(settings_with(redirect=None), organisation=None)
    headers = {"Accept": "text/html", "Content-Type": "application/x-www-form-urlencoded", "Accept-Language": "en"}
    answer = ask(
        make_app(world, settings), gateway_event("POST", "/forms/footer/signup", headers, "email=a@example.com")
    )
    assert "please contact the owner of the website" in answer.body
    assert Page(answer).links == []
    assert "://" not in answer.body


@given(
    fields=st.lists(
        st.tuples(st.sampled_from(["email", "prenom", "website", "consent.source", "consent.text"]), st.text()),
        max_size=6,
    ),
    referer=st.text() | st.from_regex(r"https?://[\[\]:@a-z0-9.%/?#-]{0,30}"),
    verb=st.sampled_from(["signup", "unsubscribe"]),
    redirect=st.sampled_from([None, "https://www.example.com/merci"]),
)
@hypothesis_settings(max_examples=examples(40), deadline=None)
def test_whatever_is_typed_the_answer_is_a_page_or_a_redirect(
    fields: Fields, referer: str, verb: str, redirect: str | None
) -> None:
    settings = settings_with(redirect=redirect, field_length=5)
    # Lone surrogates cannot be sent.
    sent = [(name, text.encode("utf-8", "replace").decode()) for name, text in fields]
    answer = browse(World(), settings, f"/forms/footer/{verb}", sent, Referer=referer)
    assert answer.status in (200, 303, 422)
    if answer.status != 303:
        page = Page(answer)
        assert set(page.links) <= {
            *(f"#field-{number}" for number in range(3)),
            ORGANISATION.url,
            ORGANISATION.privacy_url,
        } | {link for link in page.links if link.startswith(SITE)}
