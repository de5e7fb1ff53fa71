"""The parameters of paths, queries and headers as OpenAPI has them, with the limits that their readers check."""

from __future__ import annotations

from typing import Any

from ..dashboard.campaigns import SORTS
from ..domain.events import EventType
from ..domain.ids import ID_PATTERN
from ..domain.languages import LANGUAGES
from ..domain.reasons import ReasonCode
from ..ledger.attention_index import Listed
from ..web.query_reader import MOMENT_PATTERN, MOST, NAME_PATTERN
from ..web.routes import events, statistics_query
from ..web.routes.forms import KEY_CHARACTERS
from .json_schema import Schema, choice

_TEXT: Schema = {"type": "string"}
_NOT_EMPTY: Schema = {"type": "string", "minLength": 1}
_EMPTY: Schema = {"type": "string", "maxLength": 0}


def _parameter(where: str, name: str, description: str, schema: Schema, example: Any = None) -> Schema:
    shown = {} if example is None else {"example": example}
    return {
        "in": where,
        "name": name,
        "description": description,
        **({"required": True} if where == "path" else {}),
        "schema": schema,
        **shown,
    }


def _query(name: str, description: str, schema: Schema, example: Any = None) -> Schema:
    """Returns a parameter that a query may lack; an empty one counts as absent."""
    return _parameter("query", name, description, {"anyOf": [schema, _EMPTY]}, example)


def _limit(default: int) -> Schema:
    bounds = {"type": "integer", "minimum": 1, "maximum": MOST, "default": default}
    return _query("limit", "Most entries of the page.", bounds, example=20)


def _name(name: str, description: str, example: str) -> Schema:
    return _query(name, description, {"type": "string", "pattern": f"^{NAME_PATTERN}$"}, example)


def _moment(name: str, description: str, example: str) -> Schema:
    return _query(name, description, {"type": "string", "pattern": f"^(?:{MOMENT_PATTERN})$"}, example)


def _any(name: str, description: str, example: str | None = None) -> Schema:
    """Returns a parameter of a page for people, which takes any text: one that it cannot read counts as absent."""
    return _parameter("query", name, description, _TEXT, example)


_DATE_OR_TIME = "a date (UTC) or an RFC 3339 time"
_PAGES = "What cannot be read counts as absent."
PARAMETERS: dict[str, Schema] = {
    "form": _parameter("path", "form", "The form's name: `[forms.NAME]`.", _NOT_EMPTY, "footer"),
    "token": _parameter(
        "path",
        "token",
        "The token of a mail's link. What a mail program appended to it is ignored.",
        _NOT_EMPTY,
    ),
    "id": _parameter("path", "id", "The event's id.", {"type": "string", "pattern": f"^{ID_PATTERN}$"}),
    "account": _parameter("path", "account", "The account's name.", _NOT_EMPTY, "paris"),
    "campaign": _parameter("path", "campaign", "The provider's own id.", _NOT_EMPTY, "5312"),
    "of_account": _name("account", "Of this account alone; it need not be configured any more.", "paris"),
    "of_form": _name("form", "Of this form alone.", "footer"),
    "status": _query("status", "With a delivery in this state; by default in any of them.", choice(Listed), "parked"),
    "accepted_since": _moment("since", f"Accepted since: {_DATE_OR_TIME}.", "2026-03-01"),
    "sent_since": _moment("since", f"Sent since: {_DATE_OR_TIME}, included.", "2026-03-01"),
    "sent_until": _moment(
        "until", f"Sent until: {_DATE_OR_TIME}, included; not before `since`.", "2026-12-31T23:59:59Z"
    ),
    "day_since": _moment(
        "since", f"The first day: {_DATE_OR_TIME}; by default a year before the last one.", "2026-03-01"
    ),
    "day_until": _moment("until", f"The last day: {_DATE_OR_TIME}; by default today.", "2026-12-31"),
    "events_limit": _limit(events.DEFAULT_LIMIT),
    "campaigns_limit": _limit(statistics_query.DEFAULT_LIMIT),
    "cursor": _query("cursor", "The `cursor` of the page before, of the same parameters.", _TEXT),
    "format": _query("format", "By default `json`.", choice(statistics_query.FORMATS), statistics_query.JSON),
    "embed": _any("embed", "Not empty: the page is for a frame of a listed website.", "1"),
    "language": _any("language", f"Of the page from now on: {', '.join(LANGUAGES)}. By default the browser's.", "en"),
    "idempotency_key": _parameter(
        "header",
        "idempotency-key",
        "Under one key the same content is one event, however often it is sent. Bare, or a quoted string.",
        {"type": "string", "pattern": f'^(?!""$)(?:"{KEY_CHARACTERS}"|(?=[ -~]*[!-~]){KEY_CHARACTERS})$'},
        "5f1d2c3b-4a59-4c1e",
    ),
    "if_none_match": _parameter(
        "header", "if-none-match", "The `etag` of what the client has; 304 if that is still right.", _TEXT
    ),
    "next": _any("next", "The page of the dashboard to which the login leads.", "/dashboard/events"),
    "out": _any("out", "Present: the page says that the session has ended."),
    "page_account": _any("account", f"Of this account. {_PAGES}", "paris"),
    "page_form": _any("form", "Of this form.", "footer"),
    "page_status": _any("status", f"One of {', '.join(Listed)}. {_PAGES}", "parked"),
    "page_type": _any("type", f"One of {', '.join(EventType)}. {_PAGES}", "signup"),
    "page_code": _any("code", f"A reason code, such as `{ReasonCode.WRONG_KEY}`. {_PAGES}", ReasonCode.WRONG_KEY.value),
    "page_day": _any("day", f"Accepted on this UTC day. {_PAGES}", "2026-03-01"),
    "page_cursor": _any("cursor", "A place in the list, of a link of the page."),
    "page_event": _any("event", "Ids of events, separated by commas: these alone."),
    "find_event": _any("id", "The id of an event: the browser is sent to its page."),
    "page_year": _any("year", f"A year, or a month such as 2026-10. {_PAGES}", "2026"),
    "page_words": _any("words", "Words of name and subject.", "lettre"),
    "page_sort": _any("sort", f"One of {', '.join(SORTS)}. {_PAGES}", "sent"),
    "page_order": _any("order", "`up`: the smallest first.", "up"),
    "page_number": _any("page", f"The page's number, from 1. {_PAGES}", "1"),
    "page_format": _any("format", "`csv`: a file to save.", "csv"),
}
"""By their name among the document's components."""


def parameters(*names: str) -> list[Schema]:
    """Returns references to parameters."""
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def of_path(path: str) -> list[str]:
    """Returns the names of a path's own parameters, in order."""
    return [part.strip("{}") for part in path.split("/") if part.startswith("{")]
