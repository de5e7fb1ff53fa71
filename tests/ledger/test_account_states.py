"""Account states change only if they are still as they were read; account names are recorded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.domain.backoff import AccountState, Pause
from chalicelib.domain.repeated_refusals import RefusedAlike
from chalicelib.ledger.account_states import AccountStore
from chalicelib.ledger.table import Table
from tests.support.aws import TestAws

PAUSE = Pause(until=2, since=1, reason="HTTP 503", kind="later", failures=3, configuration="1f")


@pytest.fixture
def table(resources: TestAws) -> Table:
    return Table(resources.dynamodb, "relais-local-ledger")


@pytest.fixture
def accounts(table: Table) -> AccountStore:
    return AccountStore(table)


def test_a_state_is_read_as_it_was_written(accounts: AccountStore) -> None:
    assert accounts.read("paris") == AccountState()
    refusals = (RefusedAlike("4781", "footer", "no", {"p1": 3, "p2": 4}), RefusedAlike("4781", None, "no", {}))
    paused = AccountState(PAUSE, {"4781": replace(PAUSE, failures=1)}, resumed_at=5, probe_until=7)
    full = replace(paused, refusals=refusals, waived_until=9)
    written = accounts.write("paris", AccountState(), full)
    assert written == replace(full, version=1) == accounts.read("paris")
    assert accounts.write("paris", written, AccountState()) == AccountState(version=2) == accounts.read("paris")
    assert accounts.read("lyon") == AccountState()


def test_a_state_changes_only_from_the_version_that_was_read(accounts: AccountStore) -> None:
    assert accounts.write("paris", AccountState(), AccountState(PAUSE)) is not None
    assert accounts.write("paris", AccountState(), AccountState()) is None, "the state has changed"
    seen = accounts.read("paris")
    assert accounts.write("paris", seen, AccountState(resumed_at=1)) is not None
    assert accounts.write("paris", seen, AccountState(resumed_at=2)) is None
    assert accounts.write("lyon", seen, AccountState(resumed_at=2)) is None, "a state that was never written"
    assert accounts.read("paris") == AccountState(resumed_at=1, version=2)


def test_of_many_workers_one_changes_the_state(accounts: AccountStore) -> None:
    seen = accounts.write("paris", AccountState(), AccountState(PAUSE))
    assert seen is not None
    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(lambda n: accounts.write("paris", seen, replace(seen, probe_until=n)), range(8)))
    (winner,) = [each for each in written if each is not None]
    assert accounts.read("paris") == winner


def test_removed_accounts_are_known_by_name(accounts: AccountStore) -> None:
    assert accounts.record_configured(["paris", "lyon"]) == ([], False)
    assert accounts.record_configured(["lyon", "nice"]) == (["paris"], False)
    assert accounts.record_configured(["nice"]) == (["lyon", "paris"], False)
    assert accounts.record_configured(["paris", "lyon", "nice"]) == ([], False)


def test_other_targets_of_forms_are_noticed_until_they_are_recorded(accounts: AccountStore) -> None:
    assert accounts.record_configured(["paris"], "first") == ([], False), "nothing has waited for it"
    assert accounts.record_configured(["paris"], "first") == ([], False)
    assert accounts.record_configured(["paris"], "second") == ([], True)
    assert accounts.record_configured(["paris"], "second") == ([], True)
    accounts.record_targets("second")
    assert accounts.record_configured(["paris"], "second") == ([], False)


def test_names_are_the_configured_accounts_and_those_of_before(accounts: AccountStore) -> None:
    assert accounts.names(["paris"]) == ("paris",)
    accounts.record_configured(["paris", "lyon"])
    assert accounts.names(["vienna", "paris"]) == ("vienna", "paris", "lyon")
