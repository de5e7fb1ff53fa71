"""MailPartner's HTTP side: finds function and account, wraps answers in the vendor's envelope."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from ..clock import SandboxClock
from ..exchange import HTML_TYPE, Call, Reply, Request, json_reply, text_reply
from ..provider import SettingError
from . import administration, commands, messages, unsubscribes, xml
from .models import Account, Context, Function, Options, Refused
from .opt_out_list import Snapshot, stamp
from .samples import sample_accounts

_VERSION = "v1/"
_KEY_REQUIRED = (1, "La Clé API est requise")
_WRONG_KEY = (10, "Clé API incorrecte")
_MALFORMED = (90, "Le format JSON est incorrect")
_TOO_MANY = (429, "Trop de requêtes")

FUNCTIONS: dict[str, tuple[tuple[str, ...], Function]] = {
    "me": (("GET",), administration.me),
    "send": (("POST",), messages.send),
    "message-cancel": (("GET",), messages.message_cancel),
    "bulk-status": (("GET",), messages.bulk_status),
    "unsubscribe/list": (("GET",), unsubscribes.unsubscribe_list),
    "unsubscribe/add": (("POST",), unsubscribes.unsubscribe_add),
    # Documented as POST; every sample of the vendor's sends GET.
    "unsubscribe/delete": (("GET", "POST"), unsubscribes.unsubscribe_delete),
    "subaccount/create": (("POST",), administration.subaccount_create),
    "subaccount/list": (("GET",), administration.subaccount_list),
    "subaccount/credit/add": (("POST",), administration.credit_add),
    "subaccount/credit/remove": (("POST",), administration.credit_remove),
}


class MailPartner:
    """All simulated MailPartner accounts behind one lock."""

    name = "mailpartner"

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Restores the sample accounts and the default options."""
        with self._lock:
            self.options = Options()
            self.accounts = {account.name: account for account in sample_accounts(self._clock.now())}
            self._ids = itertools.count(1)
            self._requests: dict[str, deque[float]] = {}

    def recognise(self, request: Request) -> Call:
        """Recognises a call: parameters are in the query of a GET and in the JSON body of a POST."""
        path = request.path.strip("/")
        function = path.removeprefix(_VERSION) if path.startswith(_VERSION) else ""
        data = dict(request.query) if request.method == "GET" else _parsed(request.body)
        with self._lock:
            account = self._by_key(data)
        return Call(function, account.name if account else "", _addresses(data), data)

    def answer(self, request: Request, call: Call) -> Reply:
        """Answers with `success` and `code` first, then the data; failures under the HTTP status of the options."""
        methods, function = FUNCTIONS.get(call.function, ((), None))
        if function is None:
            return text_reply("<html><body><h1>Page introuvable</h1></body></html>", 404, HTML_TYPE)
        if request.method not in methods:
            return text_reply("<html><body><h1>Method Not Allowed</h1></body></html>", 405, HTML_TYPE)
        try:
            with self._lock:
                self._count(request.client)
                data = function(self._context(call), call.data or {})
        except Refused as refusal:
            return self._refused(refusal, call, request)
        whole = {"success": True, "code": 200, **data}
        as_xml = _wants_xml(request, call)
        if as_xml and "nbData" in whole and not self.options.true_nb_data:
            whole["nbData"] += 2
        if isinstance(whole.get("data"), Snapshot):
            return _listed(whole, whole["data"], as_xml=as_xml)
        return xml.answer(whole) if as_xml else json_reply(whole)

    def up_to_row(self, request: Request, call: Call, row: int) -> tuple[Request, Call] | None:
        """None: no call stores several contacts one by one."""
        return None

    def refusal(self, call: Call, message: str) -> Reply:
        """Returns the refusal of an address: code 9 of `unsubscribe/add`, code 19 of `send`."""
        return self._refused(Refused(19 if call.function == "send" else 9, message), call)

    def wrong_key(self, call: Call) -> Reply:
        """Returns the documented answer to a wrong key."""
        return self._refused(Refused(*_WRONG_KEY), call)

    def state(self, newest: int | None = None) -> dict[str, Any]:
        """Returns every account with its opt-out list, messages, sub-accounts and credit."""
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

    def _count(self, client: str) -> None:
        """Counts a request; the limit is by IP, whatever the key, and by the real clock."""
        limit = self.options.rate_per_minute
        seen = self._requests.setdefault(client, deque())
        now = time.monotonic()
        while seen and seen[0] <= now - 60:
            seen.popleft()
        if limit and len(seen) >= limit:
            raise Refused(*_TOO_MANY)
        seen.append(now)

    def _context(self, call: Call) -> Context:
        if call.data is None:
            raise Refused(*(_MALFORMED if call.function == "send" else _KEY_REQUIRED))
        if not call.data.get("apiKey"):
            raise Refused(*_KEY_REQUIRED)
        account = self._by_key(call.data)
        if account is None:
            raise Refused(*_WRONG_KEY)
        return Context(account, self._clock.now(), self.options, self._new_id)

    def _new_id(self) -> int:
        """Returns an id; ids do not grow, since the vendor does not say that they do."""
        return 1000 + next(self._ids) * 7919 % 1_000_003

    def _by_key(self, data: Mapping[str, Any] | None) -> Account | None:
        key = (data or {}).get("apiKey")
        return next((account for account in self.accounts.values() if account.api_key == key), None)

    def _refused(self, refusal: Refused, call: Call, request: Request | None = None) -> Reply:
        status = self.options.failure_status
        if _wants_xml(request, call):
            return xml.failure(refusal.code, refusal.message, status)
        return json_reply({"success": False, "code": refusal.code, "message": refusal.message}, status)

    def _account(self, account: Account, newest: int | None) -> dict[str, Any]:
        now = self._clock.now()
        return {
            **account.optouts.shown(newest),
            "messages": [
                {
                    "id": each.id,
                    "subject": each.subject,
                    "recipients": len(each.recipients),
                    "to": ", ".join(each.recipients[:3]) + (", …" if len(each.recipients) > 3 else ""),
                    "due": stamp(each.due),
                    "state": each.state(now),
                    "html": each.html,
                }
                for each in account.messages.values()
            ],
            "users": [
                {"id": sub.id, "email": sub.email, "type": sub.type, "balance": sub.balance}
                for sub in account.subaccounts.values()
            ],
            "balance": account.balance,
        }


