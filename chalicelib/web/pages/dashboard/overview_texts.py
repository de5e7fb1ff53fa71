"""Texts of the overview."""

from __future__ import annotations

from ..texts import Text, Texts
from .reason_texts import REASONS

OVERVIEW: Texts = {
    **REASONS,
    "well": Text("Tout va bien", "Alles gaat goed", "All is well"),
    "needs_one": Text("Un point à traiter", "Eén zaak vraagt uw aandacht", "One thing needs you"),
    "needs": Text("{n} points à traiter", "{n} zaken vragen uw aandacht", "{n} things need you"),
    "since_yesterday": Text(
        "Depuis hier\u00a0: {signups} inscriptions et {unsubscribes} désinscriptions reçues par les formulaires.",
        "Sinds gisteren: {signups} aanmeldingen en {unsubscribes} uitschrijvingen via de formulieren.",
        "Since yesterday: {signups} signups and {unsubscribes} unsubscribes by the forms.",
    ),
    "nothing_lost": Text("Rien n’est perdu.", "Er gaat niets verloren.", "Nothing is lost."),
    "account_paused": Text(
        "{account} est en pause depuis le {since}.",
        "{account} is gepauzeerd sinds {since}.",
        "{account} has been paused since {since}.",
    ),
    "list_paused": Text(
        "La liste {list} de {account} est en pause depuis le {since}.",
        "De lijst {list} van {account} is gepauzeerd sinds {since}.",
        "List {list} of {account} has been paused since {since}.",
    ),
    "waiting_one": Text(
        "Une inscription ou désinscription attend.",
        "Eén aan- of uitschrijving wacht.",
        "One signup or unsubscribe waits.",
    ),
    "waiting": Text(
        "{n} inscriptions et désinscriptions attendent.",
        "{n} aan- en uitschrijvingen wachten.",
        "{n} signups and unsubscribes wait.",
    ),
    "tried_again": Text("Prochain essai à {time}.", "Volgende poging om {time}.", "Next attempt at {time}."),
    "what_to_do": Text("Voir ce qui attend", "Bekijk wat wacht", "See what waits"),
    "key_missing": Text(
        "Une clé d’adresses manque dans la configuration : les inscriptions attendent, les désinscriptions partent.",
        "Er ontbreekt een adressleutel in de configuratie: aanmeldingen wachten, uitschrijvingen gaan door.",
        "An address key is missing from the configuration: signups wait, unsubscribes go on.",
    ),
    "form_missing": Text(
        "Des inscriptions ({n}) attendent le formulaire {form}, qui n’est plus dans la configuration.",
        "Aanmeldingen ({n}) wachten op het formulier {form}, dat niet meer in de configuratie staat.",
        "Signups ({n}) wait for the form {form}, which is not in the configuration any more.",
    ),
    "form_silent": Text(
        "Le formulaire {form} n’apporte plus d’inscription depuis le {since}.",
        "Het formulier {form} brengt geen aanmeldingen meer sinds {since}.",
        "The form {form} has brought no signup since {since}.",
    ),
    "usual_silence": Text(
        "D’habitude, {n} jours au plus séparent deux jours avec inscriptions. Essayez-le sur votre site.",
        "Gewoonlijk liggen er hoogstens {n} dagen tussen twee dagen met aanmeldingen. Probeer het op uw website.",
        "Two days with signups are usually at most {n} days apart. Try it on your site.",
    ),
    "usual_silence_one": Text(
        "D’habitude, il en apporte chaque jour. Essayez-le sur votre site.",
        "Gewoonlijk brengt het er elke dag. Probeer het op uw website.",
        "It usually brings some every day. Try it on your site.",
    ),
    "silent": Text("Silencieux", "Stil", "Silent"),
    "by_form": Text("Formulaire\u00a0: {forms}.", "Formulier: {forms}.", "Form: {forms}."),
    "parked_one": Text(
        "Une inscription ou désinscription est abandonnée jusqu’à ce que vous la renvoyiez.",
        "Eén aan- of uitschrijving is opgegeven tot u ze opnieuw verstuurt.",
        "One signup or unsubscribe was given up until you send it again.",
    ),
    "refused_one": Text(
        "Une inscription ou désinscription est refusée.",
        "Eén aan- of uitschrijving is geweigerd.",
        "One signup or unsubscribe is refused.",
    ),
    "quarantined_one": Text(
        "Une inscription ou désinscription est retenue\u00a0: trop à la fois, ou peut-être un robot.",
        "Eén aan- of uitschrijving wordt vastgehouden: te veel tegelijk, of misschien een robot.",
        "One signup or unsubscribe is held: too many at once, or perhaps a robot.",
    ),
    "parked": Text(
        "{n} inscriptions ou désinscriptions sont abandonnées jusqu’à ce que vous les renvoyiez.",
        "{n} aan- of uitschrijvingen zijn opgegeven tot u ze opnieuw verstuurt.",
        "{n} signups or unsubscribes were given up until you send them again.",
    ),
    "refused": Text(
        "{n} inscriptions ou désinscriptions sont refusées.",
        "{n} aan- of uitschrijvingen zijn geweigerd.",
        "{n} signups or unsubscribes are refused.",
    ),
    "quarantined": Text(
        "{n} inscriptions ou désinscriptions sont retenues\u00a0: trop à la fois, ou peut-être un robot.",
        "{n} aan- of uitschrijvingen worden vastgehouden: te veel tegelijk, of misschien een robot.",
        "{n} signups or unsubscribes are held: too many at once, or perhaps a robot.",
    ),
    "look": Text("Regarder", "Bekijken", "Look"),
    "statistics_old": Text(
        "Les statistiques de {account} ne sont plus lues depuis le {since}.",
        "De statistieken van {account} zijn niet meer gelezen sinds {since}.",
        "The statistics of {account} have not been read since {since}.",
    ),
    "problem": Text("{about}\u00a0: {problem}", "{about}: {problem}", "{about}: {problem}"),
    "more_problems": Text(
        "La vérification du {time} a trouvé {n} autres problèmes\u00a0: voir la fonction check.",
        "De controle van {time} vond nog {n} problemen: zie de functie check.",
        "The check of {time} found {n} more problems: see the function check.",
    ),
    "accounts": Text("Comptes", "Accounts", "Accounts"),
    "state_well": Text("En marche", "Actief", "Running"),
    "state_statistics": Text("Statistiques anciennes", "Statistieken oud", "Statistics are old"),
    "state_paused": Text("En pause", "Gepauzeerd", "Paused"),
    "state_lists": Text("Liste en pause", "Lijst gepauzeerd", "List paused"),
    "pending": Text("En attente", "Wachtend", "Waiting"),
    "oldest": Text("{n}, depuis {time}", "{n}, sinds {time}", "{n}, for {time}"),
    "unsubscribes_waiting": Text("dont désinscriptions", "waarvan uitschrijvingen", "of these, unsubscribes"),
    "last_statistics": Text("Statistiques lues", "Statistieken gelezen", "Statistics read"),
    "not_yet": Text("pas encore", "nog niet", "not yet"),
    "paused_until": Text("Prochain essai", "Volgende poging", "Next attempt"),
    "forms": Text("Formulaires", "Formulieren", "Forms"),
    "form": Text("Formulaire", "Formulier", "Form"),
    "days": Text("{n} jours", "{n} dagen", "{n} days"),
    "yesterday": Text("Hier", "Gisteren", "Yesterday"),
    "last_signup": Text("Dernière inscription", "Laatste aanmelding", "Last signup"),
    "today": Text("aujourd’hui", "vandaag", "today"),
    "none_in": Text("aucune en {n} jours", "geen in {n} dagen", "none in {n} days"),
    "curve": Text(
        "Inscriptions par jour, les sept derniers jours\u00a0: {numbers}",
        "Aanmeldingen per dag, de laatste zeven dagen: {numbers}",
        "Signups by day, the last seven days: {numbers}",
    ),
    "no_forms": Text(
        "Aucun formulaire n’est configuré. Ajoutez une section [forms.NOM] à la configuration.",
        "Er is geen formulier geconfigureerd. Voeg een deel [forms.NAAM] toe aan de configuratie.",
        "No form is configured. Add a section [forms.NAME] to the configuration.",
    ),
    "campaigns": Text("Campagnes récentes", "Recente campagnes", "Newest campaigns"),
    "campaign": Text("Campagne", "Campagne", "Campaign"),
    "sent": Text("Envoyés", "Verzonden", "Sent"),
    "opens": Text("Ouverture", "Geopend", "Opened"),
    "clicks": Text("Clic", "Geklikt", "Clicked"),
    "unsubscribes": Text("Désinscription", "Uitgeschreven", "Unsubscribed"),
    "sent_at": Text("Envoi", "Verzending", "Sent on"),
    "no_name": Text("Campagne {id}", "Campagne {id}", "Campaign {id}"),
    "unknown_time": Text("date inconnue", "datum onbekend", "date unknown"),
    "all_campaigns": Text("Toutes les campagnes", "Alle campagnes", "All campaigns"),
    "no_campaigns": Text(
        "Aucune campagne n’a encore été lue. Relais lit les statistiques toutes les heures.",
        "Er is nog geen campagne gelezen. Relais leest elk uur de statistieken.",
        "No campaign has been read yet. Relais reads the statistics every hour.",
    ),
}
