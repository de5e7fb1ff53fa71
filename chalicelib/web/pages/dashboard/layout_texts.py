"""Texts that all pages of the dashboard share."""

from __future__ import annotations

from ..texts import Text, Texts

LAYOUT: Texts = {
    "skip": Text("Aller au contenu", "Naar de inhoud", "Skip to the content"),
    "pages": Text("Pages", "Pagina’s", "Pages"),
    "nav_overview": Text("Vue d’ensemble", "Overzicht", "Overview"),
    "nav_campaigns": Text("Campagnes", "Campagnes", "Campaigns"),
    "nav_events": Text("À traiter", "Te behandelen", "To deal with"),
    "log_out": Text("Se déconnecter", "Afmelden", "Log out"),
    "choose_language": Text("Langue", "Taal", "Language"),
    "times": Text(
        "Heures de {zone}\u00a0; UTC entre parenthèses. Chiffres du {time}.",
        "Tijden van {zone}; UTC tussen haakjes. Cijfers van {time}.",
        "Times of {zone}; UTC in brackets. Figures of {time}.",
    ),
    "done_resent": Text(
        "C’est fait\u00a0: {n} envois repartent maintenant.",
        "Gedaan: {n} leveringen vertrekken nu opnieuw.",
        "Done: {n} deliveries are being sent again now.",
    ),
    "done_discarded": Text(
        "C’est fait\u00a0: {n} événements ont été écartés et leurs données effacées.",
        "Gedaan: {n} gebeurtenissen zijn verworpen en hun gegevens gewist.",
        "Done: {n} events were discarded and their data erased.",
    ),
    "done_nothing": Text(
        "Rien n’a changé\u00a0: il n’y avait plus rien à envoyer ou à écarter.",
        "Er is niets veranderd: er was niets meer te versturen of te verwerpen.",
        "Nothing has changed: there was nothing left to send or discard.",
    ),
    "more_than": Text("plus de {n}", "meer dan {n}", "more than {n}"),
    "previous": Text("Page précédente", "Vorige pagina", "Previous page"),
    "next": Text("Page suivante", "Volgende pagina", "Next page"),
    "first_page": Text("Première page", "Eerste pagina", "First page"),
    "all": Text("tout", "alles", "all"),
    "as_csv": Text("Télécharger (CSV)", "Downloaden (CSV)", "Download (CSV)"),
}

LANGUAGE_NAMES = {"fr": "Français", "nl": "Nederlands", "en": "English"}
