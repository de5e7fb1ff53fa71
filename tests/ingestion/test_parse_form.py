"""Submissions of website forms become events; errors name the field and quote no value."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.config.model import Form
from chalicelib.domain.errors import InvalidEvent
from chalicelib.domain.events import Consent, Door, Event, EventType
from chalicelib.domain.reasons import ReasonCode
from chalicelib.ingestion.bodies import Submission
from chalicelib.ingestion.parse_form import RequestInfo, misnamed_fields, signup_from_form, unsubscribe_from_form

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
REQUEST_INFO = RequestInfo(NOW, "203.0.113.9", "https://www.example.com/news?email=a%40example.com#form")


def sent(nested: dict[str, Any] | None = None, **texts: str | tuple[str, ...]) -> Submission:
    return Submission(
        {name.replace("__", "."): (text,) if isinstance(text, str) else text for name, text in texts.items()},
        nested or {},
    )


def field_errors(form: Form, submission: Submission) -> dict[str, str]:
    with pytest.raises(InvalidEvent) as caught:
        signup_from_form(form, submission, REQUEST_INFO)
    return {error.field: error.message for error in caught.value.field_errors}


def test_a_signup_contains_the_sent_fields_and_server_values(form: Form) -> None:
    event = signup_from_form(
        form, sent(email="\tA@Example.com\u00a0\n", prenom="Zoé", other="x", website=" "), REQUEST_INFO
    )
    assert event == Event(
        id="",
        type=EventType.SIGNUP,
        email="a@example.com",
        accounts=("paris",),
        occurred_at=NOW,
        accepted_at=NOW,
        occurred_at_stated=False,
        form="footer",
        fields={"prenom": "Zoé"},
        may_lift_suppression=False,
        door=Door.FORM,
        consent=Consent("https://www.example.com/news", None, "203.0.113.9", NOW, door=Door.FORM),
    )


def test_server_values_are_never_taken_from_the_browser(form: Form) -> None:
    reported = sent(
        {"consent": {"ip": "198.51.100.1", "at": "2001-01-01T00:00:00Z", "text": "v3", "source": "https://example.com/x"},
         "accounts": ["lettre"]},
        email="a@example.com", id="mine", occurred_at="2001-01-01T00:00:00Z", scope="global", type="unsubscribe",
    )  # fmt: skip
    event = signup_from_form(form, reported, REQUEST_INFO)
    assert event == replace(
        signup_from_form(form, sent(email="a@example.com"), REQUEST_INFO),
        consent=Consent("https://example.com/x", "v3", "203.0.113.9", NOW, door=Door.FORM),
    )
    unsubscribing = unsubscribe_from_form(form, reported, REQUEST_INFO, ["paris", "lettre"])
    assert unsubscribing == unsubscribe_from_form(form, sent(email="a@example.com"), REQUEST_INFO, ["paris", "lettre"])
    for typed in ("Ana Roe <a@example.com>", "mailto:a%40example.com", "\u200ba@example.com.", "'a@example.com';"):
        assert unsubscribing == unsubscribe_from_form(form, sent(email=typed), REQUEST_INFO, ["paris", "lettre"])


def test_an_unsubscribes_address_may_be_repeated_in_another_spelling(form: Form) -> None:
    repeated = sent(email=("a@example.com", "A@Example.com "))
    assert unsubscribe_from_form(form, repeated, REQUEST_INFO, ["paris"]).email == "A@Example.com"
    assert field_errors_of_unsubscribe(form, sent(email=("a@example.com", "b@example.com"))) == {
        "email": "must be given only once"
    }


def field_errors_of_unsubscribe(form: Form, submission: Submission) -> dict[str, str]:
    with pytest.raises(InvalidEvent) as caught:
        unsubscribe_from_form(form, submission, REQUEST_INFO, ["paris"])
    return {error.field: error.message for error in caught.value.field_errors}


def test_an_unsubscribe_is_for_every_account_and_needs_only_an_address(form: Form) -> None:
    event = unsubscribe_from_form(
        form, sent(email="a b@strange", website="x", prenom="Zoé"), REQUEST_INFO, ["paris", "lettre"]
    )
    assert (event.type, event.accounts, event.all_accounts) == (EventType.UNSUBSCRIBE, ("paris", "lettre"), True)
    assert (event.email, event.fields, event.refused, event.scope) == ("a b@strange", {}, None, "account")
    with pytest.raises(InvalidEvent):
        unsubscribe_from_form(form, sent(email="a@b@c"), REQUEST_INFO, ["paris"])


def test_consent_can_be_stated_in_flat_fields(form: Form) -> None:
    event = signup_from_form(
        form, sent(email="a@example.com", consent__text="v3", consent__source="https://x.example"), REQUEST_INFO
    )
    assert event.consent == Consent("https://x.example", "v3", "203.0.113.9", NOW, door=Door.FORM)


# printf %s "$WORDING" | sha256sum
WORDING_SHA_256 = "884631f26e512e23f22cbc4f5d52ec2627d04b4eade38f245a91e3ef59234298"


def test_only_the_digest_of_the_consent_wording_is_stored(form: Form) -> None:
    stated = {"consent": {"wording": "Je veux des nouvelles.\nEt rien d'autre."}}
    nested = signup_from_form(form, sent(stated, email="a@example.com"), REQUEST_INFO)
    flat = sent(email="a@example.com", consent__wording="  Je veux des nouvelles.\r\nEt rien d'autre.\r\n")
    both = sent(
        email="a@example.com",
        consent__wording="Je veux des nouvelles.\nEt rien d'autre.",
        consent__wording_sha256=WORDING_SHA_256.upper(),
    )
    for event in (nested, signup_from_form(form, flat, REQUEST_INFO), signup_from_form(form, both, REQUEST_INFO)):
        assert event.consent == Consent(
            "https://www.example.com/news", None, "203.0.113.9", NOW, WORDING_SHA_256, door=Door.FORM
        )


def test_a_given_wording_digest_must_be_valid_and_match(form: Form) -> None:
    for stated in ("abc", "0" * 63 + "g", "0" * 65):
        assert field_errors(form, sent(email="a@example.com", consent__wording_sha256=stated)) == {
            "consent.wording_sha256": "must be a SHA-256 of 64 hexadecimal digits"
        }
    assert field_errors(form, sent(email="a@example.com", consent__wording="x", consent__wording_sha256="0" * 64)) == {
        "consent.wording_sha256": "is not the SHA-256 of consent.wording"
    }


def test_a_form_can_have_its_own_field_named_consent(form: Form) -> None:
    own = replace(form, fields={"consent": "optin"})
    assert signup_from_form(own, sent(email="a@example.com", consent="yes"), REQUEST_INFO).fields == {"consent": "yes"}
    assert field_errors(own, sent({"consent": {"text": "v3"}}, email="a@example.com")) == {
        "consent": "must be a text, a number, a boolean or an array of them"
    }


def test_checkboxes_of_one_name_are_joined_and_blank_fields_omitted(form: Form) -> None:
    event = signup_from_form(
        form, sent(email="a@example.com", interest=("wine", "", "cheese"), prenom="  "), REQUEST_INFO
    )
    assert event.fields == {"interest": "wine,cheese"}


def test_all_errors_are_reported_at_once_without_values(form: Form) -> None:
    found = field_errors(form, sent({"interest": [["wine"]], "consent": {"text": 3}}, email="nobody", prenom="\ud800"))
    assert found == {
        "email": "must contain exactly one @",
        "prenom": "must be valid Unicode text",
        "interest": "must be a text, a number, a boolean or an array of them",
        "consent.text": "must be a text",
    }


@pytest.mark.parametrize(
    ("submission", "message"),
    [
        (sent(), "must be an e-mail address"),
        (sent(email="  "), "must be an e-mail address"),
        (sent({"email": {"x": 1}}), "must be a text, a number, a boolean or an array of them"),
        (sent(email=("a@example.com", "b@example.com")), "must be given only once"),
        (sent(email="a b@example.com"), "is not a valid e-mail address"),
    ],
)
def test_the_address_is_required(form: Form, submission: Submission, message: str) -> None:
    assert field_errors(form, submission) == {"email": message}


def test_a_repeated_equal_address_is_accepted(form: Form) -> None:
    assert (
        signup_from_form(form, sent(email=("a@example.com", "a@example.com ", "")), REQUEST_INFO).email
        == "a@example.com"
    )


def test_line_breaks_are_allowed_in_a_field_and_lone_surrogates_are_not(form: Form) -> None:
    assert signup_from_form(form, sent(email="a@example.com", prenom="a\r\n\tb"), REQUEST_INFO).fields == {
        "prenom": "a\r\n\tb"
    }
    assert field_errors(form, sent(email="a@example.com", prenom="\ud800")) == {"prenom": "must be valid Unicode text"}


def test_an_event_has_at_most_64_kb(form: Form) -> None:
    form = replace(form, field_length=60_000)
    fits = sent(email="a@example.com", prenom="é" * 32_000, other="x" * 90_000)
    assert len(signup_from_form(form, fits, REQUEST_INFO).fields["prenom"]) == 32_000
    too_much = sent(email="a@example.com", prenom="é" * 33_000, interest="x")
    assert field_errors(form, too_much) == {"prenom": "makes the event larger than 64 KB"}


@pytest.mark.parametrize("filled", [{"website": "x"}, {"website": ("", " y ")}])
def test_a_filled_trap_is_refused_and_stored(form: Form, filled: dict[str, Any]) -> None:
    trapped = signup_from_form(form, sent(email="a@example.com", prenom="Zoé", **filled), REQUEST_INFO)
    untrapped = signup_from_form(form, sent(email="a@example.com", prenom="Zoé"), REQUEST_INFO)
    assert trapped == replace(untrapped, refused="trap", refused_code=ReasonCode.TRAP)
    assert signup_from_form(form, sent({"website": {"x": 1}}, email="a@example.com"), REQUEST_INFO).refused == "trap"


def test_a_filled_trap_hides_every_other_error(form: Form) -> None:
    event = signup_from_form(form, sent({"interest": [[]]}, email="nobody", prenom="\ud800", website="x"), REQUEST_INFO)
    assert (event.refused, event.email, event.fields) == ("trap", "", {})
    assert event.consent == Consent(ip="203.0.113.9", at=NOW, door=Door.FORM)


def test_the_trap_field_is_configurable(form: Form) -> None:
    assert (
        signup_from_form(replace(form, trap="url"), sent(email="a@example.com", website="x"), REQUEST_INFO).refused
        is None
    )


def test_only_a_permitted_form_can_lift_suppressions(form: Form) -> None:
    assert signup_from_form(
        replace(form, lifts_suppression=True), sent(email="a@example.com"), REQUEST_INFO
    ).may_lift_suppression


@pytest.mark.parametrize(
    ("referer", "page"),
    [
        (None, None),
        ("", None),
        ("about:blank", None),
        ("javascript:alert(1)", None),
        ("https://[bad", None),
        ("https://user:pass@www.example.com:8443/a?b#c", "https://www.example.com:8443/a"),
        ("https://www.example.com/" + "x" * 5000, "https://www.example.com/" + "x" * 1976),
    ],
)
def test_the_page_url_is_stored_without_personal_parts(form: Form, referer: str | None, page: str | None) -> None:
    event = signup_from_form(form, sent(email="a@example.com"), replace(REQUEST_INFO, page=referer))
    assert event.consent is not None
    assert event.consent.source == page


@pytest.mark.parametrize(
    ("sent_names", "misnamed"),
    [
        (("Prénom",), {"prenom": "Prénom"}),
        (("first-name",), {"prenom": "first-name"}),  # as the provider calls it
        (("prenom", "Prénom"), {}),  # the mapped one came, too
        (("interst", "token", "_charset_", "website"), {"interest": "interst"}),
        (("x" * 1000,), {}),
    ],
)
def test_an_ignored_field_that_resembles_a_missing_one_is_found(
    form: Form, sent_names: tuple[str, ...], misnamed: dict[str, str]
) -> None:
    assert misnamed_fields(form, sent(email="a@example.com", **dict.fromkeys(sent_names, "x"))) == misnamed
