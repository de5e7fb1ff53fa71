"""The parameters that functions share: their types with help, and their checks against what the vendor states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from ..functions import Limits

LARGEST_PAGE = 250
LONGEST_ADDRESS = 255
STATUSES = ("active", "bounced", "unsubscribed", "on hold", "deleted", "blacklist", "referred")
CAMPAIGN_STATUSES = (
    "in queue",
    "deleted",
    "edit mode",
    "sent",
    "scheduled",
    "send now",
    "failed",
    "recipients",
    "sending",
    "partial sent",
)

SiteId = Annotated[str | None, "id of a site; without it the account's own"]
ListId = Annotated[str, "id of the list, from lists"]
SubscriberId = Annotated[str, "id of the subscriber, from subscribers"]
CampaignId = Annotated[str, "id of the campaign, from campaigns"]
AutoresponderId = Annotated[str, "id of the autoresponder, from autoresponders"]
Address = Annotated[str, "the e-mail address, at most 255 characters"]
Status = Annotated[str, f"one of: {', '.join(STATUSES)}"]
CampaignStatus = Annotated[str, f"one of: {', '.join(CAMPAIGN_STATUSES)}"]
StartIndex = Annotated[int | None, "number of the first row, from 0 (default 0)"]
PageSize = Annotated[int | None, f"rows of a page, 1 to {LARGEST_PAGE} (default {LARGEST_PAGE})"]


def id_part(limits: Limits, name: str, value: str) -> str:
    """An id that can be part of a path; one of dots alone would be taken for a step up."""
    limits.text(name, value, 100)
    limits.require(value.strip("."), f"{name} must be an id, such as 0616074266229")
    return value


def address(limits: Limits, name: str, value: str, longest: int = LONGEST_ADDRESS) -> str:
    """An e-mail address of at most `longest` characters."""
    return limits.address(name, value, longest)


def one_of(limits: Limits, name: str, value: str, choices: tuple[str, ...]) -> str:
    """One of `choices`, to the letter."""
    limits.require(value in choices, f"{name} must be one of: {', '.join(choices)}")
    return value


def page(limits: Limits, start_index: int | None, page_size: int | None) -> dict[str, int]:
    """The query of a page; the size is mandatory."""
    start, size = start_index or 0, LARGEST_PAGE if page_size is None else page_size
    limits.require(start >= 0, "start_index must not be negative")
    limits.require(1 <= size <= LARGEST_PAGE, f"page_size must be 1 to {LARGEST_PAGE}")
    return {"startindex": start, "pagesize": size}


def filled_fields(limits: Limits, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """At least one field; an address among them must be one."""
    limits.require(fields, "fields must hold at least one field")
    given = fields.get("MailAddress")
    limits.require(given is None or isinstance(given, str), "MailAddress must be a string")
    if given is not None:
        address(limits, "MailAddress", given)
    return fields
