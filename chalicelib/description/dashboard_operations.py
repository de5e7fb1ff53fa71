"""Describes the pages and actions of the dashboard, which are for people: their parameters, answers and forms."""

from __future__ import annotations

from ..ledger.attention_index import Listed
from ..web.routes.dashboard.events import RESENDABLE
from .bodies import dashboard_body
from .json_schema import Schema, choice, described, ref
from .operations import ADMIN, Operation
from .responses import CSV, PAGE_HEADERS, Family, answer, errors, page

_FAMILY = Family.DASHBOARD
_TEXT: Schema = {"type": "string"}
_CSRF = described(_TEXT, "The token of the session's own forms; not asked for with the admin key itself.")
_CHOICE: dict[str, Schema] = {
    "csrf": _CSRF,
    "type": described(_TEXT, "signup or unsubscribe."),
    "account": described(_TEXT, "Of this account."),
    "form": described(_TEXT, "Of this form."),
    "code": described(_TEXT, "With this reason code."),
    "day": described(_TEXT, "Accepted on this UTC day."),
    "event": described(_TEXT, "These events: ids, separated by commas."),
    "selected": described(_TEXT, "Not empty: the events that `event` names, and no group."),
}
_RESENT = choice(RESENDABLE, "What is sent again, or released.")
_DISCARDED: Schema = {
    "type": "string",
    "description": "Only what is quarantined is discarded.",
    "not": {"enum": [one.value for one in Listed if one is not Listed.QUARANTINED]},
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
    same = answer("The client has this page.", family=_FAMILY, more_headers=("etag", "set-cookie", *PAGE_HEADERS))
    found = errors(404, family=_FAMILY) if may_lack else {}
    return Operation(
        tag="Dashboard",
        parameters=(*parameters, *(("page_format",) if csv else ()), "language", "if_none_match"),
        security=ADMIN,
        family=_FAMILY,
        responses={"200": shown, **_login_first(), "304": same, **errors(401, 403, family=_FAMILY), **found}
        | errors(429, 503, family=_FAMILY),
    )


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
        dashboard_body("address", csrf=_CSRF, address=ref("UnsubscribeAddress")),
        done={"200": page("The page.", family=_FAMILY)},
    ),
    ("GET", "/dashboard/events/resend"): _shown(*_LIST, "page_event"),
    ("POST", "/dashboard/events/resend"): _action(dashboard_body("status", status=_RESENT, **_CHOICE)),
    ("GET", "/dashboard/events/discard"): _shown(*_LIST, "page_event"),
    ("POST", "/dashboard/events/discard"): _action(dashboard_body(status=_DISCARDED, **_CHOICE)),
    ("POST", "/dashboard/events/{id}/resend"): _action(
        dashboard_body(csrf=_CSRF, undone=described(_TEXT, "Not empty: also a person who had unsubscribed.")), 404
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
        body=dashboard_body(
            "key", key=described(_TEXT, "The admin key."), next=described(_TEXT, "The page to which the login leads.")
        ),
        family=_FAMILY,
        responses=_login_first() | errors(400, 401, 403, 413, 415, 422, 429, 503, family=_FAMILY),
    ),
    ("POST", "/dashboard/logout"): Operation(
        tag="Dashboard",
        body=dashboard_body(csrf=described(_TEXT, "The token of the session's own forms; it may be left out.")),
        family=_FAMILY,
        responses=_login_first() | errors(400, 403, 413, 415, 422, 429, 503, family=_FAMILY),
    ),
}
