"""What a form's hosted page shows is read by language; errors name the key."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.config.model import ConsentText, Settings
from chalicelib.domain.errors import FieldError

FORM = """
[accounts.paris]
provider = "flat"
site = "x"
[privacy]
address_keys = ["placeholder-address-key-of-32-characters"]
[forms.footer]
account = "paris"
title = "Notre lettre"
required = ["prenom", "email"]
[forms.footer.fields]
email = "@email"
prenom = "first"
nom = "last"
"""
LABELS = """
[forms.footer.labels.nl]
nom = "Naam"
prenom = "Voornaam"
[forms.footer.labels.fr]
prenom = "Prénom"
email = "Votre adresse"
"""
CONSENT = """
[forms.footer.consent.fr]
text = "J'accepte."
version = "v3"
[forms.footer.consent.nl]
text = "Ik ga akkoord."
version = "v3-nl"
"""


def test_it_is_read_in_the_order_of_the_file(load_text: Callable[..., Settings]) -> None:
    form = load_text(FORM + LABELS + CONSENT).forms["footer"]
    assert form.required == {"prenom"}, "the address always is"
    assert (form.page.title, form.page.languages) == ("Notre lettre", ("nl", "fr"))
    assert list(form.page.labels["nl"].items()) == [("nom", "Naam"), ("prenom", "Voornaam")]
    assert form.page.consent["fr"] == ConsentText("J'accepte.", "v3")


def test_a_form_without_any_of_it_has_a_page_with_the_address(load_text: Callable[..., Settings]) -> None:
    form = load_text(FORM.replace('title = "Notre lettre"', "").replace("required", "#")).forms["footer"]
    assert (form.required, form.page.title, form.page.languages, form.page.consent) == (frozenset(), None, (), {})


@pytest.mark.parametrize(
    ("text", "wrong", "said"),
    [
        ('[forms.footer.labels.de]\nprenom = "Vorname"', "forms.footer.labels.de", "there is no section of that name"),
        ('[forms.footer.labels.fr]\nprenon = "Prénom"', "forms.footer.labels.fr.prenon", 'did you mean "prenom"?'),
        ("[forms.footer.labels.fr]\nprenom = 3", "forms.footer.labels.fr.prenom", "must be a text"),
        ('[forms.footer.consent.fr]\ntext = "x"', "forms.footer.consent.fr.version", "is missing"),
        ('[forms.footer.consent.fr]\nversion = "x"', "forms.footer.consent.fr.text", "is missing"),
        (LABELS + CONSENT.partition("[forms.footer.consent.nl]")[0], "forms.footer.consent", "lacks nl, which labels"),
        (LABELS.partition("[forms.footer.labels.fr]")[0] + CONSENT, "forms.footer.labels", "lacks fr, which consent"),
    ],
)
def test_mistakes_are_named(
    errors_in: Callable[[str], tuple[FieldError, ...]], text: str, wrong: str, said: str
) -> None:
    [error] = errors_in(FORM + text)
    assert error.field == wrong
    assert said in error.message


def test_required_names_fields_of_the_form(errors_in: Callable[[str], tuple[FieldError, ...]]) -> None:
    [error] = errors_in(FORM.replace('"prenom", "email"', '"prenon"'))
    assert error.field == "forms.footer.required"
    assert 'did you mean "prenom"?' in error.message
