"""Every function of the Ediware REST API as a typed method; the methods are also what an operator calls by name.

Each is a POST of one JSON object that holds the key. Each raises `ProviderError`: caller for a parameter outside the
vendor's stated limits, before any call; else by the table in `answers`. `budget` is in seconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from ...domain.errors import Kind
from ..credentials import with_key
from ..functions import Limits, function
from ..spec import CampaignFigures
from ..transport.exchange import MEGABYTE, Call, Deadline
from . import answers, models

if TYPE_CHECKING:
    from ..account import Account
    from ..transport.session import Transport

T = TypeVar("T")
BASE_URL = "https://www.mdworks.fr/api_http"
JSON_TYPE = "application/json"
MOST_ROWS = 255
_MOST_FIELDS = 50
_MOST_INDEXED = 20
_SHORT_ANSWER = MEGABYTE
_SECONDS = 30.0
# An insert of 255 rows may take the vendor a while, and giving up on it early would only leave its outcome unknown.
_PATIENCE = 60.0

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

    def deadline(self, budget: float) -> Deadline:
        """The deadline of a method of one call or several, by the clock that the calls are timed by."""
        return self._transport.deadline(budget)

    @function(changes=False)
    def user_list(self, *, budget: float = _SECONDS) -> tuple[models.User, ...]:
        """The sub-accounts, without their passwords."""
        return self._read("user_list", {}, answers.rows(models.user), budget)

    @function(changes=False)
    def pools_list(self, *, budget: float = _SECONDS) -> tuple[models.Pool, ...]:
        """The IP pools that sub-accounts can be given."""
        return self._read("pools_list", {}, answers.rows(models.pool), budget)

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
        limits.need(
            re.fullmatch(r"[A-Za-z0-9_]{7,100}", log), "log must be more than 6 letters, digits or _, no accents"
        )
        params = {"log": log, **_user_params(limits, password, quota, name, email, pool_ip)}
        return self._change("user_create", params, answers.new_id("user_id"), budget)

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
        limits.need(changed, "nothing to change: give password, quota, name, email or pool_ip")
        params = {"user_id": limits.filled("user_id", user_id), **changed}
        return self._change("user_update", params, answers.ok, budget)

    @function(changes=True)
    def user_delete(self, user_id: UserId, *, budget: float = _SECONDS) -> bool:
        """Delete a sub-account; refused once it has sent a campaign."""
        params = {"user_id": Limits("user_delete").filled("user_id", user_id)}
        return self._change("user_delete", params, answers.ok, budget)

    @function(changes=False)
    def list_list(self, user_id: Owner = None, *, budget: float = _SECONDS) -> tuple[models.MailingList, ...]:
        """The contact lists of the main account or of one sub-account."""
        params = {} if user_id is None else {"user_id": Limits("list_list").filled("user_id", user_id)}
        return self._read("list_list", params, answers.rows(models.mailing_list), budget)

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
        params: dict[str, Any] = {"nom": limits.filled("name", name)}
        params |= {"field_list": answers.joined(field_list), "field_email": field_email}
        params |= {"field_index": answers.joined(field_index)} if field_index else {}
        params |= {"email_crypt": int(email_crypt)} if email_crypt is not None else {}
        params |= {"user_id": limits.filled("user_id", user_id)} if user_id is not None else {}
        return self._change("list_create", params, answers.new_id("list_id"), budget)

    @function(changes=True)
    def list_delete(self, list_id: ListId, *, budget: float = _SECONDS) -> bool:
        """Delete a contact list; refused if the list is protected."""
        params = {"list_id": Limits("list_delete").filled("list_id", list_id)}
        return self._change("list_delete", params, answers.ok, budget)

    @function(changes=True)
    def list_insert(
        self,
        list_id: ListId,
        contacts: Annotated[
            Sequence[Mapping[str, Any]], "1 to 255 objects: field name -> value, the address's among them"
        ],
        *,
        budget: float = _PATIENCE,
    ) -> bool:
        """Insert contacts into a list; an address that is there already may become a second row."""
        limits = Limits("list_insert")
        limits.rows("contacts", contacts, MOST_ROWS)
        limits.need(
            all(row and answers.scalars(row) for row in contacts), "every contact must hold texts and numbers only"
        )
        rows = [{name: "" if value is None else value for name, value in row.items()} for row in contacts]
        params = {"list_id": limits.filled("list_id", list_id), "tab_insert": rows}
        return self._change("list_insert", params, answers.ok, budget, refused_as=Kind.CONTACT)

    @function(changes=True)
    def list_insert_url(
        self,
        list_id: ListId,
        url: Annotated[str, "address of a CSV file with semicolons, fetched from 193.200.171.13 and 193.200.171.14"],
        *,
        budget: float = _PATIENCE,
    ) -> bool:
        """Have Ediware fetch a file of contacts itself and insert them into a list."""
        limits = Limits("list_insert_url")
        limits.filled("url", url, 2000)
        limits.need(re.fullmatch(r"https?://[^\s/]+\S*", url), "url must start with https:// or http:// and a host")
        params = {"list_id": limits.filled("list_id", list_id), "url": url}
        return self._change("list_insert_url", params, answers.ok, budget)

    @function(changes=False)
    def campaigns_stats(self, *, budget: float = _SECONDS) -> tuple[models.Campaign, ...]:
        """All campaigns of the last 30 days, of the account and its sub-accounts; up to an hour old."""
        return self._campaigns(models.campaign, budget)

    @function(changes=True)
    def unsub_add(self, email: Address, *, budget: float = _SECONDS) -> bool:
        """Put an address on this account's unsubscribed list; acts within 10 minutes."""
        params = {"email": Limits("unsub_add").address("email", email)}
        return self._change("unsub_add", params, answers.ok, budget, refused_as=Kind.CONTACT)

    @function(changes=True)
    def unsub_global_add(self, email: Address, *, budget: float = _SECONDS) -> bool:
        """Put an address on the delisting list, for all senders."""
        params = {"email": Limits("unsub_global_add").address("email", email)}
        return self._change("unsub_global_add", params, answers.ok, budget, refused_as=Kind.CONTACT)

    @function(changes=True)
    def call(
        self,
        function: Annotated[str, "name of the function at Ediware: lower-case letters, digits and _"],
        params: Annotated[Mapping[str, Any] | None, "its parameters, without the key"] = None,
        open: Annotated[bool, "call it where no IP needs to be declared (default false)"] = False,
        *,
        budget: float = _SECONDS,
    ) -> Any:
        """Any other function of the API, also one that came after this client; its answer as it is."""
        limits = Limits("call")
        limits.need(re.fullmatch(r"[a-z0-9_]{1,60}", function), "function must be lower-case letters, digits and _")
        limits.need("api_key" not in (params or {}), "the key is added by itself: leave api_key out of params")
        (reply,) = self._ask(function, params or {}, answers.anything, budget, changes=True, open_to_all=open)
        return reply

    def campaign_figures(self, *, budget: float) -> tuple[CampaignFigures, ...]:
        """`campaigns_stats` in the figures that all providers share."""
        return self._campaigns(models.figures, budget)

    def _campaigns(self, make: Callable[[models.Row], T], budget: float) -> tuple[T, ...]:
        return self._ask("campaigns_stats", {}, answers.rows(make), budget, changes=False, open_to_all=True)

    def _read(self, name: str, params: Mapping[str, Any], expect: Callable[[Any], T | None], budget: float) -> T:
        return self._ask(name, params, expect, budget, changes=False)

    def _change(
        self,
        name: str,
        params: Mapping[str, Any],
        expect: Callable[[Any], T | None],
        budget: float,
        *,
        refused_as: Kind = Kind.CALLER,
    ) -> T:
        return self._ask(name, params, expect, budget, changes=True, refused_as=refused_as, max_bytes=_SHORT_ANSWER)

    def _ask(
        self,
        name: str,
        params: Mapping[str, Any],
        expect: Callable[[Any], T | None],
        budget: float,
        *,
        changes: bool,
        open_to_all: bool = False,
        refused_as: Kind = Kind.CALLER,
        max_bytes: int = 32 * MEGABYTE,
    ) -> T:
        def once(key: str, left: float) -> T:
            call = Call(
                account=self._account.name,
                label=name,
                method="POST",
                url=f"{self._open_base if open_to_all else self._base}/{name}",
                changes=changes,
                budget=left,
                headers=self._headers,
                body=_body({"api_key": key, **params}),
                patience=_PATIENCE,
                max_bytes=max_bytes,
            )
            return self._transport.ask(
                call, lambda answer: answers.read(answer, expect, refused_as=refused_as, key=key)
            )

        return with_key(self._account, "api_key", once, deadline=self.deadline(budget))


