"""A website form's submission to an event. What only Relais may say (id, time, IP) comes from `Facts` alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from ..config.model import Form
from ..domain import validation
from ..domain.errors import FieldError, InvalidEvent
from ..domain.events import Consent, Event, EventType
from ..domain.texts import size_mistakes, text_mistake
from . import consent
from .bodies import Submission

TRAP = "trap"
"""The reason under which a submission with a filled trap stands refused."""
_SEPARATOR = ","
_NOT_ONE_TEXT = "must be a single text, number or boolean"
_LONGEST_PAGE = 2000


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """What Relais knows of a submission by itself. `page` is the request's Referer, if it had one."""

    id: str
    at: datetime
    ip: str | None = None
    page: str | None = None


def signup_from_form(form: Form, submission: Submission, facts: RequestInfo) -> Event:
    """The signup that a form's submission asks for; one with a filled trap comes back already refused.

    Whoever fills the trap is told nothing, so a wrong address or field is no mistake then. The refused event keeps what
    was sent only when all of it is right: it may turn out to be a person's, and be sent again by an operator.

    Raises:
        InvalidEvent: Fields are wrong, all of them named.
    """
    event, mistakes = _signup(form, submission, facts)
    if not _trap_filled(form, submission):
        if mistakes:
            raise InvalidEvent(mistakes)
        return event
    if mistakes:
        event = replace(event, email="", fields={}, consent=Consent(ip=facts.ip, at=facts.at))
    return replace(event, refused=TRAP)


def unsubscribe_from_form(form: Form, submission: Submission, facts: RequestInfo, accounts: Sequence[str]) -> Event:
    """The unsubscribe that a form's submission asks for, from all `accounts`. It has no trap and no other field.

    Raises:
        InvalidEvent: The address is wrong.
    """
    email, mistakes = _address(form, submission, strict=False)
    if mistakes:
        raise InvalidEvent(mistakes)
    return Event(
        id=facts.id,
        type=EventType.UNSUBSCRIBE,
        email=email,
        accounts=tuple(accounts),
        all_accounts=True,
        occurred_at=facts.at,
        accepted_at=facts.at,
        occurred_at_stated=False,
        form=form.name,
    )


def _signup(form: Form, submission: Submission, facts: RequestInfo) -> tuple[Event, list[FieldError]]:
    """The signup as far as the submission is right, and what is wrong with it."""
    email, mistakes = _address(form, submission, strict=True)
    texts, more = _mapped_texts(form, submission)
    stated, yet_more = _stated_consent(form, submission)
    mistakes = [*mistakes, *more, *yet_more]
    event = Event(
        id=facts.id,
        type=EventType.SIGNUP,
        email=email,
        accounts=(form.account,),
        occurred_at=facts.at,
        accepted_at=facts.at,
        occurred_at_stated=False,
        list=form.list,
        form=form.name,
        fields={form.fields[name]: text for name, text in texts.items()},
        may_lift=form.lifts_suppression,
        consent=Consent(
            stated.get("source") or _page(facts.page),
            stated.get("text"),
            facts.ip,
            facts.at,
            stated.get("wording_sha256"),
        ),
    )
    measured = texts | {f"consent.{name}": text for name, text in stated.items()}
    return event, mistakes or size_mistakes(measured)


def _trap_filled(form: Form, submission: Submission) -> bool:
    """True when the field that people leave empty holds anything but white space."""
    return form.trap in submission.nested or any(text.strip() for text in submission.texts.get(form.trap, ()))


def _address(form: Form, submission: Submission, *, strict: bool) -> tuple[str, list[FieldError]]:
    """The trimmed address and what is wrong with it."""
    name = form.email_field
    if name in submission.nested:
        return "", [FieldError(name, _NOT_ONE_TEXT)]
    given = {validation.trimmed(text) for text in submission.texts.get(name, ())} - {""}
    if not given:
        return "", [FieldError(name, "must be an e-mail address")]
    if len(given) > 1:
        return "", [FieldError(name, "must be given only once")]
    address = given.pop()
    mistake = validation.signup_mistake(address) if strict else validation.unsubscribe_mistake(address)
    return address, [FieldError(name, mistake)] if mistake else []


def _mapped_texts(form: Form, submission: Submission) -> tuple[dict[str, str], list[FieldError]]:
    """The texts of the fields that the form maps, by form field, and what is wrong with them; all else is left behind.

    A field left blank is not passed on: a person who fills in less than last time does not mean to erase the rest.
    Texts of a repeated field (checkboxes of one name) become one, with commas between.
    """
    found: dict[str, str] = {}
    mistakes: list[FieldError] = []
    for name in form.fields:
        text = _SEPARATOR.join(text for text in submission.texts.get(name, ()) if text.strip())
        mistake = _NOT_ONE_TEXT if name in submission.nested else text_mistake(text)
        if mistake:
            mistakes.append(FieldError(name, mistake))
        elif text:
            found[name] = text
    return found, mistakes


def _stated_consent(form: Form, submission: Submission) -> tuple[dict[str, str], list[FieldError]]:
    """Page (`source`), version of the wording (`text`) and the wording or its digest, as the website states them: in a
    JSON object `consent`, or in fields named `consent.source` and so on. A form may also map a field of its own
    called `consent`; then it is that. Of the wording only its digest is given.
    """
    nested = submission.nested.get("consent")
    members: Mapping[str, object] = nested if isinstance(nested, dict) and "consent" not in form.fields else {}
    found: dict[str, str] = {}
    mistakes: list[FieldError] = []
    for name in ("source", "text", "wording", "wording_sha256"):
        flat = submission.texts.get(f"consent.{name}", ())
        value = members.get(name) or _SEPARATOR.join(flat)
        mistake = text_mistake(value) if isinstance(value, str) else "must be a text"
        if mistake:
            mistakes.append(FieldError(f"consent.{name}", mistake))
        elif isinstance(value, str) and value.strip():
            found[name] = value
    kept, mistake = consent.kept(found.pop("wording", None), found.pop("wording_sha256", None))
    if mistake:
        mistakes.append(FieldError("consent.wording_sha256", mistake))
    return found | ({"wording_sha256": kept} if kept else {}), mistakes


def _page(referer: str | None) -> str | None:
    """The page a form stood on, without query and fragment: those may hold a person's data, and prove nothing."""
    if referer is None:
        return None
    try:
        parts = urlsplit(referer)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or text_mistake(referer):
        return None
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()[:_LONGEST_PAGE]
