"""Every function of every provider, to be met by every fault: `make test` takes some of them, `make test-all` all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from chalicelib.providers import registry
from chalicelib.providers.spec import Provider
from tests.contract.provider_kits import CSV_URL, KITS, RESULT, Kit, Params

SHOWN: Mapping[str, frozenset[str]] = {
    "ediware": frozenset({"list_list", "list_insert", "unsub_add"}),
    "mailpartner": frozenset({"unsubscribe_list", "send", "unsubscribe_add"}),
    "mymailmarket": frozenset({"lists", "subscriber_by_address", "campaign_create", "unsubscribe_by_address"}),
}
"""Of each provider's client the ways that a call can go: a read (of rows, and of one row where that is another way), a
change whose repeat makes a second thing, and one that can be repeated. The other functions share these ways."""


def every_call(providers: Iterable[str] = KITS) -> list[Any]:
    """Parameters `kit, name, changes`: each function of these providers; those not in `SHOWN` are slow."""
    return [
        pytest.param(
            KITS[provider],
            function.name,
            function.changes,
            id=f"{provider}-{function.name}",
            marks=() if function.name in SHOWN[provider] else pytest.mark.slow,
        )
        for provider in providers
        for function in registry.spec(provider).functions
    ]


def example(kit: Kit, name: str, url: str) -> Params:
    """The parameters of an example of a function; `url` is the address of a CSV file."""
    return given(next(params for each, params in kit.examples if each == name), url, "1")


def prepared_example(kit: Kit, name: str, provider: Provider, url: str) -> Params:
    """The same, after the calls that come before it in the kit, so that it succeeds at a new sandbox."""
    result: Any = None
    for each, params in kit.examples:
        filled = given(params, url, result)
        if each == name:
            return filled
        result = provider.call(each, filled, budget=10)
    raise LookupError(name)


def given(params: Params, url: str, result: Any) -> Params:
    """The parameters of an example, with the address of a file and the last call's result filled in."""
    instead = {CSV_URL: url, RESULT: result}
    return {key: instead.get(value, value) if isinstance(value, str) else value for key, value in params.items()}
