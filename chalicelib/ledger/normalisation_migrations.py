"""Finds the migrations between the normalisation of addresses in the ledger and that of this release.

The ledger identifies an address only by the hash of its normal form. Under other rules the same address may have
another hash; the suppression under the old hash would silently not be found, and unsubscribed persons would be signed
up again. So the rules have a version (`domain.addresses.NORMALISATION_VERSION`), the ledger records the version it was
written with, and a change requires a migration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

from .keys import AddressKeys
from .table import Table

Migration = Callable[[Table, AddressKeys], None]
"""Ensures that addresses written under one version are found under the next. It runs before an instance's first
decision, and before the recorded version changes; several instances may run it concurrently, and a failed migration is
repeated. Raises LedgerUnavailable."""
MIGRATIONS: Mapping[tuple[int, int], Migration] = {}
"""Migrations by (from, to) version; a longer distance is covered in steps of one version each."""


def path(
    ledger: int, release: int, migrations: Mapping[tuple[int, int], Migration] = MIGRATIONS
) -> list[Migration] | None:
    """Returns the migrations from the ledger's version to this release's (none if they are the same).

    Returns None if a step is not registered.
    """
    step = 1 if release > ledger else -1
    steps = list(pairwise(range(ledger, release + step, step))) if release != ledger else []
    return [migrations[each] for each in steps] if all(each in migrations for each in steps) else None
