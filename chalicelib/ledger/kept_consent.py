"""Removes evidence of consent from subscription states, some years after the person unsubscribed.

The evidence is in the items of subscription states, and is written with their leases (`subscription_items`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..domain.events import EventType
from .table import Key, Table

_REMOVE = "REMOVE first_consent, latest_consent, lease_consents"
_HAS_EVIDENCE = "(attribute_exists(first_consent) OR attribute_exists(lease_consents))"
# No signup was delivered since, and none is on its way. A lease of a signup that was refused is removed.
_UNSUBSCRIBED_BEFORE = (
    "unsubscribed_at <= :before"
    " AND (attribute_not_exists(signed_up_at) OR signed_up_at <= unsubscribed_at)"
    " AND (attribute_not_exists(lease_at) OR lease_type <> :signup OR lease_at <= unsubscribed_at)"
)
EXPIRED = f"{_HAS_EVIDENCE} AND {_UNSUBSCRIBED_BEFORE}"
"""Condition of a subscription state whose evidence has expired, with the values of `expired_values`."""


def expired_values(unsubscribed_before: int) -> dict[str, Any]:
    """Returns the values of `EXPIRED` for persons who unsubscribed at `unsubscribed_before` (ms) or earlier."""
    return {"before": unsubscribed_before, "signup": EventType.SIGNUP.value}


def has_evidence(item: Mapping[str, Any]) -> bool:
    """Returns True if an item has evidence of consent."""
    return "first_consent" in item or "lease_consents" in item


def remove_expired(table: Table, key: Key, unsubscribed_before: int) -> bool:
    """Removes the evidence of a state if it has expired; False if it has not. Raises LedgerUnavailable."""
    return table.try_update(key, _REMOVE, expired_values(unsubscribed_before), condition=EXPIRED)


def erase(table: Table, items: Iterable[Mapping[str, Any]]) -> None:
    """Erases the evidence of the states in `items`, for a forget request. Raises LedgerUnavailable."""
    for item in filter(has_evidence, items):
        table.update((item["pk"], item["sk"]), _REMOVE)


def record_unsubscribe(table: Table, keys: Iterable[Key], at: int, event_id: str) -> None:
    """Records an unsubscribe on states with evidence that no lease of it will reach, so that their evidence expires.

    These are states under older address keys and of accounts that are no longer configured: once evidence is to
    expire, only its own item is known, not the address. Raises LedgerUnavailable.
    """
    for key in keys:
        table.try_update(
            key,
            "SET unsubscribed_at = :at, unsubscribed_by = :id",
            {"at": at, "id": event_id},
            condition=f"{_HAS_EVIDENCE} AND (attribute_not_exists(unsubscribed_at) OR unsubscribed_at < :at)",
        )
