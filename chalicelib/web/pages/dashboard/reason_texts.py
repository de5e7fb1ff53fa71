"""What the reasons of deliveries mean, and what a person can do: one text for each code."""

from __future__ import annotations

from ..texts import Text, Texts

REASONS: Texts = {
    "reason_": Text("Sans raison connue", "Zonder bekende reden", "No reason known"),
    "reason_trap": Text(
        "Un robot a rempli le champ piège", "Een robot vulde het valveld in", "A robot filled in the trap"
    ),
    "reason_spam": Text("Un champ contient un lien", "Een veld bevat een link", "A field contains a link"),
    "reason_invalid_message": Text(
        "Le message d’un système n’est pas valable",
        "Het bericht van een systeem is ongeldig",
        "A back end’s message is invalid",
    ),
    "reason_invalid_row": Text(
        "Une ligne d’un fichier n’est pas valable",
        "Een regel van een bestand is ongeldig",
        "A row of a file is invalid",
    ),
    "reason_suppressed": Text(
        "La personne s’est désinscrite auparavant",
        "De persoon schreef zich eerder uit",
        "The person unsubscribed before",
    ),
    "reason_quarantined": Text(
        "Retenu\u00a0: trop d’envois à la fois, ou peut-être un robot",
        "Vastgehouden: te veel tegelijk, of misschien een robot",
        "Held: too many at once, or perhaps a robot",
    ),
    "reason_discarded": Text("Écarté par vous", "Door u verworpen", "Discarded by you"),
    "reason_unconfirmed": Text(
        "Pas confirmée par la personne", "Niet bevestigd door de persoon", "Not confirmed by the person"
    ),
    "reason_invalid_address": Text(
        "Le fournisseur refuse l’adresse", "De provider weigert het adres", "The provider refuses the address"
    ),
    "reason_unknown_field": Text(
        "Le fournisseur ne connaît pas un champ\u00a0: corrigez [forms…fields]",
        "De provider kent een veld niet: verbeter [forms…fields]",
        "The provider does not know a field: correct [forms…fields]",
    ),
    "reason_rejected_by_provider": Text(
        "Le fournisseur refuse le contact", "De provider weigert het contact", "The provider refuses the contact"
    ),
    "reason_request_rejected": Text(
        "Le fournisseur refuse la demande", "De provider weigert het verzoek", "The provider refuses the request"
    ),
    "reason_unknown_list": Text(
        "La liste n’existe pas\u00a0: corrigez list",
        "De lijst bestaat niet: verbeter list",
        "There is no such list: correct list",
    ),
    "reason_list_refuses_all": Text(
        "La liste refuse tout le monde", "De lijst weigert iedereen", "The list refuses everybody"
    ),
    "reason_wrong_key": Text(
        "La clé du compte est refusée", "De sleutel van de account wordt geweigerd", "The account’s key is refused"
    ),
    "reason_undeclared_ip": Text(
        "L’adresse IP de Relais n’est pas déclarée",
        "Het IP-adres van Relais is niet aangemeld",
        "Relais’ IP address is not declared",
    ),
    "reason_account_refused": Text(
        "Le fournisseur refuse le compte", "De provider weigert de account", "The provider refuses the account"
    ),
    "reason_secret_unavailable": Text(
        "Un secret ne peut pas être lu", "Een geheim kan niet worden gelezen", "A secret cannot be read"
    ),
    "reason_provider_down": Text(
        "Le fournisseur ne répond pas", "De provider antwoordt niet", "The provider does not answer"
    ),
    "reason_throttled": Text(
        "Le fournisseur demande d’attendre", "De provider vraagt te wachten", "The provider asks to wait"
    ),
    "reason_outcome_unknown": Text(
        "On ne sait pas si l’envoi a réussi", "Onbekend of de levering gelukt is", "Nobody knows whether it succeeded"
    ),
    "reason_form_removed": Text(
        "Le formulaire n’est plus configuré",
        "Het formulier is niet meer geconfigureerd",
        "The form is not configured any more",
    ),
    "reason_address_key_missing": Text(
        "Une clé d’adresses manque dans la configuration",
        "Er ontbreekt een adressleutel in de configuratie",
        "An address key is missing from the configuration",
    ),
    "reason_account_removed": Text(
        "Le compte n’est plus configuré",
        "De account is niet meer geconfigureerd",
        "The account is not configured any more",
    ),
    "reason_takes_no_signups": Text(
        "Ce fournisseur ne prend pas d’inscriptions",
        "Deze provider neemt geen inschrijvingen aan",
        "This provider takes no signups",
    ),
    "reason_source_failed": Text(
        "Le fichier ne peut pas être lu pour l’instant",
        "Het bestand kan nu niet worden gelezen",
        "The file cannot be read now",
    ),
    "reason_source_refused": Text(
        "Le fichier ou sa configuration est à corriger",
        "Het bestand of zijn configuratie moet beter",
        "The file or its configuration must be corrected",
    ),
}
