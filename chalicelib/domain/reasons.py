"""Defines the stable codes beside the reasons of deliveries: by who must act, independent of any provider's wording."""

from __future__ import annotations

from enum import StrEnum


class ReasonCode(StrEnum):
    """Why a delivery is refused, parked or waits. A code never changes its meaning; `docs/operations.md` lists them."""

    TRAP = "trap"
    SPAM = "spam"
    INVALID_MESSAGE = "invalid_message"
    """An event on a queue was invalid."""
    INVALID_ROW = "invalid_row"
    """A row of an imported file was invalid."""
    SUPPRESSED = "suppressed"
    QUARANTINED = "quarantined"
    DISCARDED = "discarded"
    UNCONFIRMED = "unconfirmed"
    """The person has not confirmed the signup."""
    INVALID_ADDRESS = "invalid_address"
    """The provider refuses the address."""
    UNKNOWN_FIELD = "unknown_field"
    """The provider refuses a field: the form's mapping may be wrong."""
    REJECTED_BY_PROVIDER = "rejected_by_provider"
    """The provider refuses the contact and does not say why."""
    REQUEST_REJECTED = "request_rejected"
    """The provider refuses the call itself."""
    UNKNOWN_LIST = "unknown_list"
    LIST_REFUSES_ALL = "list_refuses_all"
    """The provider refuses every contact for the list."""
    WRONG_KEY = "wrong_key"
    UNDECLARED_IP = "undeclared_ip"
    """The provider does not answer the address that the function calls from."""
    ACCOUNT_REFUSED = "account_refused"
    """The owner of the account must act in another way: credit, a closed account, a wrong base URL."""
    SECRET_UNAVAILABLE = "secret_unavailable"  # noqa: S105
    PROVIDER_DOWN = "provider_down"
    THROTTLED = "throttled"
    OUTCOME_UNKNOWN = "outcome_unknown"
    ACCOUNT_REMOVED = "account_removed"
    """The account is not configured any more."""
    FORM_REMOVED = "form_removed"
    """The form of a signup is not configured any more."""
    TAKES_NO_SIGNUPS = "takes_no_signups"
    """The account's provider takes no signups."""
    SOURCE_FAILED = "source_failed"
    """The file of a contacts sync cannot be read at the moment."""
    SOURCE_REFUSED = "source_refused"
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
