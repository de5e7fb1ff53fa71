"""What is known of a request to a website's form, for its page."""

from __future__ import annotations

from dataclasses import dataclass

from ..config.model import Form, Organisation
from ..domain.events import EventType
from ..ingestion.bodies import Submission
from .http_messages import Request


@dataclass(slots=True)
class FormVisit:
    """A browser's request to a form, as far as it could be read."""

    request: Request
    verb: EventType
    form: Form | None
    organisation: Organisation | None
    submission: Submission | None = None

    @property
    def redirect(self) -> str | None:
        """Where the browser goes after success; None: a page of Relais."""
        if self.form is None:
            return None
        return self.form.redirect if self.verb is EventType.SIGNUP else self.form.redirect_unsubscribe
