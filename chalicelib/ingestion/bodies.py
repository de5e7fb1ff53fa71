"""Reads a form's body, in any of three media types, as one flat mapping of texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from ..domain import strict_json
from ..domain.errors import RelaisError
from ..domain.limits import FORM_KB, FORM_PARTS

_JSON = "application/json"
_URLENCODED = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
ACCEPTED_TYPES = (_JSON, _URLENCODED, _MULTIPART)
# US-ASCII is a subset of UTF-8; other charsets would require guessing.
_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


class BodyError(RelaisError):
    """A body that is rejected. `status`: 400 unreadable, 413 too large, 415 unsupported type, 422 invalid."""

    def __init__(self, status: int, detail: str) -> None:
        self.status = status
        self.detail = detail
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Submission:
    """The fields of a form: the texts of each in their order, and JSON fields whose value is no single text."""

    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    nested: Mapping[str, Any] = field(default_factory=dict)


def read_submission(headers: Mapping[str, str], body: bytes) -> Submission:
    """Reads the fields of a form's body in one of the three accepted media types.

    Raises:
        BodyError: 413, 415, 400 (unreadable) or 422 (JSON, but no object); the message never quotes the body.
    """
    from multipart import parse_options_header

    if len(body) > FORM_KB * 1024:
        raise BodyError(413, f"The body is larger than {FORM_KB} KB.")
    if headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
        raise BodyError(415, "A form must be sent without a content coding such as gzip.")
    kind, options = parse_options_header(headers.get("content-type", ""))
    if kind not in ACCEPTED_TYPES:
        raise BodyError(415, f"The Content-Type must be {', '.join(ACCEPTED_TYPES[:-1])} or {ACCEPTED_TYPES[-1]}.")
    if "charset" in options:
        _check_charset(options["charset"])
    if kind == _JSON:
        return _from_json(body)
    pairs = _urlencoded_pairs(body) if kind == _URLENCODED else _multipart_pairs(body, options.get("boundary", ""))
    texts: dict[str, list[str]] = {}
    for name, text in pairs:  # a repeated name, such as a group of checkboxes, has all its texts
        texts.setdefault(name, []).append(text)
    return Submission({name: tuple(values) for name, values in texts.items()})


def read_json_object(body: bytes, expected: str, number: Callable[[str], Any] | None = None) -> dict[str, Any]:
    """Reads a body that must be a JSON object; see `strict_json.load` for `number`.

    Raises:
        BodyError: 400 for invalid JSON, 422 with the detail `expected` for JSON that is no object.
    """
    try:
        value = strict_json.load(body, number=number)
    except ValueError as error:
        raise BodyError(400, "The body is not JSON in UTF-8.") from error
    if not isinstance(value, dict):
        raise BodyError(422, expected)
    return value


def _check_charset(charset: str) -> None:
    if charset.strip().lower() not in _CHARSETS:
        raise BodyError(415, "The charset must be UTF-8.")


def _from_json(body: bytes) -> Submission:
    texts: dict[str, tuple[str, ...]] = {}
    nested: dict[str, Any] = {}
    read = read_json_object(body, "The body must be a JSON object with one member for each field.", number=str)
    for name, value in read.items():
        if isinstance(value, bool):
            texts[name] = ("true" if value else "false",)
        elif isinstance(value, str):
            texts[name] = (value,)
        elif value is not None:
            nested[name] = value
    return Submission(texts, nested)


def _urlencoded_pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, encoding="utf-8", errors="strict")
    except ValueError as error:
        raise BodyError(400, "The body is not a form in UTF-8.") from error


def _multipart_pairs(body: bytes, boundary: str) -> list[tuple[str, str]]:
    from multipart import MultipartError, ParserLimitReached

    try:
        return list(_parts(body, boundary))
    except ParserLimitReached as error:
        raise BodyError(413, "The form has too many or too large parts.") from error
    except (MultipartError, UnicodeError) as error:
        raise BodyError(400, "The body is not multipart/form-data in UTF-8.") from error


def _parts(body: bytes, boundary: str) -> Iterable[tuple[str, str]]:
    """Yields name and text of each part. Refuses a file; skips the empty part of a file field without a file."""
    from multipart import MultipartSegment, PushMultipartParser

    part: MultipartSegment | None = None
    content = b""
    with PushMultipartParser(boundary, content_length=len(body), max_segment_count=FORM_PARTS) as parser:
        for event in parser.parse(body):
            if isinstance(event, MultipartSegment):
                part, content = event, b""
            elif event:
                content += event
            elif part is not None and not _is_empty_file(part, content):
                yield part.name or "", content.decode("utf-8")


def _is_empty_file(part: Any, content: bytes) -> bool:
    """Returns True for a file field without a file, which browsers send with an empty name.

    RFC 9110 §15.5.16 allows 415 also for a format found "as a result of inspecting the data directly".
    """
    if part.charset is not None:
        _check_charset(part.charset)
    if part.filename is None:
        return False
    if part.filename or content:
        raise BodyError(415, "The form must not contain a file.")
    return True
