"""Every function of the Ediware REST API as a typed method; operators call the same methods by name.

Each is a POST of one JSON object that holds the key. Each raises `ProviderError`: caller for a parameter outside the
vendor's stated limits, before any call; else by the table in `answers`. `budget` is in seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from ...domain.errors import Kind
from ..functions import Limits, function
from ..spec import CampaignFigures
from ..transport.exchange import MEGABYTE, Call, KeyRefused, to_json
from . import answers, models
from .constants import BASE_URL, JSON_TYPE, MOST_ROWS
from .figures import figures

if TYPE_CHECKING:
    from ..account import Account
    from ..transport.session import Transport

T = TypeVar("T")
_MOST_FIELDS = 50
_MOST_INDEXED = 20
_SHORT_ANSWER = MEGABYTE
_LONGEST_ANSWER = 32 * MEGABYTE
_SECONDS = 30.0
# An insert of 255 rows may take the vendor a while; an earlier timeout would only leave its outcome unknown.
_READ_TIMEOUT = 60.0

UserId = Annotated[str, "id of the sub-account, from user_list"]
Owner = Annotated[str | None, "id of a sub-account; without it the main account"]
ListId = Annotated[str, "id of the list, from list_list"]
Password = Annotated[str, "password, more than 8 characters"]
NewPassword = Annotated[str | None, "password, more than 8 characters; unchanged if left out"]
Quota = Annotated[int | None, "sending quota, below the main account's"]
Name = Annotated[str | None, "name for display"]
Technician = Annotated[str | None, "address that gets the complaint reports"]
PoolId = Annotated[str | None, "id of an IP pool, from pools_list"]
Address = Annotated[str, "the e-mail address"]


class Client:
    """One Ediware account. Holds no state but the account's configuration; safe to use from several threads."""

    def __init__(self, account: Account, transport: Transport) -> None:
        self._account = account
        self._transport = transport
        self._base = account.base_url or BASE_URL
        self._open_base = account.open_base_url or f"{self._base}_open"
        self._headers = {
            "Content-Type": str(account.options.get("content_type") or JSON_TYPE),
            "Accept": JSON_TYPE,
        }

    @function(changes=False)
    def user_list(self, *, budget: float = _SECONDS) -> tuple[models.User, ...]:
        """List the sub-accounts, without their passwords."""
        return self._exchange("user_list", {}, answers.rows(models.user), budget, changes=False)

    @function(changes=False)
    def pools_list(self, *, budget: float = _SECONDS) -> tuple[models.Pool, ...]:
        """List the IP pools that sub-accounts can be given."""
        return self._exchange("pools_list", {}, answers.rows(models.pool), budget, changes=False)

    @function(changes=True)
    def user_create(
        self,
        log: Annotated[str, "login: unique, more than 6 letters, digits or _"],
        password: Password,
        quota: Quota = None,
        name: Name = None,
        email: Technician = None,
        pool_ip: PoolId = None,
        *,
        budget: float = _SECONDS,
    ) -> str:
        """Create a sub-account and return its id."""
        limits = Limits("user_create")
        limits.require(
            re.fullmatch(r"[A-Za-z0-9_]{7,100}", log), "log must be more than 6 letters, digits or _, no accents"
        )
        params = {"log": log, **_user_params(limits, password, quota, name, email, pool_ip)}
        return self._exchange("user_create", params, answers.new_id("user_id"), budget)

    @function(changes=True)
    def user_update(
        self,
        user_id: UserId,
        password: NewPassword = None,
        quota: Quota = None,
        name: Name = None,
        email: Technician = None,
        pool_ip: PoolId = None,
        *,
        budget: float = _SECONDS,
    ) -> bool:
        """Change a sub-account; what is left out stays as it is."""
        limits = Limits("user_update")
        changed = _user_params(limits, password, quota, name, email, pool_ip)
        limits.require(changed, "nothing to change: give password, quota, name, email or pool_ip")
        params = {"user_id": limits.text("user_id", user_id), **changed}
        return self._exchange("user_update", params, answers.ok, budget)

    @function(changes=True)
    def user_delete(self, user_id: UserId, *, budget: float = _SECONDS) -> bool:
        """Delete a sub-account; refused once it has sent a campaign."""
        params = {"user_id": Limits("user_delete").text("user_id", user_id)}
        return self._exchange("user_delete", params, answers.ok, budget)

    @function(changes=False)
    def list_list(self, user_id: Owner = None, *, budget: float = _SECONDS) -> tuple[models.MailingList, ...]:
        """List the contact lists of the main account or of one sub-account."""
        params = {} if user_id is None else {"user_id": Limits("list_list").text("user_id", user_id)}
        return self._exchange("list_list", params, answers.rows(models.mailing_list), budget, changes=False)

    @function(changes=True)
    def list_create(
        self,
        name: Annotated[str, "name of the list"],
        field_list: Annotated[Sequence[str], "names of its fields, letters and _ only, at most 50"],
        field_email: Annotated[str, "the one of field_list that holds the address"],
        field_index: Annotated[Sequence[str] | None, "those of field_list that can be searched, at most 20"] = None,
        email_crypt: Annotated[bool | None, "hide the addresses from the account's users (default false)"] = None,
        user_id: Owner = None,
        *,
        budget: float = _SECONDS,
    ) -> str:
        """Create a contact list and return its id."""
        limits = Limits("list_create")
        _check_fields(limits, field_list, field_email, field_index)
        # The vendor's text calls it `name`, its sample posts `nom`: the sample is the one that was run.
        params: dict[str, Any] = {"nom": limits.text("name", name)}
        params |= {"field_list": ",".join(field_list), "field_email": field_email}
        params |= {"field_index": ",".join(field_index)} if field_index else {}
        params |= {"email_crypt": int(email_crypt)} if email_crypt is not None else {}
        params |= {"user_id": limits.text("user_id", user_id)} if user_id is not None else {}
        return self._exchange("list_create", params, answers.new_id("list_id"), budget)

    @function(changes=True)
    def list_delete(self, list_id: ListId, *, budget: float = _SECONDS) -> bool:
        """Delete a contact list; refused if the list is protected."""
        params = {"list_id": Limits("list_delete").text("list_id", list_id)}
        return self._exchange("list_delete", params, answers.ok, budget)

    @function(changes=True)
    def list_insert(
        self,
        list_id: ListId,
        contacts: Annotated[
            Sequence[Mapping[str, Any]], "1 to 255 objects: field name -> value, the address's among them"
        ],
        *,
        budget: float = _READ_TIMEOUT,
    ) -> bool:
        """Insert contacts into a list; an address that is there already may become a second row."""
        limits = Limits("list_insert")
        limits.require(
            0 < len(contacts) <= MOST_ROWS, f"contacts must hold between 1 and {MOST_ROWS} rows, not {len(contacts)}"
        )
        limits.require(all(isinstance(row, Mapping) for row in contacts), "every contact must be an object")
        rows = [{name: "" if value is None else value for name, value in row.items()} for row in contacts]
        types = {type(value) for row in rows for value in row.values()}
        limits.require(all(rows) and types <= {str, int, float}, "every contact must hold texts and numbers only")
        params = {"list_id": limits.text("list_id", list_id), "tab_insert": rows}
        return self._exchange("list_insert", params, answers.ok, budget, refused_as=Kind.CONTACT)

    @function(changes=True)
    def list_insert_url(
        self,
        list_id: ListId,
        url: Annotated[str, "address of a CSV file with semicolons, fetched from 193.200.171.13 and 193.200.171.14"],
        *,
        budget: float = _READ_TIMEOUT,
    ) -> bool:
        """Have Ediware fetch a file of contacts itself and insert them into a list."""
        limits = Limits("list_insert_url")
        limits.text("url", url, 2000)
        limits.require(re.fullmatch(r"https?://[^\s/]+\S*", url), "url must start with https:// or http:// and a host")
        params = {"list_id": limits.text("list_id", list_id), "url": url}
        return self._exchange("list_insert_url", params, answers.ok, budget)

    @function(changes=False)
    def campaigns_stats(self, *, budget: float = _SECONDS) -> tuple[models.Campaign, ...]:
        """List all campaigns of the last 30 days, of the account and its sub-accounts; up to an hour old."""
        expect = answers.rows(models.campaign)
        return self._exchange("campaigns_stats", {}, expect, budget, changes=False, open_api=True)

    @function(changes=True)
    def unsub_add(self, email: Address, *, budget: float = _SECONDS) -> bool:
        """Put an address on this account's unsubscribed list; acts within 10 minutes."""
        params = {"email": Limits("unsub_add").address("email", email)}
        return self._exchange("unsub_add", params, answers.ok, budget, refused_as=Kind.CONTACT)

    @function(changes=True)
    def unsub_global_add(self, email: Address, *, budget: float = _SECONDS) -> bool:
        """Put an address on the delisting list, for all senders."""
        params = {"email": Limits("unsub_global_add").address("email", email)}
        return self._exchange("unsub_global_add", params, answers.ok, budget, refused_as=Kind.CONTACT)

    @function(changes=True)
    def call(
        self,
        function: Annotated[str, "name of the function at Ediware: lower-case letters, digits and _"],
        params: Annotated[Mapping[str, Any] | None, "its parameters, without the key"] = None,
        open: Annotated[bool, "call it where no IP needs to be declared (default false)"] = False,
        *,
        budget: float = _SECONDS,
    ) -> Any:
        """Call any function of the API, also one newer than this client; returns its answer unchanged."""
        limits = Limits("call")
        limits.require(re.fullmatch(r"[a-z0-9_]{1,60}", function), "function must be lower-case letters, digits and _")
        limits.require("api_key" not in (params or {}), "leave api_key out of params: the client adds the key")
        (reply,) = self._exchange(
            function, params or {}, answers.anything, budget, open_api=open, max_bytes=_LONGEST_ANSWER
        )
        return reply

    def campaign_figures(self, *, budget: float) -> tuple[CampaignFigures, ...]:
        """Returns `campaigns_stats` as the figures that all providers share."""
        expect = answers.rows(figures)
        return self._exchange("campaigns_stats", {}, expect, budget, changes=False, open_api=True)

    def _exchange(
        self,
        name: str,
        params: Mapping[str, Any],
        expect: Callable[[Any], T | None],
        budget: float,
        *,
        changes: bool = True,
        open_api: bool = False,
        refused_as: Kind = Kind.CALLER,
        max_bytes: int | None = None,
    ) -> T:
        """Sends one call and reads its answer; after a refused key once more, if the secret has changed."""
        deadline = self._transport.deadline(budget)
        for key in self._account.keys("api_key"):
            call = Call(
                account=self._account.name,
                label=name,
                method="POST",
                url=f"{self._open_base if open_api else self._base}/{name}",
                changes=changes,
                budget=deadline.left(),
                headers=self._headers,
                body=to_json({"api_key": key, **params}),
                read_timeout=_READ_TIMEOUT,
                max_bytes=max_bytes or (_SHORT_ANSWER if changes else _LONGEST_ANSWER),
            )
            try:
                read = partial(answers.read, expect=expect, refused_as=refused_as, key=key)
                return self._transport.exchange(call, read)
            except KeyRefused as error:
                refused = error
        raise refused


