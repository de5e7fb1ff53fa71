"""The ledger records the keys and the normalisation that it was written with, so that missing ones are noticed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.addresses import NORMALISATION_VERSION, fingerprint
from chalicelib.ledger.address_key_check import RECORD, AddressKeyCheck
from chalicelib.ledger.keys import AddressKeys
from chalicelib.ledger.normalisation_migrations import MIGRATIONS, path
from chalicelib.ledger.table import Table
from tests.support.aws import TestAws
from tests.support.product import START, MovableClock

OLD, NEW = b"placeholder-address-key-1", b"placeholder-address-key-2"
BEFORE, ROTATED = [OLD], [NEW, OLD]


@pytest.fixture
def table(resources: TestAws) -> Table:
    return Table(resources.dynamodb, "relais-local-ledger")


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


Instance = Callable[..., AddressKeyCheck]


@pytest.fixture
def instance(table: Table, clock: MovableClock) -> Instance:
    return lambda keys, **options: AddressKeyCheck(table, AddressKeys(keys), clock, **options)


def stored(table: Table) -> dict[str, Any]:
    return table.get(RECORD) or {}


def written(instance: Instance, keys: list[bytes], **options: Any) -> AddressKeyCheck:
    """An instance that has looked, and written with its first key."""
    check = instance(keys, **options)
    assert check.look_and_record().missing is None
    check.record_use()
    return check


def test_a_key_is_used_from_the_first_write_with_it(instance: Instance, table: Table) -> None:
    instance(ROTATED).look_and_record()
    assert "used" not in stored(table)
    written(instance, ROTATED)
    assert stored(table)["used"] == {fingerprint(NEW)}
    assert stored(table)["fingerprints"] == {fingerprint(NEW), fingerprint(OLD)}


def test_a_missing_key_that_was_never_written_with_is_a_warning(
    instance: Instance, caplog: pytest.LogCaptureFixture
) -> None:
    written(instance, BEFORE)
    instance(ROTATED).look_and_record()
    back = instance(BEFORE)
    assert [back.look_and_record().missing, back.look_and_record().missing] == [None, None]
    assert [one.message for one in caplog.records if one.levelname == "WARNING"] == ["unused address key missing"]


def test_a_missing_key_that_was_written_with_is_missed_until_it_is_back(
    instance: Instance, clock: MovableClock
) -> None:
    written(instance, BEFORE)
    written(instance, ROTATED)
    for keys in (BEFORE, [NEW], [b"placeholder-address-key-3"]):
        missing = instance(keys).look_and_record().missing
        assert missing is not None and missing.startswith("address key missing: ")
    lacking = instance(BEFORE).look_and_record().missing
    assert lacking is not None and fingerprint(NEW) in lacking and fingerprint(OLD) not in lacking
    clock.forward(days=9)
    back = instance(ROTATED)
    assert back.look_and_record() == back.look_and_record()
    assert (
        back.look_and_record().missing,
        back.look_and_record().returned,
        back.look_and_record().waits_count_from,
    ) == (None, True, clock())
    back.record_return()
    since = clock()
    clock.forward(days=1)
    assert (back.look_and_record().returned, back.look_and_record().waits_count_from) == (False, since)


def test_an_instance_that_was_there_before_sees_that_another_has_used_a_key(instance: Instance) -> None:
    before = written(instance, BEFORE)
    written(instance, ROTATED)
    assert before.look_and_record().missing is not None


def test_a_use_is_written_once_an_instance_and_only_if_it_is_new(
    instance: Instance, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = written(instance, BEFORE)
    again = instance(BEFORE)
    again.look_and_record()
    monkeypatch.setattr(table, "update", None)
    first.record_use()
    again.record_use()
    again.look_and_record()


def test_a_value_that_was_overwritten_in_its_place_is_read_again(table: Table, clock: MovableClock) -> None:
    values = [[OLD]]
    AddressKeyCheck(table, AddressKeys([OLD]), clock).record_use()
    keys = AddressKeys([NEW], lambda: values[0])
    check = AddressKeyCheck(table, keys, clock)
    values[0] = [NEW]
    assert check.look_and_record().missing is not None
    values[0] = [OLD]
    assert check.look_and_record().missing is None
    assert keys.fingerprints() == {fingerprint(OLD)}


def test_concurrent_instances_record_every_key_that_they_write_with(instance: Instance, table: Table) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda keys: instance(keys).record_use(), ([OLD], [NEW, OLD])))
    assert stored(table)["used"] == {fingerprint(OLD), fingerprint(NEW)}


def test_the_first_write_records_the_version_of_its_release(instance: Instance, table: Table) -> None:
    instance(BEFORE, version=3).look_and_record()
    assert "normalisation" not in stored(table)
    written(instance, BEFORE, version=3)
    assert stored(table)["normalisation"] == 3


@pytest.mark.parametrize(("ledger", "release"), [(1, 2), (2, 1), (1, 3)])
def test_another_version_is_missed_as_a_key_is(instance: Instance, table: Table, ledger: int, release: int) -> None:
    written(instance, BEFORE, version=ledger)
    missing = instance(BEFORE, version=release).look_and_record().missing
    assert missing is not None and missing.startswith("address key missing: ")
    assert f"written with version {ledger} " in missing and f"release has version {release};" in missing
    assert stored(table)["normalisation"] == ledger
    assert instance(BEFORE, version=ledger).look_and_record().returned


def test_a_registered_migration_runs_before_the_version_changes(instance: Instance, table: Table) -> None:
    written(instance, BEFORE, version=1)
    made: list[tuple[str, int]] = []

    def step(name: str) -> Any:
        return lambda table, keys: made.append((name, stored(table)["normalisation"]))

    steps = {(1, 2): step("1 to 2"), (2, 3): step("2 to 3"), (3, 2): step("3 to 2")}
    instance(BEFORE, version=3, migrations=steps).look_and_record()
    assert made == [("1 to 2", 1), ("2 to 3", 1)]
    assert stored(table)["normalisation"] == 3
    instance(BEFORE, version=3, migrations=steps).look_and_record()
    assert len(made) == 2, "it was made already"
    instance(BEFORE, version=2, migrations=steps).look_and_record()
    assert (made[2:], stored(table)["normalisation"]) == ([("3 to 2", 3)], 2)
    assert instance(BEFORE, version=1, migrations=steps).look_and_record().missing is not None


def test_a_migration_that_fails_leaves_the_version(instance: Instance, table: Table) -> None:
    written(instance, BEFORE, version=1)

    def broken(table: Table, keys: AddressKeys) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        instance(BEFORE, version=2, migrations={(1, 2): broken}).look_and_record()
    assert stored(table)["normalisation"] == 1


def test_what_an_older_release_wrote_meanwhile_is_migrated_when_the_newer_one_is_back(
    instance: Instance, table: Table
) -> None:
    made: list[int] = []
    steps = {(1, 2): lambda table, keys: made.append(1)}
    written(instance, BEFORE, version=2, migrations=steps)
    older = instance(BEFORE, version=1, migrations=steps)
    assert older.look_and_record().missing is not None
    older.record_use()  # an unsubscribe
    assert instance(BEFORE, version=1, migrations=steps).look_and_record().missing is not None
    newer = instance(BEFORE, version=2, migrations=steps)
    assert (newer.look_and_record().missing, made) == (None, [1])
    assert newer.look_and_record().missing is None and made == [1]
    older.look_and_record()
    older.record_use()  # one more, by an instance that was warm still
    assert instance(BEFORE, version=2).look_and_record().missing is not None, (
        "without the migration it would not be found"
    )
    instance(BEFORE, version=2, migrations=steps).look_and_record()
    assert made == [1, 1]


def test_who_only_reads_writes_nothing_and_leaves_a_migration_to_others(
    instance: Instance, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(instance, BEFORE, version=1)
    steps: Any = {(1, 2): lambda table, keys: pytest.fail("a reader migrates")}
    with monkeypatch.context() as patch:
        patch.setattr(table, "update", None)
        assert instance(ROTATED, version=1).look().missing is None
        assert instance([NEW], version=1).look().missing is not None
        assert instance(BEFORE, version=2, migrations=steps).look().missing is not None
    instance(BEFORE, version=2, migrations={(1, 2): lambda table, keys: None}).look_and_record()
    assert instance(BEFORE, version=2).look().missing is None


def test_nothing_is_missing_of_this_release(instance: Instance) -> None:
    assert (MIGRATIONS, path(NORMALISATION_VERSION, NORMALISATION_VERSION)) == ({}, [])


def test_a_wait_counts_from_the_return_and_not_from_the_loss(instance: Instance, clock: MovableClock) -> None:
    written(instance, ROTATED)
    assert instance(BEFORE).look_and_record().missing is not None
    clock.forward(days=30)
    back = instance(ROTATED).look_and_record()
    assert back.waits_count_from == START + timedelta(days=30)
