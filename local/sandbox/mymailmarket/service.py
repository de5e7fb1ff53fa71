"""myMailMarket's HTTP side: sessions, routes, and the shapes of answers."""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from ..clock import SandboxClock
from ..exchange import HTML_TYPE, Call, Reply, Request, json_reply, text_reply
from ..provider import SettingError
from . import commands
from .context import Context, Done, Many, One, Options, Outcome
from .models import Account, Failure, Session
from .routes import SESSION_PARTS, SESSION_PATH, Route, find
from .samples import sample_accounts

_BASE = "/V2.svc/"
_SHAPES = ("object", "array", "feedback")
_PAGES = frozenset({"subscribers", "subscribers_in_status"})


class MyMailMarket:
    """All simulated myMailMarket accounts and sessions behind one lock."""

    name = "mymailmarket"

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Restores the sample accounts and the default options; no sessions."""
        with self._lock:
            self.options = Options()
            self.accounts = {account.name: account for account in sample_accounts(self._clock.now())}
            self.sessions: dict[str, Session] = {}
            self._ids = itertools.count(500_001)
            self._shapes = itertools.cycle(_SHAPES)
            self._session_numbers = itertools.count(1)

    def recognise(self, request: Request) -> Call:
        """Recognises the function by method, path and query; the account by the session or the API key."""
        path = request.path.removeprefix(_BASE)
        if path.startswith(SESSION_PATH):
            parts = [unquote(part) for part in path.removeprefix(SESSION_PATH).split("/")]
            data = dict(zip(SESSION_PARTS, parts, strict=False)) if len(parts) == len(SESSION_PARTS) else {}
            with self._lock:
                account = self._by_api_key(data.get("apikey", ""))
            return Call("session_create", account.name if account else "", (), data)
        found = find(request, path) if request.path.startswith(_BASE) else None
        if found is None:
            return Call("", data=dict(request.query))
        route, args = found
        body = _parsed(request.body)
        with self._lock:
            session = self.sessions.get(request.query.get("session", ""))
        data = {**args, "session": request.query.get("session", ""), **({} if body is None else {"body": body})}
        return Call(route.name, session.account if session else "", _addresses(args, body), data)

    def answer(self, request: Request, call: Call) -> Reply:
        """Answers 400, 401 and 404 with an HTML page, business failures with a FeedbackDTO under 200."""
        try:
            with self._lock:
                if call.function == "session_create":
                    return json_reply(self._new_session(call.data))
                found = find(request, request.path.removeprefix(_BASE)) if call.function else None
                if found is None:
                    raise Failure("missing parameter or invalid method", 400)
                return self._call(request, *found)
        except Failure as failure:
            return _failed(failure)

    def up_to_row(self, request: Request, call: Call, row: int) -> tuple[Request, Call] | None:
        """None: every call has one contact."""
        return None

    def refusal(self, call: Call, message: str) -> Reply:
        """Returns a business failure."""
        return _failed(Failure(message))

    def wrong_key(self, call: Call) -> Reply:
        """Returns 401, as for a wrong key or an expired session."""
        return _failed(Failure("invalid API key", 401))

    def state(self, newest: int | None = None) -> dict[str, Any]:
        """Returns every account with its lists, people and campaigns, and the number of live sessions."""
        with self._lock:
            now = self._clock.now()
            live = [session for session in self.sessions.values() if self._is_live(session)]
            return {
                "sessions": len(live),
                "accounts": {
                    name: commands.shown(account, now, self._figures_at(), newest)
                    for name, account in self.accounts.items()
                },
            }

    def change(self, command: Mapping[str, Any]) -> None:
        """Carries out a control command on one account (the first when none is named)."""
        with self._lock:
            name = command.get("account") or next(iter(self.accounts))
            if "add_account" in command:
                account = commands.new_account(command["add_account"])
                self.accounts[account.name] = account
            elif name not in self.accounts:
                raise SettingError(f"no account {name}")
            else:
                if command.get("expire_sessions"):
                    self.sessions = {key: each for key, each in self.sessions.items() if each.account != name}
                self._carry_out(self.accounts[name], command)

    def _carry_out(self, account: Account, command: Mapping[str, Any]) -> None:
        commands.carry_out(account, self.options, command, self._clock.now(), self._new_id)

    def _call(self, request: Request, route: Route, args: dict[str, str]) -> Reply:
        session = self.sessions.get(request.query.get("session", ""))
        if session is None or not self._is_live(session):
            raise Failure("invalid session", 401)
        account = self.accounts[session.account]
        body = _parsed(request.body) if request.body else None
        at = Context(account, self._clock.now(), self._figures_at(), self.options, self._new_id, body)
        reply = json_reply(self._shaped(route.function(at, args)))
        if route.name in _PAGES and account.between_pages:
            self._carry_out(account, account.between_pages.pop(0))
        return Reply(_escaped_dates(reply.body))

    def _new_session(self, data: Mapping[str, str]) -> dict[str, str]:
        account = self._by_api_key(data.get("apikey", ""))
        if not data:
            raise Failure("five path segments are required", 400)
        if account is None or data["sharedsecret"] != account.credentials.shared_secret:
            raise Failure("invalid API key", 401)
        known = account.credentials
        digest = data["password"].lower() if self.options.md5_upper_case_too else data["password"]
        if (data["userName"], digest, data["siteName"]) != (known.username, known.password_md5(), known.site):
            raise Failure("invalid user name, password or site name")
        key = self._session_key()
        self.sessions[key] = Session(account.name, self._clock.now())
        return _feedback(key)

    def _session_key(self) -> str:
        """Returns a key of the configured length with characters that a client must encode."""
        digest = hashlib.sha512(f"session {next(self._session_numbers)}".encode()).hexdigest()
        return digest[: max(8, self.options.session_key_length) - 3] + "+/="

    def _is_live(self, session: Session) -> bool:
        return self._clock.now() - session.created < timedelta(minutes=self.options.session_minutes)

    def _figures_at(self) -> Any:
        now, step = self._clock.now(), self.options.stats_step_seconds
        age = (now - self._clock.started).total_seconds()
        return now - timedelta(seconds=age % step if step > 0 else 0)

    def _by_api_key(self, key: str) -> Account | None:
        return next((account for account in self.accounts.values() if account.credentials.api_key == key), None)

    def _new_id(self) -> str:
        """Returns an id of 13 characters with a leading zero."""
        return f"0616074{next(self._ids):06d}"

    def _shaped(self, outcome: Outcome) -> Any:
        """Returns an outcome in the shape that the options define."""
        if isinstance(outcome, Many):
            return outcome.values
        shape = next(self._shapes) if self.options.shape == "mixed" else self.options.shape
        if isinstance(outcome, One):
            as_array = outcome.as_array if shape == "documented" else shape == "array"
            return [outcome.value] if as_array else outcome.value
        return _changed(outcome, outcome.documented if shape == "documented" else shape)


def _changed(outcome: Done, shape: str) -> Any:
    if shape == "object" and outcome.value is not None:
        return outcome.value
    feedback = _feedback(outcome.result_id)
    return [feedback] if shape == "array" else feedback


def _feedback(result_id: str, message: str = "") -> dict[str, str]:
    return {"Result": "NOK" if message else "OK", "ResultID": result_id, "ErrorMessage": message}


def _failed(failure: Failure) -> Reply:
    if failure.status == 200:
        return json_reply(_feedback("", failure.message))
    html = f"<html><head><title>Request Error</title></head><body><p>{failure.message}</p></body></html>"
    return text_reply(html, failure.status, HTML_TYPE)


def _parsed(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


def _escaped_dates(body: bytes) -> bytes:
    """Escapes the slashes of dates as WCF does; as JSON it is the same."""
    return body.replace(b'"/Date(', b'"\\/Date(').replace(b')/"', b')\\/"')


def _addresses(args: Mapping[str, str], body: Any) -> tuple[str, ...]:
    given = [args.get(name) for name in ("address", "emailaddress", "oldemail", "email", "to")]
    given.append(str(body.get("MailAddress") or "") if isinstance(body, Mapping) else "")
    return tuple(address for address in given if address)
