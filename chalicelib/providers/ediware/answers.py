"""Reads the answers of Ediware: the body before the status, since a failure may come with any status.

Kinds of failures, the first that matches (docs/providers/ediware.md has examples):

| answer | kind |
|---|---|
| status 429, 503 | later |
| a message about the key (`Error api_key invalid`) | account, after a look for a newer key |
| a message about the caller's IP | account |
| a message about a protected list | caller |
| any other 5xx | unknown if the function changes something, else later |
| status 401, 403 | account |
| a message about a temporary state (maintenance, too many, later …), inferred | later |
| for the three contact functions: a message about quota, credit or a closed account, inferred | account |
| any other `{"error": …}` or bare `Error …` | contact for the three contact functions; else caller |
| status 404 without such a body | account: the base URL is wrong |
| any other 4xx but 408 without such a body | contact or caller, as above |
| anything else that is no success | unknown if the function changes something, else later |

The contact functions are `list_insert`, `unsub_add` and `unsub_global_add`. The inferred rows exist because a refusal
of kind contact is final: a message that is plainly about something else must not end a person's signup.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ...domain.errors import Kind, ProviderError, without_addresses
from ...domain.reasons import ReasonCode
from ...domain.secret_masking import without_secrets
from ..results import text
from ..transport.exchange import Answer, KeyRefused
from .models import Row

T = TypeVar("T")

_KEY = re.compile(r"api[_ ]?key|clé api", re.IGNORECASE)
_IP = re.compile(r"\bip\b", re.IGNORECASE)
_COLUMN = re.compile(r"\b(field|column|champ|colonne)", re.IGNORECASE)
_ADDRESS = re.compile(r"\be-?mail|\baddress|\badresse", re.IGNORECASE)
_PROTECTED = re.compile(r"list protected|liste protégée", re.IGNORECASE)
_TEMPORARY = re.compile(r"too many|rate limit|temporar|maintenance|try again|later|unavailable|réessay", re.IGNORECASE)
_OF_ACCOUNT = re.compile(
    r"\bquota\b|\bcr[eé]dits?\b|\b(account|compte)\b.{0,20}\b(suspend|disabled|blocked|closed|expired|bloqué|fermé)",
    re.IGNORECASE,
)
_ALREADY = re.compile(r"\balready\b|\bdéjà\b", re.IGNORECASE)
_BOTH_CAUSES = "either the key is wrong, or the IP address that Relais calls from{sender} is not declared at Ediware"
_NO_ERROR = (None, False, 0, "0", "")
_LONGEST_BARE_TEXT = 500
_REQUEST_TIMEOUT = 408


class KeyOrAddressRefused(KeyRefused):
    """Error api_key invalid: what Ediware answers to a wrong key and, it seems, to an address that is not declared."""

    def __init__(self, message: str, answer: Answer, provider_code: str | None) -> None:
        self.provider_message = message
        self.compare_key = _compare_key(answer)
        self.declare_ip = _declare_ip(answer)
        sender = f", {answer.public_sender}," if answer.public_sender else ""
        super().__init__(
            f"{message} ({_BOTH_CAUSES.format(sender=sender)})",
            provider_code=provider_code,
            remedy=f"{self.compare_key} {self.declare_ip}",
        )


def read(answer: Answer, expect: Callable[[Any], T | None], *, refused_as: Kind, key: str) -> T:
    """Returns `expect(reply)` of the answer's JSON; `expect` returns None for JSON that is no success.

    Raises `ProviderError` by the table above; `refused_as` is the kind of the function's own refusals.
    """
    unusable = None
    try:
        reply = answer.json()
    except ProviderError as error:
        reply, unusable = _bare_text(answer), error
    failure = _failure(reply)
    if failure is not None:
        message, code = failure
        # Ediware may have echoed the key.
        code = without_addresses(without_secrets(code, key), 40) if code else None
        raise _refusal(answer, without_secrets(message, key), code, refused_as)
    result = None if reply is None and unusable else expect(reply)
    if result is None:
        raise _by_status(answer, refused_as) or unusable or answer.unusable("the answer is JSON of another shape")
    return result


def _bare_text(answer: Answer) -> str | None:
    """Returns the body that is no JSON if it is a short message of Ediware's."""
    body = answer.text()
    known = body.lower().startswith("error ") or body.lower() == "ok"
    return body if known and len(body) < _LONGEST_BARE_TEXT else None


def _failure(reply: Any) -> tuple[str, str | None] | None:
    """Returns message and code of a failure; None if the reply is none."""
    if isinstance(reply, str) and reply.lower().startswith("error "):
        return reply, None
    if not isinstance(reply, Mapping) or reply.get("error") in _NO_ERROR:
        return None
    code = text(reply["error"]) or None
    message = text(reply.get("message"))
    return (message, code) if message else (code or "an error without a message", None)


