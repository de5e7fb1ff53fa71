"""Reads the answers of myMailMarket.

The vendor documents four statuses (200, 400, 401, 404) and, under 200, business failures as a FeedbackDTO with
`Result` "NOK" and a message; it lists no messages. The first row that fits decides
(docs/providers/mymailmarket.md has a table of examples that a test checks):

| answer | kind |
|---|---|
| status 429, 503 | later |
| any other 5xx | unknown if the function changes something, else later |
| status 401; a message about the session, the keys or the right to call | account, after one new session |
| status 403 | account |
| a message about a time-out or a broken server | unknown if the function changes something, else later |
| a message about a temporary state (maintenance, too many, later …) | later |
| a message about credit, quota or a closed account | account |
| status 404; a message that something does not exist | caller, as `NotFound` |
| any other "NOK"; any other 4xx but 408 | contact for the three contact functions; else caller |
| any other answer that the function does not give | unknown if the function changes something, else later |

The contact functions are `subscriber_persist`, `profile_persist` and `unsubscribe_by_address`. All rows about messages
are inferred; a message about a field is never taken for one about the account, and a doubtful one is retried.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ...domain.errors import Kind, ProviderError
from ...domain.reasons import ReasonCode
from ...domain.secret_masking import without_secrets
from ..results import text
from ..transport.exchange import Answer, KeyRefused
from .rows import Result, Row, TooDeep, with_times

Expect = Callable[[Any], Result | None]
"""Makes a result of JSON that is no FeedbackDTO; None for JSON that the function does not answer."""

NOK = "NOK"
_IGNORING_CASE = re.IGNORECASE
_FIELD = re.compile(r"\b(field|column|property|veld|kolom|champ)", _IGNORING_CASE)
_ADDRESS = re.compile(r"\be-?mail|\bmail ?address|\baddress|\badres\b", _IGNORING_CASE)
_KEYS = re.compile(
    r"\bsessi(on|e)\b|\bapi[ _]?key\b|shared[ _]?secret|credential|(not |un)authori[sz]ed|access denied"
    r"|\blog ?in failed",
    _IGNORING_CASE,
)
_SERVER_FAILURE = re.compile(r"time[ -]?out|timed out|deadlock|internal (server )?error", _IGNORING_CASE)
_TEMPORARY = re.compile(
    r"too many|rate limit|temporar|maintenance|try again|\blater\b|unavailable|tijdelijk|onderhoud|\bréessay",
    _IGNORING_CASE,
)
_ACCOUNT = re.compile(
    r"\bquota\b|\bcredits?\b|\bkrediet|\b(account|site)\b.{0,20}\b(suspend|disabled|blocked|closed|expired)",
    _IGNORING_CASE,
)
_ABSENT = (
    r"((not|n't) (found|exist|in th|on th|a member|a subscriber|subscribed)|unknown|niet gevonden|bestaat niet|onbekend"
    r"|introuvable|n'existe pas|inconnue?\b)"
)
_NOT_FOUND = re.compile(rf"\bno such\b|\bno (subscriber|contact|user|list)\b|{_ABSENT}", _IGNORING_CASE)
# In a signup only the list can be absent: other such messages ("mail domain unknown") are about the contact.
_SIGNUPS = frozenset({"profile_persist", "subscriber_persist"})
_LIST_NOT_FOUND = re.compile(
    rf"\b(list|lijst|liste|group|groep|groupe)(id)?( [\w-]+){{0,5}} {_ABSENT}"
    r"|\b(no such|unknown|onbekende) (list|lijst|group|groep)\b",
    _IGNORING_CASE,
)
_ALREADY = re.compile(r"\balready\b|\b(al|reeds) (uitgeschreven|afgemeld)\b|\bdéjà\b", _IGNORING_CASE)
_FEEDBACK_FIELDS = frozenset({"result", "resultid", "errormessage", "__type"})
_ROW_FIELDS = frozenset(
    {"id", "name", "mailaddress", "mobilenumber", "subscriberid", "groepid", "userid", "username", "siteid", "status"}
)


class NotFound(ProviderError):
    """The subject of the call does not exist: the caller's error, unless the caller expected it."""

    def __init__(self, message: str, *, provider_code: str) -> None:
        super().__init__(Kind.CALLER, message, provider_code=provider_code)


class EmptyAnswer(ProviderError):
    """An empty answer or null: how WCF writes "no such thing", and what a broken server may send."""


def read(answer: Answer, expect: Expect, *, refused_as: Kind, secrets: tuple[str, ...]) -> Result:
    """Returns the ResultID of a FeedbackDTO (True if it has none), else what `expect` makes of the answer's JSON.

    Raises `ProviderError` by the table above. `refused_as` is the kind of a refusal without a known cause; `secrets`
    are masked in the provider's messages.
    """
    failure = answer.overload() or _access_refused(answer)
    if failure is not None:
        raise failure
    reply, unusable = _parsed(answer)
    feedbacks = [_lowered(each) for each in (reply if isinstance(reply, list) else [reply])]
    results = [each.get("result", "").strip().lower() for each in feedbacks]
    if NOK.lower() in results:
        message = feedbacks[results.index(NOK.lower())].get("errormessage") or "refused without a message"
        raise _refusal(answer, without_secrets(message, *secrets), refused_as)
    failure = _status_failure(answer, refused_as) or unusable
    if failure is not None:
        raise failure
    if (
        results
        and all(result == "ok" for result in results)
        and all(each.keys() <= _FEEDBACK_FIELDS for each in feedbacks)
    ):
        ids = [each.get("resultid", "") for each in feedbacks]
        return (ids[0] or True) if len(ids) == 1 else [{"ResultID": each} for each in ids]
    return _expected(answer, reply, expect)


