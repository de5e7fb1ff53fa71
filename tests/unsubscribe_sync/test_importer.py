"""Unsubscribes read from a provider reach every other account once, through any failures in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.config.model import UnsubscribeSync
from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import Kind, ProviderError, SecretUnavailable
from chalicelib.domain.events import Consent
from chalicelib.observability import metrics
from chalicelib.unsubscribe_sync import importer, list_reading
from tests.support.interleaving import NotDone, Tapped
from tests.support.product import START
from tests.unsubscribe_sync.world import EVERYBODY, SlowWrites, World, three_accounts, writes

HOUR = timedelta(hours=1)


@pytest.fixture
def world() -> World:
    return World()


def test_an_unsubscribe_at_one_provider_is_propagated_to_all_others(world: World) -> None:
    world.leave("lettre", "zoe@example.com", at=START - HOUR)
    world.leave("brussel", "lea@example.com")
    assert world.sync() == {
        name: {"read": 1, "written": 1, "skipped": 0, "backlog": 0, "error": None} for name in ("lettre", "brussel")
    }
    ids = world.deliver()
    assert {(one.event.email, one.event.accounts, one.event.all_accounts) for one in world.events(ids)} == {
        ("zoe@example.com", ("paris", "brussel"), True),
        ("lea@example.com", ("paris", "lettre", "brussel"), True),
    }
    assert {name: sorted(propagated) for name, propagated in world.propagated().items()} == {
        "paris": ["lea@example.com", "zoe@example.com"],
        "lettre": ["lea@example.com"],
        "brussel": ["lea@example.com", "zoe@example.com"],
    }
    stored = {one.event.email: one.event for one in world.events(ids)}
    assert stored["zoe@example.com"].occurred_at == START - HOUR
    assert stored["lea@example.com"].occurred_at == START


def test_an_unsubscribe_delivered_by_relais_is_not_imported_as_new(world: World) -> None:
    world.leave("lettre", "zoe@example.com", at=START - HOUR)
    world.sync()
    world.deliver()
    world.clock.forward(minutes=15)
    world.leave("brussel", "zoe@example.com")
    assert world.sync()["brussel"] == {"read": 1, "written": 0, "skipped": 0, "backlog": 0, "error": None}
    assert world.deliver() == []
    world.count()
    calls = {name: len(fake.calls) for name, fake in world.product.providers.items()}
    world.clock.forward(minutes=15)
    world.sync()
    counted = world.count()
    assert writes(counted) == 0
    assert counted == {"get_item": 4, "batch_get_item": 2}, "of each account its state, and the address keys"
    more = {name: len(fake.calls) - calls[name] for name, fake in world.product.providers.items()}
    assert more == {"paris": 0, "lettre": 1, "brussel": 1}


class TestBaseline:
    def test_the_baseline_can_be_recorded_without_events(self) -> None:
        world = World(three_accounts(baseline="known"))
        world.leave("lettre", "old@example.com", at=START - HOUR)
        assert world.sync()["lettre"]["written"] == 0
        assert world.deliver() == []
        assert not [pk for pk in world.dynamo.items if pk.startswith("A#")]
        world.leave("lettre", "zoe@example.com", at=START)
        assert world.sync()["lettre"]["written"] == 1
        world.deliver()
        assert world.propagated()["paris"] == ["zoe@example.com"]

    def test_an_empty_list_is_a_baseline_too(self) -> None:
        world = World(three_accounts(baseline="known"))
        world.sync()
        world.leave("brussel", "zoe@example.com")
        assert world.sync()["brussel"]["written"] == 1

    def test_a_truncated_list_is_not_a_baseline(self) -> None:
        world = World(three_accounts(baseline="known"))
        world.leave("lettre", "one@example.com", "two@example.com")
        world.break_after("lettre", 1)
        assert world.sync()["lettre"]["error"] == "later: it broke off"
        world.repair("lettre")
        assert world.sync()["lettre"] == {"read": 2, "written": 0, "skipped": 0, "backlog": 0, "error": None}
        world.leave("lettre", "zoe@example.com")
        assert world.sync()["lettre"]["written"] == 1

    def test_an_interrupted_baseline_continues_in_the_next_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(importer, "BUCKETS_AT_ONCE", 10)
        world = World(three_accounts(("lettre",), ("paris",), baseline="known"))
        world.leave("lettre", *(f"person{number}@example.com" for number in range(40)))
        slow = SlowWrites(world, seconds=20)
        result = world.sync()["lettre"]
        assert (result["written"], result["error"]) == (0, None)
        assert 0 < result["backlog"] < 40
        slow.seconds = 0
        world.clock.forward(minutes=15)
        assert world.sync()["lettre"]["backlog"] == 0
        assert world.deliver() == []
        world.leave("lettre", "zoe@example.com")
        assert world.sync()["lettre"]["written"] == 1

    def test_a_new_account_gets_a_baseline_while_others_import_new_unsubscribes(self) -> None:
        world = World(three_accounts(("lettre",), ("paris",), baseline="known"))
        world.leave("lettre", "old@example.com")
        world.sync()
        world.leave("lettre", "zoe@example.com")
        world.restart(three_accounts(("lettre",), EVERYBODY, baseline="known"))
        world.sync()
        world.deliver()
        assert world.propagated() == {"paris": ["zoe@example.com"], "lettre": [], "brussel": []}

    def test_earlier_unsubscribes_are_propagated_to_a_new_account(self) -> None:
        world = World(three_accounts(("lettre",), ("paris",)))
        world.leave("lettre", "old@example.com", at=START - HOUR)
        world.sync()
        world.deliver()
        world.restart(three_accounts(("lettre",), EVERYBODY))
        world.leave("lettre", "zoe@example.com", at=START)
        world.sync()
        events = world.events(world.deliver())
        assert {(one.event.email, one.event.accounts) for one in events} == {
            ("old@example.com", ("brussel",)),
            ("zoe@example.com", ("paris", "brussel")),
        }

    @pytest.mark.parametrize("where", ["at Relais", "at lettre"])
    def test_who_left_while_an_account_was_not_configured_is_unsubscribed_there_once_it_is(
        self, world: World, where: str
    ) -> None:
        """The state for all accounts keeps signups out of it; the row that it already has has to be told."""
        both = three_accounts(("lettre",))
        accounts = {name: each for name, each in both.accounts.items() if name != "brussel"}
        without = replace(both, accounts=accounts, sync_unsubscribes=UnsubscribeSync(("lettre",), ("paris", "lettre")))
        world.restart(both)
        world.leave("lettre", "known@example.com")
        world.sync()
        world.deliver()
        signup = world.product.signup("zoe@example.com", accounts=("brussel",), consent=Consent(at=START))
        world.product.work(*world.product.store(signup))
        world.clock.forward(hours=1)
        world.restart(without)
        if where == "at Relais":
            event = world.product.unsubscribe("zoe@example.com", accounts=("paris", "lettre"), all_accounts=True)
            world.product.work(*world.product.store(event), queue="unsubscribes")
        world.leave("lettre", "zoe@example.com")
        world.sync()
        world.deliver()
        assert world.propagated()["brussel"] == ["known@example.com"]

        world.clock.forward(days=100)
        world.restart(both)
        assert world.sync()["lettre"]["written"] == 1
        world.deliver()
        assert world.propagated()["brussel"] == ["known@example.com", "zoe@example.com"]
        assert world.propagated()["paris"].count("zoe@example.com") == 1
        assert world.sync()["lettre"]["written"] == 0

    def test_the_baseline_of_a_new_account_does_not_undo_a_resubscription(self, world: World) -> None:
        """brussel reports no times: only its first reading shows that the row is old."""
        world.restart(three_accounts(("brussel",), ("paris",)))
        world.leave("brussel", "zoe@example.com")
        world.sync()
        world.deliver()
        world.clock.forward(hours=1)
        world.resubscribed("zoe@example.com", "paris")
        world.clock.forward(hours=1)
        world.restart(three_accounts(("brussel",), EVERYBODY))
        world.sync()
        (event,) = world.events(world.deliver())
        assert event.event.accounts == ("lettre", "brussel")
        assert event.event.occurred_at == START
        assert world.propagated()["paris"] == ["zoe@example.com"]

    @pytest.mark.parametrize("buckets", [1, 4096])
    def test_a_later_truncated_list_keeps_known_rows(self, monkeypatch: pytest.MonkeyPatch, buckets: int) -> None:
        """No known person has a subscription state in the ledger: forgotten rows would be propagated to all."""
        if buckets == 1:
            monkeypatch.setattr(list_reading, "bucket_and_fingerprint", lambda digest: (0, digest[2:8]))
        world = World(three_accounts(baseline="known"))
        emails = [f"person{number}@example.com" for number in range(6)]
        world.leave("lettre", *emails, at=START - HOUR)
        world.sync()
        world.break_after("lettre", 2)
        assert world.sync()["lettre"]["error"] == "later: it broke off"
        world.repair("lettre")
        assert world.sync()["lettre"] == {"read": 6, "written": 0, "skipped": 0, "backlog": 0, "error": None}


class TestPortions:
    def test_new_unsubscribes_per_run_are_limited(self) -> None:
        world = World(three_accounts(("lettre",), ("paris",), news_per_run=7))
        emails = [f"person{number}@example.com" for number in range(20)]
        world.leave("lettre", *emails)
        runs = []
        for _ in range(4):
            result = world.sync()["lettre"]
            runs.append((result["written"], result["backlog"]))
            world.deliver()
        assert runs == [(7, 13), (7, 6), (6, 0), (0, 0)]
        assert sorted(world.propagated()["paris"]) == sorted(emails)

    def test_recent_unsubscribes_are_imported_before_a_backlog(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of buckets of 50 rows the one with a single new row comes first."""
        monkeypatch.setattr(importer, "WINDOW", 10)
        monkeypatch.setattr(list_reading, "bucket_and_fingerprint", lambda digest: (digest[0] % 4, digest[2:8]))
        world = World(three_accounts(("lettre",), ("paris",), news_per_run=60))
        world.leave("lettre", *(f"person{number}@example.com" for number in range(200)))
        world.sync()
        world.deliver()
        world.leave("lettre", *(f"new{number}@example.com" for number in range(12)))
        before = len(world.propagated()["paris"])
        world.sync()
        world.deliver()
        assert any(email.startswith("new") for email in world.propagated()["paris"][before:][:12])

    def test_a_run_out_of_time_is_continued(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(importer, "CHUNK", 5)
        world = World(three_accounts(("lettre",), ("paris",)))
        emails = [f"person{number}@example.com" for number in range(30)]
        world.leave("lettre", *emails)
        slow = SlowWrites(world, seconds=1.5)
        first = world.sync(seconds=120)["lettre"]
        assert 0 < first["written"] < 30
        assert first["backlog"] == 30 - first["written"]
        slow.seconds = 0
        world.clock.forward(minutes=15)
        assert world.sync()["lettre"]["written"] == 30 - first["written"]
        world.deliver()
        assert sorted(world.propagated()["paris"]) == sorted(emails)


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
        assert result["lettre"]["error"].startswith(f"malformed ledger item S#lettre / unsubscribes: {name} is no ")
        assert result["brussel"]["written"] == 1
        assert "malformed_items" in counted


class TestOrder:
    def test_a_second_unsubscribe_is_propagated_again(self, world: World) -> None:
        world.restart(three_accounts(("lettre",), ("paris",)))
        world.leave("lettre", "zoe@example.com", at=START - HOUR)
        world.sync()
        world.deliver()
        world.clock.forward(hours=1)
        world.resubscribed("zoe@example.com", "paris")
        world.provider("lettre").unsubscribed_rows.clear()
        world.sync()
        world.clock.forward(hours=1)
        world.leave("lettre", "zoe@example.com", at=world.clock(), provider_id="another")
        world.sync()
        world.deliver()
        assert world.propagated()["paris"] == ["zoe@example.com"] * 2

    def test_a_changed_row_is_imported_as_a_new_unsubscribe(self, world: World) -> None:
        world.restart(three_accounts(("brussel",), ("paris",)))
        world.leave("brussel", "zoe@example.com", provider_id="7", version="1")
        world.sync()
        world.deliver()
        world.clock.forward(hours=1)
        world.resubscribed("zoe@example.com", "paris")
        world.clock.forward(hours=1)
        world.provider("brussel").unsubscribed_rows.clear()
        world.leave("brussel", "zoe@example.com", provider_id="7", version="2")
        world.sync()
        world.deliver()
        assert world.propagated()["paris"] == ["zoe@example.com"] * 2

    def test_a_stale_row_does_not_undo_a_later_signup(self, world: World) -> None:
        """A signup at the source that was delivered after the time of the row."""
        world.restart(three_accounts(("brussel",), EVERYBODY))
        world.sign_up("zoe@example.com", "brussel")
        world.clock.forward(hours=1)
        world.leave("brussel", "zoe@example.com", at=START - HOUR)
        assert world.sync()["brussel"]["written"] == 0
        assert world.deliver() == []

    def test_a_later_resubscription_elsewhere_is_kept(self, world: World) -> None:
        world.sign_up("zoe@example.com", "paris")
        world.clock.forward(hours=1)
        world.leave("lettre", "zoe@example.com", at=START - HOUR)
        world.sync()
        (event,) = world.events(world.deliver())
        assert event.event.accounts == ("brussel",)

    def test_a_row_that_may_have_been_read_before_a_signup_waits(self, world: World) -> None:
        """The signup's lease lasts beyond the start of the reading: their order is unknown."""
        world.restart(three_accounts(("brussel",), EVERYBODY))
        world.leave("brussel", "zoe@example.com")
        world.sign_up("zoe@example.com", "brussel")
        assert world.sync()["brussel"] == {"read": 1, "written": 0, "skipped": 0, "backlog": 1, "error": None}
        world.clock.forward(minutes=15)
        assert world.sync()["brussel"]["written"] == 1

    def test_a_row_caused_by_a_recent_delivery_is_not_imported(self, world: World) -> None:
        """Unsubscribed, resubscribed to one list a moment later: the row of the other list is not new."""
        world.restart(three_accounts(("brussel",), EVERYBODY))
        leave = world.product.unsubscribe("zoe@example.com", accounts=("brussel",))
        world.product.work(*world.product.store(leave), queue="unsubscribes")
        world.clock.forward(minutes=1)
        world.resubscribed("zoe@example.com", "brussel")
        world.clock.forward(minutes=10)
        world.leave("brussel", "zoe@example.com")
        assert world.sync()["brussel"] == {"read": 1, "written": 0, "skipped": 0, "backlog": 0, "error": None}
        world.clock.forward(hours=1)
        world.leave("brussel", "zoe@example.com")
        assert world.sync()["brussel"]["written"] == 1

    def test_an_unsubscribe_from_one_account_is_not_propagated(self, world: World) -> None:
        leave = world.product.unsubscribe("zoe@example.com", accounts=("lettre",))
        world.product.work(*world.product.store(leave), queue="unsubscribes")
        world.leave("lettre", "zoe@example.com", at=START)
        assert world.sync()["lettre"]["written"] == 0
        assert world.deliver() == []
        assert world.propagated()["paris"] == []

    def test_several_lists_and_spellings_are_one_person(self, world: World) -> None:
        world.leave("brussel", "zoe@example.com", "ZOE@example.com", " zoe@Example.com")
        assert world.sync()["brussel"]["written"] == 1
        world.deliver()
        assert len(world.propagated()["paris"]) == 1
        world.count()
        world.sync()
        assert writes(world.count()) == 0

    def test_an_import_does_not_sign_up_an_unsubscribed_address(self, world: World) -> None:
        """Also where there was no other account: the account itself gets no call, but records the state."""
        world.restart(three_accounts(("brussel",), ("paris",)))
        known = world.product.unsubscribe("zoe@example.com", accounts=("paris",))
        world.product.work(*world.product.store(known), queue="unsubscribes")
        world.leave("brussel", "zoe@example.com")
        assert world.sync()["brussel"]["written"] == 0
        world.clock.forward(minutes=15)
        assert world.sign_up("zoe@example.com", "brussel", may_lift_suppression=False) == ("refused", "suppressed")

    def test_a_new_first_address_key_changes_nothing(self, world: World) -> None:
        world.leave("lettre", "zoe@example.com", at=START - HOUR)
        world.sync()
        world.deliver()
        keys = (Secret.plain("placeholder-address-key-2"), *world.config.privacy.address_keys)
        world.restart(replace(world.config, privacy=replace(world.config.privacy, address_keys=keys)))
        world.sync()
        world.count()
        world.leave("lettre", "lea@example.com")
        assert world.sync()["lettre"]["written"] == 1
        world.deliver()
        assert sorted(world.propagated()["paris"]) == ["lea@example.com", "zoe@example.com"]

    def test_without_an_address_key_that_was_written_with_lists_are_not_compared(self, world: World) -> None:
        """Whoever left one account through Relais would look new, and be propagated to all others."""
        before = world.config
        world.sync()
        keys = (Secret.plain("placeholder-address-key-2"), *before.privacy.address_keys)
        world.restart(replace(before, privacy=replace(before.privacy, address_keys=keys)))
        left = world.product.unsubscribe("zoe@example.com", accounts=("lettre",))
        world.product.work(*world.product.store(left), queue="unsubscribes")
        world.leave("lettre", "zoe@example.com", at=START)
        rotated = world.config
        world.restart(before)
        outcome = world.sync()["lettre"]
        assert (outcome["written"], outcome["error"][:28]) == (0, "later: address key missing: ")
        assert world.deliver() == []
        world.restart(rotated)
        assert world.sync()["lettre"] == {"read": 1, "written": 0, "skipped": 0, "backlog": 0, "error": None}
        assert world.propagated()["paris"] == []


class TestWork:
    def test_work_depends_on_new_rows_not_on_the_size_of_the_list(self) -> None:
        world = World(three_accounts(("lettre",), ("paris",), baseline="known"))
        world.leave("lettre", *(f"person{number}@example.com" for number in range(1500)), at=START)
        world.sync()
        world.count()
        assert world.sync()["lettre"]["read"] == 1500
        assert world.count() == {"get_item": 2, "batch_get_item": 1}
        world.leave("lettre", *(f"new{number}@example.com" for number in range(10)), at=START)
        assert world.sync()["lettre"]["written"] == 10
        counted = world.count()
        # an event, its time for forms, a note and a bucket for each; leasing the list, its digests, releasing it
        assert counted["put_item"] == 10
        assert counted["update_item"] == 10 + 10 + 10 + 3
        assert counted["batch_get_item"] <= 5
        world.deliver()
        world.count()
        world.sync()
        assert writes(world.count()) == 0


def test_a_person_whose_state_is_malformed_waits_until_it_is_put_right(world: World) -> None:
    world.sync()
    key = (world.product.container.address_keys.partition("bad@example.com"), "brussel")
    world.product.container.table.put_new({"pk": key[0], "sk": key[1], "unsubscribed_at": "yesterday"})
    world.leave("brussel", "bad@example.com", "good@example.com")
    assert world.sync()["brussel"]["written"] == 1
    world.product.container.table.update(key, "REMOVE unsubscribed_at")
    assert world.sync()["brussel"]["written"] == 1
    assert world.sync()["brussel"]["written"] == 0
