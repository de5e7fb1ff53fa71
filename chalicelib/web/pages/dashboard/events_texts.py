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
    "type_signup": Text("Inscription", "Inschrijving", "Signup"),
    "type_unsubscribe": Text("Désinscription", "Uitschrijving", "Unsubscribe"),
    "type_sync": Text("Synchronisation", "Synchronisatie", "Sync"),
    "types_signup": Text("Inscriptions", "Inschrijvingen", "Signups"),
    "types_unsubscribe": Text("Désinscriptions", "Uitschrijvingen", "Unsubscribes"),
    "types_sync": Text("Synchronisations", "Synchronisaties", "Syncs"),
    "account": Text("Compte", "Account", "Account"),
    "form": Text("Formulaire", "Formulier", "Form"),
    "status": Text("État", "Status", "State"),
    "reason": Text("Raison", "Reden", "Reason"),
    "no_form": Text("sans formulaire", "zonder formulier", "no form"),
    "resend": Text("Renvoyer", "Opnieuw versturen", "Send again"),
    "release": Text("Laisser partir", "Laten vertrekken", "Deliver"),
    "release_selected": Text("Laisser partir la sélection", "Selectie laten vertrekken", "Deliver selected"),
    "resend_all": Text("Tout renvoyer…", "Alles opnieuw versturen…", "Send all again…"),
    "release_all": Text("Tout laisser partir…", "Alles laten vertrekken…", "Deliver all…"),
    "discard_all": Text("Tout écarter…", "Alles verwerpen…", "Discard all…"),
    "goes_at": Text(
        "part toute seule le {time}, si vous ne l’écartez pas",
        "vertrekt vanzelf op {time}, tenzij u ze verwerpt",
        "goes by itself on {time}, unless you discard it",
    ),
    "ends_at": Text(
        "est effacée le {time}, si vous ne la laissez pas partir",
        "wordt gewist op {time}, tenzij u ze laat vertrekken",
        "is erased on {time}, unless you deliver it",
    ),
    "status_discarded": Text("Écarté", "Verworpen", "Discarded"),
    "waits_its_turn": Text("Attend son tour", "Wacht op haar beurt", "Waits its turn"),
    "waits_for_confirmation": Text(
        "Attend la confirmation de la personne",
        "Wacht op de bevestiging van de persoon",
        "Waits for the person’s confirmation",
    ),
    "discard": Text("Écarter", "Verwerpen", "Discard"),
    "events": Text("À traiter", "Te behandelen", "Needs attention"),
}

