"""What every provider must keep, whichever it is: run for each kit against the sandbox."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from chalicelib.domain.errors import Kind
from chalicelib.providers import registry
from chalicelib.providers.spec import CampaignFigures, Contact, Provider, ProviderSpec
from chalicelib.providers.transport.session import Transport
from local.sandbox import Control, Sandbox
from local.sandbox.faults import Rule
from tests.contract.errors import BUDGET, ERRORS, failure
from tests.contract.matrix import every_call, example, given, prepared_example
from tests.contract.provider_kits import KITS, Kit
from tests.contract.scripted import Scripted, answer
from tests.support.controlled_time import OwnTime

CSV = answer(b"email;nom\r\nfile@example.com;Nom\r\n", headers={"Content-Type": "text/csv"})


def contacts(number: int) -> list[Contact]:
    return [Contact(f"person{each}@example.com", {"nom": f"Nom {each}"}) for each in range(number)]


def signing_up(kit: Kit, spec: ProviderSpec, provider: Provider, budget: float = 10.0) -> Callable[[], None]:
    """A signup, after one that has made all required earlier calls (a lookup, a session)."""
    if not spec.capabilities.signup_batch:
        pytest.skip("takes no signups")
    provider.sign_up(kit.list_id, contacts(1), budget=10)
    return lambda: provider.sign_up(kit.list_id, contacts(1), budget=budget)


def test_every_provider_with_functions_is_under_this_contract() -> None:
    assert set(KITS) == {name for name in registry.names() if registry.spec(name).functions}


class TestDeclaration:
    def test_the_declaration_belongs_to_its_package(self, kit: Kit, spec: ProviderSpec) -> None:
        assert spec.name == kit.provider and spec.title
        assert spec.base_url.startswith("https://") and not spec.base_url.endswith("/")

    def test_capabilities_are_consistent(self, spec: ProviderSpec) -> None:
        can = spec.capabilities
        assert can.parallel_calls >= 1
        assert can.has_lists or can.signup_batch == 0
        assert can.statistics != "none" or can.statistics_retention is None
        assert can.lifts_suppression or can.unsuppress_by_hand, "a provider that cannot lift declares a manual remedy"

    def test_options_are_unique_and_documented(self, spec: ProviderSpec) -> None:
        names = [option.name for option in spec.options]
        assert len(set(names)) == len(names) and not {"provider", "base_url", "open_base_url"} & set(names)
        assert all(option.help for option in spec.options)
        assert all(not option.choices or option.default in option.choices for option in spec.options)

    def test_functions_and_parameters_are_documented(self, spec: ProviderSpec) -> None:
        assert spec.functions
        for function in spec.functions:
            assert function.help, function.name
            assert all(parameter.help for parameter in function.parameters), function.name


class TestFunctions:
    def test_every_function_can_be_called_by_name(
        self, kit: Kit, spec: ProviderSpec, provider: Provider, server: Scripted
    ) -> None:
        server.otherwise = CSV
        assert {name for name, _ in kit.examples} == {function.name for function in spec.functions}
        result: Any = None
        for name, params in kit.examples:
            result = provider.call(name, given(params, server.url, result), budget=10)
            reported = json.dumps(result, allow_nan=False)
            assert not [form for form in kit.betrayals() if form in reported], name

    def test_every_function_is_read_behind_a_notice(
        self, kit: Kit, provider: Provider, server: Scripted, control: Control
    ) -> None:
        server.otherwise = CSV
        control.fault("notice")
        result: Any = None
        for name, params in kit.examples:
            result = provider.call(name, given(params, server.url, result), budget=10)

    def test_an_unknown_name_is_rejected_with_a_suggestion(
        self, kit: Kit, provider: Provider, control: Control
    ) -> None:
        name = kit.read[0]
        error = failure(lambda: provider.call(name[:-1], {}, budget=5))
        assert error.kind is Kind.CALLER and repr(name) in error.message
        assert control.calls() == []

    def test_wrong_parameters_are_rejected_before_the_call(
        self, spec: ProviderSpec, provider: Provider, control: Control
    ) -> None:
        for function in spec.functions:
            unknown = failure(lambda name=function.name: provider.call(name, {"nonesuch": "x"}, budget=5))
            assert unknown.kind is Kind.CALLER and "nonesuch" in unknown.message
            for parameter in function.parameters:
                given = {each.name: object() for each in function.parameters if each.required or each == parameter}
                wrong = failure(lambda name=function.name, given=given: provider.call(name, given, budget=5))
                assert wrong.kind is Kind.CALLER and f"{parameter.name} must be" in wrong.message
                if parameter.required:
                    missing = failure(lambda name=function.name: provider.call(name, {}, budget=5))
                    assert missing.kind is Kind.CALLER and f"{parameter.name} is missing" in missing.message
        assert control.calls() == []


class TestErrors:
    @pytest.mark.parametrize("case", ERRORS)
    @pytest.mark.parametrize(("kit", "name", "changes"), every_call())
    def test_every_call_maps_the_error_to_its_kind(
        self,
        case: str,
        kit: Kit,
        name: str,
        changes: bool,
        provider: Provider,
        control: Control,
        server: Scripted,
    ) -> None:
        """Reads can be repeated; the outcome of a change is unknown, unless it was rejected."""
        fault, for_change, for_read = ERRORS[case]
        if name in kit.answered_anything and fault["kind"] == "wrong_type":
            pytest.skip("takes whatever JSON comes")
        server.otherwise = CSV
        provider.call(*kit.read, budget=10)
        params = (
            prepared_example(kit, name, provider, server.url)
            if Rule(**fault).works_first()
            else example(kit, name, server.url)
        )
        control.forget_calls()
        control.fault(**fault)
        error = failure(lambda: provider.call(name, params, budget=BUDGET))
        assert error.kind is (for_change if changes else for_read)
        assert error.retry_after == fault.get("retry_after")
        first, *others = [call["function"] for call in control.calls()]
        assert first not in others, "one call, not repeated"

    @pytest.mark.parametrize("case", ERRORS)
    def test_a_signup_maps_the_error_to_its_kind(
        self, case: str, kit: Kit, spec: ProviderSpec, provider: Provider, control: Control
    ) -> None:
        sign_up = signing_up(kit, spec, provider, budget=BUDGET)
        fault, expected, _ = ERRORS[case]
        control.fault(**fault)
        assert failure(sign_up).kind is expected

    @pytest.mark.parametrize("case", ERRORS)
    def test_an_unsubscribe_maps_the_error_to_its_kind(
        self, case: str, kit: Kit, provider: Provider, control: Control
    ) -> None:
        fault, expected, _ = ERRORS[case]
        control.fault(**fault, function=kit.unsubscribes_by)
        error = failure(lambda: provider.unsubscribe(kit.member, global_scope=False, budget=BUDGET))
        assert error.kind is expected

    def test_retry_after_is_passed_on(self, kit: Kit, provider: Provider, control: Control) -> None:
        control.fault(**ERRORS["status 429"][0])
        assert failure(lambda: provider.call(*kit.read, budget=5)).retry_after == 9

    def test_a_refused_row_is_a_contact_error(
        self, kit: Kit, spec: ProviderSpec, provider: Provider, control: Control
    ) -> None:
        signing_up(kit, spec, provider)
        control.fault("refuse_rows", contains="person0@")
        error = failure(lambda: provider.sign_up(kit.list_id, contacts(spec.capabilities.signup_batch)[:5], budget=5))
        assert error.kind is Kind.CONTACT and error.message and "@example" not in error.message

    def test_nothing_is_sent_without_remaining_time(
        self, kit: Kit, spec: ProviderSpec, provider: Provider, control: Control
    ) -> None:
        for ask in (
            lambda: provider.call(*kit.change, budget=0.1),
            lambda: provider.unsubscribe("person@example.com", global_scope=False, budget=0.0),
            lambda: list(provider.campaigns(budget=-5.0, known=kit.known)),
        ):
            assert failure(ask).kind is Kind.LATER
        assert control.calls() == []


class TestSignups:
    def test_a_full_batch_is_one_request_on_a_kept_alive_connection(
        self, kit: Kit, spec: ProviderSpec, provider: Provider, control: Control
    ) -> None:
        signing_up(kit, spec, provider)
        before = control.calls()
        provider.sign_up(kit.list_id, contacts(spec.capabilities.signup_batch), budget=10)
        (call,) = control.calls()[len(before) :]
        assert call["rows"] == spec.capabilities.signup_batch
        assert {each["connection"] for each in before} == {call["connection"]}

    def test_a_batch_over_the_limit_is_rejected_before_any_call(
        self, kit: Kit, spec: ProviderSpec, provider: Provider, control: Control
    ) -> None:
        many = contacts(spec.capabilities.signup_batch + 1)
        assert failure(lambda: provider.sign_up(kit.list_id, many, budget=5)).kind is Kind.CALLER
        assert control.calls() == []

    def test_an_empty_batch_makes_no_call(
        self, kit: Kit, spec: ProviderSpec, provider: Provider, control: Control
    ) -> None:
        signing_up(kit, spec, provider)
        before = len(control.calls())
        provider.sign_up(kit.list_id, [], budget=5)
        assert len(control.calls()) == before

    def test_a_missing_list_does_not_pause_the_account(self, spec: ProviderSpec, provider: Provider) -> None:
        if not spec.capabilities.has_lists:
            pytest.skip("has no lists")
        error = failure(lambda: provider.sign_up("99999", contacts(1), budget=10))
        assert (error.kind, error.list_only) == (Kind.ACCOUNT, True) and "99999" in error.message
        assert not provider.list_exists("99999", budget=10)

    def test_reading_the_lists_changes_nothing_and_names_them(
        self, kit: Kit, provider: Provider, control: Control
    ) -> None:
        found = provider.read_lists([kit.list_id] if kit.list_id else [], budget=10)
        assert (kit.list_id in found) == bool(kit.list_id)
        assert all(found.values()), "a list without its name"
        changing = {function.name for function in registry.spec(kit.provider).functions if function.changes}
        assert not changing & {call["function"] for call in control.calls()}

    def test_list_exists_is_true_for_an_existing_list(self, kit: Kit, spec: ProviderSpec, provider: Provider) -> None:
        if not spec.capabilities.has_lists:
            pytest.skip("has no lists")
        assert provider.list_exists(kit.list_id, budget=10)


class TestUnsubscribes:
    def test_a_repeated_unsubscribe_succeeds(self, provider: Provider) -> None:
        for _ in range(2):
            provider.unsubscribe("Person+tag@example.com", global_scope=False, budget=5)

    def test_an_unsubscribe_from_all_lists_works_at_every_provider(self, provider: Provider) -> None:
        provider.unsubscribe("person@example.com", global_scope=True, budget=5)


class TestUnsupportedOperations:
    @pytest.mark.parametrize(
        ("capability", "ask"),
        [
            (
                "lifts_suppression",
                lambda p: p.lift_suppression("a@example.com", list_id="1", provider_id="1", budget=5),
            ),
            ("deletes_subscribers", lambda p: p.forget("a@example.com", budget=5)),
            ("reads_subscribers", lambda p: list(p.subscribed(budget=5))),
            ("fetches_lists", lambda p: p.fetch_list("1", "https://example.com/list.csv", budget=5)),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_an_unsupported_operation_is_rejected_without_a_call(
        self,
        capability: str,
        ask: Callable[[Provider], object],
        spec: ProviderSpec,
        provider: Provider,
        control: Control,
    ) -> None:
        if getattr(spec.capabilities, capability):
            pytest.skip("offered")
        error = failure(lambda: ask(provider))
        assert error.kind is Kind.CALLER and spec.title.split()[0] in error.message
        assert control.calls() == []


class TestStatistics:
    def test_campaigns_are_typed_aggregates(self, kit: Kit, spec: ProviderSpec, provider: Provider) -> None:
        if spec.capabilities.statistics == "none":
            pytest.skip("has no statistics")
        found = list(provider.campaigns(budget=10, known=kit.known))
        assert found and all(isinstance(each, CampaignFigures) and each.campaign for each in found)
        assert len({each.campaign for each in found}) == len(found)
        assert all(each.sent_at is None or each.sent_at.utcoffset() is not None for each in found)
        assert "@" not in json.dumps([dict(each.raw) for each in found])


class TestSecrets:
    def test_no_secret_is_in_errors_logs_reprs_or_metrics(
        self, kit: Kit, sandbox: Sandbox, control: Control, own_time: OwnTime, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        reported: list[tuple[object, ...]] = []
        provider = kit.connect(
            sandbox.url, Transport(on_call=lambda *call: reported.append(call), timing=own_time.timing)
        )
        seen = [
            repr(provider),
            repr(vars(provider)),
            repr(kit.account(sandbox.url)),
            repr(kit.account(sandbox.url).secrets),
        ]
        for fault, _, _ in ERRORS.values():
            control.fault(**fault)
            for ask in (kit.change, kit.read):
                error = failure(lambda ask=ask: provider.call(*ask, budget=BUDGET))
                seen += [repr(error), *traceback.format_exception(error), *_hidden_causes(error)]
            control.clear_faults()
        everything = "\n".join([*seen, repr(reported), caplog.text])
        assert reported
        assert not [form for form in kit.betrayals() if form in everything]

    @pytest.mark.parametrize("case", ["wrong key", "status 500", "reset after the work", "HTML", "null"])
    def test_no_secret_is_shown_by_lift_forget_or_read_calls(
        self, case: str, kit: Kit, spec: ProviderSpec, provider: Provider, control: Control
    ) -> None:
        asks: Mapping[str, Callable[[], object]] = {
            "lifts_suppression": lambda: provider.lift_suppression(
                kit.member, list_id=kit.list_id, provider_id="733", budget=5
            ),
            "deletes_subscribers": lambda: provider.forget(kit.member, budget=5),
            "reads_subscribers": lambda: list(provider.subscribed(budget=5)),
            "reads_unsubscribes": lambda: list(provider.unsubscribed(budget=5)),
        }
        control.fault(**ERRORS[case][0])
        for capability, ask in asks.items():
            if getattr(spec.capabilities, capability):
                error = failure(ask)
                reported = "\n".join([repr(error), *traceback.format_exception(error), *_hidden_causes(error)])
                assert not [form for form in kit.betrayals() if form in reported]
                assert kit.member.lower() not in reported.lower()


def _hidden_causes(error: BaseException) -> list[str]:
    """What a logger that walks the chain by itself would find, `from None` or not."""
    chain: list[str] = []
    walk = error.__context__ or error.__cause__
    while walk is not None:
        chain.append(repr(walk))
        walk = walk.__context__ or walk.__cause__
    return chain
