"""Caching of fetched secrets, during AWS errors and with concurrent readers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.config import secret_cache as vault_module
from chalicelib.config.secret_cache import Vault
from chalicelib.config.secret_references import Reference
from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import SecretUnavailable
from chalicelib.observability import logger
from tests.contract.locks import CountedLock

VALUE = "placeholder-value-1"
Store = Callable[[str, str], None]


def _secret(text: str, vault: Vault) -> Secret:
    return Secret(text, key="accounts.paris.api_key", vault=vault)


def test_a_value_is_cached_for_five_minutes(vault: Any, store: Store, clock: Any) -> None:
    store("relais/paris", "old")
    secret = _secret("secret:relais/paris", vault)
    assert secret.reveal() == "old"
    store("relais/paris", "new")
    clock.forward(299)
    assert secret.reveal() == "old"
    clock.forward(1)
    assert secret.reveal() == "new"
    assert len(vault.asked) == 2


def test_a_fresh_read_fetches_at_most_every_thirty_seconds(vault: Any, store: Store, clock: Any) -> None:
    store("relais/paris", "old")
    secret = _secret("secret:relais/paris", vault)
    secret.reveal()
    store("relais/paris", "new")
    assert secret.reveal(fresh=True) == "new"
    store("relais/paris", "newer")
    clock.forward(29)
    assert [secret.reveal(fresh=True) for _ in range(5)] == ["new"] * 5
    clock.forward(1)
    assert secret.reveal(fresh=True) == "newer"
    assert len(vault.asked) == 3


def test_the_last_value_is_used_during_errors(
    vault: Any, store: Store, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[tuple[Any, ...]] = []
    monkeypatch.setattr(vault_module, "_warn_stale", lambda *said: warned.append(said))
    store("relais/paris", VALUE)
    secret = _secret("secret:relais/paris", vault)
    secret.reveal()
    vault.failing = EndpointConnectionError(endpoint_url="https://example.com")
    clock.forward(301)
    assert [secret.reveal() for _ in range(3)] == [VALUE] * 3
    assert len(vault.asked) == 2, "AWS is not asked again at once"
    clock.forward(31)
    assert secret.reveal(fresh=True) == VALUE
    assert len(vault.asked) == 3
    assert len(warned) == 1, "one warning for the whole outage"
    vault.failing = None
    store("relais/paris", "new")
    clock.forward(31)
    assert secret.reveal() == "new"
    vault.failing = EndpointConnectionError(endpoint_url="https://example.com")
    clock.forward(301)
    assert secret.reveal() == "new"
    assert len(warned) == 2, "the next outage is another one"


def test_the_warning_names_the_reference_and_not_the_value(
    vault: Any, store: Store, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    records: list[tuple[Any, ...]] = []
    monkeypatch.setattr(logger, "warning", lambda message, extra: records.append((message, extra)))
    store("relais/paris", json.dumps({"api_key": VALUE}))
    secret = _secret("secret:relais/paris#api_key", vault)
    secret.reveal()
    vault.failing = ClientError({"Error": {"Code": "ThrottlingException", "Message": VALUE}}, "x")
    clock.forward(301)
    assert secret.reveal() == VALUE
    assert "secret:relais/paris" in str(records)
    assert "ThrottlingException" in str(records)
    assert VALUE not in str(records)


def test_threads_share_one_fetch(vault: Any, store: Store) -> None:
    store("relais/paris", VALUE)
    vault.gate = threading.Event()
    values: list[str] = []
    secrets = [_secret("secret:relais/paris", vault) for _ in range(8)]
    threads = [threading.Thread(target=lambda s=secret: values.append(s.reveal())) for secret in secrets]
    for thread in threads:
        thread.start()
    vault.gate.set()
    for thread in threads:
        thread.join(10)
    assert values == [VALUE] * 8
    assert len(vault.asked) == 1


@pytest.mark.parametrize("fresh", [False, True])
def test_threads_that_waited_share_a_failure(vault: Any, fresh: bool, wait_for: Callable[..., Any]) -> None:
    vault.gate = threading.Event()
    lock = CountedLock()
    vars(vault._cache(Reference("secret", "relais/none")))["_lock"] = lock
    refused: list[SecretUnavailable] = []

    def ask() -> None:
        with pytest.raises(SecretUnavailable) as caught:
            _secret("secret:relais/none", vault).reveal(fresh)
        refused.append(caught.value)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_for(lambda: lock.asked == len(threads))
    vault.gate.set()
    for thread in threads:
        thread.join(10)
    assert len(refused) == 4
    assert len(vault.asked) == 1
