"""Texts of pages: each in every language. A page has its texts in a module of its own; those of all pages are here.

Typography: a no-break space (`\\u00a0`) before French double punctuation, a non-breaking hyphen (U+2011) in e‑mail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """One text in every language of `domain.languages`, with `{name}` where a value belongs."""

    fr: str
    nl: str
    en: str


Texts = Mapping[str, Text]
"""The texts of a page by name, as in the template's `{{ t("name") }}`."""

COMMON: Texts = {
    "privacy": Text("Vie privée", "Privacy", "Privacy"),
    "back_to_site": Text("Retour au site", "Terug naar de website", "Back to the website"),
    "try_again": Text("Réessayer", "Opnieuw proberen", "Try again"),
    "go_back": Text(
        "Le bouton «\u00a0Retour\u00a0» de votre navigateur vous ramène à ce que vous avez écrit.",
        "Met de knop ‘Terug’ van uw browser komt u terug bij wat u hebt ingevuld.",
        "Your browser’s back button takes you back to what you typed.",
    ),
    "for_owner": Text(
        "Pour le responsable du site", "Voor de beheerder van de website", "For the owner of the website"
    ),
    "reference": Text("Référence\u00a0: {id}", "Referentie: {id}", "Reference: {id}"),
}
