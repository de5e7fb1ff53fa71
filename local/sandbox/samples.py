"""The sample world, read from `local/sample.toml`, and how a configuration is pointed at a running sandbox."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from local.toml_writer import write_toml

SAMPLE_FILE = Path(__file__).resolve().parents[1] / "sample.toml"
_SAMPLE = tomllib.loads(SAMPLE_FILE.read_text(encoding="utf-8"))
_BASE_PATHS = {"ediware": "/ediware/api_http", "mailpartner": "/mailpartner/v1", "mymailmarket": "/mymailmarket/V2.svc"}

SAMPLE_ADMIN_KEY: str = _SAMPLE["api"]["admin_key"]
SAMPLE_UNSUBSCRIBE_KEY: str = _SAMPLE["unsubscribe"]["keys"][0]
SAMPLE_WEBHOOK_SECRET: str = _SAMPLE["webhooks"]["shop"]["secret"]
SAMPLE_PROVIDERS = tuple(_BASE_PATHS)
"""Providers in the sample configuration by default."""


def sample_account(provider: str) -> dict[str, str]:
    """Returns the keys and other options of the sample account at `provider`: what its simulator accepts."""
    [account] = [one for one in _SAMPLE["accounts"].values() if one["provider"] == provider]
    return {name: value for name, value in account.items() if name != "provider"}


def asks_for_sandbox(values: Mapping[str, Any]) -> bool:
    """Returns whether a configuration, as TOML values, has `sandbox = true`."""
    return values.get("sandbox") is True


def pointed_at_sandbox(values: Mapping[str, Any], sandbox_url: str, public_url: str) -> dict[str, Any]:
    """Returns the values of a configuration with `sandbox = true` as the product reads them.

    Accounts without a `base_url` get that of the sandbox, `[api]` without a `public_url` gets the stack's own, and the
    line `sandbox = true` goes. What has the wrong type stays for the product to report.
    """
    made = deepcopy(dict(values))
    made.pop("sandbox", None)
    accounts = made.get("accounts")
    for account in accounts.values() if isinstance(accounts, dict) else ():
        provider = account.get("provider") if isinstance(account, dict) else None
        if isinstance(provider, str) and provider in _BASE_PATHS:
            account.setdefault("base_url", sandbox_url.rstrip("/") + _BASE_PATHS[provider])
    api = made.setdefault("api", {})
    if isinstance(api, dict):
        api.setdefault("public_url", public_url)
    return made


def sample_config(
    sandbox_url: str,
    providers: Sequence[str] = SAMPLE_PROVIDERS,
    public_url: str = "http://127.0.0.1:8000",
    sample: Mapping[str, Any] = _SAMPLE,
) -> str:
    """Returns the TOML text of the sample world with its accounts at `providers` alone, all at the sandbox.

    `public_url` is the product's own address, for links that it writes; `sample` another release's sample world.
    """
    values = pointed_at_sandbox(sample, sandbox_url, public_url)
    accounts = {name: account for name, account in values["accounts"].items() if account["provider"] in providers}
    values["accounts"] = accounts
    values["forms"] = {name: form for name, form in values["forms"].items() if form["account"] in accounts}
    for end in ("from", "to"):
        names = values["sync"]["unsubscribes"][end]
        values["sync"]["unsubscribes"][end] = [name for name in names if name in accounts]
    if not values["sync"]["unsubscribes"]["from"]:
        del values["sync"]
    return write_toml(values)
