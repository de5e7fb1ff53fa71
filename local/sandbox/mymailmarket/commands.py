"""Shows a myMailMarket account to the control API, and carries out its commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from ..provider import SettingError, set_options
from .context import Options
from .models import STATUSES, Account, Campaign, Credentials, Group, Subscriber

_CREDENTIALS = tuple(field.name for field in fields(Credentials))
_NOT_COMMANDS = frozenset({"provider", "account", "expire_sessions"})

NewId = Callable[[], str]


def new_account(data: Mapping[str, Any]) -> Account:
    """Returns an empty account."""
    missing = [name for name in ("name", *_CREDENTIALS) if name not in data]
    if missing:
        raise SettingError(f"add_account needs {', '.join(missing)}")
    return Account(str(data["name"]), Credentials(**{name: str(data[name]) for name in _CREDENTIALS}))


def shown(account: Account, now: datetime, figures_at: datetime, newest: int | None) -> dict[str, Any]:
    """Returns the account as JSON values without secrets."""
    campaigns = [
        {"Id": one.id, "Name": one.name, "Status": one.status_at(now), **one.stats(figures_at)}
        for one in account.campaigns.values()
    ]
    newest_last = sorted(
        (person for person in account.subscribers.values() if person.status == "unsubscribed"),
        key=lambda person: person.updated,
    )
    unsubscribed = [{"list": person.group, "MailAddress": person.address} for person in newest_last]
    return {
        "lists": {group.id: _list(account, group, newest) for group in account.groups.values()},
        "unsubscribed": unsubscribed if newest is None else unsubscribed[-newest:],
        "campaigns": campaigns,
        "links": dict(account.links),
        "triggers_sent": list(account.triggers_sent),
    }


def _list(account: Account, group: Group, newest: int | None) -> dict[str, Any]:
    people = [person for person in account.subscribers.values() if person.group == group.id]
    columns: dict[str, Any] = {"SubscriberId": 0, "MailAddress": 0, "Status": 0, "Language": 0}
    for person in people:
        columns |= person.profile
    rows = people if newest is None else people[-newest:]
    return {
        "name": group.name,
        "fields": list(columns),
        "total": len(people),
        "rows": [{**person.profile, **_row(person)} for person in rows],
    }


def _row(person: Subscriber) -> dict[str, Any]:
    return {
        "SubscriberId": person.id,
        "MailAddress": person.address,
        "MobileNumber": person.mobile,
        "Status": person.status,
        "Language": person.language,
        "updated": person.updated.isoformat(),
    }


def carry_out(account: Account, options: Options, command: Mapping[str, Any], now: datetime, new_id: NewId) -> None:
    """Makes the change of each key of `command` but `provider` and `account`. Raises `SettingError`."""
    for key, value in command.items():
        if key == "options":
            set_options(options, value)
        elif key in _CHANGES:
            _CHANGES[key](account, value, now, new_id)
        elif key in _CREDENTIALS:
            setattr(account.credentials, key, str(value))
        elif key == "between_pages":
            account.between_pages = [dict(one) for one in value]
        elif key not in _NOT_COMMANDS:
            known = ", ".join(["add_account", "expire_sessions", "options", "between_pages", *_CHANGES, *_CREDENTIALS])
            raise SettingError(f"unknown command {key}; known are {known}")


def _add_list(account: Account, data: Any, now: datetime, new_id: NewId) -> None:
    group = Group(str(data.get("id") or new_id()), str(data.get("name", "list")), account.site_id, now)
    account.groups[group.id] = group


def _delete_list(account: Account, list_id: Any, now: datetime, new_id: NewId) -> None:
    if account.groups.pop(str(list_id), None) is None:
        raise SettingError(f"no list {list_id}")


def _add_subscribers(account: Account, data: Any, now: datetime, new_id: NewId) -> None:
    """`{"list", "rows": [address or {"MailAddress", "Status", "MobileNumber", "seconds_ago"}]}`."""
    if str(data.get("list")) not in account.groups:
        raise SettingError(f"no list {data.get('list')}")
    for row in data.get("rows", []):
        given = row if isinstance(row, Mapping) else {"MailAddress": row}
        updated = now - timedelta(seconds=float(given.get("seconds_ago", 0)))
        person = Subscriber(new_id(), str(data["list"]), str(given.get("MailAddress", "")), updated)
        person.status = str(given.get("Status", "active"))
        person.mobile = str(given.get("MobileNumber", ""))
        account.put(person)


def _set_status(account: Account, data: Any, now: datetime, new_id: NewId) -> None:
    """`{"MailAddress", "Status", "list" (default: every list), "campaign" (that they unsubscribed through)}`."""
    if data.get("Status") not in STATUSES:
        raise SettingError(f"Status must be one of {', '.join(STATUSES)}")
    address = str(data.get("MailAddress", "")).lower()
    people = [
        person
        for person in account.subscribers.values()
        if person.address.lower() == address and data.get("list") in (None, person.group)
    ]
    if not people:
        raise SettingError("no subscriber has that address")
    for person in people:
        person.status, person.updated = data["Status"], now
        if "campaign" in data:
            account.campaigns[str(data["campaign"])].unsubscribed.append(person.id)


def _remove(account: Account, address: Any, now: datetime, new_id: NewId) -> None:
    """Removes an address from every list without a trace."""
    removed = [each for each in account.subscribers.values() if each.address.lower() == str(address).lower()]
    for person in removed:
        del account.subscribers[person.id]
        account.by_address.pop((person.group, person.address.lower()), None)


def _add_campaign(account: Account, data: Any, now: datetime, new_id: NewId) -> None:
    ago = data.get("sent_seconds_ago")
    campaign = Campaign(
        id=str(data.get("id") or new_id()),
        name=str(data.get("name", "campaign")),
        subject=str(data.get("subject", "")),
        site_id=account.site_id,
        status=str(data.get("status", "sent")),
        updated=now,
        sent=None if ago is None else now - timedelta(seconds=float(ago)),
        volume=int(data.get("volume", 1000)),
        fixed=dict(data["figures"]) if "figures" in data else None,
    )
    account.campaigns[campaign.id] = campaign


def _set_figures(account: Account, data: Any, now: datetime, new_id: NewId) -> None:
    """`{"id", "figures": {any names: values}}`: fixes a campaign's figures."""
    if str(data.get("id")) not in account.campaigns:
        raise SettingError(f"no campaign {data.get('id')}")
    account.campaigns[str(data["id"])].fixed = dict(data["figures"])


_CHANGES: dict[str, Callable[[Account, Any, datetime, NewId], None]] = {
    "add_list": _add_list,
    "delete_list": _delete_list,
    "add_subscribers": _add_subscribers,
    "set_status": _set_status,
    "remove": _remove,
    "add_campaign": _add_campaign,
    "set_figures": _set_figures,
}
