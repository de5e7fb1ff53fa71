"""Every function of the MailPartner API as a typed method; operators call the same methods by name.

Each raises `ProviderError`: caller for a parameter outside the vendor's stated limits, before any call; else by
`answers` and `codes`. `budget` is in seconds. Ids are sent as given and returned as text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from urllib.parse import quote, urlencode

from ...domain.errors import ProviderError
from ..functions import Limits, function
from ..spec import Unsubscribed, Unsubscribes
from ..transport.exchange import MEGABYTE, Answer, Call, KeyRefused, StreamedAnswer, to_json
from . import answers, message, models
from .constants import BASE_URL, XML
from .figures import started

if TYPE_CHECKING:
    from ..account import Account
    from ..transport.session import Transport

T = TypeVar("T")
_SECONDS = 30.0
# The vendor's own samples give up after 10 seconds.
_READ_TIMEOUT = 10.0
_LONG_READ_TIMEOUT = 30.0
_LONGEST_LIST = 32 * MEGABYTE
_LONGEST_STREAM = 1024 * MEGABYTE
"""Bytes of the opt-out list where it is read as it arrives: some ten million rows; also limits a compressed one."""

MessageId = Annotated[str, "id of the message, from send"]
Address = Annotated[str, "the e-mail address"]
Token = Annotated[str, "token of the sub-account"]
Euros = Annotated[float, "amount in EUR, above 0"]


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """Where a function is and how it is called."""

    method: Literal["GET", "POST"]
    path: str
    changes: bool
    read_timeout: float = _READ_TIMEOUT


_ENDPOINTS: Mapping[str, _Endpoint] = {
    "me": _Endpoint("GET", "me", changes=False),
    "send": _Endpoint("POST", "send", changes=True, read_timeout=_LONG_READ_TIMEOUT),
    "message_cancel": _Endpoint("GET", "message-cancel", changes=True),
    "bulk_status": _Endpoint("GET", "bulk-status", changes=False),
    "unsubscribe_list": _Endpoint("GET", "unsubscribe/list", changes=False, read_timeout=_LONG_READ_TIMEOUT),
    "unsubscribe_add": _Endpoint("POST", "unsubscribe/add", changes=True),
    "unsubscribe_delete": _Endpoint("POST", "unsubscribe/delete", changes=True),
    "subaccount_create": _Endpoint("POST", "subaccount/create", changes=True),
    "subaccount_list": _Endpoint("GET", "subaccount/list", changes=False),
    "credit_add": _Endpoint("POST", "subaccount/credit/add", changes=True),
    "credit_remove": _Endpoint("POST", "subaccount/credit/remove", changes=True),
}
_DELETE_BY_GET = _Endpoint("GET", "unsubscribe/delete", changes=True)
_NOT_BY_POST = ("404", "405", "1", "2", "3")
"""The codes of a deletion by POST where only GET is served: no such method, or no parameters found."""


class Client:
    """One MailPartner account. Holds no state but the account's configuration; safe to use from several threads."""

    def __init__(self, account: Account, transport: Transport) -> None:
        self._account = account
        self._transport = transport
        self._base = account.base_url or BASE_URL
        self._list_params = {"_format": XML} if account.options.get("format") == XML else {}

    @function(changes=False)
    def me(self, *, budget: float = _SECONDS) -> models.Me:
        """Show whose key it is, and the credit that is left."""
        return self._exchange("me", {}, models.me, budget)

    @function(changes=True, campaign=started)
    def send(
        self,
        subject: Annotated[str, "subject of the mail"],
        html: Annotated[str, "the mail; #READ_ONLINE# and #UNSUBSCRIBE_LINK# become links"],
        to: Annotated[Sequence[Any], '1 to 500 recipients: {"email", "name"?} or the address'],
        reply_to: Annotated[Mapping[str, Any] | None, 'who gets the answers: {"email", "name"?}'] = None,
        variables: Annotated[Mapping[str, Any] | None, "at most 8 texts; the key firstname fills #FIRSTNAME#"] = None,
        attachments: Annotated[
            Sequence[Any] | None, 'at most 3 of 5 MB: {"base64Content", "contentType", "filename" without extension}'
        ] = None,
        tag: Annotated[str | None, "3 to 20 lower-case letters"] = None,
        scheduled_at: Annotated[datetime | None, "when to send it, to 5 minutes; now if left out"] = None,
        sandbox: Annotated[bool, "only rehearse: nothing is sent and nothing costs (default false)"] = False,
        *,
        budget: float = _SECONDS,
    ) -> models.Sent:
        """Send a mail to at most 500 people, now or later; Relais then keeps its figures like a campaign's."""
        limits = Limits("send")
        limits.require(html.strip(), "html must not be empty")
        params: dict[str, Any] = {"subject": limits.text("subject", subject), "htmlContent": html}
        params["params"] = message.recipients(limits, to)
        params |= {} if reply_to is None else {"replyTo": message.person(limits, "reply_to", reply_to)}
        params |= {"variables": message.variables(limits, variables)} if variables else {}
        params |= {"attachments": message.attachments(limits, attachments)} if attachments else {}
        params |= {} if tag is None else {"tag": message.tag(limits, tag)}
        params |= {} if scheduled_at is None else message.schedule(limits, scheduled_at)
        params |= {"sandbox": 1} if sandbox else {}
        return self._exchange("send", params, models.sent, budget)

    @function(changes=True)
    def message_cancel(self, message_id: MessageId, *, budget: float = _SECONDS) -> models.Cancelled:
        """Cancel a scheduled mail, up to 5 minutes before its time."""
        params = {"messageId": Limits("message_cancel").text("message_id", message_id)}
        return self._exchange("message_cancel", params, models.cancelled, budget)

    @function(changes=False)
    def bulk_status(self, message_id: MessageId, *, budget: float = _SECONDS) -> models.BulkStatus:
        """Show the status of each recipient's mail."""
        params = {"messageId": Limits("bulk_status").text("message_id", message_id)}
        return self._exchange("bulk_status", params, models.bulk_status, budget)

    @function(changes=False)
    def unsubscribe_list(self, *, budget: float = _SECONDS) -> models.OptOutList:
        """Read the whole opt-out list. Rows without an address (telephone numbers) are counted and left out."""
        name, make = "unsubscribe_list", models.opt_out_list
        return self._exchange(name, self._list_params, make, budget, read=_opt_out_list, max_bytes=_LONGEST_LIST)

    @function(changes=True)
    def unsubscribe_add(self, email: Address, *, budget: float = _SECONDS) -> models.OptedOut:
        """Put an address on the opt-out list; success also if it is there already."""
        params = {"email": Limits("unsubscribe_add").address("email", email)}
        return self._exchange("unsubscribe_add", params, models.opted_out, budget)

    @function(changes=True)
    def unsubscribe_delete(
        self, id: Annotated[str, "id of the row, from unsubscribe_list"], *, budget: float = _SECONDS
    ) -> bool:
        """Remove a row from the opt-out list; success also if it is not there."""
        self.remove_opt_out(id, budget=budget)
        return True

    @function(changes=True)
    def subaccount_create(
        self,
        type: Annotated[str, "simple or advanced"],
        email: Annotated[str, "its address, which is notified"],
        is_buyer: Annotated[bool | None, "true if it may buy credit"] = None,
        credit: Annotated[float | None, "credit to give it, in EUR"] = None,
        title: Annotated[str | None, "title of its owner"] = None,
        firstname: Annotated[str | None, "first name of its owner"] = None,
        lastname: Annotated[str | None, "last name of its owner"] = None,
        *,
        budget: float = _SECONDS,
    ) -> models.SubaccountCreated:
        """Create a sub-account."""
        limits = Limits("subaccount_create")
        limits.require(type in ("simple", "advanced"), "type must be simple or advanced")
        limits.require(credit is None or credit >= 0, "credit must not be negative")
        given = {
            "email": limits.address("email", email),
            "isBuyer": None if is_buyer is None else int(is_buyer),
            "creditToAttribute": credit,
            "title": title,
            "firstname": firstname,
            "lastname": lastname,
        }
        params = {"type": type, "parameters": {name: value for name, value in given.items() if value is not None}}
        return self._exchange("subaccount_create", params, models.created, budget)

    @function(changes=False)
    def subaccount_list(
        self, page: Annotated[int, "page of 20, counted from 1 (default 1)"] = 1, *, budget: float = _SECONDS
    ) -> models.SubaccountPage:
        """List the sub-accounts, 20 a page, without their keys."""
        Limits("subaccount_list").require(page >= 1, "page must be 1 or more")
        return self._exchange("subaccount_list", {"page": page}, models.subaccounts, budget)

    @function(changes=True)
    def credit_add(self, token: Token, credit: Euros, *, budget: float = _SECONDS) -> models.Transfer:
        """Move credit from the account to a sub-account."""
        return self._transfer("credit_add", token, credit, budget)

    @function(changes=True)
    def credit_remove(self, token: Token, credit: Euros, *, budget: float = _SECONDS) -> models.Transfer:
        """Move credit back from a sub-account."""
        return self._transfer("credit_remove", token, credit, budget)

    def remove_opt_out(self, row_id: str, *, budget: float) -> bool:
        """Removes a row as `unsubscribe_delete` does; returns whether it was there."""
        deadline = self._transport.deadline(budget)
        params = {"id": Limits("unsubscribe_delete").text("id", row_id)}
        try:
            return self._exchange("unsubscribe_delete", params, bool, deadline.left())
        except ProviderError as error:
            if error.provider_code not in _NOT_BY_POST:
                raise
        # The vendor's text says POST, all of its samples send GET. A call that failed like this has deleted nothing.
        return self._exchange("unsubscribe_delete", params, bool, deadline.left(), endpoint=_DELETE_BY_GET)

    def unsubscribed(self, *, budget: float) -> Unsubscribes:
        """Returns the opt-out list row by row, as it arrives. Raises `ProviderError`, also while it is read."""
        name, endpoint = "unsubscribe_list", _ENDPOINTS["unsubscribe_list"]
        deadline = self._transport.deadline(budget)
        for key in self._account.keys("api_key"):
            call = self._call(name, endpoint, {"apiKey": key, **self._list_params}, deadline.left(), _LONGEST_STREAM)
            try:
                return Unsubscribes(self._transport.stream(call, partial(_unsubscribes, key=key)))
            except KeyRefused as error:
                refused = error
        raise refused

    def _transfer(self, name: str, token: str, credit: float, budget: float) -> models.Transfer:
        limits = Limits(name)
        limits.require(credit > 0, "credit must be above 0")
        params = {"credit": credit, "tokenSubaccount": limits.text("token", token)}
        return self._exchange(name, params, models.transfer, budget)

    def _exchange(
        self,
        name: str,
        params: Mapping[str, Any],
        make: Callable[..., T | None],
        budget: float,
        *,
        endpoint: _Endpoint | None = None,
        read: Callable[..., T] = answers.read,
        max_bytes: int = 4 * MEGABYTE,
    ) -> T:
        """Sends one call and returns what `read` makes of it; once more after a refused key that has changed."""
        endpoint = endpoint or _ENDPOINTS[name]
        deadline = self._transport.deadline(budget)
        for key in self._account.keys("api_key"):
            call = self._call(name, endpoint, {"apiKey": key, **params}, deadline.left(), max_bytes)
            try:
                return self._transport.exchange(call, partial(read, make=make, key=key))
            except KeyRefused as error:
                refused = error
        raise refused

    def _call(self, name: str, endpoint: _Endpoint, params: Mapping[str, Any], budget: float, max_bytes: int) -> Call:
        """Makes the request; its parameters go into the query of a GET, into the JSON body of a POST."""
        get = endpoint.method == "GET"
        query = f"?{urlencode(params, quote_via=quote, safe='')}" if get else ""
        return Call(
            account=self._account.name,
            label=name,
            method=endpoint.method,
            url=f"{self._base}/{endpoint.path}{query}",
            changes=endpoint.changes,
            budget=budget,
            headers={} if get else {"Content-Type": "application/json"},
            body=b"" if get else to_json(params),
            read_timeout=endpoint.read_timeout,
            max_bytes=max_bytes,
        )


def _opt_out_list(answer: Answer, make: Callable[..., models.OptOutList], *, key: str) -> models.OptOutList:
    return make(*answers.read_opt_outs(answer, key=key))


def _unsubscribes(answer: StreamedAnswer, *, key: str) -> Iterator[Unsubscribed | None]:
    _, rows = answers.read_opt_outs(answer, key=key)
    return map(models.unsubscribed, rows)
