"""Carries out the control API's commands on a MailPartner account."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from ..provider import SettingError, set_options
from .models import Account, Message, Options
from .opt_out_list import OptOut

_SETTINGS = ("api_key", "balance", "refuse_send_with")

NewId = Callable[[], int]


def new_account(data: Mapping[str, Any]) -> Account:
    """Returns an empty account: `name` and `api_key`."""
    try:
        name = str(data["name"])
        return Account(name, str(data["api_key"]), str(data.get("username", f"{name}@example.com")))
    except KeyError as error:
        raise SettingError(f"add_account needs {error}") from error


def carry_out(account: Account, options: Options, command: Mapping[str, Any], now: datetime, new_id: NewId) -> None:
    """Makes the change of each key of `command` but `provider` and `account`. Raises `SettingError`."""
    for key, value in command.items():
        if key == "options":
            set_options(options, value)
        elif key in _CHANGES:
            _CHANGES[key](account, value, now, new_id)
        elif key in _SETTINGS:
            setattr(account, key, value)
        elif key not in ("provider", "account"):
            known = ", ".join(["add_account", "options", *_CHANGES, *_SETTINGS])
            raise SettingError(f"unknown command {key}; known are {known}")


def _add_optouts(account: Account, rows: Any, now: datetime, new_id: NewId) -> None:
    """Adds people who opted out: addresses, or `{"email", "seconds_ago", "id"}`."""
    for row in rows:
        given = row if isinstance(row, Mapping) else {"email": row}
        created = now - timedelta(seconds=float(given.get("seconds_ago", 0)))
        account.optouts.put(OptOut(int(given.get("id") or new_id()), str(given["email"]), created))


def _remove_optouts(account: Account, addresses: Any, now: datetime, new_id: NewId) -> None:
    for address in addresses:
        account.optouts.remove(str(address))


def _grow_optouts(account: Account, data: Any, now: datetime, new_id: NewId) -> None:
    """Adds a block of generated rows: `{"count", "domain", "seconds_ago"}`."""
    count, domain = int(data.get("count", 0)), str(data.get("domain", "example.com"))
    if count < 1 or not re.fullmatch(r"[A-Za-z0-9.-]+", domain):
        raise SettingError("grow_optouts needs count, at least 1, and takes a domain")
    account.optouts.grow(count, domain, now - timedelta(seconds=float(data.get("seconds_ago", 0))))


def _add_message(account: Account, data: Mapping[str, Any], now: datetime, new_id: NewId) -> None:
    due = now + timedelta(seconds=float(data.get("due_in_seconds", 0)))
    number = int(data.get("id") or new_id())
    account.messages[number] = Message(number, str(data.get("subject", "")), list(data.get("recipients", [])), due, 0.0)


_CHANGES: Mapping[str, Callable[[Account, Any, datetime, NewId], None]] = {
    "add_optouts": _add_optouts,
    "remove_optouts": _remove_optouts,
    "grow_optouts": _grow_optouts,
    "add_message": _add_message,
}