def _access_refused(answer: Answer) -> ProviderError | None:
    label, status = answer.call.label, answer.status
    if status == 401:
        return KeyRefused(f"{label}: invalid key or session (HTTP 401)", provider_code="401")
    if status == 403:
        return ProviderError(
            Kind.ACCOUNT, f"{label}: access refused (HTTP 403)", provider_code="403", reason_code=ReasonCode.WRONG_KEY
        )
    return None


def _parsed(answer: Answer) -> tuple[Any, ProviderError | None]:
    """Returns the answer's JSON, or the error that it has none."""
    try:
        return answer.json(), None
    except ProviderError as error:
        unusable = error
    if answer.text():
        return None, unusable
    return None, EmptyAnswer(unusable.kind, unusable.message, retry_after=unusable.retry_after)


def _lowered(value: Any) -> dict[str, str]:
    """Returns an object's texts under lower-case names; nothing for any other value."""
    return {str(name).lower(): text(item) for name, item in value.items()} if isinstance(value, Mapping) else {}


def _expected(answer: Answer, reply: Any, expect: Expect) -> Result:
    why = "the answer is JSON of another shape"
    try:
        result: Result | None = with_times(expect(reply))
    except TooDeep:
        result, why = None, "the answer is nested too deeply"
    if result is not None:
        return result
    if reply is None:
        unusable = answer.unusable("the answer is null")
        raise EmptyAnswer(unusable.kind, unusable.message)
    if reply in ([], {}) and expect is row:
        raise NotFound(f"{answer.call.label}: the answer holds nothing", provider_code=str(answer.status))
    raise answer.unusable(why)


def _refusal(answer: Answer, provider_message: str, refused_as: Kind) -> ProviderError:
    message = f"{answer.call.label}: {provider_message}"
    about_field = _FIELD.search(provider_message) is not None
    if _KEYS.search(provider_message) and not about_field:
        return KeyRefused(message, provider_code=NOK)
    if _SERVER_FAILURE.search(provider_message):
        return answer.call.without_answer(provider_message)
    if _TEMPORARY.search(provider_message):
        return ProviderError(Kind.LATER, message, provider_code=NOK)
    if _ACCOUNT.search(provider_message) and not about_field:
        return ProviderError(Kind.ACCOUNT, message, provider_code=NOK)
    absent = _LIST_NOT_FOUND if answer.call.label in _SIGNUPS else _NOT_FOUND
    if absent.search(provider_message) and not about_field:
        return NotFound(message, provider_code=NOK)
    code = None
    if refused_as is Kind.CONTACT:  # what the contact was refused for, as far as the message tells
        is_address = _ADDRESS.search(provider_message) is not None
        code = ReasonCode.UNKNOWN_FIELD if about_field else ReasonCode.INVALID_ADDRESS if is_address else None
    return ProviderError(refused_as, message, provider_code=NOK, reason_code=code)


def _status_failure(answer: Answer, refused_as: Kind) -> ProviderError | None:
    """Returns the error of a status below 500 whose body says nothing more; None for a status of success."""
    label, status = answer.call.label, answer.status
    if status == 404:
        return NotFound(f"{label}: not found (HTTP 404)", provider_code="404")
    if 400 <= status < 500 and status != 408:
        message = f"{label}: the provider refuses the request (HTTP {status})"
        return ProviderError(refused_as, message, provider_code=str(status))
    return answer.unusable("no answer in time") if status == 408 else None


def is_already_unsubscribed(error: ProviderError) -> bool:
    """True for an unsubscribe refused because the address was unsubscribed before. (Inferred.)"""
    return error.provider_code == NOK and error.kind is Kind.CONTACT and _ALREADY.search(error.message) is not None


def rows(reply: Any) -> Result | None:
    """Reads an array of objects, or one object in its place.

    No row is skipped: a page that is one row short would be taken for the last.
    """
    if isinstance(reply, Mapping):
        return [dict(reply)] if _is_known(reply) else None
    if not isinstance(reply, list) or not all(isinstance(row, Mapping) for row in reply):
        return None
    return [dict(row) for row in reply]


def row(reply: Any) -> Result | None:
    """Reads one object, or an array of one; an array of several stays an array."""
    if isinstance(reply, Mapping):
        return dict(reply) or None
    found = rows(reply)
    return (found[0] if len(found) == 1 else found) or None if isinstance(found, list) else None


def done(reply: Any) -> Result | None:
    """Reads the answer of a change that is no FeedbackDTO: the changed object, recognised by one of its fields."""
    found = row(reply)
    first_row: Row | None = found[0] if isinstance(found, list) else found if isinstance(found, dict) else None
    return found if first_row is not None and _is_known(first_row) else None


def _is_known(reply: Mapping[str, Any]) -> bool:
    return any(str(name).lower() in _ROW_FIELDS for name in reply)
