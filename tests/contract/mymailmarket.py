"""What the tests of myMailMarket share: an account at a scripted server, and answers for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import ProviderError
from chalicelib.domain.single_flight import Readings
from chalicelib.effects import monotonic_and_wall
from chalicelib.providers.account import Account
from chalicelib.providers.mymailmarket.provider import MyMailMarket
from chalicelib.providers.spec import Contact
from chalicelib.providers.transport.session import Transport
from tests.contract.scripted import Reply, Scripted, answer

SECRETS = {"password": "placeholder/pass wörd", "api_key": "placeholder-key", "shared_secret": "placeholder sécret/x"}
OPTIONS = {"username": "user é/1", "site": "acme & co", "site_id": "0616074266001"}
NEWS, CUSTOMERS = "0616074266229", "0616074266230"
EMAIL = "person@example.com"
PERSON = Contact(EMAIL, {"FirstName": "Zoë"})


def ok(result_id: str = "") -> Reply:
    """A successful FeedbackDTO."""
    return answer({"Result": "OK", "ResultID": result_id, "ErrorMessage": ""})


def nok(message: str) -> Reply:
    """A failed FeedbackDTO."""
    return answer({"Result": "NOK", "ResultID": "", "ErrorMessage": message})


LOGIN = ok("placeholder-session")
REFUSED = answer(b"<html>Invalid API key</html>", 401)
ABSENT = answer(b"<html>Not found</html>", 404)
LISTS = answer([{"Id": NEWS}, {"Id": CUSTOMERS}])


def account(url: str, secrets: Mapping[str, Secret] | None = None) -> Account:
    """The account `brussel` at that server."""
    hidden = {name: Secret.plain(value) for name, value in SECRETS.items()}
    return Account("brussel", "mymailmarket", f"{url}/V2.svc", None, OPTIONS, {**hidden, **(secrets or {})})


def connect(
    server: Scripted, *script: Reply, clocks: Readings = monotonic_and_wall, secrets: Mapping[str, Secret] | None = None
) -> MyMailMarket:
    """A client of that account, and the answers that it is going to get."""
    server.script = list(script)
    return MyMailMarket(account(server.url, secrets), Transport(timing=server.timing), clocks)


def failure(ask: Callable[[], object]) -> ProviderError:
    """The error that `ask` raises."""
    with pytest.raises(ProviderError) as caught:
        ask()
    return caught.value


def paths(server: Scripted) -> list[str]:
    """The path of every request below the base, without its query; a login is `login`."""
    below = [request.path.removeprefix("/V2.svc/").partition("?")[0] for request in server.received]
    return ["login" if path.startswith("session/create/") else path for path in below]


def subscriber(number: int, status: str = "unsubscribed") -> dict[str, Any]:
    """A row of a page."""
    return {"SubscriberId": f"{number:013d}", "MailAddress": f"person{number}@example.com", "Status": status}
