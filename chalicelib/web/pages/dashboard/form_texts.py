"""Texts of a form's page."""

from __future__ import annotations

from ..texts import Text, Texts
from .reason_texts import REASONS

FORM: Texts = {
    **REASONS,
    "forms": Text("Formulaires", "Formulieren", "Forms"),
    "lead": Text(
        "Ce formulaire inscrit dans la liste {list} de {account}.",
        "Dit formulier schrijft in op de lijst {list} van {account}.",
        "This form signs people up to list {list} of {account}.",
    ),
    "lead_without_list": Text(
        "Ce formulaire inscrit chez {account}.",
        "Dit formulier schrijft in bij {account}.",
        "This form signs people up to {account}.",
    ),
    "is_silent": Text(
        "Aucune inscription depuis le {since}.",
        "Geen inschrijving sinds {since}.",
        "No signup since {since}.",
    ),
    "usual_silence": Text(
        "D’habitude, {n} jours au plus séparent deux jours avec inscriptions.",
        "Gewoonlijk liggen er hoogstens {n} dagen tussen twee dagen met inschrijvingen.",
        "Two days with signups are usually at most {n} days apart.",
    ),
    "usual_silence_one": Text(
        "D’habitude, il en apporte chaque jour.",
        "Gewoonlijk brengt het er elke dag.",
        "It usually brings some every day.",
    ),
    "what_to_do_when_silent": Text(
        'Essayez le formulaire sur votre site. S’il ne sert plus, dites-le\u00a0: silent_after = "never" dans'
        " [forms.{form}].",
        'Probeer het formulier op uw website. Wordt het niet meer gebruikt, zeg het dan: silent_after = "never" in'
        " [forms.{form}].",
        'Try the form on your site. If it is not used any more, say so: silent_after = "never" in [forms.{form}].',
    ),
    "silence_new": Text(
        "Relais ne connaît pas encore son rythme, et n’avertit donc pas s’il se tait.",
        "Relais kent zijn ritme nog niet, en waarschuwt dus niet als het stil wordt.",
        "Relais does not know its rhythm yet, so it does not warn when the form goes silent.",
    ),
    "silence_well": Text(
        "D’habitude, {n} jours au plus séparent deux jours avec inscriptions\u00a0; Relais avertit si le silence"
        " dure nettement plus.",
        "Gewoonlijk liggen er hoogstens {n} dagen tussen twee dagen met inschrijvingen; Relais waarschuwt als de stilte"
        " duidelijk langer duurt.",
        "Two days with signups are usually at most {n} days apart; Relais warns when a silence is clearly longer.",
    ),
    "silence_well_one": Text(
        "D’habitude, ce formulaire apporte des inscriptions chaque jour\u00a0; Relais avertit s’il se tait.",
        "Gewoonlijk brengt dit formulier elke dag inschrijvingen; Relais waarschuwt als het stil wordt.",
        "This form usually brings signups every day; Relais warns when it goes silent.",
    ),
    "silence_hours": Text(
        "Relais avertit après {hours} heures sans inscription.",
        "Relais waarschuwt na {hours} uur zonder inschrijving.",
        "Relais warns after {hours} hours without a signup.",
    ),
    "silence_not_watched": Text(
        'Relais n’avertit pas si ce formulaire se tait\u00a0: silent_after = "never".',
        'Relais waarschuwt niet als dit formulier stil wordt: silent_after = "never".',
        'Relais does not warn when this form goes silent: silent_after = "never".',
    ),
    "signups": Text("Inscriptions", "Inschrijvingen", "Signups"),
    "yesterday": Text("Hier", "Gisteren", "Yesterday"),
    "today": Text("Aujourd’hui", "Vandaag", "Today"),
    "in_days": Text("{n} jours", "{n} dagen", "{n} days"),
    "delivered": Text("Transmises", "Doorgegeven", "Delivered"),
    "delivered_one": Text("Transmise", "Doorgegeven", "Delivered"),
    "refused": Text("Refusées", "Geweigerd", "Refused"),
    "trapped": Text("Robots", "Robots", "Robots"),
    "confirmed": Text("Confirmées", "Bevestigd", "Confirmed"),
    "confirmed_later": Text(
        "connu une fois le délai passé", "bekend als de tijd om is", "known when their time is over"
    ),
    "unconfirmed": Text("Jamais confirmées", "Nooit bevestigd", "Never confirmed"),
    "unconfirmed_one": Text("Jamais confirmée", "Nooit bevestigd", "Never confirmed"),
    "quarantined": Text("Retenues", "Vastgehouden", "Quarantined"),
    "unsubscribes": Text("Désinscriptions", "Uitschrijvingen", "Unsubscribes"),
    "by_day": Text("Par jour", "Per dag", "By day"),
    "chart": Text("Inscriptions par jour", "Inschrijvingen per dag", "Signups by day"),
    "chart_description": Text(
        "{total} inscriptions en {n} jours, {most} le {day}, le jour le plus fort.",
        "{total} inschrijvingen in {n} dagen, {most} op {day}, de drukste dag.",
        "{total} signups in {n} days, {most} on {day}, the busiest day.",
    ),
    "refusals": Text(
        "Refusées et robots en 28 jours, par raison",
        "Geweigerd en robots in 28 dagen, per reden",
        "Refused and robots in 28 days, by reason",
    ),
    "reason": Text("Raison", "Reden", "Reason"),
    "number": Text("Nombre", "Aantal", "Number"),
    "as_table": Text("28 jours en tableau", "28 dagen als tabel", "28 days as a table"),
    "day": Text("Jour (UTC)", "Dag (UTC)", "Day (UTC)"),
    "caption": Text(
        "Chaque jour compte ce qui est arrivé ce jour-là, et ce que c’est devenu depuis.",
        "Elke dag telt wat die dag aankwam, en wat er sindsdien van geworden is.",
        "Each day counts what arrived on it, and what has become of it since.",
    ),
    "nothing_yet": Text(
        "Ce formulaire n’a encore rien reçu. Mettez le HTML ci-dessous sur votre site, et essayez-le avec votre propre"
        " adresse.",
        "Dit formulier heeft nog niets ontvangen. Zet de HTML hieronder op uw website en probeer het met uw eigen"
        " adres.",
        "This form has received nothing yet. Put the HTML below on your site, and try it with your own address.",
    ),
    "embed": Text("Le mettre sur votre site", "Op uw website zetten", "Put it on your site"),
    "embed_how": Text(
        "Copiez ce HTML dans votre page. Les noms des champs doivent rester tels quels\u00a0; le reste est à vous.",
        "Kopieer deze HTML naar uw pagina. De namen van de velden moeten zo blijven; al het andere is aan u.",
        "Copy this HTML into your page. The names of the fields must stay as they are; all else is yours.",
    ),
    "embed_frame": Text(
        "Copiez ce HTML dans votre page\u00a0: il y montre la page ci-dessous, qui apporte la preuve de travail "
        "(altcha) demandée par ce formulaire. Ce que votre propre HTML envoie sans elle est retenu.",
        "Kopieer deze HTML naar uw pagina: hij toont er de pagina hieronder, die het rekenbewijs (altcha) levert dat "
        "dit formulier vraagt. Wat uw eigen HTML zonder dat verstuurt, wordt vastgehouden.",
        "Copy this HTML into your page: it shows the page below there, which brings the proof of work (altcha) that "
        "this form asks for. What HTML of your own sends without one is quarantined.",
    ),
    "frame": Text("Dans un cadre", "In een kader", "In a frame"),
    "frame_how": Text(
        "Ou montrez cette page dans un cadre, là où un éditeur de sites ne permet pas de formulaire\u00a0:",
        "Of toon deze pagina in een kader, waar een websitebouwer geen formulier toelaat:",
        "Or show this page in a frame, where a site builder allows no form:",
    ),
    "hosted": Text("Sans site web", "Zonder website", "Without a website"),
    "hosted_how": Text(
        "Ce formulaire a sa propre page, prête à être partagée\u00a0: {link}. Elle montre l’adresse et les champs qui "
        "ont un libellé dans la configuration.",
        "Dit formulier heeft een eigen pagina, klaar om te delen: {link}. Ze toont het adres en de velden die in de "
        "configuratie een label hebben.",
        "This form has a page of its own, ready to be shared: {link}. It shows the address, and the fields that have a "
        "label in the configuration.",
    ),
    "no_url": Text(
        "L’adresse publique de Relais n’est pas configurée\u00a0: ajoutez public_url à la section [api].",
        "Het openbare adres van Relais is niet geconfigureerd: voeg public_url toe aan het deel [api].",
        "Relais’ public address is not configured: add public_url to the section [api].",
    ),
    "origins": Text(
        "Des pages de ces sites peuvent l’envoyer\u00a0: {origins}. Pour un autre site, ajoutez-le à origins de"
        " [forms.{form}].",
        "Pagina’s van deze websites mogen het versturen: {origins}. Voeg een andere website toe aan origins van"
        " [forms.{form}].",
        "Pages of these sites may send it: {origins}. Add another site to origins of [forms.{form}].",
    ),
    "no_origins": Text(
        "Aucun site ne peut encore l’envoyer\u00a0: ajoutez le vôtre à origins de [forms.{form}], comme"
        ' ["https://www.example.com"].',
        "Nog geen enkele website mag het versturen: voeg de uwe toe aan origins van [forms.{form}], zoals"
        ' ["https://www.example.com"].',
        'No site may send it yet: add yours to origins of [forms.{form}], as in ["https://www.example.com"].',
    ),
    "address": Text("Adresse e‑mail", "E‑mailadres", "E‑mail address"),
    "subscribe": Text("Je m’inscris", "Inschrijven", "Sign up"),
    "all_events": Text("Voir ce qui est à traiter", "Bekijk wat te behandelen is", "See what needs you"),
}
