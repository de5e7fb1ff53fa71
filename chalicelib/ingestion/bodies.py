"""Reads a form's body, in any of three media types, as one flat mapping of texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from ..domain import strict_json
from ..domain.errors import RelaisError
from ..domain.limits import FORM_KB, FORM_PARTS
from ..domain.names_alike import composed
from ..domain.nested_names import nested, parts_of, texts_of, values_at
from . import charsets

_URLENCODED = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
# Beacons and scripts that avoid a preflight send text/plain; the empty type is that of a request without one.
JSON_TYPE = re.compile(r"|(?:application|text)/json|text/plain|.*\+json")
"""Media types of a body that is read as JSON, in lower case and without parameters; empty for a body without one."""
CHARSET_FIELD = "_charset_"
"""Name of the hidden field in which browsers state a form's encoding (HTML, "Constructing the entry list")."""
_BYTE_ORDER_MARK = "\ufeff".encode()


class BodyError(RelaisError):
    """A body that is rejected. `status`: 400 unreadable, 413 too large, 415 unsupported type, 422 invalid."""

    def __init__(self, status: int, detail: str) -> None:
        self.status = status
        self.detail = detail
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Submission:
    """The fields of a form: the texts of each in their order, and JSON fields whose value is neither text nor texts.

    Their names are in NFC, as those of the configuration are.
    """

    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    nested: Mapping[str, Any] = field(default_factory=dict)

    def with_places(self, names: Iterable[str]) -> Submission:
        """Returns the submission with the values at the places that `names` denote (`user[email]`), under these names.

        A field that was sent under the name itself stays as it was sent. A place that holds nothing adds nothing.
        """
        sent = {*self.texts, *self.nested}
        places = {name: parts for name in names if name not in sent and (parts := parts_of(name))}
        if not places:
            return self
        data = self.as_data()
        texts, others = dict(self.texts), dict(self.nested)
        for name, parts in places.items():
            if values := values_at(data, parts):
                if (found := texts_of(values)) is None:
                    others[name] = values
                else:
                    texts[name] = found
        return Submission(texts, others)

    def as_data(self) -> dict[str, Any]:
        """Returns what was sent as nested data, whether it came as JSON or as a form with names in brackets."""
        return {**nested(self.texts.items()), **self.nested}


def is_coded(headers: Mapping[str, str]) -> bool:
    """Returns True for a body with a content coding, such as gzip."""
    return headers.get("content-encoding", "").strip().lower() not in ("", "identity")


def read_submission(headers: Mapping[str, str], body: bytes) -> Submission:
    """Reads the fields of a form's body: JSON (under several types, see `JSON_TYPE`), urlencoded or multipart.

    Raises:
        BodyError: 413, 415, 400 (unreadable) or 422 (JSON, but no object); the message never quotes the body.
    """
    from multipart import parse_options_header

    if len(body) > FORM_KB * 1024:
        raise BodyError(413, f"The body is larger than {FORM_KB} KB.")
    if is_coded(headers):
        raise BodyError(415, "A form must be sent without a content coding such as gzip.")
    kind, options = parse_options_header(headers.get("content-type", ""))
    if JSON_TYPE.fullmatch(kind):
        return _from_json(body)
    if kind not in (_URLENCODED, _MULTIPART):
        raise BodyError(415, f"The Content-Type must be application/json, {_URLENCODED} or {_MULTIPART}.")
    while body.startswith(_BYTE_ORDER_MARK):
        body = body.removeprefix(_BYTE_ORDER_MARK)
    if kind == _URLENCODED:  # read as latin-1, in which each byte is one character, and decoded with its charset
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
        parts = [_Part(name.encode("latin-1"), text.encode("latin-1")) for name, text in pairs]
    else:
        parts = _multipart_parts(body, options.get("boundary", ""))
    texts: dict[str, list[str]] = {}
    for name, text in _decoded(parts, options.get("charset")):  # a repeated name (checkboxes) has all its texts
        texts.setdefault(name if name.isascii() else composed(name), []).append(text)
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


