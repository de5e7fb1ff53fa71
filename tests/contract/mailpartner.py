"""What the tests of MailPartner's own ways share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import ProviderError
from chalicelib.providers import registry
from chalicelib.providers.account import Account
from chalicelib.providers.spec import Provider
from chalicelib.providers.transport.session import Transport
from tests.contract.scripted import answer

KEY = "placeholder-key"
DONE = {"success": True, "code": 200}
WRONG_KEY = answer({"success": False, "code": 10, "message": "Clé API incorrecte"})
PARAMS: Mapping[str, Mapping[str, Any]] = {
    "unsubscribe_add": {"email": "person@example.com"},
    "send": {"subject": "Bonjour", "html": "<p>Bonjour</p>", "to": ["person@example.com"]},
    "unsubscribe_list": {},
}
FUNCTIONS = registry.spec("mailpartner").functions


def account(url: str, key: str = KEY, **options: str) -> Account:
    return Account("lettre", "mailpartner", f"{url}/v1", None, options, {"api_key": Secret.plain(key)})


def connect(made: Account, transport: Transport | None = None) -> Provider:
    return registry.spec("mailpartner").connect(made, transport or Transport())


def failure(ask: Callable[[], object]) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask()
    return caught.value
