"""Finds the migrations between the normalisation of addresses in the ledger and that of this release.

The ledger identifies an address only by the hash of its normal form. Under other rules the same address may have
another hash; the suppression under the old hash would silently not be found, and unsubscribed persons would be signed
up again. So the rules have a version (`domain.addresses.NORMALISATION_VERSION`), the ledger records the version it was
written with, and a change requires a migration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

from ..domain.errors import ConfigurationError, FieldError
from .keys import AddressKeys
from .table import Table

Migration = Callable[[Table, AddressKeys], None]
"""Ensures that addresses written under one version are found under the next. It runs when an instance starts, before
the recorded version changes; several instances may run it concurrently, and a failed migration is repeated. Raises
LedgerUnavailable."""
FIRST_VERSION = 1
"""The version of a ledger that has address keys and no recorded version."""
MIGRATIONS: Mapping[tuple[int, int], Migration] = {}
"""Migrations by (from, to) version; a longer distance is covered in steps of one version each."""


def path(ledger: int, release: int, migrations: Mapping[tuple[int, int], Migration] = MIGRATIONS) -> list[Migration]:
    """Returns the migrations from the ledger's version to this release's; none if they are the same.

    Raises ConfigurationError if a step is not registered.
    """
    step = 1 if release > ledger else -1
    steps = list(pairwise(range(ledger, release + step, step))) if release != ledger else []
    for old, new in steps:
        if (old, new) not in migrations:
            raise ConfigurationError([_field_error(ledger, release, old, new)])
    return [migrations[each] for each in steps]


def _field_error(ledger: int, release: int, old: int, new: int) -> FieldError:
    return FieldError(
        "privacy.address_keys",
        f"this ledger was written with version {ledger} of the normalisation of addresses, and this release has "
        f"version {release}; there is no migration from {old} to {new}, and without one nobody who unsubscribed could "
        f"be found again. Deploy a release that has version {ledger}, or register the migration in "
        "chalicelib/ledger/normalisation_migrations.py (docs/operations.md, Normalisation of addresses)",
    )
