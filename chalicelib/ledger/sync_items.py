"""Converts the `Sync` of an event to a part of its item and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from ..domain.events import Sync
from .attributes import Attributes

_KINDS: Mapping[str, Literal["contacts", "unsubscribes"]] = {"contacts": "contacts", "unsubscribes": "unsubscribes"}


def sync_item(sync: Sync) -> dict[str, Any]:
    """Builds the part of an event's item for a sync; contacts are one JSON text, which is smaller than maps."""
    contacts = [dict(contact) for contact in sync.contacts]
    values = {
        "kind": sync.kind,
        "source": sync.source,
        "propagate_to": list(sync.propagate_to) or None,
        "contacts": json.dumps(contacts, ensure_ascii=False, separators=(",", ":")) if contacts else None,
    }
    return {name: value for name, value in values.items() if value is not None}


def sync_from(part: Attributes) -> Sync:
    """Reads a sync from the part of an item. Raises MalformedItem."""
    kind = _KINDS.get(part.required("kind", str))
    if kind is None:
        raise part.malformed("kind", "is none of the known names")
    propagate_to = part.texts("propagate_to") if "propagate_to" in part else ()
    return Sync(kind, part.optional("source", str), _contacts_from(part), propagate_to)


def _contacts_from(part: Attributes) -> tuple[Mapping[str, str], ...]:
    try:
        contacts = json.loads(part.optional("contacts", str) or "[]")
    except ValueError:
        raise part.malformed("contacts", "is no JSON") from None
    if not isinstance(contacts, list) or not all(isinstance(contact, dict) for contact in contacts):
        raise part.malformed("contacts", "is no list of contacts")
    return tuple(contacts)
