"""Propagates a resubscription to accounts that have no lists to sign up to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ..clock import Clock
from ..domain.events import Event, EventType
from ..domain.ids import lift_id
from ..domain.times import epoch_milliseconds
from ..ledger.events import EventStore
from ..ledger.subscriptions import SubscriptionStore
from ..notification.notifier import Notifier
from ..observability import event_log
from ..providers.spec import Capabilities


class Resubscriptions:
    """Lifts the suppressions of a resubscribed person at accounts without lists.

    Such an account suppresses a person for all its mail, and no signup is ever sent there to change that. So the signup
    that resubscribes them elsewhere creates an event for it, which is delivered like any other.
    """

    def __init__(
        self,
        accounts: Iterable[str],
        capabilities_of: Callable[[str], Capabilities | None],
        subscriptions: SubscriptionStore,
        events: EventStore,
        notifier: Notifier,
        clock: Clock,
    ) -> None:
        self._accounts = tuple(accounts)
        self._capabilities_of = capabilities_of
        self._subscriptions = subscriptions
        self._events = events
        self._notifier = notifier
        self._clock = clock

    def follow(self, signup: Event) -> None:
        """Store and notify the events that follow from a resubscribing signup, if it may lift suppressions.

        Raises LedgerUnavailable; idempotent.
        """
        if not signup.may_lift:
            return
        stored = [event for event in self._following(signup) if self._events.store(event)]
        if stored:
            event_log.accepted(stored)
            self._notifier.notify(EventType.SIGNUP, [event.id for event in stored])

    def _following(self, signup: Event) -> Iterator[Event]:
        for account in self._accounts:
            if account not in signup.accounts and self._only_lifts(account) and self._is_suppressed(signup, account):
                yield Event(
                    id=lift_id(signup.id, account),
                    type=EventType.SIGNUP,
                    email=signup.email,
                    accounts=(account,),
                    occurred_at=signup.occurred_at,
                    accepted_at=self._clock(),
                )

    def _only_lifts(self, account: str) -> bool:
        capabilities = self._capabilities_of(account)
        return capabilities is not None and capabilities.lifts_suppression and not capabilities.has_lists

    def _is_suppressed(self, signup: Event, account: str) -> bool:
        """True if the person unsubscribed at the account before the signup and was not resubscribed there since."""
        state = self._subscriptions.look(signup.email, account, lambda event_id: self._events.status(event_id, account))
        unsubscribed = state.unsubscribed_at
        return (
            state.is_suppressed and unsubscribed is not None and unsubscribed < epoch_milliseconds(signup.occurred_at)
        )
