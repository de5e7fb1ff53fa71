"""What an answer of Ediware means: the body is read before the status, for a failure may come under any status.

How failures are told apart, the first that fits (docs/providers/ediware.md has the same table):

| answer | kind |
|---|---|
| status 429, 503 | later |
| words that name the key (`Error api_key invalid`) | account, after one look for a newer key |
| words that name the caller's IP | account |
| words of a protected list | caller |
| any other 5xx | unknown if the function changes something, else later |
| status 401, 403 | account |
| words of a passing state (maintenance, too many, later …), inferred | later |
| for the three contact functions: words of quota, credit or a closed account, inferred | account |
| any other `{"error": …}` or bare `Error …` | contact for the three contact functions; else caller |
| status 404 without such a body | account: the base URL is wrong |
| any other 4xx but 408 without such a body | contact or caller, as above |
| whatever else is not what the function answers | unknown if the function changes something, else later |

The three contact functions are `list_insert`, `unsub_add` and `unsub_global_add`. The inferred rows are there because a
refusal of kind contact is final: words that are plainly about something else must not end a person's signup.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ...domain.errors import Kind, ProviderError, without_addresses
from ..results import text, without_secrets
from ..transport.exchange import Answer, KeyRefused
from .models import Row

T = TypeVar("T")

_KEY = re.compile(r"api[_ ]?key|clé api", re.IGNORECASE)
_IP = re.compile(r"\bip\b", re.IGNORECASE)
_COLUMN = re.compile(r"\b(field|column|champ|colonne)", re.IGNORECASE)
_PROTECTED = re.compile(r"list protected|liste protégée", re.IGNORECASE)
_PASSING = re.compile(r"too many|rate limit|temporar|maintenance|try again|later|unavailable|réessay", re.IGNORECASE)
_OF_ACCOUNT = re.compile(
    r"\bquota\b|\bcr[eé]dits?\b|\b(account|compte)\b.{0,20}\b(suspend|disabled|blocked|closed|expired|bloqué|fermé)",
    re.IGNORECASE,
)
_ALREADY = re.compile(r"\balready\b|\bdéjà\b", re.IGNORECASE)
_NO_ERROR = (None, False, 0, "0", "")
_REQUEST_TIMEOUT = 408


@dataclass(frozen=True, slots=True)
class Words:
    """A failure in Ediware's own words, and its code if it gave one."""

    text: str
    code: str | None = None

    def without(self, key: str) -> Words:
        """The same without the key, should Ediware have echoed it."""
        code = without_addresses(without_secrets(self.code, key), 40) if self.code else None
        return Words(without_secrets(self.text, key), code)


def read(answer: Answer, expect: Callable[[Any], T | None], *, refused_as: Kind, key: str) -> T:
    """What `expect` makes of the answer's JSON. It returns None for JSON that is not what the function answers.

    Raises `ProviderError` by the table above; `refused_as` is the function's own kind of refusal.
    """
    reply, unusable = _reply(answer)
    words = _words(reply)
    if words is not None:
        raise _refused(answer, words.without(key), refused_as)
    result = None if unusable else expect(reply)
    if result is None:
        raise _misunderstood(answer, refused_as) or unusable or answer.unusable("the answer is JSON of another shape")
    return result


def _reply(answer: Answer) -> tuple[Any, ProviderError | None]:
    """The answer's JSON, or its bare words where it is a short text; with the error if it is neither."""
    try:
        return answer.json(), None
    except ProviderError as error:
        bare = answer.text()
        if len(bare) < 500 and (bare.lower().startswith("error ") or bare.lower() == "ok"):
            return bare, None
        return None, error


def _words(reply: Any) -> Words | None:
    """The words of a failure; None if the reply is none."""
    if isinstance(reply, str) and reply.lower().startswith("error "):
        return Words(reply)
    if not isinstance(reply, Mapping) or reply.get("error") in _NO_ERROR:
        return None
    code = text(reply["error"]) or None
    message = text(reply.get("message"))
    return Words(message, code) if message else Words(code or "an error without words")


