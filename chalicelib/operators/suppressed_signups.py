"""Finds the remedy for a signup refused as suppressed, and the unsubscribe that a resend declares as undone."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from ..domain.events import Event, Status
from ..domain.times import from_epoch_milliseconds
from ..providers.spec import Capabilities
from ..services import Services

REVERT_MANUALLY = "undo the person's unsubscribe at the vendor"
INTAKE_MAY_NOT = (
    "this intake may not resubscribe a person: a signed webhook, a queue and a form with lifts_suppression may"
)
SEND_AGAIN = "the unsubscribe can be undone now: send the event again with `resend`"


class UnsubscribePending(Exception):
    """The unsubscribe has not reached the vendor yet, so it cannot have been undone there."""


def remedy(capabilities: Capabilities | None, *, may_lift_suppression: bool) -> str | None:
    """Returns the remedy as text; None where the account is not configured. `may_lift_suppression`: see `Event`."""
    if capabilities is None:
        return None
    if not capabilities.lifts_suppression:
        return capabilities.unsuppress_by_hand or REVERT_MANUALLY
    return SEND_AGAIN if may_lift_suppression else INTAKE_MAY_NOT


def reverted_unsubscribe_at(
    services: Services, capabilities: Capabilities | None, signup: Event, account: str
) -> datetime | None:
    """Returns the time of the unsubscribe that an operator who resends this one suppressed signup undid at the vendor.

    A later unsubscribe still counts. None where nothing is undone manually: the provider can lift the suppression
    itself, or there is no unsubscribe. Raises UnsubscribePending, LedgerUnavailable.
    """
    if capabilities is None or capabilities.lifts_suppression:
        return None
    status_of = partial(services.events.status, account=account)
    state = services.subscriptions.look(signup.email, account, status_of)
    if state.unsubscribed_at is None:
        return None
    if state.unsubscribed_by is not None and status_of(state.unsubscribed_by) is Status.PENDING:
        raise UnsubscribePending
    return from_epoch_milliseconds(state.unsubscribed_at)
