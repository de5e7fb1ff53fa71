"""Unsubscribes read from a provider reach every other account once: baselines, portions, and the work for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.config.model import UnsubscribeSync
from chalicelib.domain.events import Consent
from chalicelib.unsubscribe_sync import importer, list_reading
from tests.support.product import START
from tests.unsubscribe_sync.world import EVERYBODY, HOUR, SlowWrites, World, three_accounts, writes


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
        """The state for all accounts keeps signups away from it; a row that it has already must be unsubscribed."""
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

    @pytest.mark.seconds
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


class TestWork:
    @pytest.mark.seconds
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
