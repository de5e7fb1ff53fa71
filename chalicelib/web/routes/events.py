"""Shows events: `GET /events`, those that need attention, and the status of one, `GET /events/{id}`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from ...domain.errors import FieldError
from ...domain.ids import is_valid_id
from ...ledger.attention import AttentionQuery
from ...ledger.attention_index import BadCursor, Listed
from ...ledger.event_status import EventPage
from ...ledger.keys import UNCONFIRMED_PARTITION
from ...services import Services
from ..admin import require_admin
from ..http_messages import Request, Response, json_response
from ..problems import HttpProblem
from ..query_reader import MOST, QueryReader, moment, name_of, whole_number

DEFAULT_LIMIT = 50


class Events(Protocol):
    """Reads events (`ledger.event_status.EventView`), without address or fields; raises `LedgerUnavailable`."""

    def find(self, event_id: str) -> Mapping[str, Any] | None:
        """Returns the JSON of an event by id."""

    def page(self, query: AttentionQuery) -> EventPage:
        """Returns one page of the list; raises `BadCursor`."""


class EventsRoutes:
    """Shows events. Requires the admin key."""

    def __init__(self, services: Services, events: Events) -> None:
        self._services = services
        self._events = events

    def show(self, request: Request, event_id: str) -> Response:
        """Returns the status of the event and its deliveries."""
        require_admin(self._services, request)
        found = self._events.find(event_id) if is_valid_id(event_id) else None
        if found is None:
            raise HttpProblem(404, "There is no such event.")
        return json_response(200, found)

    def show_page(self, request: Request) -> Response:
        """Returns one page of the events that are pending, parked, refused or quarantined, newest first."""
        require_admin(self._services, request)
        query = self._read_query(request.query)
        try:
            page = self._events.page(query)
        except BadCursor:
            error = FieldError("cursor", "must be a cursor that this list gave, with the same parameters")
            raise HttpProblem(422, "Some of the parameters are wrong.", errors=[error]) from None
        return json_response(200, {"events": page.events, "cursor": page.cursor})

    def _read_query(self, given: Mapping[str, str]) -> AttentionQuery:
        """Parses the parameters; an empty one counts as absent, an unknown one is ignored. Raises HttpProblem (422)."""
        reader = QueryReader(given)
        account = reader.read("account", name_of("account"), None)
        query = AttentionQuery(
            accounts=(),
            statuses=reader.read("status", _statuses, tuple(Listed)),
            form=reader.read("form", name_of("form"), None),
            since=reader.read("since", moment, None),
            limit=reader.read("limit", whole_number(1, MOST), DEFAULT_LIMIT),
            cursor=reader.read("cursor", str, None),
        )
        reader.check()
        settings = self._services.settings
        every = self._services.accounts.names(settings.accounts) if account is None else (account,)
        asks = any(form.confirm and form.account in every for form in settings.forms.values())
        accounts = (*every, *((UNCONFIRMED_PARTITION,) if asks else ()))
        return replace(query, accounts=accounts, confirm_within=settings.confirm_within)


def _statuses(text: str) -> tuple[Listed, ...]:
    if text not in tuple(Listed):
        raise ValueError(f"must be one of {', '.join(Listed)}")
    return (Listed(text),)
