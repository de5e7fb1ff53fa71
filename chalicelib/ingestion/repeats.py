"""Accepts form submissions under ids that recognise a repeat: one with its `Idempotency-Key`, or a plain signup that
repeats form, address and fields within ten minutes.

The id is derived from what is repeated, so that the put of the event itself recognises a repeat. Only a repeated signup
reads more: whether the person has unsubscribed since.
"""

from __future__ import annotations

from dataclasses import replace

from ..domain.events import Event, EventType
from ..domain.ids import form_event_id, new_event_id, repeatable_signup_id
from ..domain.times import epoch_milliseconds
from ..ledger.event_items import content_of
from ..ledger.events import accepted_at
from ..observability import event_log
from ..services import Services
from .accept import accept, notify

WINDOW_SECONDS = 600
"""Windows start at multiples of this since 1970: equal signups on both sides of a border are two events."""


def accept_from_form(services: Services, submitted: Event, key: str | None) -> Event:
    """Stores the event of a submission and notifies its workers; returns the event that stands for it, with its id.

    With an Idempotency-Key (`key`) that is a submission of the same content; a signup without one repeats an equal one
    of the same window. Every unsubscribe without a key is an event of its own.

    Raises IdConflict, or LedgerUnavailable if the event may not be stored.
    """
    content = content_of(submitted) + (submitted.refused or "").encode()  # refused as trap or spam it is another event
    digest = services.address_keys.digest(content)
    form = submitted.form or ""
    # A signup refused as trap whose data was dropped has no address: it repeats nobody's signup.
    if key is not None or submitted.type is not EventType.SIGNUP or not submitted.email:
        new = new_event_id(submitted.accepted_at, services.effects.random_bytes)
        event = replace(submitted, id=new if key is None else form_event_id(form, submitted.type, key, digest))
        accept(services, event)
        return event
    window = epoch_milliseconds(submitted.accepted_at) // 1000 // WINDOW_SECONDS
    event = replace(submitted, id=repeatable_signup_id(form, digest, window, 0))
    found = services.events.put_new(event)
    if found is not None:
        known_since, unsubscribed_at = accepted_at(found), services.events.recent_unsubscribes.latest(event.email)
        if unsubscribed_at is not None and unsubscribed_at >= known_since:
            event = replace(submitted, id=repeatable_signup_id(form, digest, window, unsubscribed_at))
            found = services.events.put_new(event)
    if found is None:
        event_log.accepted([event])
    notify(services, [event])
    return event
