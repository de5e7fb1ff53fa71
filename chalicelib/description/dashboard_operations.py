"""Describes the pages and actions of the dashboard, which are for people: their parameters, answers and forms."""

from __future__ import annotations

from .bodies import dashboard_body
from .json_schema import Schema
from .operations import ADMIN, Operation
from .responses import CSV, Family, answer, errors, page

_FAMILY = Family.DASHBOARD
_CSRF = "The token of the session's own forms; not asked for with the admin key itself."
_CHOICE = {
    "csrf": _CSRF,
    "status": "parked, refused or quarantined.",
    "type": "signup or unsubscribe.",
    "account": "Of this account.",
    "form": "Of this form.",
    "code": "With this reason code.",
    "day": "Accepted on this UTC day.",
    "event": "These events: ids, separated by commas.",
    "selected": "Not empty: the events that `event` names, and no group.",
}
_LIST = ("page_status", "page_type", "page_account", "page_form", "page_code", "page_day")


def _login_first() -> dict[str, Schema]:
    return {
        "303": answer(
            "A browser without a session: the login; else the page that has the answer.",
            family=_FAMILY,
            more_headers=("location", "set-cookie"),
        )
    }


def _shown(*parameters: str, may_lack: bool = False, csv: bool = False) -> Operation:
    """Returns the description of a page; `may_lack`: there may be no such thing, `csv`: also as a file."""
    shown = page("The page.", family=_FAMILY, more_headers=("etag", "set-cookie"))
    if csv:
        file = answer("", {CSV: {"schema": {"type": "string"}}}, more_headers=("content-disposition",))
        shown["content"] |= file["content"]
        shown["headers"] |= file["headers"]
    same = answer("The client has this page.", family=_FAMILY, more_headers=("etag", "set-cookie", *_PAGE_HEADERS))
    found = errors(404, family=_FAMILY) if may_lack else {}
    return Operation(
        tag="Dashboard",
        parameters=(*parameters, *(("page_format",) if csv else ()), "language", "if_none_match"),
        security=ADMIN,
        family=_FAMILY,
        responses={"200": shown, **_login_first(), "304": same, **errors(401, 403, family=_FAMILY), **found}
        | errors(429, 503, family=_FAMILY),
    )


_PAGE_HEADERS = ("content-language", "content-security-policy", "referrer-policy", "vary")


def _action(body: Schema, *statuses: int, done: dict[str, Schema] | None = None) -> Operation:
    """Returns the description of a form's POST, with the statuses that it has besides those of all."""
    return Operation(
        tag="Dashboard",
        body=body,
        security=ADMIN,
        family=_FAMILY,
        responses={**(done or {}), **_login_first()}
        | errors(*sorted({400, 401, 403, 413, 415, 422, 429, 503, *statuses}), family=_FAMILY),
    )


DASHBOARD: dict[tuple[str, str], Operation] = {
    ("GET", "/dashboard"): _shown(),
    ("GET", "/dashboard/campaigns"): _shown(
        "page_account", "page_year", "page_words", "page_sort", "page_order", "page_number", csv=True
    ),
    ("GET", "/dashboard/campaigns/{account}/{campaign}"): _shown(may_lack=True, csv=True),
    ("GET", "/dashboard/forms/{form}"): _shown(may_lack=True),
    ("GET", "/dashboard/events"): _shown("find_event", *_LIST, "page_cursor"),
    ("GET", "/dashboard/events/{id}"): _shown(may_lack=True),
    ("POST", "/dashboard/events/lookup"): _action(
        dashboard_body(csrf=_CSRF, address="The address, also with what is around it in a mail."),
        done={"200": page("The page.", family=_FAMILY)},
    ),
    ("GET", "/dashboard/events/resend"): _shown(*_LIST, "page_event"),
    ("POST", "/dashboard/events/resend"): _action(dashboard_body(**_CHOICE)),
    ("GET", "/dashboard/events/discard"): _shown(*_LIST, "page_event"),
    ("POST", "/dashboard/events/discard"): _action(dashboard_body(**_CHOICE)),
    ("POST", "/dashboard/events/{id}/resend"): _action(
        dashboard_body(csrf=_CSRF, undone="Not empty: also a signup of a person who had unsubscribed."), 404
    ),
    ("POST", "/dashboard/events/{id}/discard"): _action(dashboard_body(csrf=_CSRF), 404),
    ("GET", "/dashboard/login"): Operation(
        tag="Dashboard",
        summary="Shows the form of the login",
        parameters=("next", "out", "language"),
        family=_FAMILY,
        responses={"200": page("The page.", family=_FAMILY), **errors(403, 429, 503, family=_FAMILY)},
    ),
    ("POST", "/dashboard/login"): Operation(
        tag="Dashboard",
        summary="Starts a session with the admin key",
        parameters=("next",),
        body=dashboard_body(key="The admin key.", next="The page to which the login leads."),
        family=_FAMILY,
        responses=_login_first() | errors(400, 401, 403, 413, 415, 422, 429, 503, family=_FAMILY),
    ),
    ("POST", "/dashboard/logout"): Operation(
        tag="Dashboard",
        body=dashboard_body(csrf="The token of the session's own forms; it may be left out.") | {"required": False},
        family=_FAMILY,
        responses=_login_first() | errors(400, 403, 413, 415, 422, 429, 503, family=_FAMILY),
    ),
}
