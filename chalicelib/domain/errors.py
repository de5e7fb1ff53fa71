"""Defines the errors of Relais, and the kinds of provider failures by who must act."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from .excerpts import excerpt, readable
from .reasons import ReasonCode

# Deliberately greedy: any text around an @ sign without white space may be an address. Provider messages are stored
# without an expiry, so removing too much is preferred to removing too little.
_OUTSIDE = r"\s<>\"'(),;:=&?/\[\]{}"
_AT = r"(?:@|%(?:25)*+40|&#0*+64;|&#x0*+40;|&commat;|\\u0040|\\x40|\uff20|\ufe6b)"
_IN_BRACKETS = r"[(\[{{<]\s?(?:{})\s?[)\]}}>]"
# A match starts only where a run of characters starts, so that a megabyte without an @ is read once.
_ADDRESS_LIKE = re.compile(
    rf"(?:\"[^\"\r\n]{{0,64}}\"|(?<![^{_OUTSIDE}])[^{_OUTSIDE}]+?){_AT}[^\s<>\"'(),;&?/\[\]{{}}]+", re.IGNORECASE
)

# As people write it for others and not for programs: `a @ example.com`, `a (at) example (dot) com`.
_DOT = rf"\s?(?:\.|{_IN_BRACKETS.format('dot|punt|point')})\s?"
_DISGUISED_ADDRESS = re.compile(
    rf"(?<![^{_OUTSIDE}])[^{_OUTSIDE}]++(?:\s{{0,2}}{_IN_BRACKETS.format('at|arobase|@')}\s{{0,2}}|\s{{0,2}}{_AT}\s{{0,2}})"
    rf"[^{_OUTSIDE}.]++(?:{_DOT}[^{_OUTSIDE}.]++)+",
    re.IGNORECASE,
)

# An unsubscribe link allows anybody to unsubscribe its person, a confirmation link to confirm; slashes may be escaped,
# as in JSON and URLs.
_PERSONS_LINK = re.compile(r"((?:/|%2F)(?:unsubscribe|confirm)(?:\\*/|%2F))[^\s\"'?#<>&,;)\]}/\\]+", re.IGNORECASE)
PERSONAL = ((_PERSONS_LINK, r"\g<1>***"), (_DISGUISED_ADDRESS, "…@…"), (_ADDRESS_LIKE, "…@…"))
"""Patterns of personal data in a text and their replacements, in the order in which they apply."""


def without_addresses(text: str, limit: int = 300) -> str:
    """Makes a text readable, replaces everything that looks like an e-mail address by `…@…`, and cuts it to `limit`.

    Removes the tokens of unsubscribe and confirmation links, since they act for a person.
    """
    text = readable(text)
    for pattern, replacement in PERSONAL:
        text = pattern.sub(replacement, text)
    return excerpt(text, limit)


class Kind(StrEnum):
    """Who must act on a provider's failure."""

    CALLER = "caller"
    """The request itself is wrong: a parameter, an event. Repeating it changes nothing."""
    ACCOUNT = "account"
    """The owner of the account must act: key, declared IP, credit, a deleted list. The account (or list) is paused."""
    CONTACT = "contact"
    """The provider refuses this contact permanently."""
    LATER = "later"
    """No action is needed: throttled or unavailable, and known to have changed nothing."""
    UNKNOWN = "unknown"
    """The request was sent and no usable answer arrived: it may or may not have taken effect."""


_CODES = {
    Kind.CALLER: ReasonCode.REQUEST_REJECTED,
    Kind.ACCOUNT: ReasonCode.ACCOUNT_REFUSED,
    Kind.CONTACT: ReasonCode.REJECTED_BY_PROVIDER,
    Kind.LATER: ReasonCode.PROVIDER_DOWN,
    Kind.UNKNOWN: ReasonCode.OUTCOME_UNKNOWN,
}
"""The reason codes of failures whose cause is not known more precisely."""


class RelaisError(Exception):
    """Base class of the errors that Relais raises. The text never contains a secret or a whole address."""


class ProviderError(RelaisError):
    """A provider call that failed.

    `message` is a readable excerpt of the provider's message without addresses; `provider_code` its error code, if any;
    `retry_after` the seconds it asked to wait; `list_only` is True if the failure concerns one list, not the account;
    `row_only` if it concerns nothing but what was sent, which is tried again later while all else goes on;
    `remedy` what its owner can do, where more is known than the kind says: whole sentences, for people who are no
    programmers. `reason_code` is derived from the kind unless the caller knows more.
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        *,
        provider_code: str | None = None,
        retry_after: float | None = None,
        list_only: bool = False,
        row_only: bool = False,
        remedy: str = "",
        reason_code: ReasonCode | None = None,
    ) -> None:
        self.kind = kind
        self.message = without_addresses(message)
        self.provider_code = provider_code
        self.retry_after = retry_after
        self.list_only = list_only
        self.row_only = row_only
        self.remedy = remedy
        self.reason_code = reason_code or (ReasonCode.UNKNOWN_LIST if list_only else _CODES[kind])
        super().__init__(self.message)

    def __repr__(self) -> str:
        return f"ProviderError({self.kind.value!r}, {self.message!r}, provider_code={self.provider_code!r})"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One error in a given value: the field, and what would be valid."""

    field: str
    message: str


class InvalidEvent(RelaisError):
    """An event that can be read and is invalid (HTTP 422; on a queue: refused)."""

    def __init__(self, field_errors: Sequence[FieldError]) -> None:
        self.field_errors = tuple(field_errors)
        said = (f"{one.field}: {one.message}" if one.field else one.message for one in self.field_errors)
        super().__init__("; ".join(said))


class ConfigurationError(RelaisError):
    """A configuration that cannot be used, with one `FieldError` for each value to correct."""

    def __init__(self, field_errors: Sequence[FieldError]) -> None:
        self.field_errors = tuple(field_errors)
        super().__init__("\n".join(f"{one.field}: {one.message}" for one in self.field_errors))


class SecretUnavailable(RelaisError):
    """A required secret is unavailable.

    `key` is its configuration key, `reference` where it is stored, `reason` the cause; none contains its value. The
    owner of the secret must act, or AWS must recover; retrying is safe and succeeds once that is done.
    """

    def __init__(self, key: str, reference: str, reason: str) -> None:
        self.key = key
        self.reference = reference
        self.reason = reason
        super().__init__(f"{key or 'secret'}: {reference} cannot be used: {reason}")


class LedgerUnavailable(RelaisError):
    """The ledger could not be read or written: nothing may be accepted or decided now."""


class MalformedItem(LedgerUnavailable):
    """An item of the ledger that cannot be read; code that needs it treats the ledger as unavailable.

    `problem` names an attribute, never its value.
    """

    def __init__(self, pk: str, sk: str, problem: str) -> None:
        self.pk = pk
        self.sk = sk
        self.problem = problem
        super().__init__(f"malformed ledger item {pk} / {sk}: {problem}")


class StatsUnavailable(RelaisError):
    """The statistics table could not be read or written."""


class IdConflict(RelaisError):
    """An event id that is already stored with other content (HTTP 409); `content` is the digest of that, if known."""

    def __init__(self, message: str = "", content: str = "") -> None:
        self.content = content
        super().__init__(message)