def _from_json(body: bytes) -> Submission:
    texts: dict[str, tuple[str, ...]] = {}
    nested: dict[str, Any] = {}
    read = read_json_object(body, "The body must be a JSON object with one member for each field.", number=str)
    for stated, value in read.items():
        name = composed(stated)
        values = value if isinstance(value, list) else [value]
        if not all(each is None or isinstance(each, str | bool) for each in values):
            nested[name] = value
        elif value is not None:  # an array has all its texts, as a repeated field
            texts[name] = (*texts.get(name, ()), *(_scalar(each) for each in values if each is not None))
    return Submission(texts, nested)


def _scalar(value: str | bool) -> str:
    return value if isinstance(value, str) else str(value).lower()


@dataclass(frozen=True, slots=True)
class _Part:
    """One name and text of a form as bytes, with its own charset if it states one."""

    name: bytes
    text: bytes
    charset: str | None = None


def _decoded(parts: Sequence[_Part], stated: str | None) -> list[tuple[str, str]]:
    """Decodes names and texts. The charset of a part takes precedence, then the field `_charset_`, then the header's.

    Where none is stated, all have the same, as a page has one: UTF-8 if all of them are valid UTF-8, else windows-1252.

    Raises:
        BodyError: 415 for an unknown charset; 400 if the stated one is UTF-8 and the form is not.
    """
    fields = [part.text for part in parts if part.name.lower() == CHARSET_FIELD.encode()]
    of_field = next((text.decode("latin-1") for text in fields if text.strip()), None)
    names = ((name or "").strip().lower() for name in (of_field, stated, *(part.charset for part in parts)))
    try:
        by_field, by_header, *own = [charsets.BY_NAME[name] for name in names]
    except KeyError:
        raise BodyError(415, f"The charset must be {charsets.KNOWN}.") from None
    for_all = by_field or by_header
    for usual in (for_all,) if for_all else (charsets.UTF_8, charsets.WINDOWS_1252):
        with suppress(UnicodeError):
            return [
                (part.name.decode(*usual).lstrip("\ufeff"), part.text.decode(*(charset or usual)))
                for part, charset in zip(parts, own, strict=True)
            ]
    raise BodyError(400, "The body is not a form in UTF-8.")


def _multipart_parts(body: bytes, boundary: str) -> list[_Part]:
    from multipart import MultipartError, ParserLimitReached

    try:
        return list(_parts(body, boundary))
    except ParserLimitReached as error:
        raise BodyError(413, "The form has too many or too large parts.") from error
    except (MultipartError, UnicodeError) as error:
        raise BodyError(400, "The body is not multipart/form-data.") from error


def _parts(body: bytes, boundary: str) -> Iterable[_Part]:
    """Yields each part. Refuses a file; skips the empty part of a file field without a file."""
    from multipart import MultipartSegment, PushMultipartParser

    part: MultipartSegment | None = None
    content = b""
    # Names are decoded with the texts: here each of their bytes is one character.
    with PushMultipartParser(
        boundary, content_length=len(body), max_segment_count=FORM_PARTS, header_charset="latin-1"
    ) as parser:
        for event in parser.parse(body):
            if isinstance(event, MultipartSegment):
                part, content = event, b""
            elif event:
                content += event
            elif part is not None and not _is_empty_file(part, content):
                yield _Part((part.name or "").encode("latin-1"), content, part.charset)


def _is_empty_file(part: Any, content: bytes) -> bool:
    """Returns True for a file field without a file, which browsers send with an empty name.

    RFC 9110 §15.5.16 allows 415 also for a format found "as a result of inspecting the data directly".
    """
    if part.filename is None:
        return False
    if part.filename or content:
        raise BodyError(415, "The form must not contain a file.")
    return True