def _refusal(answer: Answer, message: str, code: str | None, refused_as: Kind) -> ProviderError:
    """Returns the error of a failure by its message, as far as that counts more than the status."""
    overload = answer.overload()
    if overload is not None and answer.status in (429, 503):
        return overload
    full = f"{answer.call.label}: {message}"
    if _KEY.search(message):
        return KeyOrAddressRefused(full, answer, code)
    if _IP.search(message) and not _COLUMN.search(message):
        hint = "(the outgoing IP must be declared in the account)"
        return ProviderError(
            Kind.ACCOUNT,
            f"{full} {hint}",
            provider_code=code,
            remedy=_declare_ip(answer),
            reason_code=ReasonCode.UNDECLARED_IP,
        )
    if _PROTECTED.search(message):
        return ProviderError(Kind.CALLER, full, provider_code=code)
    kind = _kind(answer.status, message, refused_as)
    return overload or ProviderError(kind, full, provider_code=code, reason_code=_reason_code(kind, message))


def _reason_code(kind: Kind, message: str) -> ReasonCode | None:
    """Returns what a contact was refused for, as far as the message tells; None where the kind says enough."""
    if kind is not Kind.CONTACT:
        return None
    if _COLUMN.search(message):
        return ReasonCode.UNKNOWN_FIELD
    return ReasonCode.INVALID_ADDRESS if _ADDRESS.search(message) else None


def _compare_key(answer: Answer) -> str:
    """Returns what to do about a key that is wrong."""
    return f"Compare api_key of [accounts.{answer.call.account}] with the API key that Ediware shows in its settings."


def _declare_ip(answer: Answer) -> str:
    """Returns what to do about an address that is not declared."""
    return f"Declare at Ediware, unless it is declared, {answer.caller}."


def _kind(status: int, message: str, refused_as: Kind) -> Kind:
    if status in (401, 403):
        return Kind.ACCOUNT
    if _TEMPORARY.search(message):
        return Kind.LATER
    of_account = refused_as is Kind.CONTACT and _OF_ACCOUNT.search(message) and not _COLUMN.search(message)
    return Kind.ACCOUNT if of_account else refused_as


def _by_status(answer: Answer, refused_as: Kind) -> ProviderError | None:
    """Returns the error that the status shows where the body shows none; None if the status shows none either."""
    label, status = answer.call.label, answer.status
    if status in (401, 403):
        message, remedy = "check api_key and declared IP", f"{_compare_key(answer)} {_declare_ip(answer)}"
        message = f"{label}: access refused (HTTP {status}); {message}"
        return ProviderError(Kind.ACCOUNT, message, remedy=remedy, reason_code=ReasonCode.WRONG_KEY)
    if status == 404:
        message, remedy = "check the account's base_url", answer.call.check_address
        return ProviderError(Kind.ACCOUNT, f"{label}: no such function there (HTTP 404); {message}", remedy=remedy)
    if 400 <= status < 500 and status not in (_REQUEST_TIMEOUT, 429):
        return ProviderError(refused_as, f"{label}: the provider refuses the request (HTTP {status})")
    return None


def is_already_unsubscribed(error: ProviderError) -> bool:
    """Returns True if an unsubscribe was refused because the address is unsubscribed already. (Inferred.)"""
    return error.kind is Kind.CONTACT and _ALREADY.search(error.message) is not None


def anything(reply: Any) -> tuple[Any] | None:
    """Accepts any JSON, in a tuple of one so that a null counts as an answer."""
    return (reply,)


def ok(reply: Any) -> bool | None:
    """Accepts `{"result": "ok"}`, and a 1 or a bare ok, for the text of `unsub_add` says 1."""
    result = reply.get("result") if isinstance(reply, Mapping) else reply
    return True if result is True or text(result).strip().lower() in ("1", "ok") else None


def new_id(name: str) -> Callable[[Any], str | None]:
    """Makes a reader of a created id, from an object or (as the vendor's text has it) an array of one."""

    def read_id(reply: Any) -> str | None:
        row = reply[0] if isinstance(reply, list) and len(reply) == 1 else reply
        return (text(row.get(name)) or None) if isinstance(row, Mapping) else None

    return read_id


def rows(make: Callable[[Row], T]) -> Callable[[Any], tuple[T, ...] | None]:
    """Makes a reader of an array of objects that each have an id.

    Skips a row without one, so that one odd row does not hide the others; an array of nothing else is no answer.
    """

    def read_rows(reply: Any) -> tuple[T, ...] | None:
        if not isinstance(reply, list):
            return None
        usable = [row for row in reply if isinstance(row, Mapping) and text(row.get("id"))]
        return tuple(make(row) for row in usable) if usable or not reply else None

    return read_rows
