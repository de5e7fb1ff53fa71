"""Checks that the configured address keys and the normalisation version match those of the ledger.

Without the keys and the normalisation that the ledger was written with, no unsubscribed address could be found in it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..domain.addresses import NORMALISATION_VERSION
from ..domain.errors import ConfigurationError, FieldError, LedgerUnavailable
from .keys import AddressKeys
from .normalisation_migrations import FIRST_VERSION, MIGRATIONS, Migration, path
from .table import ConditionFailed, Key, Table

_KEY: Key = ("S#privacy", "keys")
_TRIES = 3


def check_address_keys(
    table: Table,
    keys: AddressKeys,
    *,
    version: int = NORMALISATION_VERSION,
    migrations: Mapping[tuple[int, int], Migration] = MIGRATIONS,
) -> None:
    """Compares keys and `version` of this release with those recorded in the ledger, and records new ones.

    Raises ConfigurationError if a known key is missing from the configuration, or if no migration leads from the
    ledger's version to this one; LedgerUnavailable.
    """
    for _ in range(_TRIES):
        if _check(table, keys, version, migrations):
            return
    raise LedgerUnavailable("other instances changed the ledger's address keys meanwhile")


def _check(table: Table, keys: AddressKeys, version: int, migrations: Mapping[tuple[int, int], Migration]) -> bool:
    """Returns False if another instance changed the record meanwhile, and the check must be repeated."""
    item = table.get(_KEY) or {}
    known, configured = set(item.get("fingerprints", ())), keys.fingerprints()
    if known - configured:
        raise ConfigurationError([_missing(known - configured)])
    recorded = item.get("normalisation")
    for migrate in path(recorded or (FIRST_VERSION if known else version), version, migrations):
        migrate(table, keys)
    if recorded != version and not _record_version(table, recorded, version):
        return False
    if configured - known:
        table.update(_KEY, "ADD fingerprints :new", {"new": configured - known})
    return True


def _record_version(table: Table, seen: int | None, version: int) -> bool:
    """Replaces the recorded version `seen` by this release's; False if a different one was recorded meanwhile.

    The version is written before the fingerprints: a ledger that has fingerprints and no version counts as version 1.
    """
    try:
        table.update(
            _KEY,
            "SET normalisation = :version",
            {"version": version, "seen": seen},
            condition="attribute_not_exists(normalisation)" if seen is None else "normalisation = :seen",
        )
    except ConditionFailed as refused:
        return bool(refused.found.get("normalisation") == version)
    return True


def _missing(fingerprints: set[str]) -> FieldError:
    return FieldError(
        "privacy.address_keys",
        f"{len(fingerprints)} of the keys that this ledger was written with are missing "
        f"(fingerprints {', '.join(sorted(fingerprints))}); put them back at the end of the list, since "
        "without them nobody who unsubscribed under them can be recognised",
    )
