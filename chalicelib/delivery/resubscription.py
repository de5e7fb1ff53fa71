"""Propagates a resubscription to accounts that take no signups.

Such an account suppresses a person for all its mail, and no signup is ever sent there to change that. So the signup
that resubscribes them elsewhere creates an event for it, which is delivered like any other.
"""

from __future__ import annotations

from collections.abc import Callable

from ..domain.errors import MalformedItem
from ..domain.events import Event, EventType
from ..domain.ids import suppression_lift_id
from ..domain.times import epoch_milliseconds
from ..ingestion.accept import accept_all
from ..providers.spec import Capabilities
from ..services import Services

CapabilitiesOf = Callable[[str], Capabilities | None]


def follow_resubscription(services: Services, capabilities_of: CapabilitiesOf, signup: Event) -> None:
    """Stores and notifies the events that follow from a resubscribing signup, if it may lift suppressions.

    Raises LedgerUnavailable; idempotent.
    """
    if not signup.may_lift_suppression:
        return
    others = [account for account in services.settings.accounts if account not in signup.accounts]
    following = [
        Event(
            id=suppression_lift_id(signup.id, account),
            type=EventType.SIGNUP,
            email=signup.email,
            accounts=(account,),
            occurred_at=signup.occurred_at,
            accepted_at=services.effects.clock(),
        )
        for account in others
        if _only_lifts(capabilities_of(account)) and _is_suppressed(services, signup, account)
    ]
    accept_all(services, following)


def _only_lifts(capabilities: Capabilities | None) -> bool:
    return capabilities is not None and capabilities.lifts_suppression and capabilities.signup_batch == 0


def _is_suppressed(services: Services, signup: Event, account: str) -> bool:
    """Returns whether the person unsubscribed at the account before the signup and was not resubscribed there since."""
    try:
        state = services.subscriptions.look(
            signup.email, account, lambda event_id: services.events.status(event_id, account)
        )
    except MalformedItem:
        return False  # logged and counted; an error here would have the delivered signup sent again and again
    unsubscribed = state.unsubscribed_at
    return state.is_suppressed and unsubscribed is not None and unsubscribed < epoch_milliseconds(signup.occurred_at)
