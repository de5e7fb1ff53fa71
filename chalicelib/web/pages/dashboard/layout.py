"""Renders the dashboard's pages: one head, one way to confirm an action, times and numbers as a reader writes them."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from ....domain.languages import LANGUAGES
from ....domain.times import format_time
from ...http_messages import Request, Response
from ...languages import language_of
from ...revalidation import revalidated
from ...session import Session
from ..formats import Formats, formats
from ..rendering import render
from ..texts import Texts
from .layout_texts import LANGUAGE_NAMES, LAYOUT

STYLES = ("base.css", "dashboard.css")
LANGUAGE_COOKIE = "relais_language"
_YEAR_SECONDS = 31_536_000


@dataclass(frozen=True, slots=True)
class Page:
    """What every page of one request shares."""

    request: Request
    session: Session | None
    """None for a request with the admin key itself, which needs no token against other sites."""
    language: str
    formats: Formats
    now: datetime
    timezone: str

    @property
    def base(self) -> str:
        """Returns the address of the overview; those of the other pages begin with it."""
        return f"{self.request.base_path}/dashboard"

    def link(self, *segments: str, **query: str | int | None) -> str:
        """Returns the address of a page, its segments and parameters encoded; empty parameters are left out."""
        path = "/".join([self.base, *(quote(segment, safe="") for segment in segments)])
        given = urlencode({name: value for name, value in query.items() if value not in (None, "")})
        return f"{path}?{given}" if given else path

    def is_singular(self, number: int | None) -> bool:
        """Returns whether a number takes the singular: one, and in French none, too."""
        return number == 1 or (number == 0 and self.language == "fr")

    def more_than(self, number: str) -> str:
        """Returns the text for a number that is a lower bound: `more than {number}`."""
        return str(getattr(LAYOUT["more_than"], self.language)).format(n=number)

    def confirming(self, location: str, sentence: str, number: int = 0) -> str:
        """Returns the address of a page that says what an action did, by a sentence of the layout and a number.

        The address is signed for this session, so that a forged link cannot make the dashboard claim an action.
        """
        proof = self.session.proof(f"{sentence} {number}") if self.session else ""
        return f"{location}{'&' if '?' in location else '?'}done={sentence}&n={number}&proof={proof}"

    def again(self, **changes: str | int | None) -> str:
        """Returns a link to this page with some parameters changed; empty ones are left out."""
        given = {name: value for name, value in self.request.query.items() if name not in ("done", "n", "proof")}
        query = {name: value for name, value in {**given, **changes}.items() if value not in (None, "")}
        return f"?{urlencode(query)}"

    def render(
        self, template: str, texts: Texts, *, current: str, status: int = 200, switch: bool = True, **values: Any
    ) -> Response:
        """Returns a page. `current` names it in the head: overview, campaigns or events.

        `switch`: whether the language can be changed there, which fetches the page again.

        An action's result comes with the address that the browser was sent to (`confirming`).
        """
        made = render(
            f"dashboard/{template}.html",
            self.language,
            {**LAYOUT, **texts},
            status=status,
            headers=_language_headers(self.request, self.language),
            styles=STYLES,
            page=self,
            f=self.formats,
            current=current,
            csrf=self.session.csrf if self.session else "",
            done=_done(self.request, self.session),
            language_names=LANGUAGE_NAMES if switch else {},
            format_time=format_time,
            **values,
        )
        # The session's token is in the page, so no other session has its tag. No browser keeps it (`no-store`): with
        # `no-cache`, the back button would show the last page after the logout.
        return revalidated(self.request, made) if status == 200 and self.request.method != "POST" else made


def page_of(request: Request, session: Session | None, now: datetime, timezone: str) -> Page:
    """Returns the page of a request in its language: that of `?language=`, of the last choice, else the browser's."""
    language = chosen_language(request)
    return Page(request, session, language, formats(language, timezone), now, timezone)


def chosen_language(request: Request) -> str:
    """Returns the dashboard's language for a request."""
    cookies = dict(
        part.strip().partition("=")[::2] for part in request.headers.get("cookie", "").replace(",", ";").split(";")
    )
    for wanted in (request.query.get("language"), cookies.get(LANGUAGE_COOKIE)):
        if wanted in LANGUAGES:
            return wanted
    return language_of(request)


def _language_headers(request: Request, language: str) -> dict[str, str]:
    """Returns the headers that keep a language chosen on the page, which the address of the next page does not name."""
    if request.query.get("language") != language:
        return {}
    path, secure = request.base_path or "/", "; Secure" if request.is_https else ""
    cookie = f"{LANGUAGE_COOKIE}={language}; Path={path}; Max-Age={_YEAR_SECONDS}; HttpOnly; SameSite=Strict{secure}"
    return {"set-cookie": cookie}


def _done(request: Request, session: Session | None) -> tuple[str, int] | None:
    """Returns the name of the sentence that confirms an action, and its number; None for an address made by others."""
    name, number, proof = (request.query.get(key, "") for key in ("done", "n", "proof"))
    genuine = session is not None and hmac.compare_digest(
        session.proof(f"{name} {number}").encode(), proof.encode("utf-8", "surrogatepass")
    )
    return (f"done_{name}", int(number)) if genuine else None
