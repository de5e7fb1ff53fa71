"""Texts of the pages that answer a website's form. `{address}`, `{organisation}` and `{code}` are marked up."""

from __future__ import annotations

from .texts import Text, Texts

FORM: Texts = {
    # --- accepted ---
    "signup_title": Text("Merci pour votre inscription", "Bedankt voor uw inschrijving", "Thank you for signing up"),
    "signup": Text(
        "Nous avons bien reçu votre inscription.",
        "Wij hebben uw inschrijving goed ontvangen.",
        "We have received your signup.",
    ),
    "signup_of": Text(
        "Nous avons bien reçu votre inscription pour {address}.",
        "Wij hebben uw inschrijving voor {address} goed ontvangen.",
        "We have received your signup for {address}.",
    ),
    "confirm_title": Text("Encore un clic", "Nog één klik", "One more click"),
    "confirm": Text(
        "Nous vous envoyons un e‑mail. Ouvrez son lien et confirmez\u00a0: votre inscription ne prendra effet "
        "qu’ensuite.",
        "Wij sturen u een e‑mail. Open de link erin en bevestig: pas dan bent u ingeschreven.",
        "We are sending you an e‑mail. Open its link and confirm: only then are you signed up.",
    ),
    "confirm_of": Text(
        "Nous envoyons un e‑mail à {address}. Ouvrez son lien et confirmez\u00a0: votre inscription ne prendra effet "
        "qu’ensuite.",
        "Wij sturen een e‑mail naar {address}. Open de link erin en bevestig: pas dan bent u ingeschreven.",
        "We are sending an e‑mail to {address}. Open its link and confirm: only then are you signed up.",
    ),
    "confirm_nothing": Text(
        "Rien n’arrive\u00a0? Vérifiez l’adresse et le dossier des indésirables. Après plusieurs demandes, attendez "
        "une heure.",
        "Komt er niets aan? Controleer het adres en de map met ongewenste e‑mail. Wacht na meerdere aanvragen een uur.",
        "Nothing arrives? Check the address and the spam folder. After several requests, wait an hour.",
    ),
    "wrong_address": Text(
        "Ce n’est pas la bonne adresse\u00a0? Revenez au site et inscrivez-vous à nouveau.",
        "Klopt het adres niet? Ga terug naar de website en schrijf u opnieuw in.",
        "Is the address wrong? Go back to the website and sign up again.",
    ),
    "left_before": Text(
        "Vous aviez demandé à ne plus recevoir nos e‑mails\u00a0? Ce formulaire ne suffit alors pas toujours, car "
        "n’importe qui peut y écrire votre adresse. Si rien n’arrive, contactez {organisation} pour revenir.",
        "Had u zich eerder uitgeschreven? Dan volstaat dit formulier niet altijd, want iedereen kan er uw adres "
        "invullen. Ontvangt u niets, neem dan contact op met {organisation} om opnieuw e‑mails te krijgen.",
        "Had you unsubscribed before? Then this form is not always enough, since anybody can type your address into "
        "it. If nothing arrives, please contact {organisation} to come back.",
    ),
    "unsubscribe_title": Text("Votre désinscription est enregistrée", "U bent uitgeschreven", "You are unsubscribed"),
    "unsubscribe": Text(
        "Nous ne vous enverrons plus d’e‑mails.",
        "Wij sturen u geen e‑mails meer.",
        "We will send you no more e‑mails.",
    ),
    "unsubscribe_of": Text(
        "Nous n’enverrons plus d’e‑mails à {address}.",
        "Wij sturen geen e‑mails meer naar {address}.",
        "We will send no more e‑mails to {address}.",
    ),
    "on_its_way": Text(
        "Un message déjà parti peut encore vous parvenir.",
        "Een bericht dat al onderweg is, kan nog aankomen.",
        "A message that is already on its way may still reach you.",
    ),
    "site_owner": Text("le responsable du site", "de beheerder van de website", "the owner of the website"),
    # --- the hosted page ---
    "hosted_title": Text(
        "Inscrivez-vous à notre lettre", "Schrijf u in op onze nieuwsbrief", "Sign up to our newsletter"
    ),
    "optional": Text("(facultatif)", "(niet verplicht)", "(optional)"),
    "needs_script": Text(
        "Ce formulaire a besoin de JavaScript, pour distinguer les personnes des robots.",
        "Dit formulier heeft JavaScript nodig, om mensen van robots te onderscheiden.",
        "This form needs JavaScript, to tell people from robots.",
    ),
    "leave_empty": Text("Laissez ce champ vide", "Laat dit veld leeg", "Leave this field empty"),
    # --- the form once more ---
    "error": Text("Erreur", "Fout", "Error"),
    "correct_title": Text(
        "Il reste quelque chose à corriger", "Er moet nog iets worden verbeterd", "Something is still to be corrected"
    ),
    "correct": Text(
        "Rien n’est encore enregistré. Ce que vous avez écrit est conservé.",
        "Er is nog niets vastgelegd. Wat u hebt ingevuld, is bewaard gebleven.",
        "Nothing is recorded yet. What you typed is kept.",
    ),
    "email": Text("Adresse e‑mail", "E‑mailadres", "E‑mail address"),
    "first_name": Text("Prénom", "Voornaam", "First name"),
    "last_name": Text("Nom", "Naam", "Name"),
    "phone": Text("Téléphone", "Telefoon", "Phone"),
    "city": Text("Ville", "Stad", "City"),
    "postcode": Text("Code postal", "Postcode", "Postcode"),
    "signup_send": Text("M’inscrire", "Schrijf mij in", "Sign me up"),
    "unsubscribe_send": Text("Me désinscrire", "Schrijf mij uit", "Unsubscribe me"),
    "summary": Text("{label}\u00a0: {fault}", "{label}: {fault}", "{label}: {fault}"),
    "missing": Text(
        "indiquez-la, par exemple nom@example.com.",
        "vul het in, bijvoorbeeld naam@example.com.",
        "type it, as in name@example.com.",
    ),
    "no_at": Text(
        "il manque le signe @, comme dans nom@example.com.",
        "het teken @ ontbreekt, zoals in naam@example.com.",
        "the sign @ is missing, as in name@example.com.",
    ),
    "several": Text(
        "indiquez une seule adresse, avec un seul @.",
        "vul één adres in, met één @.",
        "type one address, with one @.",
    ),
    "space": Text(
        "une adresse ne contient pas d’espace.",
        "een adres bevat geen spatie.",
        "an address has no space in it.",
    ),
    "ending": Text(
        "vérifiez ce qui suit le @, comme dans nom@example.com.",
        "controleer wat na de @ staat, zoals in naam@example.com.",
        "check what follows the @, as in name@example.com.",
    ),
    "not_valid": Text(
        "cette adresse n’est pas valable. Vérifiez-la, lettre par lettre.",
        "dit adres is niet geldig. Controleer het letter voor letter.",
        "this address is not valid. Check it letter by letter.",
    ),
    "too_long": Text(
        "{limit} caractères au plus\u00a0; vous en avez écrit {count}.",
        "ten hoogste {limit} tekens; u hebt er {count} ingevuld.",
        "at most {limit} characters; you typed {count}.",
    ),
    "empty": Text("remplissez ce champ.", "vul dit veld in.", "fill this in."),
    "not_agreed": Text(
        "cochez cette case pour vous inscrire.", "vink dit aan om u in te schrijven.", "tick this box to sign up."
    ),
    "too_large": Text("raccourcissez votre texte.", "maak uw tekst korter.", "shorten your text."),
    "unreadable": Text(
        "ce texte n’a pas pu être lu. Écrivez-le à nouveau.",
        "deze tekst kon niet worden gelezen. Vul hem opnieuw in.",
        "this text could not be read. Type it again.",
    ),
    # --- later ---
    "signup_later": Text(
        "Votre inscription n’a pas encore pu être enregistrée.",
        "Uw inschrijving kon nog niet worden vastgelegd.",
        "Your signup could not be recorded yet.",
    ),
    "unsubscribe_later": Text(
        "Votre désinscription n’a pas encore pu être enregistrée.",
        "Uw uitschrijving kon nog niet worden vastgelegd.",
        "Your request to unsubscribe could not be recorded yet.",
    ),
    "send_again": Text(
        "Ce que vous avez écrit est conservé. Attendez quelques secondes, puis réessayez.",
        "Wat u hebt ingevuld, is bewaard gebleven. Wacht enkele seconden en probeer het opnieuw.",
        "What you typed is kept. Wait some seconds, then try again.",
    ),
    # --- not the visitor's fault ---
    "not_connected_title": Text(
        "Ce formulaire n’est pas bien raccordé",
        "Dit formulier is niet goed aangesloten",
        "This form is not connected properly",
    ),
    "not_connected": Text(
        "Rien n’a été enregistré, et vous n’y êtes pour rien. Merci de prévenir le responsable du site.",
        "Er is niets vastgelegd, en dat ligt niet aan u. Laat het de beheerder van de website weten.",
        "Nothing was recorded, and it is not your fault. Please tell the owner of the website.",
    ),
    "unknown_form": Text(
        "La configuration de Relais n’a aucun formulaire de ce nom\u00a0: comparez l’adresse dans {attribute} avec "
        "{section}.",
        "De configuratie van Relais heeft geen formulier met die naam: vergelijk het adres in {attribute} met "
        "{section}.",
        "The configuration of Relais has no form of that name: compare the address in {attribute} with {section}.",
    ),
    "not_listed": Text(
        "Pour admettre ce site, ajoutez {origin} à {key} sous {section} dans la configuration de Relais.",
        "Voeg {origin} toe aan {key} onder {section} in de configuratie van Relais om deze website toe te laten.",
        "To allow this website, add {origin} to {key} under {section} in the configuration of Relais.",
    ),
    "hides_origin": Text(
        "La page cache son site\u00a0: à cause de son en-tête {header}, le navigateur envoie {origin} à la place. "
        "Donnez à cet en-tête la valeur {policy} et ajoutez le site à {key} sous {section} dans la configuration de "
        "Relais. Ou ajoutez-y {origin}, ce qui admet les formulaires simples de toute page qui cache son site.",
        "De pagina verbergt haar website: door haar header {header} stuurt de browser {origin} in de plaats. Geef die "
        "header de waarde {policy} en voeg de website toe aan {key} onder {section} in de configuratie van Relais. Of "
        "voeg er {origin} aan toe, wat gewone formulieren toelaat van elke pagina die haar website verbergt.",
        "The page hides its website: because of its header {header} the browser sends {origin} instead. Give that "
        "header the value {policy} and add the website to {key} under {section} in the configuration of Relais. Or add "
        "{origin} there, which allows plain forms of every page that hides its website.",
    ),
    "no_address_field": Text(
        "Le formulaire n’envoie pas le champ {field}, celui de l’adresse selon la configuration, mais {sent}.",
        "Het formulier stuurt niet het veld {field}, volgens de configuratie dat van het adres, maar {sent}.",
        "The form does not send the field {field}, which the configuration says is the address, but {sent}.",
    ),
    "nothing": Text("rien", "niets", "nothing"),
    "nothing_recorded": Text("Rien n’a été enregistré.", "Er is niets vastgelegd.", "Nothing was recorded."),
    "method": Text(
        "Cette adresse reçoit des formulaires\u00a0: écrivez {code} dans la balise du formulaire. Quand on l’ouvre, "
        "elle n’affiche rien.",
        "Dit adres ontvangt formulieren: zet {code} in de tag van het formulier. Wie het opent, ziet er niets.",
        "This address receives forms: write {code} in the form’s tag. It shows nothing when it is opened.",
    ),
}
