"""The pages that a form's visitor gets: success, try later, form not connected properly, and the way back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from chalicelib.domain.errors import LedgerUnavailable
from chalicelib.domain.events import EventType
from chalicelib.ingestion.bodies import Submission
from chalicelib.web.form_visit import FormVisit
from chalicelib.web.http_messages import Request
from chalicelib.web.pages.forms import failure_page
from chalicelib.web.problems import HttpProblem
from tests.support.examples import examples
from tests.web.form_pages import (
    BROWSER,
    BROWSER_HEADERS,
    ORGANISATION,
    SITE,
    Fields,
    Page,
    browse,
    heading,
    settings_with,
)
from tests.web.surroundings import Answer, Send, World, ask, gateway_event, make_app

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
    """The page says what to do if one has unsubscribed before, but not whether that is so."""
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


@pytest.mark.seconds
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
