"""What the control API can change in a MailPartner account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from ..provider import SettingError
from ..settings import set_options
from .holdings import Account, Message, Options, OptOut

_COMMANDS = ("add_optouts", "remove_optouts", "add_message", "api_key", "balance", "refuse_send_with", "options")


def new_account(data: Mapping[str, Any]) -> Account:
    """An empty account: `name` and `api_key`."""
    try:
        name = str(data["name"])
        return Account(name, str(data["api_key"]), str(data.get("username", f"{name}@example.com")))
    except KeyError as error:
        raise SettingError(f"add_account needs {error}") from error


def carry_out(
    account: Account, options: Options, command: Mapping[str, Any], now: datetime, new_id: Callable[[], int]
) -> None:
    """Each key of `command` but `provider` and `account` is one change. Raises `SettingError`."""
    for key, value in command.items():
        if key in ("provider", "account"):
            continue
        if key == "options":
            set_options(options, value)
        elif key == "add_optouts":
            _add_optouts(account, value, now, new_id)
        elif key == "remove_optouts":
            gone = {str(address).lower() for address in value}
            account.optouts = {n: row for n, row in account.optouts.items() if row.value.lower() not in gone}
        elif key == "add_message":
            _add_message(account, value, now, new_id)
        elif key in _COMMANDS:
            setattr(account, key, value)
        else:
            raise SettingError(f"unknown command {key}; known are add_account, {', '.join(_COMMANDS)}")


def _add_optouts(account: Account, rows: Any, now: datetime, new_id: Callable[[], int]) -> None:
    """People who left by themselves: addresses, or `{"email", "seconds_ago", "id"}`."""
    for row in rows:
        given = row if isinstance(row, Mapping) else {"email": row}
        created = now - timedelta(seconds=float(given.get("seconds_ago", 0)))
        made = OptOut(int(given.get("id") or new_id()), str(given["email"]), created)
        account.optouts[made.id] = made


def _add_message(account: Account, data: Mapping[str, Any], now: datetime, new_id: Callable[[], int]) -> None:
    due = now + timedelta(seconds=float(data.get("due_in_seconds", 0)))
    number = int(data.get("id") or new_id())
    account.messages[number] = Message(number, str(data.get("subject", "")), list(data.get("recipients", [])), due, 0.0)
