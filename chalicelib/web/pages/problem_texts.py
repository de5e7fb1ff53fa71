"""Texts of the pages for errors: what happened in plain words, and what the visitor can do. By HTTP status."""

from __future__ import annotations

from .texts import Text, Texts

PROBLEM: Texts = {
    "400_title": Text("Cet envoi n’a pas pu être lu", "Dit kon niet worden gelezen", "This could not be read"),
    "400": Text(
        "Revenez à la page précédente et réessayez.",
        "Ga terug naar de vorige pagina en probeer het opnieuw.",
        "Go back to the previous page and try again.",
    ),
    "401_title": Text("Accès réservé", "Geen toegang zonder sleutel", "A key is needed here"),
    "401": Text(
        "Cette page demande la clé d’administration.",
        "Deze pagina vraagt om de beheerderssleutel.",
        "This page asks for the admin key.",
    ),
    "403_title": Text("Accès refusé", "Geen toegang", "No access"),
    "403": Text(
        "Cette page ne peut pas être ouverte d’ici.",
        "Deze pagina kan hier niet worden geopend.",
        "This page cannot be opened from here.",
    ),
    "404_title": Text("Cette page n’existe pas", "Deze pagina bestaat niet", "This page does not exist"),
    "404": Text(
        "L’adresse est peut-être incomplète. Vérifiez-la, ou revenez au site.",
        "Misschien is het adres onvolledig. Controleer het, of ga terug naar de website.",
        "The address may be incomplete. Check it, or go back to the website.",
    ),
    "405_title": Text("Rien ne s’affiche à cette adresse", "Hier is niets te zien", "There is nothing to see here"),
    "405": Text(
        "Cette adresse ne s’ouvre pas de cette manière.",
        "Dit adres kan zo niet worden geopend.",
        "This address cannot be opened that way.",
    ),
    "409_title": Text("Déjà envoyé", "Al verzonden", "Already sent"),
    "409": Text(
        "Un autre envoi porte déjà cet identifiant.",
        "Er is al iets anders met dit kenmerk verzonden.",
        "Something else was sent under this id before.",
    ),
    "413_title": Text("C’est trop long", "Dit is te lang", "This is too long"),
    "413": Text(
        "Revenez à la page précédente et raccourcissez votre texte.",
        "Ga terug naar de vorige pagina en maak uw tekst korter.",
        "Go back to the previous page and shorten your text.",
    ),
    "415_title": Text("Ce format n’est pas accepté", "Dit formaat wordt niet aanvaard", "This format is not accepted"),
    "415": Text(
        "Revenez à la page précédente et réessayez sans fichier joint.",
        "Ga terug naar de vorige pagina en probeer het opnieuw zonder bestand.",
        "Go back to the previous page and try again without a file.",
    ),
    "422_title": Text("Il y a une erreur", "Er is iets niet juist", "Something is not right"),
    "422": Text(
        "Corrigez ce qui est indiqué et réessayez.",
        "Verbeter wat hieronder staat en probeer het opnieuw.",
        "Correct what is named below and try again.",
    ),
    "429_title": Text("Un peu trop vite", "Even wachten", "A little too fast"),
    "429": Text(
        "Il y a beaucoup de demandes en ce moment. Attendez quelques instants, puis réessayez.",
        "Er zijn op dit moment veel aanvragen. Wacht even en probeer het dan opnieuw.",
        "There are many requests just now. Wait a moment, then try again.",
    ),
    "500_title": Text("Une erreur est survenue", "Er is iets misgegaan", "Something went wrong"),
    "500": Text(
        "L’erreur vient de notre côté et a été signalée. Réessayez un peu plus tard.",
        "De fout ligt bij ons en is gemeld. Probeer het wat later opnieuw.",
        "The fault is ours, and it has been reported. Please try again a little later.",
    ),
    "503_title": Text("Réessayez dans un instant", "Probeer het zo meteen opnieuw", "Please try again in a moment"),
    "503": Text(
        "Le service ne répond pas pour le moment. Vous pouvez réessayer sans risque.",
        "De dienst antwoordt nu even niet. U kunt het gerust opnieuw proberen.",
        "The service does not answer at the moment. It is safe to try again.",
    ),
}
