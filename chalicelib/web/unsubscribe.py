"""A mail's unsubscribe link: `GET` asks, `POST` does it at once (RFC 8058); the token in the path is all it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from ..clock import Clock
from ..config.model import Settings
from ..core.events import Event, EventType
from ..core.times import to_milliseconds
from ..errors import LedgerUnavailable, SecretUnavailable
from . import problems, unsubscribe_page as page
from .forms import Accept
from .messages import Request, Response
from .problems import HttpProblem
from .router import Params, Route


class ReadsLinks(Protocol):
    """Where tokens are read (`unsubscribe.links.Links`)."""

    def address(self, token: str) -> str | None:
        """The address in a genuine token, None otherwise; raises SecretUnavailable."""


class UnsubscribeDoor:
    """Takes off whoever holds a genuine token. `links` gives what reads tokens, when it is first needed.

    Whatever body or Content-Type a mail provider sends is left unread, and no answer redirects or sets a cookie, as
    RFC 8058 §3.1 asks. A link clicked again counts again: its owner may have signed up in between.
    """

    def __init__(
        self,
        settings: Settings,
        links: Callable[[], ReadsLinks],
        accept: Accept,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._links = links
        self._accept = accept
        self._clock = clock
        self._new_id = new_id

    def routes(self) -> Sequence[Route]:
        """The door's part of the table; without a key there are no links, and so no door."""
        if not self._settings.unsubscribe_keys:
            return ()
        methods = {"GET": self._for_people(self.ask), "POST": self._for_people(self.leave)}
        return (Route("/unsubscribe/{token}", methods, headers=_kept_out_of_searches),)

    def ask(self, request: Request, params: Params) -> Response:
        """The page with the button. It changes nothing: scanners of mail open every link."""
        return page.ask(request, self._address(params))

    def leave(self, request: Request, params: Params) -> Response:
        """Hold an unsubscribe from every account; only then is anything promised."""
        address = self._address(params)
        now = to_milliseconds(self._clock())
        self._accept(
            Event(
                id=self._new_id(),
                type=EventType.UNSUBSCRIBE,
                email=address,
                accounts=tuple(self._settings.accounts),
                all_accounts=True,
                occurred_at=now,
                accepted_at=now,
                occurred_at_stated=False,
            )
        )
        return page.done(request, address)

    def _address(self, params: Params) -> str:
        address = self._links().address(params["token"])
        if address is None:
            raise HttpProblem(404, "There is no such link.")
        return address

    def _for_people(self, act: Callable[[Request, Params], Response]) -> Callable[[Request, Params], Response]:
        """`act`, whose failures a browser gets told in its own language."""

        def answer(request: Request, params: Params) -> Response:
            try:
                return act(request, params)
            except (HttpProblem, LedgerUnavailable, SecretUnavailable) as error:
                said = problems.answer(request, error)
                if not request.wants_html:
                    return said
                shown = page.later(request) if said.status == 503 else page.unknown(request)
                return replace(shown, headers={**said.headers, **shown.headers})

        return answer


def _kept_out_of_searches(request: Request, params: Params) -> Mapping[str, str]:
    return {"x-robots-tag": "noindex"}
