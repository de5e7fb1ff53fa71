"""What the tests of Ediware share: an account at a scripted server, and answers for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import ProviderError
from chalicelib.providers.account import Account
from chalicelib.providers.spec import Contact
from tests.contract.scripted import Scripted, answer

KEY = "placeholder-key"
OK = answer({"result": "ok"})
KEY_REFUSED = answer({"error": "1", "message": "Error api_key invalid"})
PERSON = Contact("person@example.com", {"nom": "Nom"})


def account(server: Scripted, secret: Secret | None = None, **options: str) -> Account:
    base = f"{server.url}/api_http"
    return Account("paris", "ediware", base, None, options, {"api_key": secret or Secret.plain(KEY)})


def failure(ask: Callable[[], object]) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask()
    return caught.value


def lists(**columns: str) -> list[dict[str, str]]:
    """Rows of `list_list`: `l4781="email"` is list 4781 with that address column."""
    return [{"id": name[1:], "name": "Liste", "field_email": column} for name, column in columns.items()]


def functions(server: Scripted) -> list[str]:
    return [request.path.rsplit("/", 1)[1] for request in server.received]
