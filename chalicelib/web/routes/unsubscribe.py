"""Routes of unsubscribe links: `GET` shows a page, `POST` unsubscribes (RFC 8058); the token authorises both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

from ...domain.errors import LedgerUnavailable, SecretUnavailable
from ...domain.events import Door, Event, EventType
from ...domain.ids import new_event_id
from ...domain.times import to_milliseconds
from ...ingestion.accept import accept
from ...services import Services
from .. import problems
from ..http_messages import Request, Response
from ..pages.unsubscribe import UnsubscribePages
from ..problems import HttpProblem

_ALLOW = "GET, HEAD, OPTIONS, POST"


class LinkReader(Protocol):
    """Reads tokens (`unsubscribe_links.links.Links`)."""

    def address(self, token: str) -> str | None:
        """Returns the address in a genuine token, else None; raises SecretUnavailable."""


class UnsubscribeRoutes:
    """Unsubscribes the address of a genuine token. `links` returns the reader of tokens, built on first use.

    Body and Content-Type of the request are ignored, and no answer redirects or sets a cookie, as RFC 8058 §3.1
    requires. Every click makes a new event: the person may have signed up in between.
    """

    def __init__(self, services: Services, links: Callable[[], LinkReader]) -> None:
        self._services = services
        self._links = links
        self._pages = UnsubscribePages(services.settings.organisation)

    def answer(self, request: Request, token: str) -> Response:
        """Answers any method of a link; browsers get errors as a page in their language.

        Raises:
            HttpProblem: 404 without a configured key, because then there are no links; 405.
        """
        if not self._services.settings.unsubscribe_keys:
            raise problems.not_found()
        request.answer_headers["x-robots-tag"] = "noindex"
        if request.method not in ("GET", "HEAD", "POST"):
            return problems.other_method(request, _ALLOW)
        try:
            address = self._links().address(token)
            if address is None:
                raise HttpProblem(404, "There is no such link.")
            if request.method != "POST":  # changes nothing, because mail scanners open every link
                return self._pages.ask(request, address)
            accept(self._services, self._unsubscribe(address))
            return self._pages.done(request, address)
        except (HttpProblem, LedgerUnavailable, SecretUnavailable) as error:
            return problems.answer(request, error, partial(self._failure, request))

    def _failure(self, request: Request, problem: HttpProblem) -> Response:
        page = self._pages.later(request) if problem.status == 503 else self._pages.unknown(request)
        return replace(page, headers={**problem.headers, **page.headers})

    def _unsubscribe(self, address: str) -> Event:
        """Returns a new unsubscribe from every account."""
        now = to_milliseconds(self._services.effects.clock())
        return Event(
            id=new_event_id(now, self._services.effects.random_bytes),
            type=EventType.UNSUBSCRIBE,
            email=address,
            accounts=tuple(self._services.settings.accounts),
            all_accounts=True,
            occurred_at=now,
            accepted_at=now,
            occurred_at_stated=False,
            door=Door.LINK,
        )
