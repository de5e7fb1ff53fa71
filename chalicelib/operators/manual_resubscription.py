"""What an operator says by sending a suppressed signup again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ..domain.events import Event, Status
from ..domain.times import from_epoch_milliseconds
from ..ledger.events import EventStore
from ..ledger.subscriptions import SubscriptionStore
from ..providers.base import Capabilities
from .resend import StillToBeTold


class ManualResubscriptions:
    """What an operator says by sending one suppressed signup again: the unsubscribe was undone at the vendor."""

    def __init__(
        self, capabilities_of: Callable[[str], Capabilities | None], words: SubscriptionStore, events: EventStore
    ) -> None:
        self._capabilities_of = capabilities_of
        self._words = words
        self._events = events

    def of(self, signup: Event, account: str) -> datetime | None:
        """When the person left who is said to be off the vendor's list again; later words are not meant by it.

        None where nothing is undone by hand: the provider can be asked to, or nobody left. Raises StillToBeTold,
        LedgerUnavailable.
        """
        capabilities = self._capabilities_of(account)
        if capabilities is None or capabilities.lifts_suppression:
            return None

        def status_of(event_id: str) -> Status | None:
            return self._events.status(event_id, account)

        word = self._words.look(signup.email, account, status_of)
        if word.unsubscribed_at is None:
            return None
        if word.unsubscribed_by is not None and status_of(word.unsubscribed_by) is Status.PENDING:
            raise StillToBeTold
        return from_epoch_milliseconds(word.unsubscribed_at)
