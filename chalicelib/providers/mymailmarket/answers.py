"""What an answer of myMailMarket means.

The vendor documents four statuses (200, 400, 401, 404) and, under 200, business failures as a FeedbackDTO with
`Result` "NOK" and words that it lists nowhere. How failures are told apart, the first that fits
(docs/providers/mymailmarket.md has a table of examples that a test checks):

| answer | kind |
|---|---|
| status 429, 503 | later |
| any other 5xx | unknown if the function changes something, else later |
| status 401; words about the session, the keys or the right to call | account, after one new session |
| status 403 | account |
| words of a time-out or a broken server | unknown if the function changes something, else later |
| words of a passing state (maintenance, too many, later …) | later |
| words of credit, quota or a closed account | account |
| status 404; words that say the thing is not there | caller, as `NotFound` |
| any other "NOK"; any other 4xx but 408 | contact for the three contact functions; else caller |
| whatever else is not what the function answers | unknown if the function changes something, else later |

The contact functions are `subscriber_persist`, `profile_persist` and `unsubscribe_by_address`. All rows of words are
inferred; words that speak of a field are never taken for words about the account, and what is doubtful is tried again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ...domain.errors import Kind, ProviderError
from ..results import text, without_secrets
from ..transport.exchange import Answer, KeyRefused
from .values import Result, Row, TooDeep, named, with_times

Expect = Callable[[Any], Result | None]
"""Makes a result of an answer's JSON that is no FeedbackDTO; None for JSON that is not what the function answers."""

NOK = "NOK"
_IGNORING_CASE = re.IGNORECASE
_FIELD = re.compile(r"\b(field|column|property|veld|kolom|champ)", _IGNORING_CASE)
_KEYS = re.compile(
    r"\bsessi(on|e)\b|\bapi[ _]?key\b|shared[ _]?secret|credential|(not |un)authori[sz]ed|access denied"
    r"|\blog ?in failed",
    _IGNORING_CASE,
)
_BROKEN = re.compile(r"time[ -]?out|timed out|deadlock|internal (server )?error", _IGNORING_CASE)
_PASSING = re.compile(
    r"too many|rate limit|temporar|maintenance|try again|\blater\b|unavailable|tijdelijk|onderhoud|\bréessay",
    _IGNORING_CASE,
)
_OF_ACCOUNT = re.compile(
    r"\bquota\b|\bcredits?\b|\bkrediet|\b(account|site)\b.{0,20}\b(suspend|disabled|blocked|closed|expired)",
    _IGNORING_CASE,
)
_ABSENT = (
    r"((not|n't) (found|exist|in th|on th|a member|a subscriber|subscribed)|unknown|niet gevonden|bestaat niet|onbekend"
    r"|introuvable|n'existe pas|inconnue?\b)"
)
_NOT_FOUND = re.compile(rf"\bno such\b|\bno (subscriber|contact|user|list)\b|{_ABSENT}", _IGNORING_CASE)
# Of a signup only the list can be absent: other words of this sort ("mail domain unknown") are about the contact.
_SIGNUPS = frozenset({"profile_persist", "subscriber_persist"})
_LIST_NOT_FOUND = re.compile(
    rf"\b(list|lijst|liste|group|groep|groupe)(id)?( [\w-]+){{0,5}} {_ABSENT}"
    r"|\b(no such|unknown|onbekende) (list|lijst|group|groep)\b",
    _IGNORING_CASE,
)
_ALREADY = re.compile(r"\balready\b|\b(al|reeds) (uitgeschreven|afgemeld)\b|\bdéjà\b", _IGNORING_CASE)
_FEEDBACK = frozenset({"result", "resultid", "errormessage", "__type"})
_KNOWN_NAMES = frozenset(
    {"id", "name", "mailaddress", "mobilenumber", "subscriberid", "groepid", "userid", "username", "siteid", "status"}
)


class NotFound(ProviderError):
    """What the call is about is not there: the caller's to mend, unless whoever made the call expected as much."""

    def __init__(self, message: str, *, provider_code: str) -> None:
        super().__init__(Kind.CALLER, message, provider_code=provider_code)


class NothingSaid(ProviderError):
    """An empty answer: WCF's way of saying null, and a broken server's way of saying anything."""


def read(answer: Answer, expect: Expect, *, refused_as: Kind, secrets: tuple[str, ...]) -> Result:
    """The answer's result: the ResultID of a FeedbackDTO (True if it has none), else what `expect` makes of its JSON.

    Raises `ProviderError` by the table above; `refused_as` is the function's own kind of refusal, and `secrets` are
    taken out of the provider's words.
    """
    early = answer.overload() or _barred(answer)
    if early is not None:
        raise early
    reply, unusable = _reply(answer)
    words = _words(reply)
    if words is not None:
        raise _refused(answer, without_secrets(words, *secrets), refused_as)
    failed = _failed(answer, refused_as)
    if failed is not None or unusable is not None:
        raise failed or unusable or answer.unusable("no answer")
    result = _feedback(reply) or _timed(answer, expect(reply))
    if result is None:
        raise _nothing(answer, reply, expect) or answer.unusable("the answer is JSON of another shape")
    return result


