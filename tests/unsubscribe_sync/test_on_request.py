"""Unsubscribe syncs requested by an event: each account's list is read to the end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.config.model import RetryPolicy
from chalicelib.domain.errors import InvalidEvent, Kind, LedgerUnavailable, ProviderError
from chalicelib.domain.events import Sync
from chalicelib.ingestion.parse_event import parse_event
from chalicelib.unsubscribe_sync.sync_state import SyncStateStore
from tests.support.product import START
from tests.unsubscribe_sync.world import EVERYBODY, World, three_accounts

ASK = {"type": "sync", "id": "ask", "kind": "unsubscribes"}


def ask(world: World, milliseconds: int = 300_000, **members: Any) -> None:
    answered = world.product.work(bodies=({**ASK, **members},), queue="syncs", milliseconds=milliseconds)
    assert answered == {"batchItemFailures": []}


def reasons(world: World, event_id: str = "ask") -> dict[str, tuple[str, str | None]]:
    return {one["account"]: (one["status"], one["reason"]) for one in world.product.view(event_id)["deliveries"]}


def test_every_configured_account_is_read_by_default(world: World) -> None:
    world.leave("lettre", "zoe@example.com", at=START)
    world.leave("brussel", "lea@example.com")
    ask(world)
    assert reasons(world) == {"lettre": ("delivered", "read 1, told 1"), "brussel": ("delivered", "read 1, told 1")}
    world.deliver()
    assert sorted(world.propagated()["paris"]) == ["lea@example.com", "zoe@example.com"]


def test_only_the_named_accounts_are_read(world: World) -> None:
    world.leave("lettre", "zoe@example.com", at=START)
    world.leave("brussel", "lea@example.com")
    ask(world, **{"from": ["lettre"], "to": ["paris"]})
    assert reasons(world) == {"lettre": ("delivered", "read 1, told 1")}
    world.deliver()
    assert world.propagated() == {"paris": ["zoe@example.com"], "lettre": [], "brussel": []}
    assert world.provider("brussel").calls == []
    # The accounts that were not named are called by the next scheduled run, and none twice.
    world.sync()
    world.deliver()
    assert sorted(world.propagated()["paris"]) == ["lea@example.com", "zoe@example.com"]
    assert sorted(world.propagated()["brussel"]) == ["lea@example.com", "zoe@example.com"]


def test_more_unsubscribes_than_the_limit_continue_by_themselves() -> None:
    world = World(three_accounts(("lettre",), ("paris",), news_per_run=10))
    emails = [f"person{number:02}@example.com" for number in range(25)]
    world.leave("lettre", *emails)
    ask(world)
    assert reasons(world) == {"lettre": ("pending", "so far told 10")}
    world.deliver()
    assert reasons(world) == {"lettre": ("delivered", "read 25, told 25")}
    assert sorted(world.propagated()["paris"]) == emails


def test_an_error_defers_the_sync_and_it_is_retried(world: World) -> None:
    world.leave("lettre", "zoe@example.com")
    world.provider("lettre").rule = lambda verb, emails: ProviderError(Kind.LATER, "busy", retry_after=100)
    ask(world)
    assert reasons(world) == {
        "lettre": ("pending", "later: busy"),
        "brussel": ("delivered", "read 0, told 0"),
    }
    assert world.product.delivery("ask", "lettre")["next_attempt_at"] == "2026-03-01T09:31:40Z"
    world.provider("lettre").rule = None
    world.clock.forward(seconds=101)
    world.sweep_and_deliver()
    assert reasons(world)["lettre"] == ("delivered", "read 1, told 1")


def test_a_lasting_error_parks_the_sync(world: World) -> None:
    world.restart(replace(world.config, delivery=RetryPolicy(give_up_after_hours=1)))
    world.provider("lettre").rule = lambda verb, emails: ProviderError(Kind.ACCOUNT, "the key is refused")
    ask(world, **{"from": ["lettre"]})
    world.clock.forward(hours=2)
    world.sweep_and_deliver()
    assert reasons(world) == {"lettre": ("parked", "account: the key is refused")}


def test_the_sync_waits_for_a_running_import(world: World) -> None:
    world.leave("lettre", "zoe@example.com")
    store = SyncStateStore(world.product.container.table)
    seen = store.read("lettre", ["paris"])
    later = world.clock.now.replace(minute=40)
    assert store.claim("lettre", seen, "key", world.clock(), later)
    ask(world, **{"from": ["lettre"]})
    assert reasons(world) == {"lettre": ("pending", None)}
    assert world.deliver() == []  # it does not enqueue itself again and again
    world.clock.forward(minutes=15)
    world.sweep_and_deliver()
    assert reasons(world) == {"lettre": ("delivered", "read 1, told 1")}


def test_unpropagated_unsubscribes_keep_the_sync_pending(world: World) -> None:
    world.leave("brussel", "zoe@example.com")
    world.sign_up("zoe@example.com", "brussel")
    ask(world, **{"from": ["brussel"]})
    assert reasons(world) == {"brussel": ("pending", None)}
    assert world.deliver() == []
    world.clock.forward(minutes=2)
    world.sweep_and_deliver()
    assert reasons(world) == {"brussel": ("delivered", "read 1, told 1")}


def test_a_sync_of_a_dead_worker_is_taken_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.leave("lettre", "zoe@example.com")

    def fail(*args: object) -> None:
        raise LedgerUnavailable("down")

    with monkeypatch.context() as patched:
        patched.setattr(SyncStateStore, "claim", fail)
        ask(world, **{"from": ["lettre"]})
    assert reasons(world) == {"lettre": ("pending", None)}
    world.clock.forward(minutes=10)
    world.sweep_and_deliver()
    assert reasons(world) == {"lettre": ("delivered", "read 1, told 1")}


def test_a_removed_or_unsupported_account_refuses_the_sync(world: World) -> None:
    event = {**ASK, "from": ["lettre"]}
    stored = parsed(world, event)
    world.product.container.events.store(replace(stored, id="moved", accounts=("paris",)))
    world.product.container.events.store(replace(stored, id="gone", accounts=("lyon",)))
    world.product.work("moved", "gone", queue="syncs", milliseconds=300_000)
    assert reasons(world, "moved") == {"paris": ("refused", "the account's provider has no unsubscribe list to read")}
    assert reasons(world, "gone") == {"lyon": ("refused", "the account is not configured any more")}


def parsed(world: World, event: dict[str, Any]) -> Any:
    return parse_event(
        event,
        world.config,
        default_id="default",
        default_occurred_at=START,
        accepted_at=START,
    )


class TestEvent:
    def test_the_event_is_stored_as_sent(self, world: World) -> None:
        event = parsed(world, {**ASK, "from": ["brussel", "lettre"], "to": ["paris"]})
        assert event.accounts == ("lettre", "brussel")
        assert event.sync == Sync("unsubscribes", propagate_to=("paris",))
        world.product.container.events.store(event)
        (stored,) = world.product.container.events.load(["ask"])
        assert stored.event.sync == event.sync

    def test_the_same_id_for_other_accounts_is_another_event(self, world: World) -> None:
        ask(world, to=["paris"])
        ask(world, to=["paris"])
        ask(world, to=["brussel"])
        assert reasons(world)["lettre"] == ("delivered", "read 0, told 0")
        refused = [pk for pk, items in world.dynamo.items.items() if "was used before, with other" in str(items)]
        assert len(refused) == 1
        assert "E#ask" not in refused

    @pytest.mark.parametrize(
        ("members", "wrong"),
        [
            ({"from": ["paris"]}, "from: names an account whose provider cannot say who left"),
            ({"from": ["nowhere"]}, "from: must name configured accounts only"),
            ({"to": ["nowhere"]}, "to: must name configured accounts only"),
            ({"from": []}, "from: must be a list of at least one text"),
            ({"to": "paris"}, "to: must be a list of at least one text"),
        ],
    )
    def test_every_error_names_its_field(self, world: World, members: dict[str, Any], wrong: str) -> None:
        with pytest.raises(InvalidEvent) as failure:
            parsed(world, {**ASK, **members})
        assert str(failure.value) == wrong

    def test_without_a_section_the_event_must_name_everything(self, world: World) -> None:
        world.restart(replace(world.config, sync_unsubscribes=None))
        with pytest.raises(InvalidEvent) as failure:
            parsed(world, ASK)
        assert [one.field for one in failure.value.field_errors] == ["from", "to"]
        world.leave("lettre", "zoe@example.com")
        ask(world, **{"from": ["lettre"], "to": list(EVERYBODY)})
        assert reasons(world) == {"lettre": ("delivered", "read 1, told 1")}

    def test_an_invalid_queued_event_is_refused_under_its_named_accounts(self, world: World) -> None:
        ask(world, **{"from": ["paris"]})
        assert reasons(world) == {
            "paris": ("refused", "invalid: from: names an account whose provider cannot say who left")
        }
