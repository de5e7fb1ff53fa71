"""The rules that normalise addresses do not change without their version: suppressions are found by normal forms."""

from __future__ import annotations

import pytest

from chalicelib.domain.addresses import NORMALISATION_VERSION, keyed_hash, normalise

NORMAL_FORMS = {
    1: {
        "a@example.com": "a@example.com",
        "  A.B+Tag@Example.COM\t": "a.b+tag@example.com",
        "zoe\u0301@example.com": "zo\u00e9@example.com",
        "ZO\u00c9@EXAMPLE.COM": "zo\u00e9@example.com",
        "J\u030c@example.com": "\u01f0@example.com",
        "stra\u00dfe@example.com": "stra\u00dfe@example.com",
        "\u0130@example.com": "i\u0307@example.com",
        "\u03a3\u03a3@example.com": "\u03c3\u03c2@example.com",
        '"A B"@example.com': '"a b"@example.com',
        "a@ex\u00e4mple.com": "a@xn--exmple-cua.com",
        "a@exa\u0308mple.com": "a@xn--exmple-cua.com",
        "A@XN--EXMPLE-CUA.COM": "a@xn--exmple-cua.com",
        "a@stra\u00dfe.example": "a@xn--strae-oqa.example",
        "a@\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45.com": "a@example.com",
        "a@example\u3002com": "a@example.com",
        "a@\u043f\u0440\u0438\u043c\u0435\u0440.example": "a@xn--e1afmkfd.example",
        "a@\u2603.example": "a@\u2603.example",
        "a@\u00e4_b.example": "a@\u00e4_b.example",
        "a@example.com.": "a@example.com.",
        "a\u200b@example.com": "a\u200b@example.com",
        "a@b@example.com": "a@b@example.com",
        "nothing": "@nothing",
    },
    2: {
        "a@example.com": "a@example.com",
        "  A.B+Tag@Example.COM\t": "a.b+tag@example.com",
        "zoe\u0301@example.com": "zo\u00e9@example.com",
        "J\u030c@example.com": "\u01f0@example.com",
        "stra\u00dfe@example.com": "stra\u00dfe@example.com",
        "\u0130@example.com": "i\u0307@example.com",
        "\u03a3\u03a3@example.com": "\u03c3\u03c2@example.com",
        '"A B"@Example.com': '"A B"@example.com',
        "A b@example.com": "a+b@example.com",
        "Ana <mailto:A@example.com?subject=x>": "a@example.com",
        "a@ex\u00e4mple.com": "a@xn--exmple-cua.com",
        "a@exa\u0308mple.com": "a@xn--exmple-cua.com",
        "A@XN--EXMPLE-CUA.COM": "a@xn--exmple-cua.com",
        "a@stra\u00dfe.example": "a@xn--strae-oqa.example",
        "a@\u0391\u03a3.example": "a@xn--mxa0b.example",
        "a@\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45.com": "a@example.com",
        "a@example\u3002com": "a@example.com",
        "a@\u043f\u0440\u0438\u043c\u0435\u0440.example": "a@xn--e1afmkfd.example",
        "a@\u2603.example": "a@xn--n3h.example",
        "a@\u00e4_b.example": "a@xn--_b-uia.example",
        "a@\u00dc..example": "a@\u00fc..example",
        "a@example.com.": "a@example.com",
        "a\u200b@example.com": "a@example.com",
        "a@b@example.com": "a@b@example.com",
        "nothing": "nothing",
    },
}
"""By version. A version that was released is never changed here; a change of the rules adds the next one, a migration
in `chalicelib/ledger/normalisation_migrations.py`, and raises `NORMALISATION_VERSION`."""


@pytest.mark.parametrize(("address", "form"), NORMAL_FORMS.get(NORMALISATION_VERSION, {}).items())
def test_normal_forms_match_their_version(address: str, form: str) -> None:
    assert normalise(address) == form, (
        "the rules of normalisation have changed, and suppressions would not be found: raise NORMALISATION_VERSION, "
        "register a migration and add the new forms here"
    )


def test_every_version_has_its_forms() -> None:
    assert sorted(NORMAL_FORMS) == list(range(1, NORMALISATION_VERSION + 1))
    assert all(NORMAL_FORMS.values())


def test_the_hash_is_made_of_the_normal_form() -> None:
    """It is part of the rules, and of the version, as much as the form."""
    assert keyed_hash("A@Ex\u00e4mple.com", b"placeholder") == keyed_hash("a@xn--exmple-cua.com", b"placeholder")
    assert keyed_hash("a@example.com", b"placeholder") == "81XrmKXwNuSLC7tlKhbPlJhIjMFWiuei0FNSxUvBWTU"
