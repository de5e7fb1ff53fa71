"""A table of the configuration that holds nothing and records what it is asked for.

The reader of the configuration goes on after each mistake with a harmless default, so it asks an empty table for every
key that there is. What it asks for, with limits, choices and defaults, is the schema.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from chalicelib.config.checks import Check, OneOf
from chalicelib.config.field_errors import FieldErrors, Place
from chalicelib.config.secret_cache import Vault
from chalicelib.config.secrets import Rule, Secret
from chalicelib.config.toml_table import TomlTable
from chalicelib.config.value_limits import LIST_ITEMS, TEXT_CHARACTERS, Number
from chalicelib.domain.limits import NAME_CHARACTERS
from local.schemas.values import (
    NAME_PATTERN,
    Schema,
    lines_schema,
    names_schema,
    number_schema,
    plain,
    secret_schema,
    text_schema,
)

T = TypeVar("T")
N = TypeVar("N", int, float)
W = TypeVar("W", bound=str)

ANY = "*"
"""Stands in a place for a name that the owner of the file chooses."""
Annotate = Callable[[Place], Schema]
"""Returns description and examples of the value at a place."""


class RecordingTable(TomlTable):
    """Records keys instead of reading them. Every nested table is there, with one name where names are free."""

    def __init__(self, place: Place, annotate: Annotate) -> None:
        super().__init__({}, place, FieldErrors(Path("relais.toml"), ""), Vault({}))
        self._annotate = annotate
        self._properties: dict[str, Schema | RecordingTable] = {}
        self._required: list[str] = []
        self._constraints: Schema = {}
        self._schema_of_others: RecordingTable | Schema | None = None

    def schema(self) -> Schema:
        """Returns the schema of the table, after the reader has read it."""
        schema: Schema = {"type": "object", **self._annotate(self.place), **self._constraints}
        if self._required:
            schema["required"] = self._required
        if self._properties:
            schema["properties"] = {key: _schema_of(each) for key, each in self._properties.items()}
        others = self._schema_of_others
        if isinstance(others, RecordingTable):
            schema["patternProperties"] = {NAME_PATTERN: others.schema()}
        schema["additionalProperties"] = others if isinstance(others, dict) else False
        return schema

    # --- values ---

    def lines_or(self, key: str, default: T, check: Check, *, longest: int) -> str | T:
        """Records an optional text of several lines."""
        return self._record(key, lines_schema(check, longest), default)

    def text(self, key: str, remedy: str, check: Check | None = None, *, longest: int = TEXT_CHARACTERS) -> str:
        """Records a required text; returns its first choice, so that the reader goes on."""
        self._required.append(key)
        self._record(key, text_schema(check, longest), None)
        return check.choices[0] if isinstance(check, OneOf) else ""

    def text_or(self, key: str, default: T, check: Check | None = None, *, longest: int = TEXT_CHARACTERS) -> str | T:
        """Records an optional text."""
        return self._record(key, text_schema(check, longest), default)

    def texts(self, key: str, check: Check | None = None, remedy: str | None = None) -> tuple[str, ...] | None:
        """Records a list of texts, required with `remedy`."""
        self._record_list(key, text_schema(check, TEXT_CHARACTERS), required=remedy is not None)
        return None

    def some_texts(self, key: str, check: Check, default: T) -> tuple[str, ...] | T:
        """Records an optional list of texts that must not be empty."""
        stated = sorted(default) if isinstance(default, frozenset) else None
        self._record_list(key, text_schema(check, TEXT_CHARACTERS), required=False, least=1, default=stated)
        return default

    def named_texts(self, name: Check, check: Check | None = None, *, longest: int = TEXT_CHARACTERS) -> dict[str, str]:
        """Records texts under names of the owner's own."""
        self._constraints["propertyNames"] = names_schema(name, NAME_CHARACTERS)
        self._schema_of_others = {**text_schema(check, longest), **self._annotate((*self.place, ANY))}
        return {}

    def flag(self, key: str, default: bool) -> bool:
        """Records an optional boolean."""
        return self._record(key, {"type": "boolean"}, default)

    def number(self, number: Number[N]) -> N:
        """Records a number."""
        self._record(number.key, number_schema(number), None)
        return number.default

    def number_or(self, number: Number[N], unit: str, words: tuple[W, ...], default: W) -> N | W:
        """Records a number or one of some words."""
        of_number = {key: value for key, value in number_schema(number).items() if key != "default"}
        either = [{"type": "string", "enum": list(words)}, of_number]
        return self._record(number.key, {"anyOf": either}, default)

    def secret(
        self, key: str, *, remedy: str | None = None, rule: Rule | None = None, trim: bool = False
    ) -> Secret | None:
        """Records a secret."""
        if remedy is not None:
            self._required.append(key)
        return self._record(key, secret_schema(rule), None)

    def secrets(
        self, key: str, *, remedy: str, rule: Rule | None = None, trim: bool = False, single: bool = False
    ) -> tuple[Secret, ...]:
        """Records a required list of secrets; with `single`, or a single one."""
        one = secret_schema(rule)
        several = {"type": "array", "minItems": 1, "maxItems": LIST_ITEMS, "items": one}
        self._required.append(key)
        self._record(key, {"anyOf": [one, several]} if single else several, None)
        return ()

    # --- tables ---

    def table(self, key: str, remedy: str | None = None) -> RecordingTable:
        """Records a nested table, required with `remedy`."""
        if remedy is not None:
            self._required.append(key)
        nested = self._nested(key)
        self._properties[key] = nested
        return nested

    def named_tables(self, key: str, remedy: str | None = None) -> dict[str, TomlTable]:
        """Records tables with names of the owner's own."""
        outer = self.table(key, remedy)
        if remedy is not None:
            outer._constraints["minProperties"] = 1
        named = outer._nested(ANY)
        outer._schema_of_others = named
        return {ANY: named}

    def tables_of(self, key: str, names: tuple[str, ...]) -> dict[str, TomlTable]:
        """Records tables with known names."""
        outer = self.table(key)
        return {name: outer.table(name) for name in names}

    def _nested(self, key: str) -> RecordingTable:
        return RecordingTable((*self.place, key), self._annotate)

    # --- what is there, and what is wrong: nothing ---

    def leads_to(self, *path: str) -> bool:
        """Returns True: what one key needs elsewhere in the file is no matter of a schema."""
        return True

    def wrong(self, key: str, message: str) -> None:
        """Ignores mistakes: there are no values."""

    def finish(self, *, others_allowed: bool = False) -> None:
        """Does nothing: other keys are never allowed."""

    # --- records ---

    def _record(self, key: str, schema: Schema, default: T) -> T:
        stated: Any = plain(default)
        with_default = {} if stated in (None, "") else {"default": stated}
        self._properties[key] = {**self._annotate((*self.place, key)), **schema, **with_default}
        return default

    def _record_list(self, key: str, items: Schema, *, required: bool, least: int = 0, default: object = None) -> None:
        if required:
            self._required.append(key)
            least = 1
        ends = {"minItems": least, "maxItems": LIST_ITEMS} if least else {"maxItems": LIST_ITEMS}
        self._record(key, {"type": "array", **ends, "items": items}, default)


def _schema_of(recorded: Schema | RecordingTable) -> Schema:
    return recorded.schema() if isinstance(recorded, RecordingTable) else recorded
