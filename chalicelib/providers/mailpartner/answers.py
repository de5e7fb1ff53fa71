"""Reads the answers of MailPartner: the body before the status, since a failure may come with any status.

The first that matches (docs/providers/mailpartner.md has the same as a table):

1. the body states the outcome (`success`, `code`): success, or a failure whose code `codes` interprets;
2. the status does: 401, 403, 404 and 405 concern the account, 429 and 503 are to be tried later, any other 5xx is
   unknown for a call that changes something and later for one that reads, any other 4xx but 408 is the caller's error;
3. neither does: unknown for a call that changes something, later for one that reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, TypeVar

from ...domain.errors import Kind, ProviderError
from ...domain.reasons import ReasonCode
from ...domain.secret_masking import without_secrets
from ..results import count, text
from ..transport import noise
from ..transport.exchange import Answer, AnswerHead, KeyRefused, StreamedAnswer, seconds_to_wait
from .codes import REMEDIES, Interpretation, Meaning, interpret, reason_code, undocumented
from .json_stream import JsonStream, MalformedAnswer

T = TypeVar("T")
_FINE = 200
_WRONG_KEY = 10
_REQUEST_TIMEOUT = 408
_OF_ACCOUNT = {
    401: "access refused; check the account's api_key",
    403: "access refused; check the account's api_key",
    404: "no such function there; check the account's base_url",
    405: "no such function there; check the account's base_url",
}


def read(answer: Answer, make: Callable[[Mapping[str, Any]], T | None], *, key: str) -> T:
    """Returns `make(reply)` of a success; `make` returns None where the answer lacks what the function promises.

    Raises `ProviderError` by the order above. After a failure that says that all is done already, `make` gets no data.
    """
    unusable = None
    try:
        reply = answer.json()
    except ProviderError as error:
        reply, unusable = None, error
    if unusable:
        reply = _xml_failure(answer)
    success = _outcome(answer, reply, key)
    if success is None:
        raise _by_status(answer) or unusable or answer.unusable("the answer is JSON of another shape")
    result = make(reply if success else {})
    if result is None:
        raise answer.unusable("the answer lacks what it is about")
    return result


def read_opt_outs(answer: Answer | StreamedAnswer, *, key: str) -> tuple[int | None, Iterator[Any]]:
    """Reads the head of the opt-out list, JSON or XML; returns how many rows it states, and the rows, once.

    Raises `ProviderError` as `read` does, also while the rows are read.
    """
    slices = answer.slices()
    beginning, before = _without_noise(answer, next(slices, b""))
    open_list = _open_xml if _is_xml(beginning) else _open_json
    try:
        stated, rows = open_list(answer, chain((beginning,), slices), key)
        if before.strip():
            answer.report_noise(before)
        return stated, _checked(answer, rows)
    except MalformedAnswer as error:
        reason = str(error)
    raise _by_status(answer) or answer.unusable(reason)


def _open_json(answer: AnswerHead, slices: Iterable[bytes], key: str) -> tuple[int | None, Iterator[Any]]:
    stream = JsonStream(slices, "data", answer.report_noise if answer.is_success else None)
    has_rows = stream.up_to_array()
    stated = count(stream.read.get("nbData"))
    empty = stated == 0 and stream.read.get("data") is None
    if not _outcome(answer, stream.read, key) or not (has_rows or empty):
        raise MalformedAnswer("the answer is JSON of another shape")
    return stated, stream.rows() if has_rows else iter(())


def _open_xml(answer: AnswerHead, slices: Iterable[bytes], key: str) -> tuple[int | None, Iterator[Any]]:
    from .xml_stream import XmlStream

    stream = XmlStream(slices)
    head = stream.read_head()
    if not _outcome(answer, _named(head), key):
        raise MalformedAnswer("XML of another shape")
    return count(head[2]), stream.rows()


def _checked(answer: AnswerHead, rows: Iterator[Any]) -> Iterator[Any]:
    """Yields the rows. Raises `ProviderError` where the answer breaks off."""
    try:
        yield from rows
        return
    except MalformedAnswer as error:
        reason = str(error)
    raise answer.unusable(reason)


def _without_noise(answer: AnswerHead, beginning: bytes) -> tuple[bytes, str]:
    """Returns the beginning of an answer and the noise before it, which a status of success alone may have."""
    return noise.without_leading(beginning) if answer.is_success else (beginning, "")


def _xml_failure(answer: Answer) -> Mapping[str, Any] | None:
    body, before = _without_noise(answer, answer.body)
    if not _is_xml(body):
        return None
    from .xml_stream import XmlStream

    try:
        named = _named(XmlStream((body,)).read_head())
        if before.strip():
            answer.report_noise(before)
        return named
    except MalformedAnswer:
        return None


def _named(head: list[str]) -> Mapping[str, Any]:
    """Returns the first three XML texts under the names of the JSON; the third is the message of a failure."""
    names = ("success", "code", "message")
    return dict(zip(names, head, strict=False)) if len(head) == len(names) else {}


def _is_xml(body: bytes) -> bool:
    return body[:200].removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"<?xml", b"<result"))


def _outcome(answer: AnswerHead, reply: Any, key: str) -> bool | None:
    """Returns True for a success, False for a failure that means done already, None if the body states neither.

    Raises `ProviderError` for any other failure.
    """
    if not isinstance(reply, Mapping) or "success" not in reply:
        return None
    code = count(reply.get("code"))
    if reply["success"] in (True, "true", 1, "1"):
        return True if code in (_FINE, None) else None
    if code == _FINE or reply["success"] not in (False, "false", 0, "0"):
        return None
    meaning = interpret(answer.call.label, code)
    if meaning is Meaning.DONE:
        return False
    raise _refusal(answer, code, meaning, without_secrets(text(reply.get("message")), key))


def _refusal(answer: AnswerHead, code: int | None, meaning: Interpretation | None, message: str) -> ProviderError:
    label = answer.call.label
    message = f"{label}: {message or 'refused without a message'}"
    number = None if code is None else str(code)
    if meaning is None:
        return answer.overload() or ProviderError(undocumented(label), message, provider_code=number)
    remedy = REMEDIES.get(code or 0, "").format(caller=answer.caller)
    if meaning is Meaning.KEY:
        return KeyRefused(message, provider_code=number, remedy=remedy)
    failed = Kind.UNKNOWN if answer.call.changes else Kind.LATER
    kind = meaning if isinstance(meaning, Kind) else failed
    retryable = kind in (Kind.UNKNOWN, Kind.LATER)
    retry_after = seconds_to_wait(answer.headers.get("Retry-After")) if retryable else None
    return ProviderError(
        kind,
        message,
        provider_code=number,
        retry_after=retry_after,
        remedy=remedy,
        reason_code=reason_code(label, code),
    )


def _by_status(answer: AnswerHead) -> ProviderError | None:
    """Returns the error that the status shows where the body shows none; None if the status shows none either."""
    label, status = answer.call.label, answer.status
    if status in _OF_ACCOUNT:
        message = f"{label}: {_OF_ACCOUNT[status]} (HTTP {status})"
        wrong_key = ReasonCode.WRONG_KEY if status in (401, 403) else None
        remedy = REMEDIES[_WRONG_KEY] if wrong_key else answer.call.check_address
        return ProviderError(Kind.ACCOUNT, message, provider_code=str(status), remedy=remedy, reason_code=wrong_key)
    if 400 <= status < 500 and status not in (_REQUEST_TIMEOUT, 429):
        return ProviderError(Kind.CALLER, f"{label}: the provider refuses the request (HTTP {status})")
    return answer.overload()
