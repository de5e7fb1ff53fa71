"""Interprets an operator's resend of a suppressed signup as a manual resubscription."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ..domain.events import Event, Status
from ..domain.times import from_epoch_milliseconds
from ..ledger.events import EventStore
from ..ledger.subscriptions import SubscriptionStore
from ..providers.spec import Capabilities
from .resend import UnsubscribePending


class ManualResubscriptions:
    """Resends of single suppressed signups: the operator states that the unsubscribe was undone at the vendor."""

    def __init__(
        self, capabilities_of: Callable[[str], Capabilities | None], states: SubscriptionStore, events: EventStore
    ) -> None:
        self._capabilities_of = capabilities_of
        self._states = states
        self._events = events

    def of(self, signup: Event, account: str) -> datetime | None:
        """Return the time of the unsubscribe that was undone at the vendor; later unsubscribes still count.

        None where nothing is undone by hand: the provider can lift the suppression itself, or there is no
        unsubscribe. Raises UnsubscribePending, LedgerUnavailable.
        """
        capabilities = self._capabilities_of(account)
        if capabilities is None or capabilities.lifts_suppression:
            return None

        def status_of(event_id: str) -> Status | None:
            return self._events.status(event_id, account)

        state = self._states.look(signup.email, account, status_of)
        if state.unsubscribed_at is None:
            return None
        if state.unsubscribed_by is not None and status_of(state.unsubscribed_by) is Status.PENDING:
            raise UnsubscribePending
        return from_epoch_milliseconds(state.unsubscribed_at)
