"""Reads `[mail]`: the sender of mails by Amazon SES, and own words of confirmation mails."""

from __future__ import annotations

import re

from ..domain.addresses import signup_address
from ..domain.languages import LANGUAGES
from .checks import Check
from .model import MailSettings, MailText
from .toml_table import TomlTable
from .value_limits import LABEL_CHARACTERS, MAIL_CHARACTERS

_PLACEHOLDERS = ("form", "link", "organisation")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SENDER = re.compile(r"(?:[^<>@]*<([^<>]+)>|([^<>]+))")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")


def read_mail(root: TomlTable) -> MailSettings | None:
    """Reads the section; None when absent: then nothing is sent by SES, and mails have Relais' own words."""
    table = root.table("mail")
    if table is None:
        return None
    sender = table.text("from", 'the sender, as in "La Lettre <lettre@example.com>"', _address, longest=320)
    reply_to = table.text_or("reply_to", None, _bare_address, longest=320)
    region = table.text_or("ses_region", None, _region)
    texts: dict[str, MailText] = {}
    own = table.table("texts")
    if own is not None:
        for language in LANGUAGES:
            words = own.table(language)
            if words is not None:
                texts[language] = _words(words)
        own.finish()
    table.finish()
    return MailSettings(sender, reply_to, region, texts)


def _words(table: TomlTable) -> MailText:
    subject = table.text_or("subject", None, _with_placeholders(), longest=LABEL_CHARACTERS)
    body = table.lines_or("body", None, _with_placeholders("link"), longest=MAIL_CHARACTERS)
    table.finish()
    return MailText(subject, body)


def _with_placeholders(needed: str | None = None) -> Check:
    known = ", ".join(f"{{{name}}}" for name in _PLACEHOLDERS)

    def check(text: str) -> str | None:
        named = _PLACEHOLDER.findall(text)
        if any(name not in _PLACEHOLDERS for name in named):
            return f"has a placeholder that is none of {known}"
        if needed and needed not in named:
            return f"must hold {{{needed}}}: without it nobody could confirm"
        return None

    return check


def _address(text: str) -> str | None:
    found = _SENDER.fullmatch(text.strip())
    address = (found[1] or found[2] or "").strip() if found else ""
    if not found or signup_address(address).error:
        return 'must be an e-mail address, as in "lettre@example.com" or "La Lettre <lettre@example.com>"'
    return None


def _bare_address(text: str) -> str | None:
    return 'must be an e-mail address, as in "contact@example.com"' if signup_address(text).error else None


def _region(text: str) -> str | None:
    return None if _REGION.fullmatch(text) else 'must be a region of AWS, as in "eu-west-3"'
