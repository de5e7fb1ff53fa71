"""Reads `[mail]`: the sender of mails by Amazon SES, and the configured words of confirmation mails."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..domain.addresses import signup_address
from ..domain.languages import LANGUAGES
from .model import MailSettings, MailText
from .toml_table import TomlTable
from .value_limits import LABEL_CHARACTERS, MAIL_CHARACTERS

PLACEHOLDERS = ("form", "link", "organisation")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SENDER = re.compile(r"(?:[^<>@]*<([^<>]+)>|([^<>]+))")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")


def read_mail(root: TomlTable) -> MailSettings | None:
    """Reads the section; None when absent: nothing is sent by SES then, and mails have Relais' own words."""
    table = root.table("mail")
    if table is None:
        return None
    sender = table.text("from", 'the sender, as in "La Lettre <lettre@example.com>"', _address, longest=320)
    reply_to = table.text_or("reply_to", None, _bare_address, longest=320)
    region = table.text_or("ses_region", None, _region)
    texts = {language: _words(words) for language, words in table.tables_of("texts", LANGUAGES).items()}
    table.finish()
    return MailSettings(sender, reply_to, region, texts)


def _words(table: TomlTable) -> MailText:
    subject = table.text_or("subject", None, Placeholders(), longest=LABEL_CHARACTERS)
    body = table.lines_or("body", None, Placeholders("link"), longest=MAIL_CHARACTERS)
    table.finish()
    return MailText(subject, body)


@dataclass(frozen=True, slots=True)
class Placeholders:
    """Checks that a text has no other placeholders than `PLACEHOLDERS`, and that it has the `needed` one."""

    needed: str | None = None

    def __call__(self, text: str) -> str | None:
        """Returns the correction of any other text."""
        named = _PLACEHOLDER.findall(text)
        if any(name not in PLACEHOLDERS for name in named):
            return f"has a placeholder that is none of {', '.join(f'{{{name}}}' for name in PLACEHOLDERS)}"
        if self.needed and self.needed not in named:
            return f"must hold {{{self.needed}}}: without it nobody could confirm"
        return None


def _address(text: str) -> str | None:
    found = _SENDER.fullmatch(text.strip())
    address = (found[1] or found[2] or "").strip() if found else ""
    if not found or signup_address(address).error:
        return 'must be an e-mail address, as in "lettre@example.com" or "La Lettre <lettre@example.com>"'
    return None


def _bare_address(text: str) -> str | None:
    return 'must be an e-mail address, as in "contact@example.com"' if signup_address(text).error else None


def _region(text: str) -> str | None:
    return None if REGION.fullmatch(text) else 'must be a region of AWS, as in "eu-west-3"'