def _refused(answer: Answer, words: Words, refused_as: Kind) -> ProviderError:
    overload = answer.overload()
    if overload is not None and answer.status in (429, 503):
        return overload
    message = f"{answer.call.label}: {words.text}"
    if _KEY.search(words.text):
        return KeyRefused(message, provider_code=words.code)
    if _IP.search(words.text) and not _COLUMN.search(words.text):
        message += " (the outgoing IP must be declared in the account)"
        return ProviderError(Kind.ACCOUNT, message, provider_code=words.code)
    if _PROTECTED.search(words.text):
        return ProviderError(Kind.CALLER, message, provider_code=words.code)
    return overload or ProviderError(_kind(answer.status, words.text, refused_as), message, provider_code=words.code)


def _kind(status: int, words: str, refused_as: Kind) -> Kind:
    if status in (401, 403):
        return Kind.ACCOUNT
    if _PASSING.search(words):
        return Kind.LATER
    of_account = refused_as is Kind.CONTACT and _OF_ACCOUNT.search(words) and not _COLUMN.search(words)
    return Kind.ACCOUNT if of_account else refused_as


def _misunderstood(answer: Answer, refused_as: Kind) -> ProviderError | None:
    """The error that a status tells where the body tells nothing; None if it tells nothing either."""
    label, status = answer.call.label, answer.status
    if status in (401, 403):
        return ProviderError(Kind.ACCOUNT, f"{label}: access refused (HTTP {status}); check api_key and declared IP")
    if status == 404:
        return ProviderError(Kind.ACCOUNT, f"{label}: no such function there (HTTP 404); check the account's base_url")
    if 400 <= status < 500 and status not in (_REQUEST_TIMEOUT, 429):
        return ProviderError(refused_as, f"{label}: the provider refuses the request (HTTP {status})")
    return None


def is_already_so(error: ProviderError) -> bool:
    """Does an unsubscribe's refusal say that the address had left before? Then it is done. (Inferred.)"""
    return error.kind is Kind.CONTACT and _ALREADY.search(error.message) is not None


def anything(reply: Any) -> tuple[Any] | None:
    """Any JSON, in a tuple of one so that a null counts as an answer."""
    return (reply,)


def ok(reply: Any) -> bool | None:
    """True for a yes: `{"result": "ok"}`; the text of `unsub_add` says 1, so a 1 or a bare ok will do anywhere."""
    said = reply.get("result") if isinstance(reply, Mapping) else reply
    return True if said is True or text(said).strip().lower() in ("1", "ok") else None


def new_id(name: str) -> Callable[[Any], str | None]:
    """Reads the id of what was created, from an object or (as the vendor's text has it) an array of one."""

    def read_id(reply: Any) -> str | None:
        row = reply[0] if isinstance(reply, list) and len(reply) == 1 else reply
        return (text(row.get(name)) or None) if isinstance(row, Mapping) else None

    return read_id


def rows(make: Callable[[Row], T]) -> Callable[[Any], tuple[T, ...] | None]:
    """Reads an array of objects that each have an id.

    A row without one is passed over, so that one odd row does not hide the others; nothing but odd rows is no answer.
    """

    def read_rows(reply: Any) -> tuple[T, ...] | None:
        if not isinstance(reply, list):
            return None
        usable = [row for row in reply if isinstance(row, Mapping) and text(row.get("id"))]
        return tuple(make(row) for row in usable) if usable or not reply else None

    return read_rows


def scalars(row: Mapping[str, Any]) -> bool:
    """Are all values of a contact's row texts or numbers (or null)?"""
    return all(
        value is None or (isinstance(value, str | int | float) and not isinstance(value, bool))
        for value in row.values()
    )


def joined(fields: Sequence[str]) -> str:
    """Field names as Ediware wants them: one comma list."""
    return ",".join(fields)
