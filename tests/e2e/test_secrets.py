"""No secret of any account is disclosed in logs, metrics, errors, invocation results or HTTP answers."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator
from urllib.parse import quote, quote_plus, urlencode

import pytest

from local.sandbox import Control, sample_config
from tests.e2e.documented import DOCUMENTED
from tests.e2e.world import FORM
from tests.support.stack import MovableStack, SharedStack
from tests.support.waiting import wait_for

ACCOUNTS = {"paris": "ediware", "lettre": "mailpartner", "brussel": "mymailmarket"}
NO_SECRETS = {"provider", "base_url", "site", "site_id", "username"}
PERSON = "private.person@example.com"
QUEUES = ("signups", "unsubscribes", "syncs")
FAULTS: list[dict[str, object]] = [
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 429, "retry_after": 1},
    {"kind": "reset"},
    {"kind": "reset", "when": "after"},
    {"kind": "html"},
    {"kind": "empty"},
    {"kind": "truncated_json"},
    {"kind": "wrong_type"},
    {"kind": "redirect"},
    {"kind": "refuse_key"},
    {"kind": "status", "status": 200, "body": "@ECHO@"},
]


@pytest.fixture
def config(shared_stack: SharedStack) -> str:
    return sample_config(shared_stack.sandbox, tuple(ACCOUNTS.values())) + "\n[delivery]\nfirst_retry_seconds = 0.2\n"


@pytest.fixture
def product(config: str, shared_stack: SharedStack) -> Iterator[MovableStack]:
    yield shared_stack.reset(config)
    shared_stack.idle()


def secrets(config: str) -> dict[str, str]:
    """Every secret value of a configuration, by its key."""
    parsed = tomllib.loads(config)
    found = {
        f"{account}.{key}": value
        for account, options in parsed["accounts"].items()
        for key, value in options.items()
        if key not in NO_SECRETS
    }
    found["admin_key"] = parsed["api"]["admin_key"]
    found["address_key"] = parsed["privacy"]["address_keys"][0]
    return found


def forms_of(secret: str) -> set[str]:
    """The shapes in which a secret may get out."""
    digest = hashlib.md5(secret.encode(), usedforsecurity=False).hexdigest()
    escaped = json.dumps(secret)[1:-1]
    return {secret, escaped, quote(secret), quote(secret, safe=""), quote_plus(secret), digest, digest.upper()}


def order(control: Control, fault: dict[str, object], known: dict[str, str]) -> None:
    """Add a fault everywhere; an echoing one has each provider repeat the secrets of the request."""
    if fault.get("body") != "@ECHO@":
        control.fault(**{**fault, "times": 20})
        return
    for account, provider in ACCOUNTS.items():
        echoed = " ".join(value for place, value in known.items() if place.startswith(f"{account}."))
        answer = {
            "error": "1",
            "message": echoed,
            "success": False,
            "code": 10,
            "Result": "NOK",
            "ErrorMessage": echoed,
        }
        control.fault(**{**fault, "provider": provider, "body": json.dumps(answer), "times": 20})


def exercise(product: MovableStack, control: Control, known: dict[str, str]) -> list[str]:
    """Use every entry point with and without every kind of fault; returns all answers as text."""
    heard: list[str] = []
    for round_number, fault in enumerate([None, *FAULTS]):
        if fault is not None:
            order(control, fault, known)
        person = f"{round_number}.{PERSON}"
        for form in ("footer", "nieuwsbrief"):
            for verb in ("signup", "unsubscribe"):
                answer = product.request("POST", f"/forms/{form}/{verb}", urlencode({"email": person}), FORM)
                heard.append(answer.body.decode() + str(answer.headers))
        for account in DOCUMENTED:
            function = DOCUMENTED[account][0][0]
            heard.append(json.dumps(product.invoke("call_provider", {"account": account, "function": function})))
        heard.append(json.dumps(product.invoke("collect_stats")))
        wait_for(lambda: not any(product.aws.message_count(f"relais-local-{queue}") for queue in QUEUES))
        control.clear_faults()
        product.forward(61)  # `sweep` runs, and deferred events are retried
    heard.append(json.dumps(product.invoke("sweep")))
    return heard


def test_no_secret_and_no_address_is_disclosed(product: MovableStack, config: str) -> None:
    known = secrets(config)
    assert len(known) >= 7
    heard = "\n".join(exercise(product, Control(product.sandbox), known))
    everything = heard + product.logs
    assert "paused" in product.logs, "nothing went wrong, so nothing was shown"
    for place, secret in known.items():
        leaked = [form for form in forms_of(secret) if form in everything]
        where = [line[:400] for line in everything.splitlines() if any(form in line for form in leaked)]
        assert not leaked, f"{place} got out: {where[:3]}"
    assert PERSON not in everything
    assert quote(PERSON) not in everything
