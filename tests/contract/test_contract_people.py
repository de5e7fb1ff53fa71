"""What every provider must keep of people: unsubscribes and subscribers read, people brought back or forgotten."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import Kind
from chalicelib.providers.spec import Contact, Provider, ProviderSpec
from local.sandbox import Control
from tests.contract.errors import BUDGET, ERRORS, failure
from tests.contract.provider_kits import Kit


class TestReadingUnsubscribes:
    def test_reading_unsubscribes_is_rejected_where_unsupported(
        self, spec: ProviderSpec, provider: Provider, control: Control
    ) -> None:
        if spec.capabilities.reads_unsubscribes:
            pytest.skip("can be read")
        error = failure(lambda: list(provider.unsubscribed(budget=5)))
        assert error.kind is Kind.CALLER and spec.title.split()[0] in error.message
        assert control.calls() == []

    def test_unsubscribes_are_read_with_their_time_and_invalid_addresses_are_skipped(
        self, kit: Kit, spec: ProviderSpec, provider: Provider
    ) -> None:
        if not spec.capabilities.reads_unsubscribes:
            pytest.skip("cannot be read")
        provider.unsubscribe(kit.member, global_scope=False, budget=5)
        found = list(provider.unsubscribed(budget=10))
        assert kit.member.lower() in {each.email.lower() for each in found}
        assert all(each.email.count("@") == 1 and each.email == each.email.strip() for each in found)
        assert all(each.at is None or each.at.utcoffset() is not None for each in found)

    def test_a_failed_read_is_never_an_unknown_outcome(
        self, spec: ProviderSpec, provider: Provider, control: Control
    ) -> None:
        if not spec.capabilities.reads_unsubscribes:
            pytest.skip("cannot be read")
        for fault, _, expected in ERRORS.values():
            control.fault(**fault)
            assert failure(lambda: list(provider.unsubscribed(budget=BUDGET))).kind is expected
            control.clear_faults()


def able(spec: ProviderSpec, capability: str) -> None:
    if not getattr(spec.capabilities, capability):
        pytest.skip("cannot")


def mailed(provider: Provider) -> set[str]:
    return {email.lower() for email in provider.subscribed(budget=10)}


def unsubscribed_at(provider: Provider) -> set[str]:
    return {each.email.lower() for each in provider.unsubscribed(budget=10)}


class TestResubscription:
    """`lift_suppression`, after which the provider no longer lists the address as unsubscribed."""

    @pytest.mark.parametrize("knows_the_row", [True, False])
    def test_a_lifted_suppression_is_no_longer_listed(
        self, knows_the_row: bool, kit: Kit, spec: ProviderSpec, provider: Provider
    ) -> None:
        able(spec, "lifts_suppression")
        row = provider.unsubscribe(kit.member, global_scope=False, budget=5)
        before = unsubscribed_at(provider)
        assert kit.member.lower() in before
        for _ in range(2):
            provider.lift_suppression(
                kit.member.swapcase(), list_id=kit.list_id, provider_id=row if knows_the_row else None, budget=10
            )
            rows = [each for each in provider.unsubscribed(budget=10) if each.email.lower() == kit.member.lower()]
            assert len(rows) == (len(kit.others_lists) if spec.capabilities.has_lists else 0)
        assert before - {kit.member.lower()} <= unsubscribed_at(provider), "no other address was lifted"

    def test_an_outdated_row_id_falls_back_to_a_search_by_address(
        self, kit: Kit, spec: ProviderSpec, provider: Provider
    ) -> None:
        able(spec, "lifts_suppression")
        provider.unsubscribe(kit.member, global_scope=False, budget=5)
        before = len(list(provider.unsubscribed(budget=10)))
        provider.lift_suppression(kit.member, list_id=kit.list_id, provider_id="9999999", budget=10)
        assert len(list(provider.unsubscribed(budget=10))) == before - 1

    def test_lifting_for_an_unknown_address_changes_nothing(
        self, kit: Kit, spec: ProviderSpec, provider: Provider, control: Control
    ) -> None:
        able(spec, "lifts_suppression")
        provider.lift_suppression("nobody@example.com", list_id=kit.list_id, provider_id=None, budget=10)
        assert not control.calls(function=kit.lifts_by)

    def test_errors_and_time_limits_apply(
        self, kit: Kit, spec: ProviderSpec, provider: Provider, control: Control
    ) -> None:
        able(spec, "lifts_suppression")
        row = provider.unsubscribe(kit.member, global_scope=False, budget=5)
        control.forget_calls()

        def lift(budget: float) -> None:
            provider.lift_suppression(kit.member, list_id=kit.list_id, provider_id=row, budget=budget)

        assert failure(lambda: lift(0.1)).kind is Kind.LATER and control.calls() == []
        control.fault("reset", function=kit.lifts_by, when="after", times=1)
        assert failure(lambda: lift(5)).kind is Kind.UNKNOWN
        lift(5)


class TestForgetting:
    def test_a_forgotten_address_is_deleted_and_repeating_is_harmless(
        self, kit: Kit, spec: ProviderSpec, provider: Provider
    ) -> None:
        able(spec, "deletes_subscribers")
        assert kit.member.lower() in mailed(provider)
        for _ in range(2):
            provider.forget(kit.member, budget=10)
            assert kit.member.lower() not in mailed(provider) | unsubscribed_at(provider)
        provider.forget("nobody@example.com", budget=10)

    def test_errors_and_time_limits_apply(
        self, kit: Kit, spec: ProviderSpec, provider: Provider, control: Control
    ) -> None:
        able(spec, "deletes_subscribers")
        assert failure(lambda: provider.forget(kit.member, budget=0.1)).kind is Kind.LATER
        assert control.calls() == []
        control.fault("status", status=500, function="subscriber_delete_by_address", when="after", skip=1, times=1)
        assert failure(lambda: provider.forget(kit.member, budget=5)).kind is Kind.UNKNOWN
        assert kit.member.lower() not in mailed(provider), "unsubscribed from all lists before any deletion"
        provider.forget(kit.member, budget=5)
        assert kit.member.lower() not in unsubscribed_at(provider)


class TestReadingSubscribers:
    def test_a_signed_up_address_is_listed_until_it_is_unsubscribed(
        self, kit: Kit, spec: ProviderSpec, provider: Provider
    ) -> None:
        able(spec, "reads_subscribers")
        provider.sign_up(kit.list_id, [Contact("New+tag@example.com")], budget=5)
        assert {"new+tag@example.com", kit.member.lower()} <= mailed(provider)
        provider.unsubscribe(kit.member, global_scope=False, budget=5)
        provider.unsubscribe("new+tag@example.com", global_scope=False, budget=5)
        assert not mailed(provider) & {"new+tag@example.com", kit.member.lower()}
        assert not mailed(provider) & unsubscribed_at(provider)

    def test_a_failed_read_is_never_an_unknown_outcome(
        self, spec: ProviderSpec, provider: Provider, control: Control
    ) -> None:
        able(spec, "reads_subscribers")
        for fault, _, expected in ERRORS.values():
            control.fault(**fault)
            assert failure(lambda: list(provider.subscribed(budget=BUDGET))).kind is expected
            control.clear_faults()
