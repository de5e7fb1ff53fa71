"""Compares the configured address keys, and this release's normalisation of addresses, with the ledger's record.

An address is found in the ledger only under the key and the normalisation that it was written with. Where one of those
is missing, it is not known who unsubscribed, and what depends on that waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from ..domain.addresses import NORMALISATION_VERSION
from ..domain.errors import SecretUnavailable
from ..domain.times import epoch_milliseconds as to_ms, from_epoch_milliseconds
from ..effects import Clock, system_clock
from ..observability import logger
from .keys import AddressKeys
from .normalisation_migrations import MIGRATIONS, Migration, path
from .table import Key, Table

RECORD: Key = ("S#privacy", "keys")
MISSING = "address key missing"
"""How the reason of everything that waits for a key begins."""


@dataclass(frozen=True, slots=True)
class KeyFindings:
    """The result of comparing the configured keys with the record."""

    missing: str | None = None
    """Why some subscription states cannot be found; None if all can."""
    returned: bool = False
    """True if keys were missing, all are there again, and what waited for them has not been enqueued yet."""
    waits_count_from: datetime | None = None
    """The time until a signup is given up counts from here: it was not tried while keys were missing."""


class AddressKeyCheck:
    """Reads and writes the record of keys that were ever configured, those that were written with, and normalisations.

    A key is recorded as used before the first write with it; from then on it is indispensable. An instance writes that
    once, whatever the number of its deliveries.
    """

    def __init__(
        self,
        table: Table,
        keys: AddressKeys,
        clock: Clock = system_clock,
        *,
        version: int = NORMALISATION_VERSION,
        migrations: Mapping[tuple[int, int], Migration] = MIGRATIONS,
    ) -> None:
        self._table = table
        self._keys = keys
        self._clock = clock
        self._version = version
        self._migrations = migrations
        self._recorded: frozenset[str] = frozenset()
        """Fingerprints that are known to be recorded as used, together with this release's version."""
        self._recording = Lock()
        self._warned = False

    def look(self) -> KeyFindings:
        """Reads the record and writes nothing; a missing migration counts as a missing key.

        Call it before each batch of decisions: an instance with another configuration may have used a key since.
        Raises LedgerUnavailable.
        """
        return self._findings(self._read())

    def look_and_record(self) -> KeyFindings:
        """Reads as `look`, after running the migrations to this release's normalisation; records what is new.

        That is keys that were never configured before, and since when keys are missing. Raises LedgerUnavailable.
        """
        item = self._read()
        if item and self._unreachable_version(item) is None:
            item = self._migrate(item)
        configured, known = self._keys.fingerprints(), set(item.get("fingerprints", ()))
        if configured - known:
            self._table.update(RECORD, "ADD fingerprints :new", {"new": configured - known})
        self._warn_of_unused(known - set(item.get("used", ())) - configured)
        findings = self._findings(item)
        if findings.missing is not None and "missing_since" not in item:
            change = "SET missing_since = if_not_exists(missing_since, :now)"
            self._table.update(RECORD, change, {"now": to_ms(self._clock())})
        return findings

    def record_use(self, fingerprint: str | None = None) -> None:
        """Records, once an instance, that a key (default: the one that is written with) is used from now on.

        Call it before the first write with the key, so that no use is missed. Raises LedgerUnavailable.
        """
        used = fingerprint or self._keys.writing_fingerprint
        if used in self._recorded:
            return
        with self._recording:  # the first claims of a batch are concurrent
            if used not in self._recorded:
                self._record_use(used)

    def _record_use(self, used: str) -> None:
        item = self._table.update(
            RECORD,
            "SET normalisation = if_not_exists(normalisation, :version) ADD used :used, fingerprints :used",
            {"version": self._version, "used": {used}},
        )
        if item["normalisation"] != self._version:
            self._table.update(RECORD, "ADD normalised_besides :version", {"version": {self._version}})
        self._recorded |= {used}

    def record_return(self) -> None:
        """Records that all keys are there again and that what waited for them is enqueued."""
        self._table.try_update(
            RECORD,
            "SET complete_since = :now REMOVE missing_since",
            {"now": to_ms(self._clock())},
            condition="attribute_exists(missing_since)",
        )

    def _unreachable_version(self, item: Mapping[str, Any]) -> int | None:
        """Returns a version of the normalisation that wrote to the ledger and has no migration to this release's."""
        return next((one for one in _versions(item) if path(one, self._version, self._migrations) is None), None)

    def _migrate(self, item: dict[str, Any]) -> dict[str, Any]:
        """Runs the migrations from every other version that wrote to the ledger; returns the record as it is then.

        The record changes last: migrations are repeated until one instance has come to their end.
        """
        others = {one for one in _versions(item) if one != self._version}
        for version in sorted(others):
            for migrate in path(version, self._version, self._migrations) or ():
                migrate(self._table, self._keys)
        if not others:
            return item
        besides = others & set(item.get("normalised_besides", ()))
        besides |= {self._version} & set(item.get("normalised_besides", ()))
        change = "SET normalisation = :version" + (" DELETE normalised_besides :besides" if besides else "")
        values = {"version": self._version, "seen": item.get("normalisation"), "besides": besides or None}
        changed = self._table.changed(RECORD, change, values, condition="normalisation = :seen")
        return changed if changed is not None else self._read()  # another instance has migrated meanwhile

    def _warn_of_unused(self, fingerprints: set[str]) -> None:
        if fingerprints and not self._warned:
            self._warned = True
            logger.warning("unused address key missing", extra={"fingerprints": sorted(fingerprints)})

    def _read(self) -> dict[str, Any]:
        """Reads the record; reads the keys again if one of them seems to be missing."""
        item = self._table.get(RECORD) or {}
        used = set(item.get("used", ()))
        if used - self._keys.fingerprints():
            with suppress(SecretUnavailable):  # then the previous keys stay in use
                self._keys.renew()
        is_recorded = item.get("normalisation") == self._version or self._version in item.get("normalised_besides", ())
        self._recorded = frozenset(used if is_recorded else ())
        return item

    def _findings(self, item: Mapping[str, Any]) -> KeyFindings:
        missing = _missing_keys(set(item.get("used", ())) - self._keys.fingerprints())
        others = [version for version in _versions(item) if version != self._version]
        if missing is None and others:
            missing = _other_version(others[0], self._version)
        if missing is not None:
            return KeyFindings(missing)
        was_missing, complete = "missing_since" in item, item.get("complete_since")
        since = self._clock() if was_missing else None if complete is None else from_epoch_milliseconds(complete)
        return KeyFindings(returned=was_missing, waits_count_from=since)


def _versions(item: Mapping[str, Any]) -> list[int]:
    """Returns the versions of the normalisation that wrote to the ledger."""
    return [*([item["normalisation"]] if "normalisation" in item else []), *sorted(item.get("normalised_besides", ()))]


def _missing_keys(fingerprints: set[str]) -> str | None:
    if not fingerprints:
        return None
    names = ", ".join(sorted(fingerprints))
    return f"{MISSING}: privacy.address_keys lacks a key that this ledger was written with ({names}); put it back"


def _other_version(ledger: int, release: int) -> str:
    return (
        f"{MISSING}: this ledger was written with version {ledger} of the normalisation of addresses, this release has "
        f"version {release}; without a migration, deploy a release that has version {ledger}"
    )
