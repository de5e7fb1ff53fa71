"""Texts of the pages of events."""

from __future__ import annotations

from ..texts import Text, Texts
from .reason_texts import REASONS

_STATES: Texts = {
    "status_pending": Text("En attente", "Wacht", "Pending"),
    "status_delivered": Text("Transmis", "Doorgegeven", "Delivered"),
    "status_superseded": Text("Dépassé", "Achterhaald", "Superseded"),
    "status_refused": Text("Refusé", "Geweigerd", "Refused"),
    "status_parked": Text("Abandonné", "Opgegeven", "Parked"),
    "status_quarantined": Text("Retenu", "Vastgehouden", "Quarantined"),
    "type_signup": Text("Inscription", "Aanmelding", "Signup"),
    "type_unsubscribe": Text("Désinscription", "Uitschrijving", "Unsubscribe"),
    "type_sync": Text("Synchronisation", "Synchronisatie", "Sync"),
    "account": Text("Compte", "Account", "Account"),
    "form": Text("Formulaire", "Formulier", "Form"),
    "status": Text("État", "Toestand", "Status"),
    "reason": Text("Raison", "Reden", "Reason"),
    "no_form": Text("sans formulaire", "zonder formulier", "no form"),
    "resend": Text("Renvoyer", "Opnieuw versturen", "Send again"),
    "discard": Text("Écarter", "Verwerpen", "Discard"),
    "events": Text("À traiter", "Te behandelen", "To deal with"),
}

EVENTS: Texts = {
    **REASONS,
    **_STATES,
    "title": Text("À traiter", "Te behandelen", "To deal with"),
    "lead": Text(
        "Ce qui attend, a été abandonné, refusé ou retenu. Ce qui est en attente part tout seul"
        "\u00a0; le reste attend votre décision, après que la cause a été corrigée.",
        "Wat wacht, is opgegeven, geweigerd of vastgehouden. Wat wacht, vertrekt vanzelf; de rest wacht op uw"
        " beslissing, nadat de oorzaak is verholpen.",
        "What waits, was parked, refused or quarantined. What is pending goes by itself; the rest waits for your"
        " decision, once its cause is mended.",
    ),
    "look_up": Text("Retrouver un événement", "Een gebeurtenis opzoeken", "Look an event up"),
    "by_id": Text("Numéro de l’événement", "Nummer van de gebeurtenis", "Id of the event"),
    "by_address": Text("Adresse e‑mail", "E‑mailadres", "E‑mail address"),
    "find": Text("Chercher", "Zoeken", "Find"),
    "address_note": Text(
        "L’adresse n’est ni montrée ni gardée.",
        "Het adres wordt niet getoond of bewaard.",
        "The address is neither shown nor kept.",
    ),
    "waits_its_turn": Text("Attend son tour", "Wacht op haar beurt", "Waits its turn"),
    "groups": Text("Par raison", "Per reden", "By reason"),
    "number": Text("Nombre", "Aantal", "Number"),
    "newest": Text("Dernier jour", "Laatste dag", "Last day"),
    "what_to_do": Text("Que faire", "Wat te doen", "What to do"),
    "list": Text("Un par un", "Eén voor één", "One by one"),
    "all_statuses": Text("Tous les états", "Alle toestanden", "All states"),
    "all_accounts": Text("Tous les comptes", "Alle accounts", "All accounts"),
    "all_forms": Text("Tous les formulaires", "Alle formulieren", "All forms"),
    "day": Text("Jour", "Dag", "Day"),
    "show": Text("Afficher", "Tonen", "Show"),
    "event": Text("Événement", "Gebeurtenis", "Event"),
    "accepted": Text("Reçu", "Ontvangen", "Received"),
    "select": Text("Choisir {id}", "Kies {id}", "Select {id}"),
    "resend_selected": Text("Renvoyer la sélection", "Selectie opnieuw versturen", "Send the selected again"),
    "discard_selected": Text("Écarter la sélection", "Selectie verwerpen", "Discard the selected"),
    "next_attempt": Text("prochain essai {time}", "volgende poging {time}", "next attempt {time}"),
    "nothing": Text(
        "Rien n’attend\u00a0: tout ce qui est arrivé a été transmis.",
        "Er wacht niets: alles wat aankwam, is doorgegeven.",
        "Nothing waits: all that arrived was passed on.",
    ),
    "nothing_chosen": Text(
        "Rien de tel n’attend. Essayez un autre choix.",
        "Zoiets wacht niet. Probeer een andere keuze.",
        "Nothing of the kind waits. Try another choice.",
    ),
    "more": Text("Plus anciens", "Oudere", "Older ones"),
    "not_found": Text(
        "Aucun événement n’a ce numéro. Il a peut-être été effacé après sa durée de conservation.",
        "Geen enkele gebeurtenis heeft dit nummer. Ze is misschien gewist na haar bewaartermijn.",
        "No event has this id. It may have been erased after its retention time.",
    ),
}

