"""Routes of confirmation links (double opt-in): `GET` shows one button, `POST` confirms; the token authorises both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from ...domain.errors import LedgerUnavailable, SecretUnavailable
from ...domain.events import Event, Status, StoredEvent
from ...domain.times import to_milliseconds
from ...ingestion.accept import notify
from ...ledger.confirmations import ConfirmationStore, Confirmed
from ...observability import logger, metrics
from ...services import Services
from .. import problems
from ..http_messages import Request, Response
from ..pages.confirm import ConfirmPages, words_digest
from ..problems import HttpProblem

if TYPE_CHECKING:
    from ...providers.spec import Capabilities

_ALLOW = "GET, HEAD, OPTIONS, POST"


class LinkReader(Protocol):
    """Reads tokens (`confirmation.links.ConfirmationLinks`)."""

    def event_id(self, token: str) -> str | None:
        """Returns the id in a genuine token, else None; raises SecretUnavailable."""


class ConfirmRoutes:
    """Confirms the signup of a genuine token. `links` returns the reader of tokens, built on first use."""

    def __init__(
        self,
        services: Services,
        links: Callable[[], LinkReader],
        capabilities_of: Callable[[str], Capabilities | None],
    ) -> None:
        self._services = services
        self._links = links
        self._capabilities_of = capabilities_of
        self._pages = ConfirmPages(services.settings)

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
        signup: Event | None = None
        try:
            event_id = self._links().event_id(token)
            if event_id is None:
                raise HttpProblem(404, "There is no such link.")
            stored = next(iter(self._services.events.load([event_id])), None)
            if stored is None or stored.event.confirmation is None:
                raise _ended()
            signup = stored.event
            if request.method != "POST":  # changes nothing, because mail scanners open every link
                return self._show(request, stored)
            return self._confirm(request, stored)
        except (HttpProblem, LedgerUnavailable, SecretUnavailable) as error:
            return problems.answer(request, error, partial(self._failure, request, signup))

    def _show(self, request: Request, stored: StoredEvent) -> Response:
        signup = stored.event
        if not signup.awaits_confirmation:
            return self._pages.done(request, signup, manual_resubscription=self._stays_suppressed(signup))
        pending = all(delivery.status is Status.PENDING for delivery in stored.deliveries.values())
        over = signup.confirmation is not None and self._services.effects.clock() >= signup.confirmation.expires_at
        if over or not pending:
            raise _ended()
        return self._pages.ask(request, signup)

    def _confirm(self, request: Request, stored: StoredEvent) -> Response:
        signup = stored.event
        store = ConfirmationStore(
            self._services.table, self._services.address_keys, self._services.events, self._services.counts
        )
        outcome = Confirmed.BEFORE
        if signup.awaits_confirmation:
            words = words_digest(self._pages.language(request, signup))
            now = to_milliseconds(self._services.effects.clock())
            form = self._services.settings.forms.get(signup.form or "")
            outcome = store.confirm(signup, words, request.source_ip, now, form.copy_to if form else ())
        if outcome is Confirmed.ENDED:
            raise _ended()
        # Also if it was confirmed before, since that notification may have been lost, but not if nothing is pending.
        if any(delivery.status is Status.PENDING for delivery in stored.deliveries.values()):
            notify(self._services, [signup])
        if outcome is Confirmed.NOW:
            metrics.count("confirmed")
            logger.info("signup confirmed", extra={"event_id": signup.id})
        return self._pages.done(request, signup, manual_resubscription=self._stays_suppressed(signup))

    def _stays_suppressed(self, signup: Event) -> bool:
        """Returns True if the person is unsubscribed at the form's account and its provider cannot lift that."""
        account = signup.accounts[0]
        capabilities = self._capabilities_of(account)
        if capabilities is None or capabilities.lifts_suppression or not signup.email:
            return False
        status_of = self._services.events.status
        return self._services.subscriptions.look(
            signup.email, account, lambda event_id: status_of(event_id, account)
        ).is_suppressed

    def _failure(self, request: Request, signup: Event | None, problem: HttpProblem) -> Response:
        page = self._pages.failure(request, problem.status, signup)
        return replace(page, headers={**problem.headers, **page.headers})


def _ended() -> HttpProblem:
    return HttpProblem(410, "This signup was not confirmed in time, or it has ended in another way.")