def _user_params(
    limits: Limits,
    password: str | None,
    quota: int | None,
    name: str | None,
    email: str | None,
    pool_ip: str | None,
) -> dict[str, str]:
    """Checks the parameters that `user_create` and `user_update` share; returns those that are given."""
    limits.require(password is None or len(password) > 8, "password must have more than 8 characters")
    limits.require(quota is None or quota >= 0, "quota must not be negative")
    if email is not None:
        limits.address("email", email)
    given = {"pass": password, "quota": quota, "name": name, "email": email, "pool_ip": pool_ip}
    return {name: str(value) for name, value in given.items() if value is not None}


def _check_fields(
    limits: Limits, field_list: Sequence[str], field_email: str, field_index: Sequence[str] | None
) -> None:
    indexed = field_index or ()
    names = [*field_list, *indexed]
    limits.require(0 < len(field_list) <= _MOST_FIELDS, f"field_list must hold between 1 and {_MOST_FIELDS} fields")
    limits.require(len(indexed) <= _MOST_INDEXED, f"field_index must hold at most {_MOST_INDEXED} fields")
    well_named = all(isinstance(name, str) and re.fullmatch(r"[A-Za-z_]+", name) for name in names)
    limits.require(well_named, "field names must be letters and _ only")
    limits.require(len(set(field_list)) == len(field_list), "field_list must not name a field twice")
    limits.require(field_email in field_list, "field_email must be one of field_list")
    limits.require(set(indexed) <= set(field_list), "field_index must be fields of field_list")