def _body(params: Mapping[str, Any]) -> bytes:
    # A lone surrogate cannot be said in UTF-8; a question mark is better than a signup that can never be sent.
    return json.dumps(params, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _user_params(
    limits: Limits,
    password: str | None,
    quota: int | None,
    name: str | None,
    email: str | None,
    pool_ip: str | None,
) -> dict[str, str]:
    """What `user_create` and `user_update` share, checked; only what is given."""
    limits.need(password is None or len(password) > 8, "password must have more than 8 characters")
    limits.need(quota is None or quota >= 0, "quota must not be negative")
    if email is not None:
        limits.address("email", email)
    given = {"pass": password, "quota": quota, "name": name, "email": email, "pool_ip": pool_ip}
    return {wire: str(value) for wire, value in given.items() if value is not None}


def _check_fields(
    limits: Limits, field_list: Sequence[str], field_email: str, field_index: Sequence[str] | None
) -> None:
    indexed = field_index or ()
    names = [*field_list, *indexed]
    limits.need(0 < len(field_list) <= _MOST_FIELDS, f"field_list must hold between 1 and {_MOST_FIELDS} fields")
    limits.need(len(indexed) <= _MOST_INDEXED, f"field_index must hold at most {_MOST_INDEXED} fields")
    well_named = all(isinstance(name, str) and re.fullmatch(r"[A-Za-z_]+", name) for name in names)
    limits.need(well_named, "field names must be letters and _ only")
    limits.need(len(set(field_list)) == len(field_list), "field_list must not name a field twice")
    limits.need(field_email in field_list, "field_email must be one of field_list")
    limits.need(set(indexed) <= set(field_list), "field_index must be fields of field_list")
