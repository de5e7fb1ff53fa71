"""Making a call of the API: its URL, its session, one new session where that is refused, and its answer read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ...domain.errors import Kind
from ..functions import Limits
from ..transport.exchange import MEGABYTE, Call, Deadline, KeyRefused, to_json
from . import answers
from .kept import Clocks, Made, both_clocks
from .session import HEADERS, Opened, Session, encoded
from .values import Result

if TYPE_CHECKING:
    from ..account import Account
    from ..transport.session import Transport

BASE_URL = "https://api.mailpartners.be/V2.svc"
"""The vendor writes http and uses https in its own sign-up script; keys in URLs leave no choice."""
SECONDS = 30.0
_JSON_HEADERS = {**HEADERS, "Content-Type": "application/json; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Request:
    """One call as documented. `path` is encoded already, the values of `query` are not; its order is kept.

    `changes` goes by what a call does and not by its method: the vendor deletes and unsubscribes by GET.
    """

    label: str
    path: str = field(repr=False)
    query: Mapping[str, str | int] = field(default_factory=dict, repr=False)
    method: Literal["GET", "POST"] = "GET"
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    changes: bool = False
    refused_as: Kind = Kind.CALLER


class Api:
    """One account's calls. Holds the session, and nothing else that changes; safe to use from several threads."""

    def __init__(self, account: Account, transport: Transport, clocks: Clocks = both_clocks) -> None:
        self._account = account
        self._transport = transport
        self._base = account.base_url or BASE_URL
        self._site_id = str(account.options["site_id"])
        self._session = Session(account, transport, self._base, clocks)

    def deadline(self, budget: float) -> Deadline:
        """The deadline of a method of one call or several, by the clock that the calls are timed by."""
        return self._transport.deadline(budget)

    def _ask(self, request: Request, expect: answers.Expect, budget: float) -> Result:
        """Make the call; if its session is refused, once more under a new one.

        Repeating is right for a change too: a call that was answered 401 was turned away before it did anything.
        """
        deadline = self.deadline(budget)
        session = self._session.current(deadline)
        try:
            return self._send(request, expect, session, deadline)
        except KeyRefused:
            # Gone on with below, so that this refusal is not the context of whatever the second attempt meets.
            pass
        return self._send(request, expect, self._session.instead_of(session, deadline), deadline)

    def _site(self, label: str, site_id: str | None) -> dict[str, str | int]:
        """The query of a site: the one asked for, or the account's own."""
        return {"site": self._site_id if site_id is None else Limits(label).text("site_id", site_id)}

    def _send(self, request: Request, expect: answers.Expect, session: Made[Opened], deadline: Deadline) -> Result:
        call = Call(
            account=self._account.name,
            label=request.label,
            method=request.method,
            url=self._url(request, session.value.key),
            changes=request.changes,
            budget=deadline.left(),
            headers=HEADERS if request.body is None else _JSON_HEADERS,
            body=b"" if request.body is None else to_json(request.body),
            max_bytes=MEGABYTE if request.changes else 32 * MEGABYTE,
        )
        return self._transport.exchange(
            call,
            lambda answer: answers.read(answer, expect, refused_as=request.refused_as, secrets=session.value.secrets),
        )

    def _url(self, request: Request, session: str) -> str:
        query = {**request.query, "session": session}
        pairs = "&".join(f"{name}={encoded(str(value))}" for name, value in query.items())
        return f"{self._base}/{request.path}?{pairs}"
