"""What an answer of MailPartner means: the body is read before the status, for nobody says under which a failure comes.

The first that fits (docs/providers/mailpartner.md has the same as a table):

1. the body says how it went (`success`, `code`): success, or a failure whose code `codes` explains;
2. the status does: 401, 403, 404, 405 concern the account, 429 and 503 are to be tried later, any other 5xx is unknown
   for a call that changes something and later for one that reads, any other 4xx but 408 is the request's fault;
3. neither does: unknown for a call that changes something, later for one that reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

from ...domain.errors import Kind, ProviderError
from ..results import count, text, without_secrets
from ..transport.exchange import Answer, AnswerHead, KeyRefused, StreamedAnswer, seconds_to_wait
from .codes import Meaning, Told, meaning, unlisted
from .stream import Broken, JsonObject

T = TypeVar("T")
_FINE = 200
_REQUEST_TIMEOUT = 408
_OF_ACCOUNT = {
    401: "access refused; check the account's api_key",
    403: "access refused; check the account's api_key",
    404: "no such function there; check the account's base_url",
    405: "no such function there; check the account's base_url",
}


@dataclass(frozen=True, slots=True)
class Listing:
    """A long list as it is read: how many rows it is said to have, and the rows as they came, once.

    Reading on raises `ProviderError` where the answer breaks off.
    """

    stated: int | None
    rows: Iterator[Any]


def read(answer: Answer, make: Callable[[Mapping[str, Any]], T | None], *, key: str) -> T:
    """What `make` makes of a success; it returns None for one without what the function answers.

    Raises `ProviderError` by the order above. For a failure that says that all is done already `make` gets no data.
    """
    reply, unusable = _reply(answer)
    done = _done(answer, reply, key)
    if done is None:
        raise _by_status(answer) or unusable or answer.unusable("the answer is JSON of another shape")
    result = make(reply if done else {})
    if result is None:
        raise answer.unusable("the answer lacks what it is about")
    return result


def read_list(answer: Answer | StreamedAnswer, *, key: str) -> Listing:
    """The opt-out list, as JSON or as XML, whichever came; only its head is read here. Raises like `read`."""
    slices = answer.slices()
    beginning = next(slices, b"")
    try:
        return (_xml_list if _is_xml(beginning) else _json_list)(answer, chain((beginning,), slices), key)
    except Broken as error:
        why = str(error)
    raise _by_status(answer) or answer.unusable(why)


def _json_list(answer: AnswerHead, slices: Iterable[bytes], key: str) -> Listing:
    members = JsonObject(slices, "data")
    begun = members.up_to_array()
    if not _done(answer, members.read, key):
        raise Broken("the answer is JSON of another shape")
    stated = count(members.read.get("nbData"))
    if not begun and (stated != 0 or members.read.get("data") is not None):
        raise Broken("the answer is JSON of another shape")
    return Listing(stated, _to_the_end(answer, members.rows()) if begun else iter(()))


def _xml_list(answer: AnswerHead, slices: Iterable[bytes], key: str) -> Listing:
    from .markup import Document

    document = Document(slices)
    head = document.read_head()
    if not _done(answer, _members(head), key):
        raise Broken("XML of another shape")
    return Listing(count(head[2]), _to_the_end(answer, document.rows()))


def _to_the_end(answer: AnswerHead, rows: Iterator[Any]) -> Iterator[Any]:
    try:
        yield from rows
        return
    except Broken as error:
        why = str(error)
    raise answer.unusable(why)


def _reply(answer: Answer) -> tuple[Any, ProviderError | None]:
    """The answer's JSON, or what an XML failure says in the same form; with the error if it is neither."""
    try:
        return answer.json(), None
    except ProviderError as error:
        unusable = error
    return (_xml_failure(answer) if _is_xml(answer.body) else None), unusable


def _xml_failure(answer: Answer) -> Mapping[str, Any] | None:
    from .markup import Document

    try:
        return _members(Document(answer.slices()).read_head())
    except Broken:
        return None


def _members(head: list[str]) -> Mapping[str, Any]:
    """The first three XML texts under the names that the JSON gives them; the third is the message of a failure."""
    names = ("success", "code", "message")
    return dict(zip(names, head, strict=False)) if len(head) == len(names) else {}


def _is_xml(body: bytes) -> bool:
    return body[:200].removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"<?xml", b"<result"))


def _done(answer: AnswerHead, reply: Any, key: str) -> bool | None:
    """True for a success, False for a failure that says that it is so already, None if the body tells neither.

    Raises `ProviderError` for any other failure.
    """
    if not isinstance(reply, Mapping) or "success" not in reply:
        return None
    code = count(reply.get("code"))
    if reply["success"] in (True, "true", 1, "1"):
        return True if code in (_FINE, None) else None
    if code == _FINE or reply["success"] not in (False, "false", 0, "0"):
        return None
    told = meaning(answer.call.label, code)
    if told is Meaning.DONE:
        return False
    raise _refused(answer, code, told, without_secrets(text(reply.get("message")), key))


def _refused(answer: AnswerHead, code: int | None, told: Told | None, words: str) -> ProviderError:
    label = answer.call.label
    message = f"{label}: {words or 'refused without words'}"
    number = None if code is None else str(code)
    if told is None:
        return answer.overload() or ProviderError(unlisted(label), message, provider_code=number)
    if told is Meaning.KEY:
        return KeyRefused(message, provider_code=number)
    failed = Kind.UNKNOWN if answer.call.changes else Kind.LATER
    kind = told if isinstance(told, Kind) else failed
    waits = kind in (Kind.UNKNOWN, Kind.LATER)
    retry_after = seconds_to_wait(answer.headers.get("retry-after")) if waits else None
    return ProviderError(kind, message, provider_code=number, retry_after=retry_after)


def _by_status(answer: AnswerHead) -> ProviderError | None:
    """The error that a status tells where the body tells nothing; None if it tells nothing either."""
    label, status = answer.call.label, answer.status
    if status in _OF_ACCOUNT:
        message = f"{label}: {_OF_ACCOUNT[status]} (HTTP {status})"
        return ProviderError(Kind.ACCOUNT, message, provider_code=str(status))
    if 400 <= status < 500 and status not in (_REQUEST_TIMEOUT, 429):
        return ProviderError(Kind.CALLER, f"{label}: the provider refuses the request (HTTP {status})")
    return answer.overload()
