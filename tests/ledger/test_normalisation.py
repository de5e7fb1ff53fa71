"""The ledger knows which rules its addresses were normalised by, and refuses others without a migration."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.domain.addresses import NORMALISATION_VERSION
from chalicelib.domain.errors import ConfigurationError
from chalicelib.ledger.address_key_check import check_address_keys
from chalicelib.ledger.keys import AddressKeys
from chalicelib.ledger.normalisation_migrations import MIGRATIONS, path
from chalicelib.ledger.table import Table
from tests.support.aws import TestAws

KEY = ("S#privacy", "keys")
FIRST, SECOND = AddressKeys([b"placeholder-address-key-1"]), AddressKeys([b"placeholder-address-key-2"])
BOTH = AddressKeys([b"placeholder-address-key-2", b"placeholder-address-key-1"])


@pytest.fixture
def table(resources: TestAws) -> Table:
    return Table(resources.dynamodb, "relais-local-ledger")


def stored(table: Table) -> dict[str, Any]:
    return table.get(KEY) or {}


def as_before_versions(table: Table) -> None:
    """The item as it was written before there were versions."""
    table.update(KEY, "ADD fingerprints :new", {"new": FIRST.fingerprints()})


def test_a_new_ledger_records_the_version_of_its_release(table: Table) -> None:
    check_address_keys(table, FIRST, version=3)
    assert (stored(table)["normalisation"], stored(table)["fingerprints"]) == (3, FIRST.fingerprints())
    check_address_keys(table, BOTH, version=3)
    assert (stored(table)["normalisation"], stored(table)["fingerprints"]) == (3, BOTH.fingerprints())


def test_a_ledger_without_a_version_has_the_first(table: Table) -> None:
    as_before_versions(table)
    with pytest.raises(ConfigurationError, match=r"with version 1 .* this release has version 2"):
        check_address_keys(table, FIRST, version=2)
    assert "normalisation" not in stored(table)
    check_address_keys(table, FIRST, version=1)
    assert stored(table)["normalisation"] == 1


@pytest.mark.parametrize(("ledger", "release"), [(1, 2), (2, 1), (1, 3)])
def test_another_version_stops_the_start_and_writes_nothing(table: Table, ledger: int, release: int) -> None:
    check_address_keys(table, FIRST, version=ledger)
    before = stored(table)
    with pytest.raises(ConfigurationError) as stopped:
        check_address_keys(table, BOTH, version=release)
    text = str(stopped.value)
    assert text.startswith("privacy.address_keys: ")
    assert f"written with version {ledger} " in text and f"this release has version {release};" in text
    assert f"Deploy a release that has version {ledger}, or register the migration" in text
    assert stored(table) == before


def test_a_registered_migration_runs_before_the_version_changes(table: Table) -> None:
    check_address_keys(table, FIRST, version=1)
    made: list[tuple[str, int]] = []

    def step(name: str) -> Any:
        return lambda table, keys: made.append((name, stored(table)["normalisation"]))

    steps = {(1, 2): step("1 to 2"), (2, 3): step("2 to 3"), (3, 2): step("3 to 2")}
    check_address_keys(table, FIRST, version=3, migrations=steps)
    assert made == [("1 to 2", 1), ("2 to 3", 1)]
    assert stored(table)["normalisation"] == 3
    check_address_keys(table, FIRST, version=3, migrations=steps)
    assert len(made) == 2, "it was made already"
    check_address_keys(table, FIRST, version=2, migrations=steps)
    assert (made[2:], stored(table)["normalisation"]) == ([("3 to 2", 3)], 2)
    with pytest.raises(ConfigurationError, match="no migration from 2 to 1"):
        check_address_keys(table, FIRST, version=1, migrations=steps)


def test_a_migration_that_fails_leaves_the_version(table: Table) -> None:
    check_address_keys(table, FIRST, version=1)

    def broken(table: Table, keys: AddressKeys) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        check_address_keys(table, BOTH, version=2, migrations={(1, 2): broken})
    assert (stored(table)["normalisation"], stored(table)["fingerprints"]) == (1, FIRST.fingerprints())


def test_of_two_releases_starting_concurrently_on_a_new_ledger_one_fails(table: Table) -> None:
    def start(version: int) -> bool:
        try:
            check_address_keys(table, FIRST, version=version)
        except ConfigurationError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(start, (1, 2))) == [False, True]


def test_nothing_is_written_for_a_known_version(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    check_address_keys(table, FIRST)
    monkeypatch.setattr(table, "update", None)
    check_address_keys(table, FIRST)


def test_no_migration_is_registered_yet() -> None:
    assert (MIGRATIONS, path(NORMALISATION_VERSION, NORMALISATION_VERSION)) == ({}, [])
