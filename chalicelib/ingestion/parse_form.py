"""Converts a website form's submission to an event, whose id is given when it is accepted (`repeats`).

Time and IP address come from `RequestInfo` only.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from ..config.model import Form
from ..domain.addresses import Checked, normal_forms, signup_address, unsubscribe_address
from ..domain.confirmation import Confirmation
from ..domain.errors import FieldError, InvalidEvent
from ..domain.events import Consent, Door, Event, EventType
from ..domain.languages import DEFAULT_LANGUAGE
from ..domain.limits import CONSENT_CHARACTERS, NAME_CHARACTERS
from ..domain.names_alike import nearest_name
from ..domain.nested_names import leaves, name_of, parts_of, places_like
from ..domain.reasons import ReasonCode
from ..domain.texts import cleaned_text, size_errors, text_error, wording_digest
from .bodies import CHARSET_FIELD, Submission
from .form_proofs import PROOF, STAMP
from .spam import SPAM, has_link_or_tag

TRAP = "trap"
"""The reason of a submission that is refused because its trap field is filled."""
SEPARATOR = ","
"""Between the texts of a repeated field."""
_SOURCE, _TEXT = "consent.source", "consent.text"
_WORDING, _WORDING_SHA_256 = "consent.wording", "consent.wording_sha256"
CONSENT_VERSION, CONSENT_GIVEN = _TEXT, _WORDING_SHA_256
"""The fields by which a hosted page states the consent: the latter is a box that the person ticks."""
CONSENT_FIELDS = (_SOURCE, _TEXT, _WORDING, _WORDING_SHA_256)
"""The form fields that state the consent."""
HOSTED = "@hosted"
"""The hidden field of a hosted page that states its language. No form of a website has a field of that name."""
_MOST_COMPARED = 20
_NOT_ONE_TEXT = "must be a text, a number, a boolean or an array of them"
_EMPTY = frozenset({"", "0", "false", "null", "[]"})


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """What Relais itself knows about a submission. `page` is the request's Referer, if any."""

    at: datetime
    ip: str | None = None
    page: str | None = None
    language: str = DEFAULT_LANGUAGE
    """The visitor's language, for a confirmation mail."""


def signup_from_form(form: Form, submission: Submission, request: RequestInfo) -> Event:
    """Builds the signup of a form's submission; one with a filled trap, a link or a tag is returned as refused.

    With a filled trap (a field that people leave empty) the only field error raised is that of a text too long to be
    stored, so that the sender learns nothing. The refused event retains the submitted data only if all of it is
    valid: it may be a genuine signup, and an operator may requeue it.

    Raises InvalidEvent with all field errors.
    """
    email, email_errors = _address(form, submission, signup_address)
    texts, text_errors = _mapped_texts(form, submission)
    stated, consent_errors = _stated_consent(form, submission)
    too_long = [*_too_long(texts, form.field_length), *_too_long(stated, CONSENT_CHARACTERS)]
    if too_long and _is_trapped(form, submission):
        raise InvalidEvent(too_long)
    lacking = _lacking(form, submission, {*texts, *stated, *(error.field for error in text_errors)})
    errors = [*email_errors, *text_errors, *consent_errors, *lacking, *too_long] or size_errors(texts | stated)
    event = Event(
        id="",
        type=EventType.SIGNUP,
        email=email,
        accounts=(form.account,) if form.confirm else form.accounts,  # copies are for confirmed signups
        occurred_at=request.at,
        accepted_at=request.at,
        occurred_at_stated=False,
        form=form.name,
        fields=texts,
        may_lift_suppression=form.lifts_suppression,
        door=Door.FORM,
        confirmation=_confirmation(form, request),
        consent=Consent(
            stated.get(_SOURCE) or (source_page(request.page) if request.page else None),
            stated.get(_TEXT),
            request.ip,
            request.at,
            stated.get(_WORDING_SHA_256),
            door=Door.FORM,
        ),
    )
    if _is_trapped(form, submission):
        if errors:
            event = replace(event, email="", fields={}, consent=Consent(ip=request.ip, at=request.at, door=Door.FORM))
        return replace(event, accounts=(form.account,), refused=TRAP, refused_code=ReasonCode.TRAP)
    if errors:
        raise InvalidEvent(errors)
    if not form.allow_links and any(has_link_or_tag(texts[name]) for name in texts.keys() - form.link_fields):
        return replace(event, accounts=(form.account,), refused=SPAM, refused_code=ReasonCode.SPAM)
    return event