EVENTS: Texts = {
    **REASONS,
    **_STATES,
    "title": Text("À traiter", "Te behandelen", "Needs attention"),
    "lead": Text(
        "Ce qui attend, a été abandonné, refusé ou retenu. Ce qui attend part tout seul, une désinscription"
        " retenue aussi, après un jour\u00a0; le reste attend votre décision, une fois la cause corrigée. Une"
        " inscription retenue est effacée après 30 jours.",
        "Wat wacht, is opgegeven, geweigerd of vastgehouden. Wat wacht, vertrekt vanzelf, een vastgehouden"
        " uitschrijving ook, na een dag; de rest wacht op uw beslissing, zodra de oorzaak is verholpen. Een"
        " vastgehouden inschrijving wordt na 30 dagen gewist.",
        "Everything that waits, was given up, refused or is held. What waits goes by itself, a held unsubscribe too,"
        " after a day; the rest needs your decision, once its cause is corrected. A held signup is erased after 30"
        " days.",
    ),
    "look_up": Text(
        "Retrouver une personne ou une inscription",
        "Een persoon of een inschrijving opzoeken",
        "Find a person or a signup",
    ),
    "by_id": Text("Numéro de l’inscription", "Nummer van de inschrijving", "Id of the signup"),
    "by_address": Text("Adresse e‑mail", "E‑mailadres", "E‑mail address"),
    "find": Text("Chercher", "Zoeken", "Find"),
    "address_note": Text(
        "L’adresse n’est ni montrée ni gardée.",
        "Het adres wordt niet getoond of bewaard.",
        "The address is neither shown nor kept.",
    ),
    "groups": Text("Par raison", "Per reden", "By reason"),
    "number": Text("Nombre", "Aantal", "Number"),
    "at_least": Text("au moins {n}", "minstens {n}", "at least {n}"),
    "newest": Text("Dernier jour", "Laatste dag", "Last day"),
    "what_to_do": Text("Que faire", "Wat te doen", "What to do"),
    "list": Text("Un par un", "Eén voor één", "One by one"),
    "kind": Text("Type", "Soort", "Kind"),
    "all": Text("Tous", "Alle", "All"),
    "all_accounts": Text("Tous les comptes", "Alle accounts", "All accounts"),
    "day": Text("Jour", "Dag", "Day"),
    "show": Text("Afficher", "Tonen", "Show"),
    "event": Text("Inscription ou désinscription", "In- of uitschrijving", "Signup or unsubscribe"),
    "accepted": Text("Reçu", "Ontvangen", "Received"),
    "select": Text("Choisir {id}", "Kies {id}", "Select {id}"),
    "resend_selected": Text("Renvoyer la sélection", "Selectie opnieuw versturen", "Send selected again"),
    "discard_selected": Text("Écarter la sélection…", "Selectie verwerpen…", "Discard selected…"),
    "next_attempt": Text("prochain essai {time}", "volgende poging {time}", "next attempt {time}"),
    "nothing": Text(
        "Rien n’attend et rien n’est à décider.",
        "Er wacht niets en er valt niets te beslissen.",
        "Nothing waits, and nothing needs your decision.",
    ),
    "nothing_chosen": Text(
        "Rien de tel n’attend. Essayez un autre choix.",
        "Zoiets wacht niet. Probeer een andere keuze.",
        "Nothing of the kind waits. Try another choice.",
    ),
    "only_a_part": Text(
        "Seule une partie de la liste a été parcourue, tant elle est longue. « Plus anciens » continue la recherche.",
        "Er is alleen een deel van de lijst doorzocht, zo lang is ze. ‘Oudere’ zoekt verder.",
        "Only a part of the list was searched, as it is long. “Older ones” searches on.",
    ),
    "more": Text("Plus anciens", "Oudere", "Older ones"),
    "not_found": Text(
        "Aucune inscription n’a ce numéro. Elle a peut-être été effacée après sa durée de conservation.",
        "Geen enkele inschrijving heeft dit nummer. Ze is misschien gewist na haar bewaartermijn.",
        "No signup or unsubscribe has this id. It may have been erased after its retention time.",
    ),
}

