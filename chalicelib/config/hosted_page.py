"""Reads what a form's hosted page shows: `title`, and labels and consent by language."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from ..domain.languages import LANGUAGES
from ..domain.names_alike import composed
from .field_errors import unknown
from .model import ConsentText, HostedPage
from .toml_table import TomlTable
from .value_limits import CONSENT_TEXT_CHARACTERS, LABEL_CHARACTERS

T = TypeVar("T")


def read_hosted_page(form: TomlTable, fields: Collection[str]) -> HostedPage:
    """Reads the hosted page of a form whose fields, the address among them, are `fields`.

    Labels and consent name the same languages: a page in a language that one of them lacks would mix two.
    """
    title = form.text_or("title", None, longest=LABEL_CHARACTERS)
    labels = _by_language(form, "labels", lambda table: _labels(table, fields))
    consent = _by_language(form, "consent", _consent)
    if labels and consent:
        for language in labels.keys() ^ consent.keys():
            lacking, other = ("consent", "labels") if language in labels else ("labels", "consent")
            form.wrong(lacking, f"lacks {language}, which {other} has: a page is in one language")
    return HostedPage(title, labels, consent)


def _by_language(form: TomlTable, key: str, read: Callable[[TomlTable], T]) -> dict[str, T]:
    outer = form.table(key)
    if outer is None:
        return {}
    tables = {language: outer.table(language) for language in LANGUAGES}
    outer.finish()
    return {language: read(table) for language in outer.keys if (table := tables.get(language)) is not None}


def _labels(table: TomlTable, fields: Collection[str]) -> dict[str, str]:
    """Reads form fields and their labels, in their order."""
    labels: dict[str, str] = {}
    for key in table.keys:
        label = table.text(key, "", longest=LABEL_CHARACTERS)
        if composed(key) not in fields:
            table.wrong(key, unknown("field", key, fields))
        elif label:
            labels[composed(key)] = label
    return labels


def _consent(table: TomlTable) -> ConsentText:
    text = table.text("text", "what the person agrees to", longest=CONSENT_TEXT_CHARACTERS)
    version = table.text("version", 'a name of this wording, kept as evidence, as in "v1"', longest=LABEL_CHARACTERS)
    table.finish()
    return ConsentText(text, version)
