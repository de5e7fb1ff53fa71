"""Reads what a form's hosted page shows: `title`, and labels and consent by language."""

from __future__ import annotations

from collections.abc import Collection

from ..domain.languages import LANGUAGES
from ..domain.names_alike import composed
from .field_errors import unknown
from .model import ConsentText, HostedPage
from .toml_table import TomlTable
from .value_limits import CONSENT_TEXT_CHARACTERS, LABEL_CHARACTERS


def read_hosted_page(form: TomlTable, fields: Collection[str]) -> HostedPage:
    """Reads the hosted page of a form whose fields, the address among them, are `fields`.

    Labels and consent name the same languages: a page in a language that one of them lacks would mix two.
    """
    title = form.text_or("title", None, longest=LABEL_CHARACTERS)
    labels = {language: _labels(table, fields) for language, table in form.tables_of("labels", LANGUAGES).items()}
    consent = {language: _consent(table) for language, table in form.tables_of("consent", LANGUAGES).items()}
    if labels and consent:
        for language in labels.keys() ^ consent.keys():
            lacking, other = ("consent", "labels") if language in labels else ("labels", "consent")
            form.wrong(lacking, f"lacks {language}, which {other} has: a page is in one language")
    return HostedPage(title, labels, consent)


def _labels(table: TomlTable, fields: Collection[str]) -> dict[str, str]:
    """Reads form fields and their labels, in their order."""

    def is_field(name: str) -> str | None:
        return None if composed(name) in fields else unknown("field", name, fields)

    return {composed(key): label for key, label in table.named_texts(is_field, longest=LABEL_CHARACTERS).items()}


def _consent(table: TomlTable) -> ConsentText:
    text = table.text("text", "what the person agrees to", longest=CONSENT_TEXT_CHARACTERS)
    version = table.text("version", 'a name of this wording, kept as evidence, as in "v1"', longest=LABEL_CHARACTERS)
    table.finish()
    return ConsentText(text, version)
