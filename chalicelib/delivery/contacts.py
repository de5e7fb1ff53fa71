"""Builds the contact of a signup call, with the person's own unsubscribe link where the form asks for one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..config.model import Form
from ..domain.events import Event
from ..providers.spec import Contact


class Contacts:
    """Builds contacts. `link_to(email)` makes an unsubscribe link; raises SecretUnavailable.

    A link is made for the call and not stored: every link differs, so a stored one would make the same event look like
    one with other content.
    """

    def __init__(self, forms: Mapping[str, Form], link_to: Callable[[str], str]) -> None:
        self._forms = forms
        self._link_to = link_to

    def of(self, event: Event) -> Contact:
        """Return the contact for a signup, with a link where its form asks for one. Raises SecretUnavailable."""
        field = self._link_field(event)
        if field is None:
            return Contact(event.email, event.fields)
        return Contact(event.email, {**event.fields, field: self._link_to(event.email)})

    def _link_field(self, event: Event) -> str | None:
        """Return the provider field for the link; None without one, or if the form has moved to another list since."""
        form = self._forms.get(event.form or "")
        if form is None or ((form.account,), form.list) != (event.accounts, event.list):
            return None
        return form.unsubscribe_url_field
