"""Columns of a file are matched without case; a column that the list lacks is said once for the whole file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.config.model import Form
from chalicelib.domain.errors import Kind, ProviderError
from tests.contact_import.syncs import LIST, made, run, serve, sync
from tests.contract.scripted import Scripted
from tests.support.aws import TestAws
from tests.support.product import Product

FORM = Form("footer", "paris", "4781", "email", {"first": "prenom", "town": "Code postal", "last": "Nom"})


def with_form(product: Product, **changes: Any) -> None:
    product.settings = replace(product.settings, forms={"footer": replace(FORM, **changes)})
    product.restart()


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("Prenom", "prenom"),
        ("PRENOM", "prenom"),
        (" prenom\u00a0", "prenom"),
        ("code postal", "Code postal"),
        ("CODE\u00a0POSTAL", "Code postal"),
        ("nom", "Nom"),
        ("prénom", "prénom"),
        ("ville", "ville"),
    ],
    ids=["field-20", "upper", "trimmed", "lower", "spaces", "capital", "accents are kept", "unknown"],
)
def test_field_case_20_columns_are_matched_without_case(
    product: Product, aws: TestAws, host: Scripted, column: str, field: str
) -> None:
    with_form(product)
    serve(host, f"E-Mail;Email;{column}\nx;zoe@example.com;Lyon\n".encode())
    run(product, sync(source="crm"))
    (one,) = made(product, aws)
    assert one.event.fields[field] == "Lyon"


def test_a_column_that_is_there_in_two_spellings_stays_as_it_is(product: Product, aws: TestAws) -> None:
    with_form(product)
    run(product, sync(contacts=[{"email": "zoe@example.com", "prenom": "a", "Prenom": "b"}], **LIST))
    (one,) = made(product, aws)
    assert dict(one.event.fields) == {"prenom": "a", "Prenom": "b"}


@pytest.mark.parametrize("changes", [{"list": "4782"}, {"account": "lettre"}])
def test_forms_of_other_lists_say_nothing(product: Product, aws: TestAws, changes: dict[str, str]) -> None:
    with_form(product, **changes)
    run(product, sync(contacts=[{"email": "zoe@example.com", "Prenom": "a"}], **LIST))
    assert dict(made(product, aws)[0].event.fields) == {"Prenom": "a"}


@pytest.mark.parametrize(
    "says", ["Error field Ville does not exist in this list", "unknown column: VILLE", "Error fields invalid"]
)
def test_field_case_20_a_column_that_the_list_lacks_refuses_the_file_at_once(
    product: Product, aws: TestAws, host: Scripted, says: str
) -> None:
    """The first contact is tried alone; the others become no events."""

    def rule(verb: str, emails: Any) -> Exception | None:
        return ProviderError(Kind.CONTACT, f"list_insert: {says}") if verb == "sign_up" else None

    product.paris.rule = rule
    serve(host, ("email;Ville\n" + "".join(f"p{n}@example.com;x\n" for n in range(40))).encode())
    event = sync(source="crm")
    run(product, event)
    delivery = product.delivery(event["id"])
    assert delivery["status"] == "refused"
    assert says in delivery["reason"] and "Ville" in delivery["reason"]
    assert len(made(product, aws)) == 1
    assert product.paris.calls_of("sign_up") == 1


def test_a_first_contact_that_is_refused_for_itself_stops_no_file(product: Product, host: Scripted) -> None:
    product.paris.rule = lambda verb, emails: (
        ProviderError(Kind.CONTACT, "the address is blocked") if verb == "sign_up" else None
    )
    serve(host, b"email;Ville\na@example.com;x\nb@example.com;x\n")
    event = sync(source="crm")
    run(product, event)
    assert product.delivery(event["id"])["reason"] == "held 2, refused 0"


def test_known_and_ordinary_columns_cost_no_call(product: Product, host: Scripted) -> None:
    with_form(product)
    serve(host, b"email;Prenom;ville\na@example.com;x;y\nb@example.com;x;y\n")
    run(product, sync(source="crm"))
    assert product.paris.calls_of("sign_up") == 0


def test_field_case_20_the_provider_is_asked_for_the_columns_of_the_list(
    product: Product, aws: TestAws, host: Scripted
) -> None:
    product.paris.columns_of_list = ("Ville", "MailAddress")
    serve(host, b"email;VILLE;Prenom\na@example.com;Lyon;x\nb@example.com;Paris;y\n")
    run(product, sync(source="crm"))
    assert [dict(one.event.fields)["Ville"] for one in made(product, aws)] in (["Lyon", "Paris"], ["Paris", "Lyon"])
    assert (product.paris.calls_of("columns"), product.paris.calls_of("sign_up")) == (1, 0)


def test_a_provider_that_cannot_be_asked_delays_no_import(product: Product, aws: TestAws) -> None:
    product.paris.rule = lambda verb, emails: ProviderError(Kind.ACCOUNT, "the key is wrong")
    run(product, sync(contacts=[{"email": "zoe@example.com", "Ville": "Lyon"}], **LIST))
    assert dict(made(product, aws)[0].event.fields) == {"Ville": "Lyon"}