def _too_long(texts: Mapping[str, str], limit: int) -> list[FieldError]:
    return [
        FieldError(name, f"must have at most {limit:,} characters") for name, text in texts.items() if len(text) > limit
    ]


def _confirmation(form: Form, request: RequestInfo) -> Confirmation | None:
    if form.confirm is None:
        return None
    return Confirmation(request.at + timedelta(hours=form.confirm_within_hours), request.language)


def unsubscribe_from_form(form: Form, submission: Submission, request: RequestInfo, accounts: Sequence[str]) -> Event:
    """Builds the unsubscribe of a form's submission, from all `accounts`. It has no trap and no other field.

    Raises:
        InvalidEvent: The address is invalid.
    """
    email, errors = _address(form, submission, unsubscribe_address)
    if errors:
        raise InvalidEvent(errors)
    return Event(
        id="",
        type=EventType.UNSUBSCRIBE,
        email=email,
        accounts=tuple(accounts),
        all_accounts=True,
        occurred_at=request.at,
        accepted_at=request.at,
        occurred_at_stated=False,
        form=form.name,
        door=Door.FORM,
    )


def _is_trapped(form: Form, submission: Submission) -> bool:
    """Returns True if the trap says something. `false`, `0`, `null`, `[]` and invisible characters say nothing:
    browsers fill them in for a box that is not ticked, or a field that a script has emptied.
    """
    texts = submission.texts.get(form.trap, ())
    visible = ("".join(each for each in text if unicodedata.category(each) != "Cf") for text in texts)
    stated = {text.strip().casefold() for text in visible}
    return bool(submission.nested.get(form.trap)) or not _EMPTY.issuperset(stated)


def _address(form: Form, submission: Submission, check: Callable[[str], Checked]) -> tuple[str, list[FieldError]]:
    """Reads, cleans and checks the address; returns it with its field errors."""
    name = form.email_field
    if name in submission.nested:
        return "", [FieldError(name, _NOT_ONE_TEXT)]
    given = [checked for checked in map(check, submission.texts.get(name, ())) if checked.address]
    if not given:
        return "", [FieldError(name, "must be an e-mail address")]
    if len(given) > 1 and len({normal_forms(checked.address) for checked in given}) > 1:
        return "", [FieldError(name, "must be given only once")]
    address, error = given[-1]
    return address, [FieldError(name, error)] if error else []


def _mapped_texts(form: Form, submission: Submission) -> tuple[dict[str, str], list[FieldError]]:
    """Reads the texts of the mapped fields, by form field; returns them with their errors and ignores other fields.

    Control characters are dropped. Blank fields are omitted: a person who fills in less than last time does not intend
    to erase the rest. Texts of a repeated field (checkboxes of one name) are joined with commas.
    """
    found: dict[str, str] = {}
    errors: list[FieldError] = []
    for name in form.fields:
        sent = [cleaned_text(text) for text in submission.texts.get(name, ())]
        text = SEPARATOR.join(text for text, _ in sent if text.strip())
        problem = _NOT_ONE_TEXT if name in submission.nested else next((wrong for _, wrong in sent if wrong), None)
        if problem:
            errors.append(FieldError(name, problem))
        elif text:
            found[name] = text
    return found, errors


