"""The pages of an unsubscribe link, in the visitor's language."""

from __future__ import annotations

from typing import Any

from ...config.model import Organisation
from ...domain.addresses import masked
from ..http_messages import Request, Response
from ..languages import language_of
from .rendering import render
from .unsubscribe_texts import UNSUBSCRIBE


class UnsubscribePages:
    """Pages that show an address masked, under the organisation's name."""

    def __init__(self, organisation: Organisation | None) -> None:
        self._organisation = organisation

    def ask(self, request: Request, address: str) -> Response:
        """Returns the page with the button."""
        return self._page(request, 200, "ask", ("ask",), "ask_button", address=address)

    def done(self, request: Request, address: str) -> Response:
        """Returns the page that confirms the unsubscribe, after it is stored."""
        return self._page(request, 200, "done", ("done", "on_its_way"), address=address)

    def unknown(self, request: Request) -> Response:
        """Returns the page for a link that is not genuine; it does not say why."""
        return self._page(request, 404, "unknown", ("unknown",))

    def later(self, request: Request) -> Response:
        """Returns the page for a temporary failure, with a button to repeat the request."""
        method = "post" if request.method == "POST" else "get"
        return self._page(request, 503, "later", ("later",), "try_again", method=method)

    def _page(
        self,
        request: Request,
        status: int,
        page: str,
        paragraphs: tuple[str, ...],
        button: str | None = None,
        *,
        address: str = "",
        method: str = "post",
    ) -> Response:
        values: dict[str, Any] = {"page": page, "paragraphs": paragraphs, "button": button, "method": method}
        return render(
            "unsubscribe.html",
            language_of(request),
            UNSUBSCRIBE,
            status=status,
            organisation=self._organisation,
            address=masked(address) if address else "",
            **values,
        )
