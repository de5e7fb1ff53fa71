"""Login and logout of the dashboard, and the checks that each of its pages and actions makes first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote, urlsplit

from ....ingestion.bodies import read_submission
from ....observability import logger
from ....services import Services
from ...accept import wants_html
from ...admin import CHALLENGE, is_admin_key, require_admin
from ...http_messages import Request, Response
from ...pages.dashboard.layout import Page, page_of
from ...pages.dashboard.layout_texts import MISSING
from ...pages.dashboard.login import login_page
from ...problems import HttpProblem, SeeOther
from ...session import Session, Sessions, refuse_other_sites, require_csrf

_LONGEST_PAGE = 2000
"""Characters of an address that a login leads to."""


class DashboardAccess:
    """Starts and ends sessions, and makes the `Page` of a request that may see the dashboard."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._sessions = Sessions(services)

    def login(self, request: Request) -> Response:
        """Answers the login: GET shows the form, POST with the right key starts a session.

        A wrong key gets 401, and 429 after too many from one address: a browser as the form again, a program as a
        problem.
        """
        if self._services.settings.api.admin_key is None:
            raise HttpProblem(403, "No admin key is configured, so nobody may see this.")
        if request.method != "POST":
            message = "logged_out" if "out" in request.query else None
            return login_page(request, next_page=_own_page(request.query.get("next", "")), message=message)
        refuse_other_sites(request)
        fields = form_fields(request)
        next_page = _own_page(first(fields, "next") or request.query.get("next", ""))
        try:
            if not is_admin_key(self._services, request, first(fields, "key").strip()):
                raise HttpProblem(401, "The admin key is missing or wrong.", headers=CHALLENGE)
        except HttpProblem as problem:
            message = {401: "wrong", 429: "too_many"}.get(problem.status)
            if message is None or not wants_html(request.headers):
                raise
            page = login_page(request, status=problem.status, next_page=next_page, message=message)
            return replace(page, headers={**page.headers, **problem.headers})
        cookie = self._sessions.start(request)
        logger.info("dashboard login", extra={"request_id": request.id})
        return see_other(f"{request.base_path}{next_page or '/dashboard'}", {"set-cookie": cookie})

    def logout(self, request: Request) -> Response:
        """Ends the session of the request's cookie, and sends the browser to the login.

        No token is required: requests of other sites do not carry the cookie (SameSite). A wrong token is refused.
        """
        refuse_other_sites(request)
        headers = {}
        session = self._sessions.current(request)
        if session:
            given = first(form_fields(request), "csrf") if request.encoded_body else ""
            if given:
                require_csrf(session, given)
            headers["set-cookie"] = self._sessions.end(request, session)
            logger.info("dashboard logout", extra={"by": f"session {session.mark}"})
        return see_other(f"{request.base_path}/dashboard/login?out=1", headers)

    def page(self, request: Request, *segments: str) -> Page:
        """Returns the page of `/dashboard/…`, its segments decoded.

        Raises as `require_admin`, but SeeOther for a browser without a session: the login, which leads back here.
        """
        return self._page(request, self._session(request, "/".join(["/dashboard", *(quote(s, "") for s in segments)])))

    def action(self, request: Request, *back_to: str) -> tuple[Page, dict[str, tuple[str, ...]]]:
        """Returns page and form fields of a POST.

        A session's own token is required, and no other site may have sent it; with the admin key itself, which no
        browser sends by itself, neither is asked for. `back_to`: the page that a login leads to. Raises HttpProblem.
        """
        session = self._session(request, "/".join(["/dashboard", *(quote(s, "") for s in back_to)]), query=False)
        fields = form_fields(request) if request.encoded_body else {}  # a program may send no body
        if session:
            refuse_other_sites(request)
            require_csrf(session, first(fields, "csrf"))
        return self._page(request, session), fields

    def _page(self, request: Request, session: Session | None) -> Page:
        request.answer_headers["x-robots-tag"] = "noindex"
        return page_of(request, session, self._services.effects.clock(), self._services.settings.timezone)

    def _session(self, request: Request, path: str, *, query: bool = True) -> Session | None:
        try:
            return require_admin(self._services, request)
        except HttpProblem as problem:
            if problem.status != 401 or not wants_html(request.headers) or "authorization" in request.headers:
                raise
            given = "&".join(f"{quote(n, '')}={quote(v, '')}" for n, v in request.query.items()) if query else ""
            wanted = quote(f"{path}?{given}" if given else path, safe="")
            raise SeeOther(f"{request.base_path}/dashboard/login?next={wanted}") from None


def missing(page: Page, what: str) -> Response:
    """Returns the dashboard's page for what is not there; for a program, raises the usual HttpProblem (404)."""
    if not wants_html(page.request.headers):
        raise HttpProblem(404, what)
    return page.render("missing", MISSING, current="", status=404)


def form_fields(request: Request) -> dict[str, tuple[str, ...]]:
    """Returns the fields of a form of Relais' own pages. Raises BodyError."""
    return dict(read_submission(request.headers, request.content(unaltered=True)).texts)


def first(fields: Mapping[str, tuple[str, ...]], name: str) -> str:
    """Returns the first text of a field; "" if it is not there."""
    return next(iter(fields.get(name, ())), "")


def see_other(location: str, headers: Mapping[str, str] | None = None) -> Response:
    """Returns a redirect to a page that is fetched by GET."""
    return Response(303, "", {"location": location, **(headers or {})})


def _own_page(wanted: str) -> str:
    """Returns the page of the dashboard that a login leads to; "" for any other address, also of another host."""
    if len(wanted) > _LONGEST_PAGE or wanted.startswith("/dashboard/log"):  # neither login nor logout
        return ""
    printable = wanted.isascii() and wanted.isprintable() and "\\" not in wanted and " " not in wanted
    if not printable or not (wanted == "/dashboard" or wanted.startswith(("/dashboard/", "/dashboard?"))):
        return ""
    parts = urlsplit(wanted)
    return wanted if not parts.scheme and not parts.netloc and ".." not in parts.path else ""
