"""Guards the suppressions against a lost address key: without it nobody who left could be recognised any more."""

from __future__ import annotations

from ..errors import ConfigurationError, Mistake
from .keys import AddressKeys
from .table import Key, Table

_KEY: Key = ("S#privacy", "keys")


def check_address_keys(table: Table, keys: AddressKeys) -> None:
    """Compare the configured keys with those the ledger was ever written with, and note new ones.

    Raises ConfigurationError if a known one is missing from the configuration.
    """
    item = table.get(_KEY) or {}
    known, configured = set(item.get("fingerprints", ())), keys.fingerprints()
    missing = known - configured
    if missing:
        raise ConfigurationError(
            [
                Mistake(
                    "privacy.address_keys",
                    f"{len(missing)} of the keys that this ledger was written with are missing "
                    f"(fingerprints {', '.join(sorted(missing))}); put them back at the end of the list, since "
                    "without them nobody who unsubscribed under them can be recognised",
                )
            ]
        )
    if configured - known:
        table.update(_KEY, "ADD fingerprints :new", {"new": configured - known})
