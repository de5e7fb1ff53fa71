"""Ediware's HTTP side: finds the function, checks key and IP, answers as the vendor does."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ..clock import SandboxClock
from ..exchange import HTML_TYPE, Call, Reply, Request, json_reply, text_reply
from ..provider import SettingError
from . import administration, commands, contacts
from .context import Context, Options, Refused
from .models import Account, shown_campaigns
from .samples import sample_accounts

_RESTRICTED = "api_http"
_OPEN = "api_http_open"
_WRONG_KEY = "Error api_key invalid"

Function = Callable[[Context, Mapping[str, Any]], Any]
FUNCTIONS: dict[str, Function] = {
    "user_list": administration.user_list,
    "pools_list": administration.pools_list,
    "user_create": administration.user_create,
    "user_update": administration.user_update,
    "user_delete": administration.user_delete,
    "list_list": administration.list_list,
    "list_create": administration.list_create,
    "list_delete": administration.list_delete,
    "list_insert": contacts.list_insert,
    "list_insert_url": contacts.list_insert_url,
    "campaigns_stats": administration.campaigns_stats,
    "unsub_add": contacts.unsub_add,
    "unsub_global_add": contacts.unsub_global_add,
}
_ONLY_OPEN = frozenset({"campaigns_stats"})


class Ediware:
    """All simulated Ediware accounts behind one lock."""

    name = "ediware"

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Restores the sample accounts and the default options."""
        with self._lock:
            self.options = Options()
            self.accounts = {account.name: account for account in sample_accounts(self._clock.now())}
            self._ids = itertools.count(33541)

    def recognise(self, request: Request) -> Call:
        """Recognises a call. Its JSON is read whatever the Content-Type: the vendor's sample sends it as a form."""
        segments = request.segments()
        function = segments[1] if len(segments) == 2 else ""
        params = _parsed(request.body)
        with self._lock:
            account = self._by_key(params)
            return Call(function, account.name if account else "", _addresses(params), params)

    def answer(self, request: Request, call: Call) -> Reply:
        """Answers; failures are sent under HTTP 200, as `{"error": "1", "message": …}`."""
        function = self._function(request, call)
        if function is None:
            return text_reply("<html><body><h1>404 Not Found</h1></body></html>", 404, HTML_TYPE)
        try:
            fetched = contacts.fetch_csv(call.data) if call.function == "list_insert_url" else ""
            with self._lock:
                result = function(self._context(request, call, fetched), call.data)
        except Refused as refusal:
            return self._refused(refusal)
        return json_reply(result, content_type=self.options.content_type)

    def up_to_row(self, request: Request, call: Call, row: int) -> tuple[Request, Call] | None:
        """Returns a `list_insert` with the rows before `row`."""
        if row == 0 or call.function != "list_insert":
            return None
        data = {**call.data, "tab_insert": call.data["tab_insert"][:row]}
        return request, replace(call, data=data, addresses=call.addresses[:row])

    def refusal(self, call: Call, message: str) -> Reply:
        """Returns `message` as Ediware wraps it."""
        return self._refused(Refused(message))

    def wrong_key(self, call: Call) -> Reply:
        """Returns the documented answer to a wrong key."""
        return self._refused(Refused(_WRONG_KEY))

    def state(self, newest: int | None = None) -> dict[str, Any]:
        """Returns every account with its lists, sub-accounts, campaigns and unsubscribed addresses."""
        with self._lock:
            return {"accounts": {name: self._account(each, newest) for name, each in self.accounts.items()}}

    def change(self, command: Mapping[str, Any]) -> None:
        """Carries out a control command on one account (the first when none is named)."""
        with self._lock:
            name = command.get("account") or next(iter(self.accounts))
            if "add_account" in command:
                account = commands.new_account(command["add_account"])
                self.accounts[account.name] = account
            elif name in self.accounts:
                commands.carry_out(self.accounts[name], self.options, command, self._clock.now(), self._new_id)
            else:
                raise SettingError(f"no account {name}")

    def _function(self, request: Request, call: Call) -> Function | None:
        door = request.path.strip("/").partition("/")[0]
        if door == _OPEN or (door == _RESTRICTED and call.function not in _ONLY_OPEN):
            return FUNCTIONS.get(call.function)
        return None

    def _context(self, request: Request, call: Call, fetched: str) -> Context:
        account = self._by_key(call.data)
        if account is None:
            raise Refused(_WRONG_KEY)
        undeclared = account.declared_ips is not None and request.client not in account.declared_ips
        if undeclared and request.path.strip("/").partition("/")[0] != _OPEN:
            raise Refused(self.options.ip_message)
        now = self._clock.now()
        step = self.options.stats_step_seconds
        age = (now - self._clock.started).total_seconds()
        figures_at = now - timedelta(seconds=age % step if step > 0 else 0)
        return Context(account, now, figures_at, self.options, self._new_id, fetched)

    def _new_id(self) -> str:
        return str(next(self._ids))

    def _by_key(self, params: Mapping[str, Any]) -> Account | None:
        key = params.get("api_key")
        return next((account for account in self.accounts.values() if account.api_key == key), None)

    def _refused(self, refusal: Refused) -> Reply:
        if refusal.bare:
            return text_reply(refusal.message, content_type=self.options.content_type)
        return json_reply({"error": "1", "message": refusal.message}, content_type=self.options.content_type)

    def _account(self, account: Account, newest: int | None) -> dict[str, Any]:
        now = self._clock.now()
        return {
            "lists": {each.id: each.shown(newest) for each in account.lists.values()},
            "unsubscribed": [*account.unsubscribed][-newest if newest else None :],
            "delisted": [*account.delisted][-newest if newest else None :],
            "users": [{"id": user.id, "log": user.log, "name": user.name} for user in account.users.values()],
            "campaigns": administration.campaigns_stats(self._viewed(account), {}),
            "campaigns_hidden": len(account.campaigns) - len(shown_campaigns(account, now)),
            "declared_ips": account.declared_ips,
        }

    def _viewed(self, account: Account) -> Context:
        request = Request("POST", f"/{_OPEN}/campaigns_stats")
        return self._context(request, Call("campaigns_stats", data={"api_key": account.api_key}), "")


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _addresses(params: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the addresses of a call: for `list_insert` all values with an @ sign, since the list may be unknown."""
    rows = params.get("tab_insert")
    if isinstance(rows, list):
        return tuple(_address_of(row) for row in rows)
    return (str(params["email"]),) if params.get("email") else ()


def _address_of(row: Any) -> str:
    values = row.values() if isinstance(row, Mapping) else ()
    return next((value for value in values if isinstance(value, str) and "@" in value), "")
