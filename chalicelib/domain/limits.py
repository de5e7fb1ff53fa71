"""Limits of what Relais accepts. Checks and messages use the same constants; 1 KB is 1,024 bytes."""

from __future__ import annotations

from datetime import timedelta

EVENT_KB = 64
"""Size of an event, and of a line of a CSV file."""
CONTACTS_SYNC_KB = 256
FORM_KB = 100
FORM_PARTS = 1000
EVENTS_REQUEST_MB = 5
EVENTS_A_REQUEST = 1000
CONTACTS_A_SYNC = 1000
EVENTS_A_MESSAGE = 1000
ENVELOPES = 5
"""Envelopes around an event on a queue, nested in each other."""
KEPT_BODY_KB = 256
"""Size of the body that is kept of an invalid message."""
KEPT_BODY_LEVELS = 500
"""Levels of nesting of a kept body. Python reads about 1,000, less the depth of the calls around it: a body read at one
place might not be readable at another."""
NAME_CHARACTERS = 200
"""Length of the name of a field or a column."""
NAME_PARTS = 10
"""Parts of a form field's name that denotes a place in nested data: `user[email]` has two."""
ELEMENTS_SEARCHED = 1000
"""Elements of an array in a form among which a field's name selects."""
ID_CHARACTERS = 128
"""Length of an event's id."""
FIELD_CHARACTERS = 500
"""Length of a form's field, unless the form's `field_length` says otherwise."""
CONSENT_CHARACTERS = 2000
"""Length of the page, and of the version, of a form's consent."""
CLOCK_TOLERANCE_MINUTES = 5
CLOCK_TOLERANCE = timedelta(minutes=CLOCK_TOLERANCE_MINUTES)
"""The most by which a sender's clock may be off."""
