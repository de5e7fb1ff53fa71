"""Descriptions and examples of the configuration's keys, out of its documents, so that they are written once.

What a key means stands in docs/configuration.md, and an example of it in chalicelib/relais.example.toml.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chalicelib.config.field_errors import Place
from local.schemas.recording_table import ANY
from local.schemas.values import Schema

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "configuration.md"
EXAMPLE = ROOT / "chalicelib" / "relais.example.toml"

_HEADING = re.compile(r"## (?:`\[(?P<section>[^`]+)\]`)?(?:: (?P<words>[^(\n]+))?")
_PARAGRAPH = re.compile(r"`\[(?P<section>[A-Za-z]+(?:\.[A-Za-z]+)+)\]` .+")
_ROW = re.compile(
    r"\| `(?P<cell>(?P<key>\"?@?\w+\"?)(?: = [^`]+)?)` \|"
    r"(?: (?:`\[(?P<table>[^\]]+)\.LANGUAGE\]`|[^|]+) \|[^|]+\|)? (?P<meaning>[^|]+) \|"
)
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
_SOME_NAME = "some_name"
"""Stands in the document for a key that the owner of the file chooses."""
_OWNER_CHOOSES = 1
"""Position in a place of a name that the owner of the file chooses, such as that of an account."""
_MOST_EXAMPLES = 3


class Annotations:
    """Descriptions and examples by place."""

    def __init__(self, reference: str, example: str) -> None:
        self._meanings = dict(_meanings(reference))
        self._example = tomllib.loads(switched_on(example))

    def at(self, place: Place, provider: str | None = None) -> Schema:
        """Returns description and examples of the value at `place`; in an account, those of one provider's."""
        annotation: Schema = {"description": self._meaning(_documented(place))}
        found = [
            value for value in _values_at(self._of_provider(provider), place) if not isinstance(value, dict | bool)
        ]
        examples = [value for position, value in enumerate(found) if value not in found[:position]]
        return {**annotation, "examples": examples[:_MOST_EXAMPLES]} if examples else annotation

    def _meaning(self, place: Place) -> str:
        """Returns what the document says of a place: of the key there or, in a table by language, further out.

        Else what it says of the nearest table round it, or of the first one in it. Raises LookupError.
        """
        lengths = range(len(place) - 1, 0, -1)
        outside = [*((*place[:length], place[-1]) for length in lengths), *(place[:length] for length in lengths)]
        inside = [known for known in self._meanings if known[: len(place)] == place]
        for known in (place, *outside, *inside):
            if known in self._meanings:
                return self._meanings[known]
        raise LookupError(f"docs/configuration.md does not say what {'.'.join(place)} means")

    def _of_provider(self, provider: str | None) -> dict[str, Any]:
        accounts = self._example["accounts"].items()
        theirs = {name: account for name, account in accounts if provider in (None, account["provider"])}
        return {**self._example, "accounts": theirs}


def switched_on(example: str) -> str:
    """Returns the text of the example with all its `#key = value` and `#[section]` lines in force."""
    return re.sub(r'^#(?=[\["a-z])', "", example, flags=re.MULTILINE)


def read_annotations() -> Annotations:
    """Reads the documents of this checkout."""
    return Annotations(REFERENCE.read_text("utf-8"), EXAMPLE.read_text("utf-8"))


def _meanings(reference: str) -> Iterator[tuple[Place, str]]:
    """Yields what docs/configuration.md says of each section and of each key, by place."""
    section: Place = ()
    of_any_name: list[str] = []
    for line in reference.splitlines():
        if heading := _HEADING.match(line):
            section = tuple(heading["section"].split(".")) if heading["section"] else ()
            if heading["words"]:
                yield section, f"{_plain_text(heading['words'])[0].upper()}{_plain_text(heading['words'])[1:]}."
        elif paragraph := _PARAGRAPH.match(line):
            section = tuple(paragraph["section"].split("."))
            yield section, _plain_text(line)
        elif row := _ROW.match(line):
            key = row["key"].strip('"')
            if row["table"]:  # tables by language: where they are, and so the keys of the rows below
                section = tuple(row["table"].split(".")[:-1])
            if key == _SOME_NAME:
                of_any_name.append(f"`{row['cell']}`: {_plain_text(row['meaning'])}")
                yield (*section, ANY), " ".join(of_any_name)
            else:
                yield (*section, key), _plain_text(row["meaning"])


def _plain_text(markdown: str) -> str:
    """Returns the text without links and emphasis; code stays as it is written."""
    return _LINK.sub(r"\1", markdown).replace("**", "").strip()


def _documented(place: Place) -> Place:
    """Returns a place as the document names it: `forms.NAME.account`."""
    chosen = len(place) > _OWNER_CHOOSES and place[_OWNER_CHOOSES] == ANY
    return (*place[:_OWNER_CHOOSES], "NAME", *place[_OWNER_CHOOSES + 1 :]) if chosen else place


def _values_at(values: object, place: Place) -> Iterator[Any]:
    """Yields the values at a place, under every name where the place has none."""
    if not place:
        yield values
    elif isinstance(values, dict):
        for key in values if place[0] == ANY else [place[0]]:
            if key in values:
                yield from _values_at(values[key], place[1:])
