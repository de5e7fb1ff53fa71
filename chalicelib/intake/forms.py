"""A website form's submission to an event. What only Relais may say (id, time, IP) comes from `Facts`, never from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from ..config.model import Form
from ..core.events import Consent, Event, EventType
from ..errors import InvalidEvent, Mistake
from . import addresses
from .bodies import Submission
from .texts import size_mistakes, text_mistake

TRAP = "trap"
"""The reason under which a submission with a filled trap stands refused."""
_SEPARATOR = ","
_NOT_ONE_TEXT = "must be a single text, number or boolean"
_LONGEST_PAGE = 2000


@dataclass(frozen=True, slots=True)
class Facts:
    """What Relais knows of a submission by itself. `page` is the request's Referer, if it had one."""

    id: str
    at: datetime
    ip: str | None = None
    page: str | None = None


def signup_from_form(form: Form, submission: Submission, facts: Facts) -> Event:
    """The signup that a form's submission asks for; one with a filled trap comes back already refused.

    Whoever fills the trap is told nothing, so a wrong address or field is no mistake then: the event goes without it.

    Raises:
        InvalidEvent: Fields are wrong, all of them named.
    """
    if _trap_filled(form, submission):
        return _trapped(form, submission, facts)
    email, mistakes = _address(form, submission, strict=True)
    fields, more = _mapped_fields(form, submission)
    consent, yet_more = _consent(form, submission, facts)
    mistakes = [*mistakes, *more, *yet_more] or size_mistakes(_sent(form, submission))
    if mistakes:
        raise InvalidEvent(mistakes)
    return _signup(form, facts, email, fields, consent)


def unsubscribe_from_form(form: Form, submission: Submission, facts: Facts, accounts: Sequence[str]) -> Event:
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


def _signup(
    form: Form, facts: Facts, email: str, fields: dict[str, str], consent: Consent, refused: str | None = None
) -> Event:
    return Event(
        id=facts.id,
        type=EventType.SIGNUP,
        email=email,
        accounts=(form.account,),
        occurred_at=facts.at,
        accepted_at=facts.at,
        occurred_at_stated=False,
        list=form.list,
        form=form.name,
        fields=fields,
        may_lift=form.lifts_suppression,
        consent=consent,
        refused=refused,
    )


def _trap_filled(form: Form, submission: Submission) -> bool:
    """True when the field that people leave empty holds anything but white space."""
    return form.trap in submission.nested or any(text.strip() for text in submission.texts.get(form.trap, ()))


def _trapped(form: Form, submission: Submission, facts: Facts) -> Event:
    """The refused event of a filled trap: whole when all of it is right, so that an operator may send it after all."""
    email, mistakes = _address(form, submission, strict=True)
    fields, more = _mapped_fields(form, submission)
    consent, yet_more = _consent(form, submission, facts)
    if mistakes or more or yet_more or size_mistakes(_sent(form, submission)):
        email, fields, consent = "", {}, Consent(ip=facts.ip, at=facts.at)
    return _signup(form, facts, email, fields, consent, refused=TRAP)


def _address(form: Form, submission: Submission, *, strict: bool) -> tuple[str, list[Mistake]]:
    """The trimmed address and what is wrong with it."""
    name = form.email_field
    if name in submission.nested:
        return "", [Mistake(name, _NOT_ONE_TEXT)]
    given = {addresses.trimmed(text) for text in submission.texts.get(name, ())} - {""}
    if not given:
        return "", [Mistake(name, "must be an e-mail address")]
    if len(given) > 1:
        return "", [Mistake(name, "must be given only once")]
    address = given.pop()
    mistake = addresses.signup_mistake(address) if strict else addresses.unsubscribe_mistake(address)
    return address, [Mistake(name, mistake)] if mistake else []


def _mapped_fields(form: Form, submission: Submission) -> tuple[dict[str, str], list[Mistake]]:
    """Provider fields and their texts, of the fields that the form maps; all else is left behind.

    A field left blank is not passed on: a person who fills in less than last time does not mean to erase the rest.
    Texts of a repeated field (checkboxes of one name) become one, with commas between.
    """
    fields: dict[str, str] = {}
    mistakes: list[Mistake] = []
    for name, provider_field in form.fields.items():
        if name in submission.nested:
            mistakes.append(Mistake(name, _NOT_ONE_TEXT))
            continue
        text = _SEPARATOR.join(text for text in submission.texts.get(name, ()) if text.strip())
        mistake = text_mistake(text)
        if mistake:
            mistakes.append(Mistake(name, mistake))
        elif text:
            fields[provider_field] = text
    return fields, mistakes


def _consent(form: Form, submission: Submission, facts: Facts) -> tuple[Consent, list[Mistake]]:
    """The evidence kept with a signup: the website may state page and wording, time and IP are the request's own."""
    stated, mistakes = _stated_consent(form, submission)
    source = stated.get("source") or _page(facts.page)
    return Consent(source=source, text=stated.get("text") or None, ip=facts.ip, at=facts.at), mistakes


def _stated_consent(form: Form, submission: Submission) -> tuple[dict[str, str], list[Mistake]]:
    """`source` and `text` as the website states them: a JSON object `consent`, or fields named `consent.source` …"""
    stated = {key: ",".join(submission.texts.get(f"consent.{key}", ())) for key in ("source", "text")}
    mistakes: list[Mistake] = []
    nested = submission.nested.get("consent")
    for key in stated if isinstance(nested, dict) and "consent" not in _known(form) else ():
        value = nested.get(key) if isinstance(nested, dict) else None
        if isinstance(value, str):
            stated[key] = value
        elif value is not None:
            mistakes.append(Mistake(f"consent.{key}", "must be a text"))
    mistakes += [
        Mistake(f"consent.{key}", mistake) for key, value in stated.items() if (mistake := text_mistake(value))
    ]
    return stated, mistakes


def _known(form: Form) -> set[str]:
    return {form.email_field, form.trap, *form.fields}


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


def _sent(form: Form, submission: Submission) -> dict[str, str]:
    """What the event would keep of a submission, by the name under which it was sent, to measure it."""
    kept = {name: ",".join(texts) for name, texts in submission.texts.items() if name in form.fields}
    stated, _ = _stated_consent(form, submission)
    return kept | {f"consent.{key}": value for key, value in stated.items()}
