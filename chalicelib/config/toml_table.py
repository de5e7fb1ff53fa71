"""Reads the values of a TOML table key by key, records errors and continues with a harmless default."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any, TypeVar

from ..domain.nested_names import name_of
from ..domain.texts import trimmed
from .checks import Check, OneOf
from .field_errors import FieldErrors, Place, closest, dotted
from .secret_cache import Vault
from .secret_references import MalformedReference, is_reference
from .secrets import Rule, Secret
from .value_limits import LIST_ITEMS, SECRET_CHARACTERS, TEXT_CHARACTERS, Number

T = TypeVar("T")
N = TypeVar("N", int, float)
W = TypeVar("W", bound=str)

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")
"""The name of an account, a form, a webhook or a source."""
_NAME_REMEDY = "a name is 1 to 63 of A-Z a-z 0-9 . _ - and begins with a letter, a digit or _"
CONTROL_CHARACTERS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_CONTROL = re.compile(f"[{CONTROL_CHARACTERS}]")


class TomlTable:
    """A table of the file. Keys that are read are known; `finish` reports unknown and missing ones."""

    def __init__(self, values: Mapping[str, Any], place: Place, errors: FieldErrors, vault: Vault) -> None:
        self._values = values
        self._errors = errors
        self._vault = vault
        self._known: dict[str, None] = {}
        self._missing: dict[str, str] = {}
        self._has_errors = False
        self.place = place

    # --- texts ---

    def lines_or(self, key: str, default: T, check: Check, *, longest: int) -> str | T:
        """Reads an optional text of several lines, at most `longest` characters; `default` when absent or invalid."""
        if not self._has(key):
            return default
        text = self._values[key]
        lines = text.replace("\r\n", "\n") if isinstance(text, str) else text
        plain = " ".join(lines.split("\n")) if isinstance(lines, str) else lines
        problem = _problem_of(plain, None, longest) or check(lines)
        if problem is None:
            return str(lines)
        self.wrong(key, problem)
        return default

    def text(self, key: str, remedy: str, check: Check | None = None, *, longest: int = TEXT_CHARACTERS) -> str:
        """Reads a required text of at most `longest` characters; "" after an error. `remedy`: what belongs there."""
        return self._text(key, check, longest) if self._has(key, remedy) else ""

    def text_or(self, key: str, default: T, check: Check | None = None, *, longest: int = TEXT_CHARACTERS) -> str | T:
        """Reads an optional text of at most `longest` characters; `default` when absent or invalid."""
        return (self._text(key, check, longest) if self._has(key) else "") or default

    def choice(self, key: str, choices: tuple[str, ...], default: str) -> str:
        """Reads an optional text out of `choices`; `default` when absent or invalid."""
        return self.text_or(key, default, OneOf(choices))

    def texts(self, key: str, check: Check | None = None, remedy: str | None = None) -> tuple[str, ...] | None:
        """Reads a list of texts without invalid and repeated items; None when absent.

        With `remedy`, which says what belongs there, it is required and must not be empty.
        """
        if not self._has(key, remedy):
            return None
        items = self._values[key]
        if not isinstance(items, list):
            self.wrong(key, 'must be a list of texts, as in ["…", "…"]')
            return ()
        if len(items) > LIST_ITEMS:
            self.wrong(key, f"has more than {LIST_ITEMS} items")
            return ()
        if remedy and not items:
            self.wrong(key, f"is empty: {remedy}")
        valid = []
        for number, item in enumerate(items, 1):
            problem = _problem_of(item, check)
            if problem is None:
                valid.append(item)
            else:
                self.wrong(key, f"item {number}: {problem}")
        return tuple(dict.fromkeys(valid))

    def some_texts(self, key: str, check: Check, default: T) -> tuple[str, ...] | T:
        """Reads an optional list of texts that must not be empty; `default` when absent."""
        if self._values.get(key) == []:
            self.wrong(
                key, "is empty, which allows nothing: name what is meant, or leave the key out to get the default"
            )
        found = self.texts(key, check)
        return default if found is None else found

    def named_texts(self, name: Check, check: Check | None = None, *, longest: int = TEXT_CHARACTERS) -> dict[str, str]:
        """Reads every key of this table as a text, under a name that `name` accepts, in the order of the file."""
        nested = {key: value for key, value in self._values.items() if isinstance(value, dict)}
        for key, inside in nested.items():  # user.email = "…"
            parts = (key, *islice(inside, 1))
            flat, place = f'"{".".join(parts)}" = "…"', f'"{name_of(parts)}" = "…"'
            self.wrong(key, f"a name with a dot stands in quotes: {flat}; a field inside another one is {place}")
        texts = {key: self.text(key, "", check, longest=longest) for key in self._values if key not in nested}
        for key in texts:
            if (problem := name(key)) is not None:
                self.wrong(key, problem)
        return {key: text for key, text in texts.items() if text}

    def _text(self, key: str, check: Check | None, longest: int) -> str:
        problem = _problem_of(self._values[key], check, longest)
        if problem is None:
            return str(self._values[key])
        self.wrong(key, problem)
        return ""

    # --- numbers and flags ---

    def flag(self, key: str, default: bool) -> bool:
        """Reads an optional boolean."""
        value = self._values[key] if self._has(key) else default
        if isinstance(value, bool):
            return value
        self.wrong(key, _no_reference(value) or "must be true or false, without quotes")
        return default

    def number(self, number: Number[N]) -> N:
        """Reads an optional number within its bounds; its default when absent or invalid."""
        value = self._values[number.key] if self._has(number.key) else number.default
        if number.accepts(value):
            return type(number.default)(value)
        self.wrong(number.key, _no_reference(value) or number.remedy)
        return number.default

    def number_or(self, number: Number[N], unit: str, words: tuple[W, ...], default: W) -> N | W:
        """Reads an optional number of `unit`s within its bounds, or one of `words`; `default` if absent or invalid."""
        value = self._values[number.key] if self._has(number.key) else default
        if number.accepts(value):
            return type(number.default)(value)
        if isinstance(value, str) and value in words:
            return words[words.index(value)]
        stated = ", ".join(f'"{word}"' for word in words)
        self.wrong(number.key, f"must be {stated}, or {unit}: {number.remedy}")
        return default

    # --- secrets ---

    def secret(
        self, key: str, *, remedy: str | None = None, rule: Rule | None = None, trim: bool = False
    ) -> Secret | None:
        """Reads a secret, required if `remedy` is given; None when absent or invalid. `rule`, `trim`: see `Secret`."""
        if not self._has(key, remedy):
            return None
        made = self._secret(self._values[key], self.dotted(key), rule, trim)
        if isinstance(made, Secret):
            return made
        self.wrong(key, made)
        return None

    def secrets(
        self, key: str, *, remedy: str, rule: Rule | None = None, trim: bool = False, single: bool = False
    ) -> tuple[Secret, ...]:
        """Reads a required list of secrets; with `single`, a single one needs no brackets."""
        if not self._has(key, remedy):
            return ()
        items = self._values[key]
        if single and isinstance(items, str):
            only = self.secret(key, rule=rule, trim=trim)
            return () if only is None else (only,)
        if not isinstance(items, list):
            self.wrong(key, f"must be a list: {remedy}")
            return ()
        if not items or len(items) > LIST_ITEMS:
            self.wrong(key, f"has more than {LIST_ITEMS} items" if items else f"is empty: {remedy}")
            return ()
        made = [
            self._secret(item, f"{self.dotted(key)} (item {number})", rule, trim)
            for number, item in enumerate(items, 1)
        ]
        for number, outcome in enumerate(made, 1):
            if isinstance(outcome, str):
                self.wrong(key, f"item {number}: {outcome}")
        return tuple(outcome for outcome in made if isinstance(outcome, Secret))

    def _secret(self, value: object, key: str, rule: Rule | None, trim: bool) -> Secret | str:
        """Returns the secret, or its error."""
        problem = _text_problem(value, SECRET_CHARACTERS)
        if problem is not None:
            return problem
        try:
            secret = Secret(str(value), key=key, rule=rule, trim=trim, vault=self._vault)
        except MalformedReference as error:
            return str(error)
        return secret.known_problem() or secret

    # --- tables ---

    def table(self, key: str, remedy: str | None = None) -> TomlTable | None:
        """Reads a nested table, required if `remedy` is given; None when absent or invalid."""
        if not self._has(key, remedy):
            return None
        return self._table(key, f"must be a table: [{self.dotted(key)}]")

    def named_tables(self, key: str, remedy: str | None = None) -> dict[str, TomlTable]:
        """Reads the tables `[key.NAME]` by name, without those with an invalid name or value."""
        outer = self.table(key, remedy)
        if outer is None:
            return {}
        if remedy and not outer._values:
            self.wrong(key, f"is empty: {remedy}")
        return {name: inner for name in outer._values if (inner := outer._named(name)) is not None}

    def tables_of(self, key: str, names: tuple[str, ...]) -> dict[str, TomlTable]:
        """Reads the optional tables `[key.NAME]` with a name out of `names`, in the order of the file."""
        outer = self.table(key)
        if outer is None:
            return {}
        found = {name: outer.table(name) for name in names}
        outer.finish()
        return {name: inner for name in outer.keys if (inner := found.get(name)) is not None}

    def _named(self, name: str) -> TomlTable | None:
        if not NAME.fullmatch(name):
            self.wrong(name, _NAME_REMEDY)
            return None
        return self._table(name, f"must be a table with a name of its own: [{self.dotted(name)}]")

    def _table(self, key: str, remedy: str) -> TomlTable | None:
        values = self._values[key]
        if isinstance(values, dict):
            return TomlTable(values, (*self.place, key), self._errors, self._vault)
        self.wrong(key, remedy)
        return None

    # --- what is there, and what is wrong ---

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of this table in the file."""
        return tuple(self._values)

    def leads_to(self, *path: str) -> bool:
        """Returns whether `path` exists; a value that should be a table is reported where it is read."""
        values: object = self._values
        for key in path:
            if not isinstance(values, dict):
                return True
            if key not in values:
                return False
            values = values[key]
        return True

    @property
    def name(self) -> str:
        """The last part of the table's path: the name of the account, form …"""
        return self.place[-1]

    @property
    def stage(self) -> str:
        """The stage that the configuration is read for."""
        return self._vault.stage

    @property
    def has_errors(self) -> bool:
        """True after an error in this table: errors that follow from it need no report."""
        return self._has_errors

    def dotted(self, key: str) -> str:
        """Returns the full dotted name of a key of this table."""
        return dotted((*self.place, key))

    def wrong(self, key: str, message: str) -> None:
        """Records an error at `key`."""
        self._has_errors = True
        self._errors.add((*self.place, key), message)

    def finish(self, *, others_allowed: bool = False) -> None:
        """Records unknown keys, each with the closest known key, and then missing required keys.

        With `others_allowed` (the other keys are not known) only misspelt required keys count as unknown.
        """
        for key in self._values:
            if key not in self._known:
                # A second section of a kind that is there already, such as [form.club] beside [forms.footer].
                again = isinstance(self._values[key], dict)
                guess = closest(key, [known for known in self._known if again or known not in self._values])
                if guess in self._missing or not others_allowed:
                    self._unknown(key, guess)
        for key, remedy in self._missing.items():
            self.wrong(key, f"is missing: {remedy}")

    def _unknown(self, key: str, guess: str | None) -> None:
        if guess is not None:
            self._missing.pop(guess, None)  # one error, one message
        what = "section" if isinstance(self._values[key], dict) else "key"
        suggestion = f'did you mean "{guess}"?' if guess else f"what may stand here: {', '.join(self._known)}"
        if key == "sandbox":
            suggestion = "it stands at the top of the file, before the first section"
        self.wrong(key, f"there is no {what} of that name; {suggestion}")

    def _has(self, key: str, remedy: str | None = None) -> bool:
        self._known[key] = None
        if key not in self._values and remedy is not None:
            self._missing[key] = remedy
        return key in self._values


def _problem_of(value: object, check: Check | None = None, longest: int = TEXT_CHARACTERS) -> str | None:
    """Returns why `value` is not a non-empty text that `check` accepts; None when it is."""
    problem = _text_problem(value, longest) or _no_reference(value)
    return problem or (check(str(value)) if check else None)


def _text_problem(value: object, longest: int) -> str | None:
    """Returns why `value` is not a non-empty text on one line of at most `longest` characters; None when it is."""
    if not isinstance(value, str):
        return "must be a text in quotes, also where it looks like a number"
    if not trimmed(value):
        return "is empty"
    if len(value) > longest:
        return f"has more than {longest} characters"
    if _CONTROL.search(value):
        return "holds a line break or another control character"
    return None


def _no_reference(value: object) -> str | None:
    if isinstance(value, str) and is_reference(value):
        return "only secrets may be references: write the value itself"
    return None
