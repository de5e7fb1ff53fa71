"""The pages of a confirmation link, in the visitor's language."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from urllib.parse import quote

from ...config.model import Settings
from ...domain.addresses import masked
from ...domain.events import Event
from ..http_messages import Request, Response
from ..languages import language_of
from .confirm_texts import CONFIRM
from .rendering import render

_ASKED = ("ask_title", "ask", "ask_button", "not_you")


def words_digest(language: str) -> str:
    """Returns the SHA-256 of the words that a person read on the page before the click, in hexadecimal."""
    return sha256("\n".join(str(getattr(CONFIRM[name], language)) for name in _ASKED).encode()).hexdigest()


class ConfirmPages:
    """Pages that show an address masked, under the organisation's name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def language(self, request: Request, signup: Event | None) -> str:
        """Returns the language of a page: the visitor's, else that of the mail."""
        known = signup.confirmation.language if signup and signup.confirmation else None
        return language_of(request, known)

    def ask(self, request: Request, signup: Event) -> Response:
        """Returns the page with the button."""
        return self._page(request, 200, "ask", ("ask", "not_you"), signup, button="ask_button")

    def done(self, request: Request, signup: Event, *, manual_resubscription: bool = False) -> Response:
        """Returns the page after the confirmation; with `manual_resubscription` it says whom to contact."""
        return self._page(request, 200, "done", ("by_hand",) if manual_resubscription else ("done",), signup)

    def failure(self, request: Request, status: int, signup: Event | None = None) -> Response:
        """Returns the page of a link that is not genuine, has ended, or cannot be read now.

        That of a signup that has ended leads to the page of its form.
        """
        page = {404: "unknown", 410: "ended"}.get(status, "later")
        ended = page == "ended" and signup is not None and signup.form in self._settings.forms
        again = f"{request.base_path}/forms/{quote(signup.form or '', safe='')}" if ended and signup else ""
        button = "try_again" if page == "later" else None
        return self._page(request, status, page, (page,), signup, button=button, again=again)

    def _page(
        self,
        request: Request,
        status: int,
        page: str,
        paragraphs: tuple[str, ...],
        signup: Event | None = None,
        button: str | None = None,
        again: str = "",
    ) -> Response:
        form = self._settings.forms.get(signup.form or "") if signup else None
        values: dict[str, Any] = {"page": page, "paragraphs": paragraphs, "button": button, "again": again}
        return render(
            "confirm.html",
            self.language(request, signup),
            CONFIRM,
            status=status,
            organisation=self._settings.organisation,
            address=masked(signup.email) if signup and signup.email else "",
            form=(form.page.title or form.name) if form else "",
            method="get" if page == "later" and request.method != "POST" else "post",
            **values,
        )
