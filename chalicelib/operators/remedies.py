"""Remedies for a signup that was refused because the person had unsubscribed."""

from __future__ import annotations

from ..providers.spec import Capabilities

BY_HAND = "take back at the vendor that the person left"
NEEDS_A_DOOR = (
    "this door may not bring back somebody who left: a signed webhook, a queue and a form with lifts_suppression may"
)
AGAIN = "it can be taken back now: send the event again with `resend`"


def for_suppressed(capabilities: Capabilities | None, *, may_lift_suppression: bool) -> str | None:
    """Return the remedy as text; None where the account is not configured. `may_lift_suppression`: see `Event`."""
    if capabilities is None:
        return None
    if not capabilities.lifts_suppression:
        return capabilities.unsuppress_by_hand or BY_HAND
    return AGAIN if may_lift_suppression else NEEDS_A_DOOR