CONFIRM: Texts = {
    **_STATES,
    **REASONS,
    "resend_title": Text(
        "Renvoyer {n} envois\u00a0?", "{n} leveringen opnieuw versturen?", "Send {n} deliveries again?"
    ),
    "resend_title_one": Text(
        "Renvoyer cet envoi\u00a0?", "Deze levering opnieuw versturen?", "Send this delivery again?"
    ),
    "discard_title": Text("Écarter {n} envois\u00a0?", "{n} leveringen verwerpen?", "Discard {n} deliveries?"),
    "discard_title_one": Text("Écarter cet envoi\u00a0?", "Deze levering verwerpen?", "Discard this delivery?"),
    "resend_text": Text(
        "Ils partent tout de suite, avec la configuration d’aujourd’hui. Personne n’est inscrit deux fois.",
        "Ze vertrekken meteen, met de configuratie van vandaag. Niemand wordt twee keer ingeschreven.",
        "They go at once, with today’s configuration. Nobody is signed up twice.",
    ),
    "discard_text": Text(
        "Ils ne seront jamais envoyés, et leurs données sont effacées. Cela ne peut pas être annulé.",
        "Ze worden nooit verstuurd en hun gegevens worden gewist. Dit kan niet ongedaan worden gemaakt.",
        "They will never be sent, and their data is erased. This cannot be undone.",
    ),
    "at_most": Text(
        "Au plus {n} à la fois\u00a0: recommencez pour le reste.",
        "Hoogstens {n} tegelijk: herhaal het voor de rest.",
        "At most {n} at once: repeat it for the rest.",
    ),
    "none": Text("Rien de tel n’attend plus.", "Zoiets wacht niet meer.", "Nothing of the kind waits any more."),
    "yes_resend": Text("Oui, renvoyer", "Ja, opnieuw versturen", "Yes, send again"),
    "yes_discard": Text("Oui, écarter et effacer", "Ja, verwerpen en wissen", "Yes, discard and erase"),
    "no": Text("Non, revenir", "Nee, terug", "No, go back"),
    "back": Text("Revenir", "Terug", "Go back"),
}

EVENT: Texts = {
    **_STATES,
    **REASONS,
    "title": Text("Événement", "Gebeurtenis", "Event"),
    "id": Text("Numéro", "Nummer", "Id"),
    "occurred": Text("Voulu par la personne", "Gewild door de persoon", "Meant by the person"),
    "accepted": Text("Reçu par Relais", "Ontvangen door Relais", "Received by Relais"),
    "deliveries": Text("À chaque compte", "Bij elke account", "At each account"),
    "attempts": Text("Essais", "Pogingen", "Attempts"),
    "next_attempt": Text("Prochain essai", "Volgende poging", "Next attempt"),
    "updated": Text("Dernier changement", "Laatste wijziging", "Last change"),
    "unknown_outcome": Text(
        "L’issue d’un essai est inconnue\u00a0: la personne peut se trouver deux fois dans la liste.",
        "De uitkomst van een poging is onbekend: de persoon kan twee keer op de lijst staan.",
        "The outcome of an attempt is unknown: the person may be on the list twice.",
    ),
    "remedy": Text("Remède", "Oplossing", "Remedy"),
    "notes": Text("Notes", "Notities", "Notes"),
    "errors": Text("Ce qui est faux", "Wat fout is", "What is wrong"),
    "message": Text("Message de la file {queue}", "Bericht uit de wachtrij {queue}", "Message of the queue {queue}"),
    "provider_says": Text(
        "Le fournisseur ou Relais dit\u00a0: {reason}",
        "De provider of Relais zegt: {reason}",
        "The provider or Relais says: {reason}",
    ),
    "said_signup": Text("Cette inscription", "Deze aanmelding", "This signup"),
    "sentence_delivered": Text(
        "a été transmise à tous ses comptes.",
        "is doorgegeven aan al haar accounts.",
        "was passed on to all its accounts.",
    ),
    "sentence_pending": Text(
        "attend encore et part toute seule.", "wacht nog en vertrekt vanzelf.", "still waits and goes by itself."
    ),
    "sentence_parked": Text(
        "a été abandonnée jusqu’à ce que vous la renvoyiez.",
        "is opgegeven tot u ze opnieuw verstuurt.",
        "was given up until you send it again.",
    ),
    "sentence_refused": Text("a été refusée.", "is geweigerd.", "was refused."),
    "sentence_superseded": Text(
        "a été dépassée par une désinscription plus récente, ou l’inverse.",
        "is achterhaald door een latere uitschrijving, of omgekeerd.",
        "was superseded by a later unsubscribe, or the reverse.",
    ),
    "said_unsubscribe": Text("Cette désinscription", "Deze uitschrijving", "This unsubscribe"),
    "said_sync": Text("Cette synchronisation", "Deze synchronisatie", "This sync"),
}

PERSON: Texts = {
    "title": Text("Cette adresse", "Dit adres", "This address"),
    "lead": Text(
        "Ce que Relais sait de l’adresse à chaque compte. L’adresse elle-même n’est ni montrée ni gardée.",
        "Wat Relais van het adres weet bij elke account. Het adres zelf wordt niet getoond of bewaard.",
        "What Relais knows of the address at each account. The address itself is neither shown nor kept.",
    ),
    "account": Text("Compte", "Account", "Account"),
    "state": Text("État", "Toestand", "State"),
    "signed_up": Text("Inscrite", "Ingeschreven", "Signed up"),
    "unsubscribed": Text("Désinscrite", "Uitgeschreven", "Unsubscribed"),
    "forgotten": Text("Oubliée", "Vergeten", "Forgotten"),
    "unknown": Text("Inconnue", "Onbekend", "Not known"),
    "since": Text("Inscription", "Aanmelding", "Signup"),
    "left": Text("Désinscription", "Uitschrijving", "Unsubscribe"),
    "events": Text("Événements", "Gebeurtenissen", "Events"),
    "wrong": Text("Ce n’est pas une adresse e‑mail.", "Dit is geen e‑mailadres.", "This is no e‑mail address."),
    "not_yet": Text(
        "Un événement qui attend encore n’est pas trouvé par l’adresse, mais par son numéro.",
        "Een gebeurtenis die nog wacht, wordt niet via het adres gevonden, wel via haar nummer.",
        "An event that still waits is not found by the address, but by its id.",
    ),
    "back": Text("À traiter", "Te behandelen", "To deal with"),
}
