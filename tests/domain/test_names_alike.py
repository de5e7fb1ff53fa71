"""Which known name a mistyped one stands for."""

from __future__ import annotations

import pytest

from chalicelib.domain.names_alike import composed, nearest_name

LISTS = ["4781", "4782", "4783", "4790"]


@pytest.mark.parametrize(
    ("wrong", "known", "meant"),
    [
        ("4728", LISTS, "4782"),  # 4783 is a change further
        ("4871", LISTS, "4781"),
        ("4784", LISTS, None),  # as near to three
        ("9999", LISTS, None),
        ("47811", LISTS, "4781"),
        ("Firstname", ["FirstName", "LastName"], "FirstName"),
        ("prénom", ["PRENOM", "NOM"], "PRENOM"),
        ("code-postal", ["CODE_POSTAL"], "CODE_POSTAL"),
        ("firtsname", ["firstname"], "firstname"),
        ("lien_desabo", ["lien_desabonnement", "nom"], "lien_desabonnement"),
        ("478", ["4781"], "4781"),
        ("47", ["4781"], None),
        ("ville", ["nom", "prenom"], None),
        ("x", [], None),
        ("", ["a"], "a"),
    ],
)
def test_the_nearest_name_is_told_where_it_is_the_only_one(wrong: str, known: list[str], meant: str | None) -> None:
    assert nearest_name(wrong, known) == meant


def test_an_accent_of_two_characters_is_composed() -> None:
    assert composed("pre\u0301nom") == "prénom"