def misnamed_fields(form: Form, submission: Submission) -> dict[str, str]:
    """Returns ignored fields of a submission by the mapped field that they may be meant for, which was not sent.

    An ignored field may be meant for a mapped one if its name resembles the name, or the provider field, of that. Of a
    place in nested data (`user[mail]`), only the part in which it differs from a mapped place is compared, or its last
    part if the mapped name is flat.
    """
    mapped = (form.email_field, *form.fields)
    missing = [name for name in mapped if name not in submission.texts and name not in submission.nested]
    if not missing:
        return {}
    known = {form.trap, HOSTED, STAMP, PROOF, CHARSET_FIELD, *mapped, *CONSENT_FIELDS}
    ignored = [name for name in submission.texts if name not in known and len(name) <= NAME_CHARACTERS]
    by_target = {form.fields[name]: name for name in missing if name in form.fields}
    found: dict[str, str] = {}
    for name in ignored[:_MOST_COMPARED]:
        meant = nearest_name(name, missing) or by_target.get(nearest_name(name, by_target) or "")
        if meant is not None:
            found[meant] = name
    data = submission.as_data()
    for name in missing:
        if name not in found and (place := _place_like(name, data)) not in (None, *known):
            found[name] = str(place)
    return found


def _place_like(name: str, data: Mapping[str, Any]) -> str | None:
    """Returns the name of the place in nested data that the field `name` may stand for; None if there is none."""
    parts = parts_of(name)
    if parts is not None:
        alike = list(islice(places_like(data, parts), _MOST_COMPARED))
    else:
        alike = [(name, place[-1], name_of(place)) for place in islice(leaves(data), _MOST_COMPARED)]
    others = {other: place for _, other, place in reversed(alike) if len(place) <= NAME_CHARACTERS}
    return others.get(nearest_name(alike[0][0], others) or "") if alike else None


def _lacking(form: Form, submission: Submission, stated: Set[str]) -> list[FieldError]:
    """Returns the errors of required fields that are empty, and of a hosted page's consent that is not given."""
    empty = [name for name in form.required if name not in stated and name not in submission.nested]
    errors = [FieldError(name, "must not be empty") for name in sorted(empty)]
    if HOSTED in submission.texts and form.page.consent and CONSENT_GIVEN not in stated:
        errors.append(FieldError(CONSENT_GIVEN, "must be agreed to"))
    return errors


def _stated_consent(form: Form, submission: Submission) -> tuple[dict[str, str], list[FieldError]]:
    """Reads the stated consent: page (`source`), version of the wording (`text`), and the wording or its digest.

    They are in a JSON object `consent`, or in fields named `consent.source` and so on. If the form maps a field of its
    own called `consent`, that object is not read as consent. Only the digest of the wording is returned.
    """
    nested = submission.nested.get("consent")
    members: Mapping[str, object] = nested if isinstance(nested, dict) and "consent" not in form.fields else {}
    found: dict[str, str] = {}
    errors: list[FieldError] = []
    for name in CONSENT_FIELDS:
        value = members.get(name.removeprefix("consent.")) or SEPARATOR.join(submission.texts.get(name, ()))
        text, problem = cleaned_text(value) if isinstance(value, str) else ("", "must be a text")
        if problem:
            errors.append(FieldError(name, problem))
        elif text.strip():
            found[name] = text
    if _WORDING in found or _WORDING_SHA_256 in found:
        digest, problem = wording_digest(found.pop(_WORDING, None), found.pop(_WORDING_SHA_256, None))
        if problem:
            errors.append(FieldError(_WORDING_SHA_256, problem))
        elif digest:
            found[_WORDING_SHA_256] = digest
    return found, errors


def source_page(referer: str) -> str | None:
    """Returns the page of a form without query and fragment: they may contain personal data and prove nothing."""
    try:
        parts = urlsplit(referer)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or text_error(referer):
        return None
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()[:CONSENT_CHARACTERS]
