"""Texts of the confirmation pages. `{address}` and `{organisation}` are marked up; `{form}` is the form's title."""

from __future__ import annotations

from .texts import Text, Texts

CONFIRM: Texts = {
    "ask_title": Text("Confirmez votre inscription", "Bevestig uw inschrijving", "Confirm your signup"),
    "ask": Text(
        "Souhaitez-vous recevoir nos e‑mails à l’adresse {address}\u00a0? ({form})",
        "Wilt u onze e‑mails ontvangen op {address}? ({form})",
        "Do you want to receive our e‑mails at {address}? ({form})",
    ),
    "ask_button": Text("Je confirme", "Ik bevestig", "I confirm"),
    "not_you": Text(
        "Vous n’avez rien demandé\u00a0? Fermez cette page\u00a0: sans confirmation, l’adresse est effacée.",
        "Hebt u niets gevraagd? Sluit dan deze pagina: zonder bevestiging wordt het adres gewist.",
        "You did not ask for this? Close this page: without a confirmation the address is erased.",
    ),
    "done_title": Text("Votre inscription est confirmée", "Uw inschrijving is bevestigd", "Your signup is confirmed"),
    "done": Text(
        "Merci. Vous recevrez nos prochains e‑mails. Vous pouvez fermer cette page.",
        "Bedankt. U ontvangt onze volgende e‑mails. U kunt deze pagina sluiten.",
        "Thank you. You will receive our next e‑mails. You can close this page.",
    ),
    "by_hand": Text(
        "Cette adresse s’était désinscrite auparavant, et notre outil d’envoi ne peut pas la réinscrire de lui-même. "
        "Contactez {organisation} pour recevoir à nouveau nos e‑mails.",
        "Dit adres was eerder uitgeschreven, en ons verzendprogramma kan het niet zelf opnieuw inschrijven. Neem "
        "contact op met {organisation} om onze e‑mails weer te ontvangen.",
        "This address had unsubscribed before, and our mailing tool cannot sign it up again by itself. Please contact "
        "{organisation} to receive our e‑mails again.",
    ),
    "site_owner": Text("le responsable du site", "de beheerder van de website", "the owner of the website"),
    "ended_title": Text("Ce lien n’est plus valable", "Deze link is niet meer geldig", "This link is no longer valid"),
    "ended": Text(
        "L’inscription n’a pas été confirmée à temps. Inscrivez-vous à nouveau si vous le souhaitez.",
        "De inschrijving is niet op tijd bevestigd. Schrijf u opnieuw in als u dat wilt.",
        "The signup was not confirmed in time. Please sign up again if you wish.",
    ),
    "again": Text("M’inscrire à nouveau", "Opnieuw inschrijven", "Sign up again"),
    "unknown_title": Text("Ce lien n’est pas valable", "Deze link is niet geldig", "This link is not valid"),
    "unknown": Text(
        "Il est peut-être incomplet. Ouvrez-le à nouveau depuis l’e‑mail.",
        "Misschien is hij onvolledig. Open hem opnieuw vanuit de e‑mail.",
        "It may be incomplete. Please open it again from the e‑mail.",
    ),
    "later_title": Text("Réessayez dans un instant", "Probeer het zo meteen opnieuw", "Please try again in a moment"),
    "later": Text(
        "Votre confirmation n’a pas encore pu être enregistrée.",
        "Uw bevestiging kon nog niet worden vastgelegd.",
        "Your confirmation could not be recorded yet.",
    ),
}
