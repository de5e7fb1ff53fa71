"""What somebody's coming back to one account means for accounts that nobody can sign up to."""

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
from ..providers.base import Capabilities


class Resubscriptions:
    """Has the opt-outs of somebody who came back lifted at accounts without lists.

    Such an account keeps a person from all its mail, and no signup can ever go there to change that. So the signup that
    brings them back elsewhere makes an event for it, which is delivered like any other.
    """

    def __init__(
        self,
        accounts: Iterable[str],
        capabilities_of: Callable[[str], Capabilities | None],
        words: SubscriptionStore,
        events: EventStore,
        notifier: Notifier,
        clock: Clock,
    ) -> None:
        self._accounts = tuple(accounts)
        self._capabilities_of = capabilities_of
        self._words = words
        self._events = events
        self._notifier = notifier
        self._clock = clock

    def follow(self, signup: Event) -> None:
        """Hold what follows from a signup that brought its person back, if its door may, and ring for it.

        Raises LedgerUnavailable; doing it again holds nothing twice.
        """
        if not signup.may_lift:
            return
        held = [event for event in self._following(signup) if self._events.hold(event)]
        if held:
            event_log.accepted(held)
            self._notifier.notify(EventType.SIGNUP, [event.id for event in held])

    def _following(self, signup: Event) -> Iterator[Event]:
        for account in self._accounts:
            if account not in signup.accounts and self._only_lifts(account) and self._left_before(signup, account):
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

    def _left_before(self, signup: Event, account: str) -> bool:
        word = self._words.look(signup.email, account, lambda event_id: self._events.status(event_id, account))
        left = word.unsubscribed_at
        return word.is_suppressed and left is not None and left < epoch_milliseconds(signup.occurred_at)
