"""Defines the stable codes beside the reasons of deliveries: by who must act, independent of any provider's wording."""

from __future__ import annotations

from enum import StrEnum, auto


class ReasonCode(StrEnum):
    """Why a delivery is refused, parked or waits. The code is the name in lower case, and never changes its meaning;
    `docs/operators.md` lists them.
    """

    TRAP = auto()
    SPAM = auto()
    INVALID_MESSAGE = auto()
    """An event on a queue was invalid."""
    INVALID_ROW = auto()
    """A row of an imported file was invalid."""
    SUPPRESSED = auto()
    QUARANTINED = auto()
    DISCARDED = auto()
    UNCONFIRMED = auto()
    """The person has not confirmed the signup."""
    INVALID_ADDRESS = auto()
    """The provider refuses the address."""
    UNKNOWN_FIELD = auto()
    """The provider refuses a field: the form's mapping may be wrong."""
    REJECTED_BY_PROVIDER = auto()
    """The provider refuses the contact and does not say why."""
    REQUEST_REJECTED = auto()
    """The provider refuses the call itself."""
    UNKNOWN_LIST = auto()
    LIST_REFUSES_ALL = auto()
    """The provider refuses every contact for the list."""
    WRONG_KEY = auto()
    UNDECLARED_IP = auto()
    """The provider does not answer the address that the function calls from."""
    ACCOUNT_REFUSED = auto()
    """The owner of the account must act in another way: credit, a closed account, a wrong base URL."""
    SECRET_UNAVAILABLE = auto()
    PROVIDER_DOWN = auto()
    THROTTLED = auto()
    OUTCOME_UNKNOWN = auto()
    ACCOUNT_REMOVED = auto()
    """The account is not configured any more."""
    FORM_REMOVED = auto()
    """The form of a signup is not configured any more."""
    ADDRESS_KEY_MISSING = auto()
    """An address key, or the normalisation that the ledger was written with, is missing: unsubscribes are not found."""
    TAKES_NO_SIGNUPS = auto()
    """The account's provider takes no signups."""
    SOURCE_FAILED = auto()
    """The file of a contacts sync cannot be read at the moment."""
    SOURCE_REFUSED = auto()
    """The file of a contacts sync, or its configuration, must be corrected."""

    @classmethod
    def parse(cls, text: str | None) -> ReasonCode | None:
        """Returns the code of a stored text; None for one of a newer release, so that a delivery of it can be read."""
        return next((code for code in cls if code == text), None)


NEVER_LISTED = frozenset({ReasonCode.TRAP, ReasonCode.SPAM})
"""Refusals that nobody has to look at, and that robots can make in any number."""
EXPECTED_REFUSALS = NEVER_LISTED | {
    ReasonCode.SUPPRESSED,
    ReasonCode.UNCONFIRMED,
    ReasonCode.QUARANTINED,
    ReasonCode.DISCARDED,
}
"""Refusals that show no mistake of the configuration or a sender: a person's or an operator's decision, and robots."""
