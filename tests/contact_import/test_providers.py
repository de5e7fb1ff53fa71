"""The address column of a file and the ability to fetch files, as each provider declares them."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.providers import registry
from chalicelib.providers.spec import Contact
from chalicelib.providers.transport.session import Transport
from local.sandbox import start as start_sandbox
from tests.contract.provider_kits import KITS

pytestmark = pytest.mark.server


@pytest.mark.parametrize(
    ("name", "field"), [("ediware", "email"), ("mymailmarket", "MailAddress"), ("mailpartner", "")]
)
def test_the_address_column_of_the_list_is_used(name: str, field: str) -> None:
    kit = KITS[name]
    with start_sandbox() as sandbox:
        provider = registry.spec(name).connect(kit.account(sandbox.url), Transport())
        if registry.spec(name).capabilities.has_lists:
            assert provider.address_field(kit.list_id, budget=5) == field
        else:
            with pytest.raises(ProviderError) as caught:
                provider.address_field("1", budget=5)
            assert caught.value.kind is Kind.CALLER


def test_a_list_of_mymailmarket_tells_its_fields_by_somebody_on_it() -> None:
    kit = KITS["mymailmarket"]
    with start_sandbox() as sandbox:
        provider = registry.spec("mymailmarket").connect(kit.account(sandbox.url), Transport())
        provider.sign_up(kit.list_id, [Contact("zoe@example.com", {"FirstName": "Zoe"})], budget=5)
        assert "MailAddress" in provider.columns(kit.list_id, budget=5)


@pytest.mark.parametrize("name", ["ediware", "mailpartner"])
def test_other_providers_tell_no_fields(name: str) -> None:
    kit = KITS[name]
    with start_sandbox() as sandbox:
        provider = registry.spec(name).connect(kit.account(sandbox.url), Transport())
        assert provider.columns(kit.list_id or "1", budget=5) == ()


@pytest.mark.parametrize("name", [name for name in KITS if not registry.spec(name).capabilities.fetches_lists])
def test_a_provider_that_cannot_fetch_files_raises(name: str) -> None:
    spec = registry.spec(name)
    kit = KITS[name]
    with start_sandbox() as sandbox:
        provider = spec.connect(kit.account(sandbox.url), Transport())
        with pytest.raises(ProviderError) as caught:
            provider.fetch_list(kit.list_id or "1", "https://crm.example.com/export.csv", budget=5)
        assert caught.value.kind is Kind.CALLER
        assert "not offer" in caught.value.message
