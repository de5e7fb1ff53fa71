"""Texts of the unsubscribe pages in each language. `{address}` is replaced by the masked address.

The hyphen of e‑mail is non-breaking (U+2011).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """One page: heading, paragraphs, and the label of its button, if any."""

    title: str
    paragraphs: tuple[str, ...]
    button: str | None = None


@dataclass(frozen=True, slots=True)
class Texts:
    """All pages in one language."""

    ask: Page
    done: Page
    unknown: Page
    later: Page


DEFAULT = "fr"

TEXTS: Mapping[str, Texts] = {
    "fr": Texts(
        ask=Page(
            "Se désinscrire",
            ("Vous ne souhaitez plus recevoir nos e‑mails à l’adresse {address}\u00a0?",),
            "Me désinscrire",
        ),
        done=Page(
            "Votre désinscription est enregistrée",
            (
                "Nous n’enverrons plus d’e‑mails à {address}.",
                "Un message déjà parti peut encore vous parvenir. Vous pouvez fermer cette page.",
            ),
        ),
        unknown=Page(
            "Ce lien n’est pas valable",
            ("Il est peut-être incomplet. Ouvrez-le à nouveau depuis l’e‑mail.",),
        ),
        later=Page(
            "Réessayez dans un instant",
            ("Votre désinscription n’a pas encore pu être enregistrée.",),
            "Réessayer",
        ),
    ),
    "nl": Texts(
        ask=Page(
            "Uitschrijven",
            ("Wilt u geen e‑mails meer van ons ontvangen op {address}?",),
            "Schrijf mij uit",
        ),
        done=Page(
            "U bent uitgeschreven",
            (
                "Wij sturen geen e‑mails meer naar {address}.",
                "Een bericht dat al onderweg is, kan nog aankomen. U kunt deze pagina sluiten.",
            ),
        ),
        unknown=Page(
            "Deze link is niet geldig",
            ("Misschien is hij onvolledig. Open hem opnieuw vanuit de e‑mail.",),
        ),
        later=Page(
            "Probeer het zo meteen opnieuw",
            ("Uw uitschrijving kon nog niet worden vastgelegd.",),
            "Opnieuw proberen",
        ),
    ),
    "en": Texts(
        ask=Page(
            "Unsubscribe",
            ("Do you want to stop getting our e‑mails at {address}?",),
            "Unsubscribe me",
        ),
        done=Page(
            "You are unsubscribed",
            (
                "We will send no more e‑mails to {address}.",
                "A message that is already on its way may still reach you. You can close this page.",
            ),
        ),
        unknown=Page(
            "This link is not valid",
            ("It may be incomplete. Please open it again from the e‑mail.",),
        ),
        later=Page(
            "Please try again in a moment",
            ("Your request could not be recorded yet.",),
            "Try again",
        ),
    ),
}
