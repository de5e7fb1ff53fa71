"""Texts that all pages of the dashboard share."""

from __future__ import annotations

from ..texts import Text, Texts

LAYOUT: Texts = {
    "skip": Text("Aller au contenu", "Naar de inhoud", "Skip to the content"),
    "pages": Text("Pages", "Pagina’s", "Pages"),
    "nav_overview": Text("Vue d’ensemble", "Overzicht", "Overview"),
    "nav_campaigns": Text("Campagnes", "Campagnes", "Campaigns"),
    "nav_events": Text("À traiter", "Te behandelen", "Needs attention"),
    "log_out": Text("Se déconnecter", "Uitloggen", "Log out"),
    "choose_language": Text("Langue", "Taal", "Language"),
    "times": Text(
        "Heures du fuseau horaire {zone}\u00a0; UTC entre parenthèses. Chiffres du {time}.",
        "Tijden in de tijdzone {zone}; UTC tussen haakjes. Cijfers van {time}.",
        "Times in the time zone {zone}; UTC in brackets. Figures as of {time}.",
    ),
    "done_resent": Text(
        "C’est fait\u00a0: {n} inscriptions ou désinscriptions repartent maintenant.",
        "Gedaan: {n} in- of uitschrijvingen vertrekken nu opnieuw.",
        "Done: {n} signups or unsubscribes are being sent again now.",
    ),
    "done_resent_one": Text(
        "C’est fait\u00a0: elle repart maintenant.",
        "Gedaan: ze vertrekt nu opnieuw.",
        "Done: it is being sent again now.",
    ),
    "done_released": Text(
        "C’est fait\u00a0: {n} inscriptions ou désinscriptions partent maintenant.",
        "Gedaan: {n} in- of uitschrijvingen vertrekken nu.",
        "Done: {n} signups or unsubscribes are being delivered now.",
    ),
    "done_released_one": Text(
        "C’est fait\u00a0: elle part maintenant.", "Gedaan: ze vertrekt nu.", "Done: it is being delivered now."
    ),
    "done_discarded": Text(
        "C’est fait\u00a0: {n} inscriptions ou désinscriptions sont écartées et leurs données effacées.",
        "Gedaan: {n} in- of uitschrijvingen zijn verworpen en hun gegevens gewist.",
        "Done: {n} signups or unsubscribes were discarded and their data erased.",
    ),
    "done_discarded_one": Text(
        "C’est fait\u00a0: elle est écartée et ses données sont effacées.",
        "Gedaan: ze is verworpen en haar gegevens zijn gewist.",
        "Done: it was discarded and its data erased.",
    ),
    "done_none_selected": Text(
        "Rien n’est sélectionné, donc rien n’a changé. Cochez d’abord des lignes.",
        "Er is niets geselecteerd, dus er is niets veranderd. Vink eerst regels aan.",
        "Nothing is selected, so nothing has changed. Tick some rows first.",
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
    "as_csv": Text("Télécharger (CSV)", "Downloaden (CSV)", "Download (CSV)"),
}

LANGUAGE_NAMES = {"fr": "Français", "nl": "Nederlands", "en": "English"}

MISSING: Texts = {
    "title": Text("Cette page n’existe pas", "Deze pagina bestaat niet", "There is no such page"),
    "lead": Text(
        "L’adresse est incomplète, ou ce qu’elle montrait n’est plus là\u00a0: une inscription est effacée après sa"
        " durée de conservation, un formulaire peut avoir été retiré de la configuration.",
        "Het adres is onvolledig, of wat het toonde, is er niet meer: een inschrijving wordt gewist na haar"
        " bewaartermijn, een formulier kan uit de configuratie zijn verwijderd.",
        "The address is incomplete, or what it showed is gone: a signup is erased after its retention time, a form may"
        " have been removed from the configuration.",
    ),
    "back": Text("Vers la vue d’ensemble", "Naar het overzicht", "To the overview"),
}
