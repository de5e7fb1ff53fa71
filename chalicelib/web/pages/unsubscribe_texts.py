"""Texts of the unsubscribe pages. `{address}` is the masked address."""

from __future__ import annotations

from .texts import Text, Texts

UNSUBSCRIBE: Texts = {
    "ask_title": Text("Se désinscrire", "Uitschrijven", "Unsubscribe"),
    "ask": Text(
        "Vous ne souhaitez plus recevoir nos e‑mails à l’adresse {address}\u00a0?",
        "Wilt u geen e‑mails meer van ons ontvangen op {address}?",
        "Do you want to stop getting our e‑mails at {address}?",
    ),
    "ask_button": Text("Me désinscrire", "Schrijf mij uit", "Unsubscribe me"),
    "done_title": Text("Votre désinscription est enregistrée", "U bent uitgeschreven", "You are unsubscribed"),
    "done": Text(
        "Nous n’enverrons plus d’e‑mails à {address}.",
        "Wij sturen geen e‑mails meer naar {address}.",
        "We will send no more e‑mails to {address}.",
    ),
    "on_its_way": Text(
        "Un message déjà parti peut encore vous parvenir. Vous pouvez fermer cette page.",
        "Een bericht dat al onderweg is, kan nog aankomen. U kunt deze pagina sluiten.",
        "A message that is already on its way may still reach you. You can close this page.",
    ),
    "unknown_title": Text("Ce lien n’est pas valable", "Deze link is niet geldig", "This link is not valid"),
    "unknown": Text(
        "Il est peut-être incomplet. Ouvrez-le à nouveau depuis l’e‑mail.",
        "Misschien is hij onvolledig. Open hem opnieuw vanuit de e‑mail.",
        "It may be incomplete. Please open it again from the e‑mail.",
    ),
    "later_title": Text("Réessayez dans un instant", "Probeer het zo meteen opnieuw", "Please try again in a moment"),
    "later": Text(
        "Votre désinscription n’a pas encore pu être enregistrée.",
        "Uw uitschrijving kon nog niet worden vastgelegd.",
        "Your request could not be recorded yet.",
    ),
}
