"""The fields of the page on which a visitor corrects a form: those that are wrong, the others hidden, as typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...config.model import Form
from ...domain.errors import FieldError
from ...domain.events import EventType
from ...domain.nested_names import short_name
from ...domain.texts import cleaned_text, safe_name, trimmed, wording_digest
from ...ingestion.bodies import Submission
from ...ingestion.form_proofs import PROOF, STAMP
from ...ingestion.parse_form import CONSENT_FIELDS, CONSENT_GIVEN, HOSTED, SEPARATOR, source_page

_LONG = 80
"""Characters of a text that gets more than one line."""
_USUAL_NAMES = {
    **dict.fromkeys(("prenom", "prénom", "firstname", "voornaam"), "first_name"),
    **dict.fromkeys(("nom", "lastname", "achternaam", "naam"), "last_name"),
    **dict.fromkeys(("telephone", "téléphone", "phone", "tel", "telefoon"), "phone"),
    **dict.fromkeys(("ville", "city", "stad"), "city"),
    **dict.fromkeys(("codepostal", "postcode", "zip", "zipcode", "cp"), "postcode"),
}
"""Names that forms usually have, without `_` and `-`, and the text that is their label."""


@dataclass(frozen=True, slots=True)
class ShownField:
    """A field that the visitor sees, with what is wrong with it: the name of a text, and its values."""

    index: int
    name: str
    value: str
    label: str
    """Its name as a label, used where `label_text` is None."""
    label_text: str | None = None
    """The name of the text that is its label."""
    fault: str | None = None
    filling: Mapping[str, str] = field(default_factory=dict)
    required: bool = False
    is_address: bool = False
    is_consent: bool = False
    """True for the box by which a person agrees to the form's consent text, which is the label."""

    @property
    def id(self) -> str:
        """Its id in the page; a form's own name may hold white space."""
        return f"field-{self.index}"

    @property
    def has_lines(self) -> bool:
        """True for a text that needs more than one line."""
        return len(self.value) > _LONG or not {"\r", "\n"}.isdisjoint(self.value)


def typed_address(form: Form, submission: Submission) -> str:
    """Returns the address as it was typed; "" if there is none, or several."""
    texts = {trimmed(text) for text in submission.texts.get(form.email_field, ())} - {""}
    return texts.pop() if len(texts) == 1 else ""


def fields_in_place_of_the_address(form: Form, submission: Submission) -> list[str] | None:
    """Returns the names of the fields that were sent, up to ten, if none of them is the address; else None."""
    if form.email_field in submission.texts or form.email_field in submission.nested:
        return None
    return [shown for name in (*submission.texts, *submission.nested) if (shown := safe_name(name))][:10]


def fields_to_correct(
    form: Form, submission: Submission, errors: Sequence[FieldError], language: str
) -> list[ShownField] | None:
    """Returns the address and every wrong field; None if something is wrong that a visitor did not type."""
    wrong = dict.fromkeys(error.field for error in errors)
    consent = consent_field(form, language) if HOSTED in submission.texts else None
    if not wrong.keys() <= {form.email_field, *form.fields, *([consent.name] if consent else [])}:
        return None
    texts = submission.texts.get(form.email_field, ())
    fault = _address_fault(texts) if form.email_field in wrong else None
    typed = SEPARATOR.join(filter(None, map(trimmed, texts)))
    shown = [replace(address_field(form, language), value=typed, fault=fault)]
    for index, name in enumerate(form.fields, 1):
        if name in wrong:
            text = SEPARATOR.join(submission.texts.get(name, ()))
            fault, filling = _text_fault(form, text)
            field = text_field(form, language, name, index)
            shown.append(replace(field, value=text, fault=fault, filling=filling))
    if consent and consent.name in wrong:
        shown.append(replace(consent, fault="not_agreed"))
    return shown


def address_field(form: Form, language: str) -> ShownField:
    """Returns the field of the address, empty."""
    label = form.page.labels.get(language, {}).get(form.email_field)
    text = None if label else "email"
    return ShownField(0, form.email_field, "", label or form.email_field, text, required=True, is_address=True)


def text_field(form: Form, language: str, name: str, index: int) -> ShownField:
    """Returns another field, empty: with its label of the configuration, else one made of its name."""
    required, label = name in form.required, form.page.labels.get(language, {}).get(name)
    if label:
        return ShownField(index, name, "", label, required=required)
    short = short_name(name)
    words = short.replace("_", " ").replace("-", " ").split()
    usual = _USUAL_NAMES.get("".join(words).lower())
    return ShownField(index, name, "", " ".join(words).capitalize() or short, usual, required=required)


def consent_field(form: Form, language: str) -> ShownField | None:
    """Returns the box by which a person agrees to the text in that language; its value is the text's SHA-256."""
    consent = form.page.consent.get(language)
    if consent is None:
        return None
    digest, _ = wording_digest(consent.text, None)
    index = len(form.fields) + 1
    return ShownField(index, CONSENT_GIVEN, digest or "", consent.text, required=True, is_consent=True)


def carried_fields(
    form: Form, event_type: EventType, submission: Submission, shown: Iterable[str], referer: str | None
) -> list[tuple[str, str]]:
    """Returns names and values of the page's hidden fields: what the form reads and the visitor need not correct.

    They include the page that the form is on, since that is evidence of the consent and the next request comes from a
    page of Relais. A filled trap stays filled.
    """
    known = {form.email_field}
    if event_type is EventType.SIGNUP:
        known |= {form.trap, *form.fields, *CONSENT_FIELDS, HOSTED, STAMP, *([PROOF] if form.altcha else [])}
    known -= set(shown)
    carried = [(name, text) for name, texts in submission.texts.items() if name in known for text in texts]
    page = source_page(referer) if referer else None
    if page and "consent.source" in known and not any(submission.texts.get("consent.source", ())):
        carried.append(("consent.source", page))
    return carried


def _address_fault(texts: Sequence[str]) -> str:
    given = {trimmed(text) for text in texts} - {""}
    if not given:
        return "missing"
    text = given.pop()
    if given or text.count("@") > 1:
        return "several"
    if "@" not in text:
        return "no_at"
    if any(character.isspace() for character in text):
        return "space"
    domain = text.rpartition("@")[2]
    return "not_valid" if "." in domain.strip(".") and ".." not in domain else "ending"


def _text_fault(form: Form, text: str) -> tuple[str, Mapping[str, str]]:
    text, wrong = cleaned_text(text)
    if not text.strip():
        return "empty", {}
    if wrong:
        return "unreadable", {}
    if len(text) > form.field_length:
        return "too_long", {"limit": str(form.field_length), "count": str(len(text))}
    return "too_large", {}