def _listed(whole: Mapping[str, Any], rows: Snapshot, *, as_xml: bool) -> Reply:
    """Answers with the opt-out list: whole, or produced while it is sent if rows are generated."""
    if as_xml:
        made = xml.listed({**whole, "data": []}, rows)
    else:
        head, end = json.dumps({**whole, "data": []}, ensure_ascii=False).rsplit("]", 1)
        encode = partial(json.dumps, ensure_ascii=False)
        made = Reply(parts=_joined(head, ", ", rows.encoded(encode), f"]{end}"))
    return made if rows.blocks else made.whole()


def _joined(head: str, between: str, parts: Iterable[Sequence[str]], end: str) -> Iterator[bytes]:
    yield head.encode()
    for number, part in enumerate(parts):
        yield ((between if number else "") + between.join(part)).encode()
    yield end.encode()


def _wants_xml(request: Request | None, call: Call) -> bool:
    named = (call.data or {}).get("_format") or (request.query.get("_format") if request else None)
    return bool(named == "xml")


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        parsed = json.loads(body)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _addresses(data: Mapping[str, Any] | None) -> tuple[str, ...]:
    if not data:
        return ()
    inner = data.get("params")
    rows = inner.get("to") if isinstance(inner, Mapping) else None
    if isinstance(rows, list):
        return tuple(str(row.get("email", "")) for row in rows if isinstance(row, Mapping))
    return (str(data["email"]),) if data.get("email") else ()
