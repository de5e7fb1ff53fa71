"""Reads the members of a JSON object by type and collects all field errors."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..domain.errors import FieldError
from ..domain.ids import ID_RULE, is_valid_id
from ..domain.limits import CLOCK_TOLERANCE, CLOCK_TOLERANCE_MINUTES, NAME_CHARACTERS
from ..domain.names_alike import composed
from ..domain.texts import cleaned_text, safe_name, text_error
from ..domain.times import parse_time


class JsonObject:
    """Reads the members of one JSON object. Methods return None for a member that is absent, null or invalid.

    Each invalid member adds a `FieldError` to `errors`, which names the member and never quotes its value. `notes` says
    what is left out without making the whole invalid.
    """

    def __init__(self, data: Any, within: str = "", errors: list[FieldError] | None = None) -> None:
        self.errors: list[FieldError] = [] if errors is None else errors
        self.notes: list[str] = []
        self._within = within
        self._data: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
        if not isinstance(data, Mapping):
            self.errors.append(FieldError(within.rstrip("."), "must be a JSON object"))

    def add_error(self, name: str, message: str) -> None:
        """Records that the member `name` is invalid."""
        self.errors.append(FieldError(self._within + name, message))

    def has(self, name: str) -> bool:
        """Returns True if the member is present and not null."""
        return self._data.get(name) is not None

    def check_size(self, kilobytes: int) -> None:
        """Records an error if the whole object is larger than `kilobytes`."""
        try:
            text = json.dumps(self._data, ensure_ascii=False, separators=(",", ":"))
        except RecursionError:
            self.add_error("", "must not be nested so deeply")
            return
        if len(text.encode("utf-8", "replace")) > kilobytes * 1024:
            self.add_error("", f"must be at most {kilobytes} KB")

    def text(self, name: str, *, required: bool = False, drop_controls: bool = False) -> str | None:
        """Reads a text that is not blank; with `drop_controls` without its control characters."""
        value = self._data.get(name)
        if drop_controls and isinstance(value, str):
            value, _ = cleaned_text(value)
        if value is None:
            if required:
                self.add_error(name, "is required")
            return None
        problem = "must be a text" if not isinstance(value, str) else text_error(value)
        if problem is None and not value.strip():
            problem = "must not be empty"
        if problem is not None:
            self.add_error(name, problem)
            return None
        return str(value)

    def name(self, name: str) -> str | None:
        """Reads the name of a list: a text, or a whole number (some providers use them, some programs write 5.0)."""
        value = self._data.get(name)
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return self.text(name)

    def choice(self, name: str, options: Sequence[str], *, required: bool = False) -> str | None:
        """Reads a text that must be one of `options`."""
        if not self.has(name):
            return self.text(name, required=required)
        value = self._data[name]
        if not isinstance(value, str) or value not in options:
            self.add_error(name, f"must be one of {', '.join(options)}")
            return None
        return str(value)

    def id(self, name: str) -> str | None:
        """Reads an event id."""
        value = self._data.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or not is_valid_id(value):
            self.add_error(name, ID_RULE)
            return None
        return value

    def time(self, name: str, *, now: datetime) -> datetime | None:
        """Reads a time, at most `CLOCK_TOLERANCE` after `now`."""
        value = self._data.get(name)
        if value is None:
            return None
        try:
            moment = parse_time(value if isinstance(value, str) else "")
        except ValueError:
            self.add_error(name, "must be an RFC 3339 date and time with an offset, such as 2026-03-01T09:30:00Z")
            return None
        if moment > now + CLOCK_TOLERANCE:
            self.add_error(name, f"must not be more than {CLOCK_TOLERANCE_MINUTES} minutes ahead")
            return None
        return moment

    def ip(self, name: str) -> str | None:
        """Reads an IPv4 or IPv6 address."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return str(ipaddress.ip_address(value.strip()))
        except ValueError:
            self.add_error(name, "must be an IP address")
            return None

    def texts(self, name: str) -> list[str] | None:
        """Reads a list of at least one text."""
        value = self._data.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            self.add_error(name, "must be a list of at least one text")
            return None
        return list(value)

    def names(self, name: str) -> list[str] | None:
        """Reads a list of names. A member that is no text counts as a name, its JSON text, which then is unknown."""
        value = self._data.get(name)
        if not isinstance(value, list):
            return self.texts(name)
        return [each if isinstance(each, str) else json.dumps(each) for each in value] or self.texts(name)

    def object(self, name: str, errors: list[FieldError] | None = None) -> JsonObject | None:
        """Reads an object; its errors are added to `errors` (None: to those of this object), as `name.member`.

        An empty list is an empty object: PHP writes it so.
        """
        if not self.has(name):
            return None
        value = self._data[name]
        return JsonObject(
            {} if value == [] else value, f"{self._within}{name}.", self.errors if errors is None else errors
        )

    def objects(self, name: str, most: int) -> Iterator[dict[str, str]]:
        """Reads a list of 1 to `most` objects, each as `fields`; errors are named `name[0].member`."""
        values = self._data.get(name)
        if not isinstance(values, list) or not 1 <= len(values) <= most:
            self.add_error(name, f"must be a list of 1 to {most:,} objects")
            return
        for index, value in enumerate(values):
            yield JsonObject(value, f"{self._within}{name}[{index}].", self.errors).fields()

    def fields(self, only: Collection[str] | None = None) -> dict[str, str]:
        """Reads the fields of a signup as `scalars`: arrays joined by commas, without control characters.

        Names of `only` (a form's own, in NFC) are found in every Unicode form; others stay as they are.
        """
        data = {name if only is None else composed(name): _joined(value) for name, value in self._data.items()}
        cleaned = {name: cleaned_text(value)[0] if isinstance(value, str) else value for name, value in data.items()}
        return JsonObject(cleaned, self._within, self.errors).scalars(only)

    def stated(self) -> list[str]:
        """Returns the names of all members that are not null."""
        return [name for name, value in self._data.items() if value is not None]

    def scalars(self, only: Collection[str] | None = None) -> dict[str, str]:
        """Reads the members in `only`, else all, as texts: numbers and booleans as in JSON; null ones are omitted."""
        selected = self._data if only is None else {name: self._data[name] for name in only if name in self._data}
        found: dict[str, str] = {}
        for name, value in selected.items():
            text = _scalar(value)
            problem = "must be a text, number or boolean" if text is None else text_error(text)
            if only is None and (not name.strip() or len(name) > NAME_CHARACTERS or text_error(name)):
                problem = "must have a usable name"
            if problem is not None:
                self.add_error(safe_name(name), problem)
            elif text is not None and value is not None:
                found[name] = text
        return found


def _joined(value: Any) -> Any:
    """Returns the texts of an array with commas between, without blank ones, or None.

    Returns any other value unchanged, also an array of other values than scalars.
    """
    if not isinstance(value, list):
        return value
    texts = [_scalar(each) for each in value]
    return value if None in texts else ",".join(text for text in texts if text and text.strip()) or None


def _scalar(value: Any) -> str | None:
    """Returns a scalar's text, "" for null, None for a value that is no scalar."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return None
