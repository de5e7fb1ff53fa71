"""Secrets of every kind are read, and shown nowhere."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.config.secret_cache import SHARED, Vault
from chalicelib.config.secret_references import MalformedReference, parse
from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import RelaisError, SecretUnavailable
from chalicelib.effects import Clock
from chalicelib.providers.account import Account
from tests.config.secrets_aws import ARN, SecretsAws

VALUE = "placeholder-value-1"


Store = Callable[[str, str], None]


def _secret(text: str, vault: Vault, **more: Any) -> Secret:
    return Secret(text, key="accounts.paris.api_key", vault=vault, **more)


def _refused(secret: Secret) -> str:
    with pytest.raises(SecretUnavailable) as caught:
        secret.reveal()
    error = caught.value
    assert isinstance(error, RelaisError)
    assert str(error).startswith("accounts.paris.api_key: ")
    assert error.reference in str(error)
    assert error.__context__ is None, "whatever went wrong inside may carry the value"
    return error.reason


# --- every kind of reference ---


def test_a_key_of_a_json_secret_is_read(vault: Any, store: Store) -> None:
    store("relais/paris", json.dumps({"api_key": VALUE, "number": 12345}))
    assert _secret("secret:relais/paris#api_key", vault).reveal() == VALUE
    assert _secret("secret:relais/paris#number", vault).reveal() == "12345"
    assert len(vault.asked) == 1, "both keys come from one fetch"


def test_a_whole_secret_is_read_even_if_it_is_json(vault: Any, store: Store) -> None:
    text = json.dumps({"api_key": VALUE})
    store("relais/paris", text + "\r\n")
    assert _secret("secret:relais/paris", vault).reveal() == text


def test_a_secret_is_read_by_its_arn(vault: Any, store: Store) -> None:
    store("relais/paris", '{"k": "v-placeholder"}')
    assert _secret(f"secret:{ARN}relais/paris#k", vault).reveal() == "v-placeholder"


def test_a_parameter_is_decrypted(vault: Any, aws: SecretsAws) -> None:
    aws.parameters["/relais/paris/key"] = VALUE
    assert _secret("ssm:/relais/paris/key", vault).reveal() == VALUE


@pytest.mark.parametrize(("environ", "stage"), [({"RELAIS_STAGE": "prod"}, "prod"), ({}, "local")])
def test_the_stage_is_filled_in(load_text: Any, whole: str, environ: dict[str, str], stage: str) -> None:
    text = whole.replace('"secret:relais/paris#api_key"', '"secret:relais/{stage}/paris#{stage}"')
    text = text.replace('"ssm:/relais/unsubscribe"', '"ssm:/relais/{stage}/unsubscribe"')
    text = text.replace('"secret:relais/admin#key"', '"plain {stage}, of 32 characters and more"')
    settings = load_text(text, environ)
    assert settings.accounts["paris"].secrets["api_key"].reference == f"secret:relais/{stage}/paris#{{stage}}"
    assert settings.unsubscribe_keys[0].reference == f"ssm:/relais/{stage}/unsubscribe"
    assert settings.api.admin_key.reveal() == "plain {stage}, of 32 characters and more"


@pytest.mark.parametrize("text", ["secret:relais/{stag}/x", "ssm:/relais/{stage/x", "secret:relais/{}/x#k"])
def test_another_placeholder_is_reported(text: str) -> None:
    with pytest.raises(MalformedReference, match=r"\{stage\} is the only placeholder"):
        parse(text)


def test_a_variable_is_read_each_time(clock: Clock) -> None:
    environ = {"KEY": VALUE}
    secret = _secret("env:KEY", Vault(environ, clock))
    assert secret.reveal() == VALUE
    environ["KEY"] = "other"
    assert secret.reveal() == "other"


@pytest.mark.parametrize("text", ["value", "with:colons:inside", "https://x", "Secret:a", "vault:a/b", ":", "secret"])
def test_anything_else_is_a_literal_value(text: str) -> None:
    secret = Secret(text)
    assert secret.is_plain
    assert secret.reveal() == text


def test_a_plain_secret_is_never_a_reference() -> None:
    assert Secret.plain("env:HOME").reveal() == "env:HOME"


@pytest.mark.parametrize(
    "text", ["secret:", "secret:#k", "secret:a#", "secret:a b", "ssm:", "ssm:/a b", "env:", "env:1A", "env:A-B"]
)
def test_an_incomplete_reference_is_a_literal_value(text: str) -> None:
    with pytest.raises(MalformedReference) as caught:
        parse(text)
    rest = text.partition(":")[2]
    assert not rest or rest not in str(caught.value)


@pytest.mark.parametrize("text", ["secret:relais/paris#api_key", "secret:relais/paris", "ssm:/a/b", "env:A_1"])
def test_references_are_shown_as_written(text: str) -> None:
    assert str(parse(text)) == text


# --- references that lead nowhere ---


def test_a_missing_secret_is_named(vault: Any, store: Store, aws: SecretsAws) -> None:
    store("relais/paris", json.dumps({"api_key": VALUE, "empty": "", "nested": {"a": VALUE}, "flag": True}))
    store("relais/text", f"not json: {VALUE}")
    store("relais/list", json.dumps([VALUE]))
    aws.secrets["relais/bytes"] = b"\x00"
    reasons = {
        "secret:relais/none": "there is no such secret in this region's Secrets Manager",
        "ssm:/relais/none": "there is no such parameter in this region's Parameter Store",
        "env:NONE": "the environment variable is not set",
        "secret:relais/paris#apikey": 'its JSON has no key "apikey"',
        "secret:relais/paris#empty": 'its JSON key "empty" does not hold a text',
        "secret:relais/paris#nested": 'its JSON key "nested" does not hold a text',
        "secret:relais/paris#flag": 'its JSON key "flag" does not hold a text',
        "secret:relais/text#k": "it is not a JSON object",
        "secret:relais/list#k": "it is not a JSON object",
        "secret:relais/bytes": "it holds binary data",
    }
    for reference, reason in reasons.items():
        found = _refused(_secret(reference, vault))
        assert reason in found
        assert VALUE not in found


def test_an_empty_variable_and_an_empty_secret_are_missing(vault: Any, store: Store) -> None:
    assert _refused(_secret("env:EMPTY", Vault({"EMPTY": ""}))) == "the variable is empty"
    store("relais/blank", "\n")
    assert _refused(_secret("secret:relais/blank", vault)) == "it is empty"


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (ClientError({"Error": {"Code": "AccessDeniedException", "Message": VALUE}}, "x"), "role may not read it"),
        (ClientError({"Error": {"Code": "Oops", "Message": VALUE}}, "x"), "AWS refuses it (Oops)"),
        (EndpointConnectionError(endpoint_url="https://example.com"), "AWS cannot be reached or used"),
    ],
)
def test_an_aws_error_without_a_cached_value_is_raised(
    vault: Any, store: Store, failure: Exception, reason: str
) -> None:
    store("relais/paris", VALUE)
    vault.failing = failure
    secret = _secret("secret:relais/paris", vault)
    found = _refused(secret)
    assert reason in found
    assert VALUE not in found
    vault.failing = None
    assert secret.reveal() == VALUE, "it is asked again as soon as it is needed again"


def test_fetched_values_are_validated_like_literal_ones(clock: Clock) -> None:
    secret = _secret("env:KEY", Vault({"KEY": VALUE}, clock), rule=lambda text: f"must not be {len(text)} long")
    assert _refused(secret) == f"must not be {len(VALUE)} long"


# --- nothing shows ---


def test_the_repr_of_a_secret_shows_nothing() -> None:
    secret = Secret(VALUE, key="api.admin_key")
    account = Account("paris", "bulk", secrets={"api_key": secret})
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", f"{secret:>40}", repr(account)]
    assert VALUE not in "".join(shown)
    assert VALUE not in repr(asdict(account))
    assert not hasattr(secret, "__dict__")


@pytest.mark.parametrize("write", [pickle.dumps, json.dumps])
def test_a_secret_cannot_be_serialised(write: Callable[[object], object]) -> None:
    with pytest.raises(TypeError) as caught:
        write(Secret(VALUE))
    assert VALUE not in str(caught.value)


def test_a_copy_is_the_same_secret() -> None:
    secret = Secret(VALUE)
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret]) == [secret]


def test_a_reference_is_shown_in_the_repr() -> None:
    assert repr(Secret("secret:relais/paris#api_key")) == "Secret(secret:relais/paris#api_key)"


def test_the_repr_of_a_vault_shows_nothing(vault: Any, store: Store) -> None:
    store("relais/paris", VALUE)
    _secret("secret:relais/paris", vault).reveal()
    assert VALUE not in repr(vault)
    assert VALUE not in repr([*vault._caches.values(), *(cache.cached for cache in vault._caches.values())])


def test_a_revealed_secret_is_masked_in_logs(hidden: list[str]) -> None:
    secret = Secret(VALUE)
    assert hidden == []
    assert hidden == [secret.reveal()]


def test_one_vault_is_shared_by_default() -> None:
    assert Secret("env:A")._vault is Secret("env:B")._vault is SHARED
