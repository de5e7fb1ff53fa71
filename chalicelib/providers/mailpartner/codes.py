"""What MailPartner's codes mean: who must act, function by function, for a small code has another meaning in each.

docs/providers/mailpartner.md shows this table; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from ...domain.errors import Kind


class Meaning(Enum):
    """What a code means besides a kind of failure."""

    DONE = "done"
    """What was asked for is so already: success."""
    KEY = "key"
    """The key is wrong: a failure of kind ACCOUNT, after one look whether the secret has changed."""
    FAILED = "failed"
    """MailPartner itself failed, nobody knows how far it came: unknown if the call changes something, else later."""


Told = Kind | Meaning

EVERYWHERE: Final[Mapping[int, Told]] = {
    10: Meaning.KEY,  # wrong key
    11: Kind.ACCOUNT,  # no credit
    20: Kind.ACCOUNT,  # account disabled
    30: Kind.ACCOUNT,  # account blocked
    40: Kind.ACCOUNT,  # access refused
    90: Kind.CALLER,  # malformed JSON
    96: Kind.ACCOUNT,  # IP refused
    429: Kind.LATER,  # more than 2,000 requests a minute
    500: Meaning.FAILED,  # the queue
}
"""Codes that one function's page lists and that can mean nothing else at another."""

_KEY_MISSING: Final[Mapping[int, Told]] = {1: Kind.ACCOUNT}

BY_FUNCTION: Final[Mapping[str, Mapping[int, Told]]] = {
    "me": {},
    "send": {
        **_KEY_MISSING,
        2: Kind.CALLER,  # content
        3: Kind.ACCOUNT,  # key required
        **dict.fromkeys((4, 5), Kind.ACCOUNT),  # sender: it is the account's own, no parameter names it
        **dict.fromkeys((8, 9, 16), Kind.CALLER),  # attachment
        14: Kind.CONTACT,  # recipient has unsubscribed
        15: Kind.CALLER,  # duplicate
        **dict.fromkeys((17, 50), Kind.CALLER),  # too many recipients
        **dict.fromkeys((18, 19, 21, 22), Kind.CALLER),  # recipient
        **dict.fromkeys((23, 24, 25), Kind.CALLER),  # reply-to
        **dict.fromkeys(range(45, 50), Kind.CALLER),  # date and time
        55: Kind.ACCOUNT,  # no price
    },
    "message_cancel": {**_KEY_MISSING, **dict.fromkeys(range(3, 8), Kind.CALLER)},
    "bulk_status": {**_KEY_MISSING, 3: Kind.CALLER, 4: Kind.CALLER},
    "unsubscribe_list": {**_KEY_MISSING},
    "unsubscribe_add": {**_KEY_MISSING, 2: Kind.CALLER, 3: Meaning.DONE, 9: Kind.CONTACT},
    "unsubscribe_delete": {**_KEY_MISSING, 2: Kind.CALLER, 3: Kind.CALLER, 4: Meaning.DONE},
    "subaccount_create": {},
    "subaccount_list": {**_KEY_MISSING},
    "credit_add": {**_KEY_MISSING, **dict.fromkeys(range(2, 9), Kind.CALLER)},
    "credit_remove": {**_KEY_MISSING, **dict.fromkeys(range(2, 9), Kind.CALLER)},
}

MESSAGE_NOT_FOUND: Final = "4"
"""Of `message_cancel` and `bulk_status`."""


def meaning(function: str, code: int | None) -> Told | None:
    """Who must act on this code of this function; None for a code that nobody documents."""
    if code is None:
        return None
    return BY_FUNCTION[function].get(code) or EVERYWHERE.get(code)


def unlisted(function: str) -> Kind:
    """Who must act on an undocumented code: the caller, except where an unsubscribe is told.

    A refusal would be final for that person, so there somebody is to look at the account first.
    """
    return Kind.ACCOUNT if function == "unsubscribe_add" else Kind.CALLER
