"""A back end that is told of events: a scripted server whose requests are verified as its owner would."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from standardwebhooks.webhooks import Webhook

from chalicelib.config.secrets import Secret
from chalicelib.providers import registry
from chalicelib.providers.account import Account
from tests.contract.scripted import Received

SECRET = "whsec_cGxhY2Vob2xkZXItb2YtYS1iYWNrLWVuZA=="


@dataclass(frozen=True)
class Told:
    """A notice as it came, its signature verified."""

    id: str
    type: str
    timestamp: str
    data: dict[str, Any]


def told(received: Received, secret: str = SECRET) -> Told:
    """Verifies a request with the package of Standard Webhooks, and holds its notice against the description."""
    assert received.method == "POST"
    assert received.headers["content-type"] == "application/json"
    Webhook(secret).verify(received.body, dict(received.headers))
    notice = json.loads(received.body)
    assert set(notice) == {"type", "timestamp", "data"}
    operation = registry.spec("webhook").webhooks()[notice["type"]]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    Draft202012Validator(schema, format_checker=FormatChecker(["date-time"])).validate(notice)
    assert set(notice["data"]) == set(schema["properties"]["data"]["properties"]), "nothing that is not described"
    for header in operation["parameters"]:
        Draft202012Validator(header["schema"]).validate(received.headers[header["name"]])
    return Told(received.headers["webhook-id"], **notice)


def back_end_account(url: str, name: str = "crm", secret: str = SECRET, **options: str | bool) -> Account:
    """Return an account at that URL."""
    return Account(
        name,
        "webhook",
        options={"url": url, "allow_private": False, **options},
        secrets={"secret": Secret.plain(secret)},
    )