CONFIRM: Texts = {
    **_STATES,
    "release_title": Text(
        "Laisser partir {n} inscriptions ou désinscriptions\u00a0?",
        "{n} in- of uitschrijvingen laten vertrekken?",
        "Deliver {n} signups or unsubscribes?",
    ),
    "release_title_one": Text("La laisser partir\u00a0?", "Ze laten vertrekken?", "Deliver it?"),
    "release_text": Text(
        "Tout part immédiatement, vers chaque compte concerné. Pour une inscription à confirmer, c’est d’abord l’e‑mail"
        " de confirmation qui part.",
        "Alles vertrekt meteen, naar elke account waarvoor het bestemd is. Voor een inschrijving die nog bevestigd moet"
        " worden, vertrekt eerst de bevestigingsmail.",
        "Everything goes at once, to each account that it is meant for. For a signup that is still to be confirmed, the"
        " confirmation mail goes first.",
    ),
    "yes_release": Text("Oui, laisser partir", "Ja, laten vertrekken", "Yes, deliver"),
    **REASONS,
    "resend_title": Text(
        "Renvoyer {n} inscriptions ou désinscriptions\u00a0?",
        "{n} in- of uitschrijvingen opnieuw versturen?",
        "Send {n} signups or unsubscribes again?",
    ),
    "resend_title_one": Text("La renvoyer\u00a0?", "Ze opnieuw versturen?", "Send it again?"),
    "discard_title": Text(
        "Écarter {n} inscriptions ou désinscriptions\u00a0?",
        "{n} in- of uitschrijvingen verwerpen?",
        "Discard {n} signups or unsubscribes?",
    ),
    "discard_title_one": Text("L’écarter\u00a0?", "Ze verwerpen?", "Discard it?"),
    "resend_text": Text(
        "Tout part immédiatement, avec la configuration d’aujourd’hui.",
        "Alles vertrekt meteen, met de configuratie van vandaag.",
        "Everything goes at once, with today’s configuration.",
    ),
    "discard_text": Text(
        "Rien n’en sera envoyé, et les données sont effacées. Cela ne peut pas être annulé.",
        "Er wordt niets van verstuurd en de gegevens worden gewist. Dit kan niet ongedaan worden gemaakt.",
        "Nothing of it will be sent, and its data is erased. This cannot be undone.",
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
    "title": Text("Inscription ou désinscription", "In- of uitschrijving", "Signup or unsubscribe"),
    "id": Text("Numéro", "Nummer", "Id"),
    "occurred": Text("Demandé par la personne", "Gevraagd door de persoon", "Requested by the person"),
    "accepted": Text("Reçu par Relais", "Ontvangen door Relais", "Received by Relais"),
    "confirmation": Text("Confirmation", "Bevestiging", "Confirmation"),
    "confirmation_waiting": Text(
        "l’e‑mail n’est pas encore parti", "de e‑mail is nog niet verstuurd", "mail not sent yet"
    ),
    "confirmation_sent": Text("e‑mail envoyé", "e‑mail verstuurd", "mail sent"),
    "confirmation_confirmed": Text("confirmée", "bevestigd", "confirmed"),
    "confirmation_expired": Text("pas confirmée à temps", "niet op tijd bevestigd", "not confirmed in time"),
    "confirmation_failed": Text(
        "l’e‑mail n’est pas parti, ou a été refusé", "e‑mail niet verstuurd of geweigerd", "mail not sent, or refused"
    ),
    "sentence_unconfirmed": Text(
        "attend que la personne la confirme par le lien de l’e‑mail.",
        "wacht tot de persoon ze bevestigt via de link in de e‑mail.",
        "waits until the person confirms it by the link in the mail.",
    ),
    "sentence_mail_waits": Text(
        "attend le départ de l’e‑mail qui demande de la confirmer.",
        "wacht tot de e‑mail vertrekt die vraagt om ze te bevestigen.",
        "waits until the mail goes out that asks to confirm it.",
    ),
    "deliveries": Text("Compte par compte", "Account per account", "Account by account"),
    "attempts": Text("Essais", "Pogingen", "Attempts"),
    "next_attempt": Text("Prochain essai", "Volgende poging", "Next attempt"),
    "updated": Text("Dernier changement", "Laatste wijziging", "Last change"),
    "unknown_outcome": Text(
        "L’issue d’un essai est inconnue\u00a0: la personne peut se trouver deux fois dans la liste.",
        "De uitkomst van een poging is onbekend: de persoon kan twee keer op de lijst staan.",
        "The outcome of an attempt is unknown: the person may be on the list twice.",
    ),
    "remedy": Text("Remède\u00a0:", "Oplossing:", "Remedy:"),
    "notes": Text("Notes", "Notities", "Notes"),
    "errors": Text("Ce qui est faux", "Wat fout is", "What is wrong"),
    "undone": Text(
        "La personne le veut, et je l’ai retirée des désinscrits chez le fournisseur.",
        "De persoon wil het, en ik heb de uitschrijving bij de provider ongedaan gemaakt.",
        "The person wants it, and I have taken them off the unsubscribed at the provider.",
    ),
    "provider_says": Text(
        "Le fournisseur ou Relais dit\u00a0: {reason}",
        "De provider of Relais zegt: {reason}",
        "The provider or Relais says: {reason}",
    ),
    "said_signup": Text("Cette inscription", "Deze inschrijving", "This signup"),
    "sentence_delivered": Text(
        "a été transmise à tous ses comptes.",
        "is doorgegeven aan al haar accounts.",
        "was passed on to all its accounts.",
    ),
    "sentence_held_limit": Text(
        "est retenue\u00a0: son formulaire en a reçu trop à la fois.",
        "wordt vastgehouden: haar formulier kreeg er te veel tegelijk.",
        "is held: its form got too many at once.",
    ),
    "sentence_held_no_proof": Text(
        "est retenue\u00a0: la preuve de travail (altcha) que demande son formulaire manque, n’est pas juste ou a déjà"
        " servi. C’est peut-être un robot, ou une page qui n’en envoie pas.",
        "wordt vastgehouden: het rekenbewijs (altcha) dat haar formulier vraagt, ontbreekt, klopt niet of is al"
        " gebruikt. Misschien is het een robot, of een pagina die er geen verstuurt.",
        "is held: the proof of work (altcha) that its form asks for is missing, wrong, or was used before. It may be a"
        " robot’s, or of a page that sends none.",
    ),
    "sentence_held_too_fast": Text(
        "est retenue\u00a0: le formulaire a été renvoyé plus vite qu’une personne ne le peut.",
        "wordt vastgehouden: het formulier werd sneller teruggestuurd dan een mens dat kan.",
        "is held: the form was sent back faster than a person can.",
    ),
    "sentence_held_stale": Text(
        "est retenue\u00a0: la page du formulaire avait plus d’un jour.",
        "wordt vastgehouden: de pagina van het formulier was meer dan een dag oud.",
        "is held: the page of the form was older than a day.",
    ),
    "sentence_discarded": Text(
        "a été écartée, et ses données sont effacées.",
        "is verworpen, en haar gegevens zijn gewist.",
        "was discarded, and its data is erased.",
    ),
    "sentence_ended": Text(
        "a été retenue pendant 30 jours sans que personne ne la laisse partir, et ses données sont effacées.",
        "is 30 dagen vastgehouden zonder dat iemand ze liet vertrekken, en haar gegevens zijn gewist.",
        "was held for 30 days, nobody delivered it, and its data is erased.",
    ),
    "erased_on": Text("Effacée le", "Wordt gewist op", "Erased on"),
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
    **_STATES,
    **REASONS,
    "title": Text("Cette adresse", "Dit adres", "This address"),
    "lead": Text(
        "Ce que Relais sait de l’adresse à chaque compte. L’adresse elle-même n’est ni montrée ni gardée.",
        "Wat Relais van het adres weet bij elke account. Het adres zelf wordt niet getoond of bewaard.",
        "What Relais knows of the address at each account. The address itself is neither shown nor kept.",
    ),
    "incomplete": Text(
        "Une clé d’adresses manque : ce qui a été écrit avec elle ne peut pas être trouvé. Cette réponse est peut-être"
        " incomplète, et une désinscription peut y manquer.",
        "Er ontbreekt een adressleutel: wat ermee werd geschreven, is niet te vinden. Dit antwoord is misschien"
        " onvolledig, en er kan een uitschrijving ontbreken.",
        "An address key is missing: what was written with it cannot be found. This answer may be incomplete, and an"
        " unsubscribe may be missing from it.",
    ),
    "account": Text("Compte", "Account", "Account"),
    "state": Text("État", "Status", "State"),
    "signed_up": Text("Inscrite", "Ingeschreven", "Signed up"),
    "unsubscribed": Text("Désinscrite", "Uitgeschreven", "Unsubscribed"),
    "forgotten": Text("Oubliée", "Vergeten", "Forgotten"),
    "unknown": Text("Pas (encore) transmise ici", "Hier (nog) niet doorgegeven", "Not passed on here (yet)"),
    "since": Text("Inscription", "Inschrijving", "Signup"),
    "left": Text("Désinscription", "Uitschrijving", "Unsubscribe"),
    "events": Text("Numéros", "Nummers", "Ids"),
    "wrong": Text("Ce n’est pas une adresse e‑mail.", "Dit is geen e‑mailadres.", "This is no e‑mail address."),
    "waiting": Text("Attend, retenu ou refusé", "Wacht, vastgehouden of geweigerd", "Waits, held or refused"),
    "none_waiting": Text("Rien pour cette adresse.", "Niets voor dit adres.", "Nothing for this address."),
    "newest_searched": Text(
        "Il y en a beaucoup\u00a0: seuls les {n} plus récents ont été parcourus, et autant qui attendent une"
        " confirmation. Le reste se trouve par son numéro.",
        "Het zijn er veel: alleen de nieuwste {n} zijn doorzocht, en evenveel die op een bevestiging wachten. De rest"
        " vindt u via het nummer.",
        "There are many: only the newest {n} were searched, and as many that wait for a confirmation. The rest is found"
        " by its id.",
    ),
    "mails": Text(
        "E‑mails de confirmation envoyés à cette boîte depuis 30 jours\u00a0:",
        "Bevestigingsmails naar deze mailbox in de laatste 30 dagen:",
        "Confirmation mails to this mailbox in the last 30 days:",
    ),
    "back": Text("À traiter", "Te behandelen", "Needs attention"),
}
