"""What is known of a request to a website's form, for its page."""

from __future__ import annotations

from dataclasses import dataclass

from ..config.model import Form, Organisation
from ..domain.events import EventType
from ..domain.languages import LANGUAGES
from ..ingestion.bodies import Submission
from ..ingestion.parse_form import HOSTED
from .http_messages import Request
from .languages import language_of


@dataclass(slots=True)
class FormVisit:
    """A browser's request to a form, as far as it could be read."""

    request: Request
    event_type: EventType
    form: Form | None
    organisation: Organisation | None
    submission: Submission | None = None

    @property
    def is_embedded(self) -> bool:
        """True for a page in a frame of a website (`?embed=1`)."""
        return bool(self.request.query.get("embed"))

    @property
    def language(self) -> str:
        """The language of its page: of the hosted page that was sent, else the visitor's or the form's."""
        shown = next(iter(self.submission.texts.get(HOSTED, ())), "") if self.submission else ""
        return shown if shown in LANGUAGES else language_of(self.request, self.form.language if self.form else None)

    @property
    def redirect(self) -> str | None:
        """Where the browser goes after success; None: a page of Relais."""
        if self.form is None:
            return None
        return self.form.redirect if self.event_type is EventType.SIGNUP else self.form.redirect_unsubscribe
