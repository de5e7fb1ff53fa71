"""Defines what the API's functions share: types and checks of parameters, and a call with its session and answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from ...domain.errors import Kind
from ...domain.single_flight import Cached, Readings, SingleFlightCache
from ...effects import monotonic_and_wall
from ..functions import Limits
from ..transport.exchange import MEGABYTE, Answer, Call, KeyRefused, to_json
from . import answers
from .constants import BASE_URL
from .rows import MAX_PAGE_SIZE, Result
from .session import HEADERS, LABEL, Login, Session, encoded

if TYPE_CHECKING:
    from ..account import Account
    from ..transport.session import Transport

SECONDS = 30.0
SESSION_SECONDS = 110 * 60.0
"""Seconds for which a session is used: the vendor ends it after two hours, and a call may take minutes."""
MAX_ADDRESS = 255
STATUSES = ("active", "bounced", "unsubscribed", "on hold", "deleted", "blacklist", "referred")
_JSON_HEADERS = {**HEADERS, "Content-Type": "application/json; charset=utf-8"}

SiteId = Annotated[str | None, "id of a site; without it the account's own"]
ListId = Annotated[str, "id of the list, from lists"]
Address = Annotated[str, f"the e-mail address, at most {MAX_ADDRESS} characters"]
StartIndex = Annotated[int | None, "number of the first row, from 0 (default 0)"]
PageSize = Annotated[int | None, f"rows of a page, 1 to {MAX_PAGE_SIZE} (default {MAX_PAGE_SIZE})"]
CampaignId = Annotated[str, "id of the campaign, from campaigns"]


def path_id(limits: Limits, name: str, value: str) -> str:
    """Encodes an id for a path; an id of dots alone would be read as a step up."""
    limits.text(name, value, 100)
    limits.require(value.strip("."), f"{name} must be an id, such as 0616074266229")
    return encoded(value)


def one_of(limits: Limits, name: str, value: str, choices: tuple[str, ...]) -> str:
    """Returns `value`, which must be one of `choices`, to the letter."""
    limits.require(value in choices, f"{name} must be one of: {', '.join(choices)}")
    return value


def page(limits: Limits, start_index: int | None, page_size: int | None) -> dict[str, int]:
    """Returns the query of a page; the size is mandatory."""
    start, size = start_index or 0, MAX_PAGE_SIZE if page_size is None else page_size
    limits.require(start >= 0, "start_index must not be negative")
    limits.require(1 <= size <= MAX_PAGE_SIZE, f"page_size must be 1 to {MAX_PAGE_SIZE}")
    return {"startindex": start, "pagesize": size}


def filled_fields(limits: Limits, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns `fields`, which must not be empty; an address among them must be valid."""
    limits.require(fields, "fields must hold at least one field")
    given = fields.get("MailAddress")
    limits.require(given is None or isinstance(given, str), "MailAddress must be a string")
    if given is not None:
        limits.address("MailAddress", given, MAX_ADDRESS)
    return fields


class Api:
    """One account's calls. Caches the session; thread-safe."""

    def __init__(self, account: Account, transport: Transport, clocks: Readings = monotonic_and_wall) -> None:
        self._account = account
        self._transport = transport
        self._base = account.base_url or BASE_URL
        self._site_id = str(account.options["site_id"])
        self._login = Login(account, transport, self._base)
        self._sessions: SingleFlightCache[Session] = SingleFlightCache(LABEL, clocks, seconds=SESSION_SECONDS)
        self.deadline = transport.deadline
        """Makes the deadline of a method, which may make several calls."""

    def _ask(
        self,
        label: str,
        path: str,
        query: Mapping[str, str | int],
        budget: float,
        *,
        expect: answers.Expect | None = None,
        body: Mapping[str, Any] | None = None,
        post: bool = False,
        refused_as: Kind = Kind.CALLER,
        may_be_absent: bool = False,
    ) -> Result:
        """Makes a call; if its session is refused, once more under a new one.

        `path` is encoded already, the values of `query` are not. `expect` reads the answer of a call that only reads;
        without it the call changes something, whatever its method: the vendor deletes and unsubscribes by GET. A
        change is repeated too: a call that was answered 401 was refused before it did anything. With `may_be_absent`
        the answer `NotFound` is not counted as a failed call: the caller asked in order to find out.
        """
        deadline = self.deadline(budget)
        refused: Cached[Session] | None = None
        for _ in range(2):
            open_session = partial(self._login.open, deadline, fresh=refused is not None)
            session = self._sessions.get(open_session, timeout=deadline.left(), refused=refused)
            pairs = {**query, "session": session.value.key}.items()
            call = Call(
                account=self._account.name,
                label=label,
                method="POST" if post or body is not None else "GET",
                url=f"{self._base}/{path}?{'&'.join(f'{name}={encoded(str(value))}' for name, value in pairs)}",
                changes=expect is None,
                budget=deadline.left(),
                headers=HEADERS if body is None else _JSON_HEADERS,
                body=b"" if body is None else to_json(body),
                max_bytes=MEGABYTE if expect is None else 32 * MEGABYTE,
            )
            read: Callable[[Answer], Result | answers.NotFound] = partial(
                answers.read, expect=expect or answers.done, refused_as=refused_as, secrets=session.value.secrets
            )
            try:
                result = self._transport.exchange(call, partial(_absence, read) if may_be_absent else read)
            except KeyRefused as error:
                refused, failure = session, error
                continue
            if isinstance(result, answers.NotFound):
                raise result
            return result
        raise failure

    def _site(self, label: str, site_id: str | None) -> dict[str, str | int]:
        """Returns the query of a site: the one asked for, or the account's own."""
        return {"site": self._site_id if site_id is None else Limits(label).text("site_id", site_id)}


def _absence(read: Callable[[Answer], Result | answers.NotFound], answer: Answer) -> Result | answers.NotFound:
    """Reads an answer; returns `NotFound` instead of raising it."""
    try:
        return read(answer)
    except answers.NotFound as error:
        return error
