"""The codes that providers' answers give a reason, where they tell more than the kind of failure."""

from __future__ import annotations

import json
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from chalicelib.domain.errors import Kind, ProviderError, SecretUnavailable
from chalicelib.domain.reasons import ReasonCode
from chalicelib.providers.account import Account
from chalicelib.providers.ediware import answers as ediware
from chalicelib.providers.mailpartner import answers as mailpartner
from chalicelib.providers.mymailmarket import answers as mymailmarket
from chalicelib.providers.transport.exchange import Answer, Call


def answer(label: str, status: int, body: Any) -> Answer:
    call = Call("paris", label, "POST", "https://example.com", changes=True, budget=1.0)
    return Answer(call, status, CaseInsensitiveDict(), json.dumps(body).encode())


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Error api_key invalid", ReasonCode.WRONG_KEY),
        ("Error IP 192.0.2.1 not allowed", ReasonCode.UNDECLARED_IP),
        ("Error field prenm unknown", ReasonCode.UNKNOWN_FIELD),
        ("Error email invalid", ReasonCode.INVALID_ADDRESS),
        ("Error no", ReasonCode.REJECTED_BY_PROVIDER),
        ("Error maintenance", ReasonCode.PROVIDER_DOWN),
    ],
)
def test_ediware_tells_key_address_and_field_apart(message: str, code: ReasonCode) -> None:
    with pytest.raises(ProviderError) as raised:
        ediware.read(
            answer("list_insert", 200, {"error": "1", "message": message}),
            ediware.ok,
            refused_as=Kind.CONTACT,
            key="placeholder",
        )
    assert raised.value.reason_code is code


@pytest.mark.parametrize(("status", "code"), [(429, ReasonCode.THROTTLED), (503, ReasonCode.PROVIDER_DOWN)])
def test_too_many_calls_are_told_from_a_provider_that_is_down(status: int, code: ReasonCode) -> None:
    found = answer("list_insert", status, {}).overload()
    assert found is not None and found.reason_code is code


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("invalid session", ReasonCode.WRONG_KEY),
        ("unknown field prenm", ReasonCode.UNKNOWN_FIELD),
        ("email address is not valid", ReasonCode.INVALID_ADDRESS),
        ("no", ReasonCode.REJECTED_BY_PROVIDER),
    ],
)
def test_mymailmarket_tells_key_address_and_field_apart(message: str, code: ReasonCode) -> None:
    with pytest.raises(ProviderError) as raised:
        mymailmarket.read(
            answer("profile_persist", 200, {"Result": "NOK", "ErrorMessage": message}),
            mymailmarket.row,
            refused_as=Kind.CONTACT,
            secrets=(),
        )
    assert raised.value.reason_code is code


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (10, ReasonCode.WRONG_KEY),
        (96, ReasonCode.UNDECLARED_IP),
        (11, ReasonCode.ACCOUNT_REFUSED),
        (9, ReasonCode.INVALID_ADDRESS),
        (429, ReasonCode.THROTTLED),
    ],
)
def test_mailpartner_codes_give_reasons(number: int, code: ReasonCode) -> None:
    refused = answer("unsubscribe_add", 200, {"success": False, "code": number, "message": "no"})
    with pytest.raises(ProviderError) as raised:
        mailpartner.read(refused, dict, key="")
    assert raised.value.reason_code is code


class Unreadable:
    """A secret whose value cannot be read."""

    def reveal(self, fresh: bool = False) -> str:
        raise SecretUnavailable("accounts.paris.api_key", "env:PARIS_KEY", "it is not set")


def test_a_secret_that_cannot_be_read_is_told_from_an_account_that_is_refused() -> None:
    with pytest.raises(ProviderError) as raised:
        Account("paris", "ediware", secrets={"api_key": Unreadable()}).reveal("api_key")
    assert (raised.value.kind, raised.value.reason_code) == (Kind.ACCOUNT, ReasonCode.SECRET_UNAVAILABLE)
