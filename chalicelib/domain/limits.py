"""Limits of what Relais accepts. Checks and messages use the same constants; 1 KB is 1,024 bytes."""

from __future__ import annotations

from datetime import timedelta

EVENT_KB = 64
"""Of one event, and of a line of a CSV file."""
CONTACTS_SYNC_KB = 256
FORM_KB = 100
FORM_PARTS = 1000
EVENTS_REQUEST_MB = 5
EVENTS_A_REQUEST = 1000
CONTACTS_A_SYNC = 1000
EVENTS_A_MESSAGE = 1000
ENVELOPES = 5
"""Nested in each other, round an event on a queue."""
KEPT_BODY_KB = 256
"""Of the body that is kept of an invalid message."""
NAME_CHARACTERS = 200
"""Of a field's or column's name."""
NAME_PARTS = 10
"""Of a form field's name that says a place in nested data, `user[email]` having two."""
ELEMENTS_SEARCHED = 1000
"""Of an array in a form, for those that a field's name selects."""
ID_CHARACTERS = 128
"""Of an event's id."""
FIELD_CHARACTERS = 500
"""Of a form's field, unless the form says otherwise."""
CONSENT_CHARACTERS = 2000
"""Of the page and of the version of a form's consent."""
CLOCK_TOLERANCE_MINUTES = 5
CLOCK_TOLERANCE = timedelta(minutes=CLOCK_TOLERANCE_MINUTES)
"""By how much a sender's clock may be off."""
