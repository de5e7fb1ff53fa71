"""Texts of the pages of campaigns."""

from __future__ import annotations

from ..texts import Text, Texts

_COLUMNS: Texts = {
    "campaign": Text("Campagne", "Campagne", "Campaign"),
    "sent": Text("Envoyés", "Verzonden", "Sent"),
    "opens": Text("Ouverture", "Geopend", "Opened"),
    "clicks": Text("Clic", "Geklikt", "Clicked"),
    "bounces": Text("Retours", "Niet bezorgd", "Bounced"),
    "unsubscribes": Text("Désinscription", "Uitgeschreven", "Unsubscribed"),
    "sent_at": Text("Envoi", "Verzending", "Sent on"),
    "no_name": Text("Campagne {id}", "Campagne {id}", "Campaign {id}"),
    "unknown_time": Text("date inconnue", "datum onbekend", "date unknown"),
}

CAMPAIGNS: Texts = {
    **_COLUMNS,
    "title": Text("Campagnes", "Campagnes", "Campaigns"),
    "lead": Text(
        "Les taux se rapportent aux messages délivrés, les retours aux messages envoyés.",
        "Percentages zijn berekend op de bezorgde berichten, ‘niet bezorgd’ op de verzonden berichten.",
        "Rates are shares of the delivered messages, bounces of the sent ones.",
    ),
    "account": Text("Compte", "Account", "Account"),
    "all": Text("Tous", "Alle", "All"),
    "period": Text("Période", "Periode", "Period"),
    "last_year": Text("12 derniers mois", "12 maanden", "Last 12 months"),
    "words": Text("Nom ou objet", "Naam of onderwerp", "Name or subject"),
    "show": Text("Afficher", "Tonen", "Show"),
    "found": Text("{n} campagnes", "{n} campagnes", "{n} campaigns"),
    "found_one": Text("1 campagne", "1 campagne", "1 campaign"),
    "truncated": Text(
        "Seules les {n} plus récentes de cette période sont montrées.",
        "Alleen de {n} nieuwste van deze periode worden getoond.",
        "Only the {n} newest of this period are shown.",
    ),
    "since_sending": Text("Depuis l’envoi", "Sinds de verzending", "Since sending"),
    "curve": Text(
        "Ouvertures depuis l’envoi, en dernier {rate}",
        "Geopend sinds de verzending, laatst {rate}",
        "Opened since sending, at last {rate}",
    ),
    "sorted_up": Text("tri croissant", "oplopend gesorteerd", "ascending"),
    "sorted_down": Text("tri décroissant", "aflopend gesorteerd", "descending"),
    "none_yet": Text(
        "Aucune campagne n’a encore été lue. Relais lit les statistiques de chaque compte toutes les heures"
        "\u00a0; la première campagne envoyée apparaîtra ici.",
        "Er is nog geen campagne gelezen. Relais leest elk uur de statistieken van elke account; de eerste verzonden"
        " campagne verschijnt hier.",
        "No campaign has been read yet. Relais reads each account’s statistics every hour; the first campaign that is"
        " sent will appear here.",
    ),
    "none_found": Text(
        "Aucune campagne ne correspond. Essayez une autre période, ou moins de mots.",
        "Geen enkele campagne komt overeen. Probeer een andere periode, of minder woorden.",
        "No campaign matches. Try another period, or fewer words.",
    ),
    "page_of": Text("Page {n} sur {all}", "Pagina {n} van {all}", "Page {n} of {all}"),
}

