"""Interprets MailPartner's codes, by function: a small code has another meaning at each.

docs/providers/mailpartner.md shows this table; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from ...domain.errors import Kind
from ...domain.reasons import ReasonCode


class Meaning(Enum):
    """Interpretations of a code that are no kind of failure."""

    DONE = "done"
    """What was asked for is done already: success."""
    KEY = "key"
    """The key is wrong: a failure of kind ACCOUNT, after one look whether the secret has changed."""
    PROVIDER_FAILED = "failed"
    """MailPartner itself failed, at an unknown point: unknown if the call changes something, else later."""


Interpretation = Kind | Meaning

COMMON: Final[Mapping[int, Interpretation]] = {
    10: Meaning.KEY,  # wrong key
    11: Kind.ACCOUNT,  # no credit
    20: Kind.ACCOUNT,  # account disabled
    30: Kind.ACCOUNT,  # account blocked
    40: Kind.ACCOUNT,  # access refused
    90: Kind.CALLER,  # malformed JSON
    96: Kind.ACCOUNT,  # IP refused
    429: Kind.LATER,  # more than 2,000 requests a minute
    500: Meaning.PROVIDER_FAILED,  # the queue
}
"""Codes that mean the same at every function."""

_KEY_MISSING: Final[Mapping[int, Interpretation]] = {1: Kind.ACCOUNT}

BY_FUNCTION: Final[Mapping[str, Mapping[int, Interpretation]]] = {
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

REMEDIES: Final[Mapping[int, str]] = {
    10: "Compare the account's api_key with the key that MailPartner's dashboard shows.",
    11: "Buy credit at MailPartner.",
    20: "Ask MailPartner why the account is disabled.",
    30: "Ask MailPartner why the account is blocked.",
    40: "Ask MailPartner why the account has no access.",
    96: "Allow, in MailPartner's dashboard, {caller}.",
}
"""What the owner of the account can do, by `COMMON` code. `{caller}`: the address that Relais calls from."""

MESSAGE_NOT_FOUND: Final = "4"
"""Of `message_cancel` and `bulk_status`."""

_REASON_CODES: Final[Mapping[int, ReasonCode]] = {96: ReasonCode.UNDECLARED_IP, 429: ReasonCode.THROTTLED}


def reason_code(function: str, code: int | None) -> ReasonCode | None:
    """Returns the reason code of a function's code; None where the kind of the failure says enough."""
    if function == "unsubscribe_add" and code == 9:
        return ReasonCode.INVALID_ADDRESS
    return None if code is None else _REASON_CODES.get(code)


def interpret(function: str, code: int | None) -> Interpretation | None:
    """Returns the interpretation of a function's code; None for a code that is not documented."""
    if code is None:
        return None
    return BY_FUNCTION[function].get(code) or COMMON.get(code)


def undocumented(function: str) -> Kind:
    """Returns the kind of an undocumented code: the caller's, except at `unsubscribe_add`.

    There a refusal would be final for the person, so the owner of the account must look at it first.
    """
    return Kind.ACCOUNT if function == "unsubscribe_add" else Kind.CALLER
