"""Reads a form's body, in any of three media types, as one flat mapping of texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from ..domain import strict_json
from ..domain.errors import RelaisError

MAX_BODY_BYTES = 100 * 1024
_MAX_PARTS = 1000
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


def read_submission(content_type: str | None, content_encoding: str | None, body: bytes) -> Submission:
    """Reads the fields of a form's body (at most 100 KB) in one of the three accepted media types.

    Raises:
        BodyError: 413, 415, 400 (unreadable) or 422 (JSON, but no object); the message never quotes the body.
    """
    if len(body) > MAX_BODY_BYTES:
        raise BodyError(413, "The body is larger than 100 KB.")
    if content_encoding is not None and content_encoding.strip().lower() not in ("", "identity"):
        raise BodyError(415, "A form must be sent without a content coding such as gzip.")
    kind, options = _media_type(content_type)
    _check_charset(options.get("charset"))
    if kind == _JSON:
        return _from_json(body)
    if kind == _URLENCODED:
        return _from_urlencoded(body)
    return _from_multipart(body, options.get("boundary", ""))


def _media_type(content_type: str | None) -> tuple[str, Mapping[str, str]]:
    """Returns the media type, one of the three, and its parameters."""
    from multipart import parse_options_header

    kind, options = parse_options_header(content_type or "")
    if kind not in ACCEPTED_TYPES:
        raise BodyError(415, f"The Content-Type must be {', '.join(ACCEPTED_TYPES[:-1])} or {ACCEPTED_TYPES[-1]}.")
    return kind, options


def _check_charset(charset: str | None) -> None:
    if charset is not None and charset.strip().lower() not in _CHARSETS:
        raise BodyError(415, "The charset must be UTF-8.")


def _from_json(body: bytes) -> Submission:
    try:
        read = strict_json.load(body, number=str)
    except ValueError as error:
        raise BodyError(400, "The body is not JSON in UTF-8.") from error
    if not isinstance(read, dict):
        raise BodyError(422, "The body must be a JSON object with one member for each field.")
    texts: dict[str, tuple[str, ...]] = {}
    nested: dict[str, Any] = {}
    for name, value in read.items():
        if isinstance(value, bool):
            texts[name] = ("true" if value else "false",)
        elif isinstance(value, str):
            texts[name] = (value,)
        elif value is not None:
            nested[name] = value
    return Submission(texts, nested)


def _from_urlencoded(body: bytes) -> Submission:
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, encoding="utf-8", errors="strict")
    except ValueError as error:
        raise BodyError(400, "The body is not a form in UTF-8.") from error
    return Submission(_grouped(pairs))


def _from_multipart(body: bytes, boundary: str) -> Submission:
    from multipart import MultipartError, ParserLimitReached

    try:
        return Submission(_grouped(_parts(body, boundary)))
    except ParserLimitReached as error:
        raise BodyError(413, "The form has too many or too large parts.") from error
    except (MultipartError, UnicodeError) as error:
        raise BodyError(400, "The body is not multipart/form-data in UTF-8.") from error


def _parts(body: bytes, boundary: str) -> Iterable[tuple[str, str]]:
    """Yields name and text of each part. Refuses a file; skips the empty part of a file field without a file."""
    from multipart import MultipartSegment, PushMultipartParser

    part: MultipartSegment | None = None
    content = b""
    with PushMultipartParser(boundary, content_length=len(body), max_segment_count=_MAX_PARTS) as parser:
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
    _check_charset(part.charset)
    if part.filename is None:
        return False
    if part.filename or content:
        raise BodyError(415, "The form must not contain a file.")
    return True


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Groups the pairs by name; a repeated name, such as a group of checkboxes, has all its texts."""
    texts: dict[str, list[str]] = {}
    for name, text in pairs:
        texts.setdefault(name, []).append(text)
    return {name: tuple(values) for name, values in texts.items()}
