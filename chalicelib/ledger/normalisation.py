"""Compares the rules that normalise addresses with those that the ledger was written under.

The ledger knows an address by the hash of its normal form alone. Under other rules the same address may have another
hash, and the suppression that stands under the old one would not be found: nobody could tell, and people who left
would be signed up again. So the rules have a version (`core.addresses.NORMALISATION_VERSION`), the ledger has the one
that it was written under, and a change needs a migration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

from ..domain.errors import ConfigurationError, FieldError
from .keys import AddressKeys
from .table import Table

Migration = Callable[[Table, AddressKeys], None]
"""Makes sure that what was written under one version is found under the next. It runs when an instance starts, before
the ledger's version changes; several instances may run it at once, and one that failed runs again. Raises
LedgerUnavailable."""
FIRST_VERSION = 1
"""Of a ledger that has address keys and names no version."""
MIGRATIONS: Mapping[tuple[int, int], Migration] = {}
"""By the versions (from, to) that each leads between; a longer way is made in steps of one version each."""


def path(ledger: int, release: int, migrations: Mapping[tuple[int, int], Migration] = MIGRATIONS) -> list[Migration]:
    """The migrations that lead from the ledger's version to this release's; none if they are the same.

    Raises ConfigurationError if a step is not registered.
    """
    step = 1 if release > ledger else -1
    steps = list(pairwise(range(ledger, release + step, step))) if release != ledger else []
    for old, new in steps:
        if (old, new) not in migrations:
            raise ConfigurationError([_mistake(ledger, release, old, new)])
    return [migrations[each] for each in steps]


def _mistake(ledger: int, release: int, old: int, new: int) -> FieldError:
    return FieldError(
        "privacy.address_keys",
        f"this ledger was written with version {ledger} of the normalisation of addresses, and this release has "
        f"version {release}; there is no migration from {old} to {new}, and without one nobody who unsubscribed could "
        f"be found again. Deploy a release that has version {ledger}, or register the migration in "
        "chalicelib/ledger/normalisation.py (docs/operations.md, Normalisation of addresses)",
    )
