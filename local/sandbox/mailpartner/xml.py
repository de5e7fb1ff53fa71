"""MailPartner's XML: the JSON's values in order, each in an `<entry>`, without names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape

from ..exchange import Reply
from .opt_out_list import Snapshot

_TYPE = "application/xml; charset=UTF-8"


def answer(data: Mapping[str, Any]) -> Reply:
    """Returns a success: texts in CDATA between line breaks, as in the vendor's sample."""
    entries = "\n".join(_entry(value) for value in data.values())
    return _reply(f'<?xml version="1.0" encoding="UTF-8"?>\n<result>\n{entries}\n</result>\n', 200)


def listed(data: Mapping[str, Any], rows: Snapshot) -> Reply:
    """Returns a success with the opt-out list in the last entry, produced while it is sent."""
    head, _, end = answer(data).body.decode().rpartition("</entry>")

    def parts() -> Iterator[bytes]:
        yield head.encode()
        for part in rows.encoded(_entry):
            yield "".join(f"{row}\n" for row in part).encode()
        yield f"</entry>{end}".encode()

    return Reply(b"", 200, _TYPE, parts=parts())


def failure(code: int, message: str, status: int) -> Reply:
    """Returns a failure: `false`, the code and the message, the message as plain text."""
    entries = "\n".join(f"<entry>{escape(str(value))}</entry>" for value in ("false", code, message))
    return _reply(f"<?xml version='1.0' encoding='UTF-8'?>\n<result>\n{entries}\n</result>\n", status)


def _entry(value: Any) -> str:
    if isinstance(value, bool):
        return f"<entry>{str(value).lower()}</entry>"
    if isinstance(value, Mapping):
        return _entry(list(value.values()))
    if isinstance(value, list):
        return "\n".join(["<entry>", *(_entry(item) for item in value), "</entry>"])
    if isinstance(value, str):
        return f"<entry>\n<![CDATA[{value.replace(']]>', ']]]]><![CDATA[>')}]]>\n</entry>"
    return f"<entry>{value}</entry>"


def _reply(text: str, status: int) -> Reply:
    return Reply(text.encode(), status, _TYPE)