CAMPAIGN: Texts = {
    **_COLUMNS,
    "title": Text("Campagnes", "Campagnes", "Campaigns"),
    "hard_bounces": Text("Retours définitifs", "Harde bounces", "Hard bounces"),
    "hard_bounces_one": Text("Retour définitif", "Harde bounce", "Hard bounce"),
    "soft_bounces": Text("Retours temporaires", "Zachte bounces", "Soft bounces"),
    "delivered": Text("Délivrés", "Bezorgd", "Delivered"),
    "delivered_one": Text("Délivré", "Bezorgd", "Delivered"),
    "lead": Text(
        "Envoyée par {account} ({provider}) le {sent}. Chiffres du {taken}.",
        "Verzonden door {account} ({provider}) op {sent}. Cijfers van {taken}.",
        "Sent by {account} ({provider}) on {sent}. Figures as of {taken}.",
    ),
    "lead_unknown": Text(
        "Envoyée par {account} ({provider})\u00a0; le moment de l’envoi n’est pas connu. Chiffres du {taken}.",
        "Verzonden door {account} ({provider}); het tijdstip van verzending is niet bekend. Cijfers van {taken}.",
        "Sent by {account} ({provider}); the time of sending is not known. Figures as of {taken}.",
    ),
    "subject": Text("Objet\u00a0: {subject}", "Onderwerp: {subject}", "Subject: {subject}"),
    "above": Text(
        "{points}\u00a0points au-dessus de la médiane",
        "{points} punten boven de mediaan",
        "{points} points above the median",
    ),
    "below": Text(
        "{points}\u00a0points sous la médiane", "{points} punten onder de mediaan", "{points} points below the median"
    ),
    "above_one": Text(
        "{points}\u00a0point au-dessus de la médiane",
        "{points} punt boven de mediaan",
        "{points} points above the median",
    ),
    "below_one": Text(
        "{points}\u00a0point sous la médiane", "{points} punt onder de mediaan", "{points} points below the median"
    ),
    "usual": Text("comme d’habitude", "zoals gewoonlijk", "as usual"),
    "since_sending": Text("Depuis l’envoi", "Sinds de verzending", "Since sending"),
    "this_campaign": Text("cette campagne", "deze campagne", "this campaign"),
    "median": Text("campagne médiane de {account}", "mediane campagne van {account}", "median campaign of {account}"),
    "chart_opens": Text(
        "Taux d’ouverture depuis l’envoi", "Openingspercentage sinds de verzending", "Open rate since sending"
    ),
    "chart_clicks": Text(
        "Taux de clic depuis l’envoi", "Klikpercentage sinds de verzending", "Click rate since sending"
    ),
    "chart_unsubscribes": Text(
        "Taux de désinscription depuis l’envoi", "Uitschrijvingen sinds de verzending", "Unsubscribe rate since sending"
    ),
    "described": Text("{rate} après {age}.", "{rate} na {age}.", "{rate} after {age}."),
    "described_median": Text(
        "{rate} après {age}\u00a0; la campagne médiane du compte en était à {median}.",
        "{rate} na {age}; de mediane campagne van de account stond op {median}.",
        "{rate} after {age}; the account’s median campaign was at {median}.",
    ),
    "no_curve": Text(
        "Pas encore de courbe\u00a0: elle commence avec le premier relevé après l’envoi.",
        "Nog geen curve: ze begint met de eerste meting na de verzending.",
        "No curve yet: it begins with the first reading after sending.",
    ),
    "compared": Text("Les mêmes chiffres en tableau", "Dezelfde cijfers als tabel", "The same figures as a table"),
    "age": Text("Âge", "Leeftijd", "Age"),
    "median_short": Text("médiane", "mediaan", "median"),
    "snapshots": Text("Relevés", "Metingen", "Readings"),
    "snapshots_caption": Text(
        "Un relevé par heure où un chiffre a changé, le plus récent en premier",
        "Eén meting per uur waarin een cijfer veranderde, de nieuwste eerst",
        "One reading for each hour in which a figure changed, the newest first",
    ),
    "snapshots_cut": Text(
        "Les {n} relevés les plus récents sur {all}. Le fichier CSV les contient tous.",
        "De {n} nieuwste metingen van {all}. Het CSV-bestand bevat ze allemaal.",
        "The {n} newest readings of {all}. The CSV file has all of them.",
    ),
    "taken_at": Text("Heure", "Tijdstip", "Time"),
    "unique_opens": Text("Ouvertures uniques", "Unieke openingen", "Unique opens"),
    "unique_clicks": Text("Clics uniques", "Unieke kliks", "Unique clicks"),
}