def _timed(answer: Answer, result: Result | None) -> Result | None:
    try:
        timed: Result | None = with_times(result)
        return timed
    except TooDeep:
        too_deep = answer.unusable("the answer is nested too deeply")
    raise too_deep


def _barred(answer: Answer) -> ProviderError | None:
    label, status = answer.call.label, answer.status
    if status == 401:
        return KeyRefused(f"{label}: invalid key or session (HTTP 401)", provider_code="401")
    if status == 403:
        return ProviderError(Kind.ACCOUNT, f"{label}: access refused (HTTP 403)", provider_code="403")
    return None


def _reply(answer: Answer) -> tuple[Any, ProviderError | None]:
    """The answer's JSON, or the error that it is none."""
    try:
        return answer.json(), None
    except ProviderError as error:
        unusable = error
    if answer.text():
        return None, unusable
    return None, NothingSaid(unusable.kind, unusable.message, retry_after=unusable.retry_after)


def _nothing(answer: Answer, reply: Any, expect: Expect) -> ProviderError | None:
    """The error of JSON that stands for nothing; None if it stands for something."""
    if reply is None:
        unusable = answer.unusable("the answer is null")
        return NothingSaid(unusable.kind, unusable.message)
    if reply in ([], {}) and expect is row:
        return NotFound(f"{answer.call.label}: the answer holds nothing", provider_code=str(answer.status))
    return None


def _words(reply: Any) -> str | None:
    """The words of a business failure, in whatever it is wrapped; None if the reply is none."""
    for each in reply if isinstance(reply, list) else [reply]:
        if _says(each) == "nok":
            return text(named(each, "errormessage")) or "refused without words"
    return None


def _says(value: Any) -> str:
    """The `Result` of what may be a FeedbackDTO, in lower case."""
    return text(named(value, "result")).strip().lower() if isinstance(value, Mapping) else ""


def _feedback(reply: Any) -> Result | None:
    """The id that a FeedbackDTO, or an array of them, brings (True for none); None for whatever is none."""
    each = reply if isinstance(reply, list) else [reply]
    if not each or not all(_says(one) == "ok" and {str(name).lower() for name in one} <= _FEEDBACK for one in each):
        return None
    ids = [text(named(one, "resultid")) for one in each]
    return (ids[0] or True) if len(ids) == 1 else [{"ResultID": one} for one in ids]


def _refused(answer: Answer, words: str, refused_as: Kind) -> ProviderError:
    message = f"{answer.call.label}: {words}"
    of_field = _FIELD.search(words) is not None
    if _KEYS.search(words) and not of_field:
        return KeyRefused(message, provider_code=NOK)
    if _BROKEN.search(words):
        return answer.call.without_answer(words)
    if _PASSING.search(words):
        return ProviderError(Kind.LATER, message, provider_code=NOK)
    if _OF_ACCOUNT.search(words) and not of_field:
        return ProviderError(Kind.ACCOUNT, message, provider_code=NOK)
    absent = _LIST_NOT_FOUND if answer.call.label in _SIGNUPS else _NOT_FOUND
    if absent.search(words) and not of_field:
        return NotFound(message, provider_code=NOK)
    return ProviderError(refused_as, message, provider_code=NOK)


def _failed(answer: Answer, refused_as: Kind) -> ProviderError | None:
    """The error that a status below 500 tells without any words; None if it tells none."""
    label, status = answer.call.label, answer.status
    if status == 404:
        return NotFound(f"{label}: not found (HTTP 404)", provider_code="404")
    if 400 <= status < 500 and status != 408:
        message = f"{label}: the provider refuses the request (HTTP {status})"
        return ProviderError(refused_as, message, provider_code=str(status))
    return answer.unusable("no answer in time") if status == 408 else None


def is_already_so(error: ProviderError) -> bool:
    """Does an unsubscribe's refusal say that the address had left before? Then it is done. (Inferred.)"""
    return error.provider_code == NOK and error.kind is Kind.CONTACT and _ALREADY.search(error.message) is not None


def rows(reply: Any) -> Result | None:
    """An array of objects, or one object in its place.

    No row is passed over: a page with one row fewer than it has would be taken for the last.
    """
    if isinstance(reply, Mapping):
        return [dict(reply)] if _is_known(reply) else None
    if not isinstance(reply, list) or not all(isinstance(row, Mapping) for row in reply):
        return None
    return [dict(row) for row in reply]


def row(reply: Any) -> Result | None:
    """One object, or an array of one; an array of several stays one."""
    if isinstance(reply, Mapping):
        return dict(reply) or None
    found = rows(reply)
    return (found[0] if len(found) == 1 else found) or None if isinstance(found, list) else None


def done(reply: Any) -> Result | None:
    """What a change answers where it answers no FeedbackDTO: the thing as it is now, known by one of its fields."""
    found = row(reply)
    first_row: Row | None = found[0] if isinstance(found, list) else found if isinstance(found, dict) else None
    return found if first_row is not None and _is_known(first_row) else None


def _is_known(reply: Mapping[str, Any]) -> bool:
    return any(str(name).lower() in _KNOWN_NAMES for name in reply)
