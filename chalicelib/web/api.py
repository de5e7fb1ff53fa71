"""The HTTP side as one function from a request to an answer, free of any framework."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..clock import Clock
from ..config.model import Settings
from . import health, problems
from .events import EventsDoor, FindEvent
from .forms import Accept, CountUnsubscribe, FormsDoor
from .messages import Request, Response
from .problems import HttpProblem
from .router import Router
from .stats import Campaigns, StatsDoor
from .unsubscribe import ReadsLinks, UnsubscribeDoor
from .webhooks import AcceptAll, WebhooksDoor

# Answers concern one person or one moment, so none is kept; what is sent is what it says it is.
_ALWAYS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
# The pages load nothing and stand in no frame.
_ON_PAGES = {"content-security-policy": "default-src 'none'; frame-ancestors 'none'", "referrer-policy": "no-referrer"}


class Api:
    """Every path of Relais.

    `accept` holds an event durably (raises `IdConflict` or `LedgerUnavailable`), `accept_all` many;
    `count_unsubscribe` counts what a form brings within the hour (raises `LedgerUnavailable`); `find_event` gives the
    JSON of `GET /events/{id}` or None; `campaigns` are what is kept of them; `can_sign_up` tells whether a
    provider, by its name, takes signups; `links` gives what reads unsubscribe tokens; `new_id` makes a fresh event id.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        accept: Accept,
        accept_all: AcceptAll,
        count_unsubscribe: CountUnsubscribe,
        find_event: FindEvent,
        campaigns: Campaigns,
        can_sign_up: Callable[[str], bool],
        links: Callable[[], ReadsLinks],
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._router = Router(
            [
                *FormsDoor(settings, accept, count_unsubscribe, clock, new_id).routes(),
                *EventsDoor(settings, find_event).routes(),
                *UnsubscribeDoor(settings, links, accept, clock, new_id).routes(),
                *WebhooksDoor(settings, accept_all, can_sign_up, clock).routes(),
                *StatsDoor(settings, campaigns).routes(),
                *health.ROUTES,
            ]
        )

    def handle(self, request: Request) -> Response:
        """The answer to any request; it never raises."""
        found = self._router.find(request.path)
        if found is None:
            return finished(request, problems.render(request, HttpProblem(404, "There is nothing at this path.")))
        route, params = found
        try:
            response = route.answer(request, params)
        except Exception as error:  # the outermost edge: whatever it was, the client gets an answer and the log a line
            response = problems.answer(request, error)
        return finished(request, replace(response, headers={**response.headers, **route.headers(request, params)}))


def finished(request: Request, response: Response) -> Response:
    """`response` with what every answer carries: the request's id, no caching, no guessing; to HEAD without a body."""
    headers = {**_ALWAYS, **response.headers, "x-request-id": request.id}
    if headers.get("content-type", "").startswith("text/html"):
        headers = {**_ON_PAGES, **headers}
    return Response(response.status, "" if request.method == "HEAD" else response.body, headers)
