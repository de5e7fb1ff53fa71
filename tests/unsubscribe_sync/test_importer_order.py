"""Unsubscribes read from a provider beside later signups, other lists, deliveries and address keys."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.config.secrets import Secret
from tests.support.product import START
from tests.unsubscribe_sync.world import EVERYBODY, HOUR, World, three_accounts, writes


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
        """People who unsubscribed from one account through Relais would look new, and be propagated to all others."""
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
