"""Composes confirmation mails: plain text and simple HTML, in three languages or in the configuration's own words.

They contain nothing that a visitor typed, and nothing that would report their opening.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from html import escape

from ..config.model import Form, MailText, Organisation, Settings
from ..providers.spec import Mail

_SUBJECTS = {
    "fr": "Confirmez votre inscription",
    "nl": "Bevestig uw inschrijving",
    "en": "Confirm your signup",
}
_BODIES = {
    "fr": (
        "Bonjour,\n\n"
        "Cette adresse vient d’être inscrite à\u00a0: {form}. Pour recevoir nos e\u2011mails, ouvrez ce lien et "
        "confirmez\u00a0:\n\n{link}\n\n"
        "Vous n’avez rien demandé\u00a0? Ne faites rien\u00a0: sans confirmation, l’adresse est effacée."
    ),
    "nl": (
        "Goedendag,\n\n"
        "Dit adres is zojuist ingeschreven voor: {form}. Wilt u onze e\u2011mails ontvangen, open dan deze link en "
        "bevestig:\n\n{link}\n\n"
        "Hebt u niets gevraagd? Doe dan niets: zonder bevestiging wordt het adres gewist."
    ),
    "en": (
        "Hello,\n\n"
        "This address has just been signed up to: {form}. To receive our e\u2011mails, open this link and confirm:"
        "\n\n{link}\n\n"
        "You did not ask for this? Do nothing: without a confirmation the address is erased."
    ),
}
_SIGNED = "\n\n{organisation}"


@dataclass(frozen=True, slots=True)
class ComposedMail:
    """A mail, and the SHA-256 of its words without the link: the same for all mails of a form and language."""

    mail: Mail
    words: str


def compose(settings: Settings, form: Form, language: str, to: str, link: str) -> ComposedMail:
    """Returns the mail that asks to confirm a signup by `form` with `link`."""
    subject, body = _template(settings, language)
    values = {
        "form": form.page.title or _name(settings.organisation, form),
        "organisation": _name(settings.organisation, form),
    }
    words = sha256(f"{_filled(subject, values)}\n{_filled(body, values)}".encode()).hexdigest()
    text = _filled(body, {**values, "link": link})
    reply_to = settings.mail.reply_to if settings.mail else None
    mail = Mail(to, _filled(subject, values), text, _html(body, values, link, language), reply_to)
    return ComposedMail(mail, words)


def _template(settings: Settings, language: str) -> tuple[str, str]:
    """Returns subject and body, with `{form}`, `{link}` and `{organisation}` where these belong."""
    own = settings.mail.texts.get(language) if settings.mail else None
    own = own or MailText()
    subject = own.subject or _SUBJECTS[language]
    if not own.subject and settings.organisation:
        subject += " – {organisation}"
    return subject, own.body or _BODIES[language] + (_SIGNED if settings.organisation else "")


def _name(organisation: Organisation | None, form: Form) -> str:
    return organisation.name if organisation else form.page.title or form.name


def _filled(template: str, values: Mapping[str, str]) -> str:
    """Returns a text with its placeholders filled. Those within values are not: a value may contain braces."""
    parts = template.split("{")
    filled = [parts[0]]
    for part in parts[1:]:
        name, closed, rest = part.partition("}")
        filled.append(f"{values[name]}{rest}" if closed and name in values else "{" + part)
    return "".join(filled)


def _html(body: str, values: Mapping[str, str], link: str, language: str) -> str:
    """Returns the body as HTML: a paragraph for each part between empty lines, the link as a link."""
    anchor = f'<a href="{escape(link)}">{escape(link)}</a>'
    marked = {**{name: escape(value) for name, value in values.items()}, "link": anchor}
    paragraphs = [
        _filled(escape(part, quote=False).replace("\n", "<br>"), marked) for part in body.strip().split("\n\n") if part
    ]
    inner = "".join(f'<p style="margin:0 0 16px">{paragraph}</p>' for paragraph in paragraphs)
    style = "margin:0;padding:24px;font:16px/1.5 Arial,sans-serif;color:#1b2230;word-break:break-word"
    return f'<!doctype html><html lang="{language}"><meta charset="utf-8"><body style="{style}">{inner}</body></html>'
