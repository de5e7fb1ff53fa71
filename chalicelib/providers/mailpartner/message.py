"""Checks the parameters of `send` against the vendor's limits, and makes them into the vendor's form."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..functions import Limits
from ..results import PARIS

MOST_RECIPIENTS = 500
MOST_VARIABLES = 8
MOST_ATTACHMENTS = 3
ATTACHMENT_MB = 5
LARGEST_ATTACHMENT = ATTACHMENT_MB * 1024 * 1024
_MINUTES = 5


def recipients(limits: Limits, to: Sequence[Any]) -> dict[str, Any]:
    """Returns the `params` of the call: 1 to 500 recipients, each given as `{"email", "name"?}` or the address."""
    limits.require(
        0 < len(to) <= MOST_RECIPIENTS, f"to must hold between 1 and {MOST_RECIPIENTS} recipients, not {len(to)}"
    )
    return {"to": [person(limits, "to", {"email": each} if isinstance(each, str) else each) for each in to]}


def person(limits: Limits, name: str, given: Any) -> dict[str, str]:
    """Checks one `{"email", "name"?}`."""
    what = f'{name} must be like {{"email": "person@example.com", "name": "optional"}}'
    limits.require(isinstance(given, Mapping) and set(given) <= {"email", "name"}, what)
    limits.require(all(isinstance(value, str) for value in given.values()) and "email" in given, what)
    limits.address(f"email of {name}", given["email"])
    return dict(given)


def variables(limits: Limits, given: Mapping[str, Any]) -> dict[str, str]:
    """Checks at most 8 texts; the key `firstname` fills `#FIRSTNAME#`."""
    limits.require(len(given) <= MOST_VARIABLES, f"variables must be at most {MOST_VARIABLES}, not {len(given)}")
    well_formed = all(
        re.fullmatch(r"[A-Za-z0-9_]+", str(name)) and isinstance(value, str | int) and not isinstance(value, bool)
        for name, value in given.items()
    )
    limits.require(well_formed, "variables must be texts under names of letters, digits and _")
    return {name: str(value) for name, value in given.items()}


def attachments(limits: Limits, given: Sequence[Any]) -> list[dict[str, str]]:
    """Checks at most 3 files of at most 5 MB, each `{"base64Content", "contentType", "filename"}`."""
    limits.require(len(given) <= MOST_ATTACHMENTS, f"attachments must be at most {MOST_ATTACHMENTS}, not {len(given)}")
    return [_attachment(limits, each) for each in given]


def _attachment(limits: Limits, given: Any) -> dict[str, str]:
    keys = ("base64Content", "contentType", "filename")
    complete = isinstance(given, Mapping) and set(given) == set(keys)
    limits.require(
        complete and all(isinstance(given[key], str) and given[key] for key in keys),
        f"every attachment must have the texts {', '.join(keys)} and nothing else",
    )
    content = _decoded(given["base64Content"])
    limits.require(content is not None, "base64Content of an attachment must be base64")
    limits.require(len(content or b"") <= LARGEST_ATTACHMENT, f"an attachment must have at most {ATTACHMENT_MB} MB")
    limits.require(re.fullmatch(r"[\w.+-]+/[\w.+-]+", given["contentType"]), "contentType must be like application/pdf")
    limits.text("filename", given["filename"], 200)
    limits.require(not re.search(r"[/\\]|\.\w{1,5}$", given["filename"]), "filename must be without path and extension")
    return {key: given[key] for key in keys}


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def tag(limits: Limits, given: str) -> str:
    """Checks 3 to 20 lower-case letters."""
    limits.require(re.fullmatch(r"[a-z]{3,20}", given), "tag must be 3 to 20 lower-case letters")
    return given


def schedule(limits: Limits, at: datetime) -> dict[str, str]:
    """Returns the moment as date, hour and minute in Europe/Paris (inferred: the vendor names no zone)."""
    limits.require(at.tzinfo is not None, "scheduled_at must state its zone")
    in_paris = at.astimezone(PARIS)
    limits.require(
        in_paris.minute % _MINUTES == 0 and not in_paris.second and not in_paris.microsecond,
        "scheduled_at must be a full minute that 5 divides, such as 09:30 or 09:35",
    )
    return {
        "scheduledDeliveryDate": in_paris.strftime("%d/%m/%Y"),
        "time": f"{in_paris.hour:02d}",
        "minute": f"{in_paris.minute:02d}",
    }
