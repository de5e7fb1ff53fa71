"""Errors of providers, ledger and workers, and malformed state: no unsubscribe is lost or doubled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.errors import Kind, ProviderError, SecretUnavailable
from chalicelib.observability import metrics
from tests.support.interleaving import NotDone, Tapped
from tests.support.product import START
from tests.unsubscribe_sync.world import HOUR, World, three_accounts, writes


class TestErrors:
    def test_a_truncated_list_imports_the_read_rows_and_keeps_known_ones(self, world: World) -> None:
        world.restart(three_accounts(("lettre",), ("paris",)))
        emails = [f"person{number}@example.com" for number in range(6)]
        world.leave("lettre", *emails[:4])
        world.sync()
        world.leave("lettre", *emails[4:])
        world.provider("lettre").unsubscribed_rows.reverse()
        world.break_after("lettre", 3)
        result = world.sync()["lettre"]
        assert result == {"read": 3, "written": 2, "skipped": 0, "backlog": 0, "error": "later: it broke off"}
        world.repair("lettre")
        assert world.sync()["lettre"] == {"read": 6, "written": 0, "skipped": 0, "backlog": 0, "error": None}
        world.deliver()
        assert sorted(world.propagated()["paris"]) == emails

    def test_a_failing_account_does_not_stop_the_others(self, world: World) -> None:
        world.leave("brussel", "zoe@example.com")
        world.provider("lettre").rule = lambda verb, emails: ProviderError(Kind.ACCOUNT, "the key is refused")
        result = world.sync()
        assert result["lettre"]["error"] == "account: the key is refused"
        assert (result["brussel"]["written"], result["brussel"]["error"]) == (1, None)

    def test_a_failing_client_affects_only_its_account(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        world.leave("brussel", "zoe@example.com")
        world.provider("lettre").unsubscribed_rows.append(7)  # type: ignore[arg-type]
        result = world.sync()
        assert result["lettre"]["error"] == "unexpected: AttributeError"
        assert result["brussel"]["written"] == 1

    def test_a_paused_account_is_not_called(self, world: World) -> None:
        world.provider("lettre").rule = lambda verb, emails: ProviderError(Kind.LATER, "busy", retry_after=3000)
        leave = world.product.unsubscribe("a@example.com", accounts=("lettre",))
        world.product.work(*world.product.store(leave), queue="unsubscribes")
        world.provider("lettre").rule = None
        calls = len(world.provider("lettre").calls)
        assert world.sync()["lettre"]["error"] == "later: paused: busy"
        assert len(world.provider("lettre").calls) == calls
        world.clock.forward(hours=1)
        assert world.sync()["lettre"]["error"] is None

    def test_an_unreadable_secret_fails_its_account(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing(budget: float) -> None:
            raise SecretUnavailable("accounts.lettre.api_key", "secret:relais/lettre", "there is no such secret")

        monkeypatch.setattr(world.provider("lettre"), "unsubscribed", missing)
        assert world.sync()["lettre"]["error"].startswith("account: accounts.lettre.api_key: secret:relais/lettre")

    def test_a_ledger_failure_is_reported_and_the_next_run_continues(self, world: World) -> None:
        world.restart(three_accounts(("lettre",), ("paris",)))
        world.leave("lettre", "zoe@example.com")

        def fail(operation: str) -> None:
            if operation == "put_item":
                raise NotDone

        world.product.container.__dict__["_dynamodb"] = Tapped(world.dynamo, fail)
        assert world.sync()["lettre"]["error"].startswith("the ledger did not answer")
        world.restart()
        assert world.sync()["lettre"]["written"] == 1

    def test_rows_without_an_address_are_counted_and_skipped(self, world: World) -> None:
        world.leave("lettre", "zoe@example.com", "two@@example.com")
        world.provider("lettre").unsubscribed_rows += [None, None]
        assert world.sync()["lettre"] == {"read": 4, "written": 1, "skipped": 2, "backlog": 0, "error": None}

    def test_runs_of_one_account_exclude_each_other(self, world: World) -> None:
        """The second run starts during the first: the one with the lease propagates, the other skips the list."""
        world.restart(three_accounts(("lettre",), ("paris",)))
        world.leave("lettre", "zoe@example.com")
        inner: list[dict[str, object]] = []

        def meanwhile(operation: str) -> None:
            if operation == "put_item" and not inner:
                inner.append({})
                inner[0] = world.sync()["lettre"]

        world.product.container.__dict__["_dynamodb"] = Tapped(world.dynamo, meanwhile)
        assert world.sync()["lettre"]["written"] == 1
        assert (inner[0]["written"], inner[0]["error"]) == (0, "another run is reading this list")

    def test_a_run_that_lost_its_lease_while_reading_writes_nothing(self, world: World) -> None:
        world.restart(three_accounts(("lettre",), ("paris",)))
        world.leave("lettre", "zoe@example.com")
        lettre = world.provider("lettre")
        inner: list[dict[str, object]] = []

        def meanwhile(verb: str, emails: Sequence[str]) -> None:
            if not inner:
                inner.append({})
                inner[0] = world.sync()["lettre"]

        lettre.rule = meanwhile
        assert world.sync()["lettre"]["error"] == "another run is reading this list"
        assert inner[0]["written"] == 1

    @pytest.mark.seconds
    @pytest.mark.parametrize(
        ("source", "people"),
        [
            ("lettre", ["a@example.com", "b@example.com"]),
            pytest.param("brussel", ["a@example.com"], marks=pytest.mark.slow),
        ],
    )
    @pytest.mark.no_cover
    def test_a_worker_killed_at_any_call_loses_and_doubles_nothing(self, source: str, people: list[str]) -> None:
        died = 0
        for at in range(200):
            world = World(three_accounts((source,)))
            world.leave(source, *people, at=None if source == "brussel" else START)
            if not world.dies_at(at):
                break
            died += 1
            world.clock.forward(minutes=15)
            world.sync()
            world.sweep_and_deliver()
            others = {name: sorted(propagated) for name, propagated in world.propagated().items() if name != "lettre"}
            assert others == {"paris": people, "brussel": people}, at
            world.count()
            world.clock.forward(minutes=15)
            assert world.sync()[source] == {
                "read": len(people),
                "written": 0,
                "skipped": 0,
                "backlog": 0,
                "error": None,
            }
            assert writes(world.count()) == 0, at
        assert died > 12

    def test_the_time_since_the_last_successful_read_is_measured(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ages: list[tuple[float, str | None]] = []
        monkeypatch.setattr(metrics, "seconds", lambda name, value, account=None: ages.append((value, account)))
        world.restart(three_accounts(("lettre",)))
        world.provider("lettre").rule = lambda verb, emails: ProviderError(Kind.LATER, "busy")
        for _ in range(3):
            world.sync()
            world.clock.forward(minutes=15)
        world.provider("lettre").rule = None
        world.sync()
        assert ages == [(0.0, "lettre"), (900.0, "lettre"), (1800.0, "lettre"), (0.0, "lettre")]
        world.count()
        world.sync()
        assert writes(world.count()) == 0
        world.restart(replace(world.config, sync_unsubscribes=None))
        assert world.sync() == {}
        assert ages[-1] == (0.0, None)


class TestMalformed:
    """Unreadable parts of the stored state of a list cost work, or this account's run, but no unsubscribe."""

    EMAILS = ("a@example.com", "b@example.com")

    @pytest.fixture
    def counted(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        names: list[str] = []
        monkeypatch.setattr(metrics, "count", lambda name, value=1, account=None: names.append(name))
        return names

    @pytest.fixture
    def known(self) -> World:
        """A list whose rows are processed: taken as known, but the last."""
        world = World(three_accounts(("lettre",), ("paris",), baseline="known"))
        world.leave("lettre", *self.EMAILS, at=START - HOUR)
        world.sync()
        world.leave("lettre", "zoe@example.com", at=START)
        world.sync()
        world.deliver()
        assert world.propagated()["paris"] == ["zoe@example.com"]
        return world

    @pytest.mark.parametrize("digests", [b"short", "text"])
    def test_a_head_is_made_again_from_the_buckets(self, known: World, counted: list[str], digests: Any) -> None:
        change = "SET #name = :no"
        key = ("S#lettre", "unsubscribes#paris")
        known.product.container.table.update(key, change, {"no": digests}, names={"name": "digests"})
        assert known.sync()["lettre"] == {"read": 3, "written": 0, "skipped": 0, "backlog": 0, "error": None}
        assert counted.count("malformed_items") == 1
        known.sync()
        assert counted.count("malformed_items") == 1

    @pytest.mark.parametrize("rows", [b"short", "text"])
    def test_the_rows_of_a_bucket_count_as_new(self, world: World, counted: list[str], rows: Any) -> None:
        world.restart(three_accounts(("lettre",), ("paris",)))
        world.leave("lettre", *self.EMAILS, at=START - HOUR)
        world.sync()
        world.deliver()
        table = world.product.container.table
        pk = next(pk for pk in world.dynamo.items if pk.startswith("S#lettre#unsubscribes#"))
        table.update((pk, "paris"), "SET #name = :no", {"no": rows}, names={"name": "rows"})
        table.update(("S#lettre", "unsubscribes#paris"), "REMOVE #name", names={"name": "digests"})
        assert world.sync()["lettre"]["error"] is None
        assert counted.count("malformed_items") == 2
        world.deliver()
        assert sorted(world.propagated()["paris"]) == sorted(self.EMAILS), "the ledger knows of them"

    @pytest.mark.parametrize("name", ["key", "version", "lease_until", "failing_since"])
    def test_without_the_list_s_own_state_its_run_fails_and_the_others_go_on(
        self, world: World, counted: list[str], name: str
    ) -> None:
        world.sync()
        world.leave("lettre", "zoe@example.com")
        world.sync()
        world.leave("brussel", "lea@example.com")
        key = ("S#lettre", "unsubscribes")
        world.product.container.table.update(key, "SET #name = :no", {"no": [1]}, names={"name": name})
        result = world.sync()
        assert result["lettre"]["error"].startswith(f"malformed ledger item S#lettre / unsubscribes: {name} is not a ")
        assert result["brussel"]["written"] == 1
        assert "malformed_items" in counted


def test_a_person_whose_state_is_malformed_waits_until_it_is_put_right(world: World) -> None:
    world.sync()
    key = (world.product.container.address_keys.partition("bad@example.com"), "brussel")
    world.product.container.table.put_new({"pk": key[0], "sk": key[1], "unsubscribed_at": "yesterday"})
    world.leave("brussel", "bad@example.com", "good@example.com")
    assert world.sync()["brussel"]["written"] == 1
    world.product.container.table.update(key, "REMOVE unsubscribed_at")
    assert world.sync()["brussel"]["written"] == 1
    assert world.sync()["brussel"]["written"] == 0
