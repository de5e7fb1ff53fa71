"""Carries out the control API's commands on an Ediware account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from ..provider import SettingError, set_options
from .context import Options
from .models import Account, Campaign, ContactList

_NOT_COMMANDS = frozenset({"provider", "account"})


def new_account(data: Mapping[str, Any]) -> Account:
    """Returns an empty account: `name` and `api_key`, and `user_id`, `log`, `quota` if wanted."""
    try:
        name, key = str(data["name"]), str(data["api_key"])
    except KeyError as error:
        raise SettingError(f"add_account needs {error}") from error
    return Account(
        name, key, str(data.get("user_id", "1")), str(data.get("log", name)), int(data.get("quota", 100_000))
    )


def carry_out(
    account: Account, options: Options, command: Mapping[str, Any], now: datetime, new_id: Callable[[], str]
) -> None:
    """Makes the change of each key of `command` but `provider` and `account`. Raises `SettingError`."""
    for key, value in command.items():
        if key == "options":
            set_options(options, value)
        elif key == "add_list":
            made = _new_list(value, new_id)
            account.lists[made.id] = made
        elif key == "add_campaign":
            account.campaigns.append(_new_campaign(account, value, now, new_id))
        elif key in _SIMPLE:
            _SIMPLE[key](account, value, now)
        elif key not in _NOT_COMMANDS:
            raise SettingError(f"unknown command {key}; known are add_account, {', '.join([*_SIMPLE, *_MAKING])}")


_MAKING = ("add_list", "add_campaign", "options")


def _new_list(data: Mapping[str, Any], new_id: Callable[[], str]) -> ContactList:
    field_email = str(data.get("field_email", "email"))
    names = tuple(data.get("fields", (field_email,)))
    if field_email not in names:
        raise SettingError("field_email must be one of fields")
    rows = [dict.fromkeys(names, "") | row for row in data.get("rows", [])]
    list_id = str(data.get("id") or new_id())
    protected = bool(data.get("protected", False))
    return ContactList(list_id, str(data.get("name", "list")), field_email, names, protected=protected, rows=rows)


def _new_campaign(account: Account, data: Mapping[str, Any], now: datetime, new_id: Callable[[], str]) -> Campaign:
    return Campaign(
        id=str(data.get("id") or new_id()),
        user_id=str(data.get("user_id", account.user_id)),
        user=str(data.get("user", account.log)),
        reference=str(data.get("reference", "campaign")),
        subject=str(data.get("subject", "")),
        sent=now - timedelta(seconds=float(data.get("sent_seconds_ago", 0))),
        volume=int(data.get("volume", 1000)),
        figures=dict(data["figures"]) if "figures" in data else None,
    )


def _set_figures(account: Account, value: Any, now: datetime) -> None:
    """`{"id": …, "figures": {…}, "volume": …}`: fixes a campaign's figures."""
    campaign = next((each for each in account.campaigns if each.id == str(value.get("id"))), None)
    if campaign is None:
        raise SettingError(f"no campaign {value.get('id')}")
    campaign.figures = {**(campaign.figures or campaign.figures_at(now)), **value.get("figures", {})}
    campaign.volume = int(value.get("volume", campaign.volume))


def _protect(account: Account, value: Any, protected: bool) -> None:
    _list_of(account, value).protected = protected


def _list_of(account: Account, list_id: Any) -> ContactList:
    if str(list_id) not in account.lists:
        raise SettingError(f"no list {list_id}")
    return account.lists[str(list_id)]


def _add_unsubscribed(account: Account, value: Any, now: datetime) -> None:
    """Adds people who unsubscribed by Ediware's own link."""
    for address in value:
        account.unsubscribed.setdefault(str(address), now)


def _set_key(account: Account, value: Any, now: datetime) -> None:
    account.api_key = str(value)


def _set_ips(account: Account, value: Any, now: datetime) -> None:
    account.declared_ips = None if value is None else [str(ip) for ip in value]


_SIMPLE: dict[str, Callable[[Account, Any, datetime], None]] = {
    "delete_list": lambda account, value, now: account.lists.__delitem__(_list_of(account, value).id),
    "protect_list": lambda account, value, now: _protect(account, value, True),
    "unprotect_list": lambda account, value, now: _protect(account, value, False),
    "set_figures": _set_figures,
    "add_unsubscribed": _add_unsubscribed,
    "api_key": _set_key,
    "declared_ips": _set_ips,
}
