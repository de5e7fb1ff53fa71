"""Accepts a plain form signup; one that repeats form, address and fields within ten minutes is the same event.

The id is derived from what is repeated, so that the put of the event itself recognises a repeat. Only a repeat reads
more: whether the person has unsubscribed since.
"""

from __future__ import annotations

from dataclasses import replace

from ..domain.events import Event
from ..domain.ids import repeatable_signup_id
from ..domain.times import epoch_milliseconds
from ..ledger.event_items import content_of
from ..observability import event_log
from ..services import Services
from .accept import accept, notify

WINDOW_SECONDS = 600
"""Windows of the clock: two equal signups at their border are two events."""


def accept_form_signup(services: Services, signup: Event) -> Event:
    """Stores a form's signup and notifies its workers; returns the event that stands for it, with its id.

    Raises LedgerUnavailable if the event may not be stored.
    """
    if not signup.email:  # a trap whose data was dropped: it repeats nobody's signup
        accept(services, signup)
        return signup
    content = content_of(signup) + (signup.refused or "").encode()  # refused as a trap or spam it is another event
    digest = services.address_keys.digest(content, lasting=True)
    window = epoch_milliseconds(signup.accepted_at) // 1000 // WINDOW_SECONDS
    event = replace(signup, id=repeatable_signup_id(signup.form or "", digest, window, 0))
    known_since = services.events.store_repeatable(event)
    if known_since is not None:
        unsubscribed_at = services.events.recent_unsubscribes.latest(event.email)
        if unsubscribed_at is not None and unsubscribed_at >= known_since:
            event = replace(signup, id=repeatable_signup_id(signup.form or "", digest, window, unsubscribed_at))
            known_since = services.events.store_repeatable(event)
    if known_since is None:
        event_log.accepted([event])
    notify(services, [event])
    return event
