"""The hosted page of a form: a signup page for people without a website, or for a frame of their website."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ...config.model import Form
from ...domain.languages import DEFAULT_LANGUAGE
from ...ingestion.form_proofs import STAMP
from ...ingestion.parse_form import CONSENT_VERSION, HOSTED
from ..form_visit import FormVisit
from ..http_messages import Response
from ..languages import preferred
from .form_fields import address_field, consent_field, text_field
from .forms import form_page
from .rendering import script


def hosted_page(visit: FormVisit, form: Form, challenge: Mapping[str, Any]) -> Response:
    """Returns the page: the address, the fields that have a label, and the consent text of the configuration.

    It is in a language that labels and consent are in, and works without a script unless the form asks for a proof of
    work. In a frame the browser leaves it for the form's redirect, if there is one. `challenge` has the signed
    `timestamp` that is sent along, and the members of an ALTCHA challenge where the page's script has to solve one.
    """
    language = _language(visit, form)
    fields = [address_field(form, language)]
    for index, name in enumerate(form.page.labels.get(language, {}), 1):
        if name != form.email_field:
            fields.append(text_field(form, language, name, index))
    agreement = consent_field(form, language)
    consent = form.page.consent.get(language)
    carried = [(HOSTED, language), *([(CONSENT_VERSION, consent.version)] if consent else [])]
    carried += [(STAMP, str(challenge["timestamp"]))] if challenge else []
    task = {name: value for name, value in challenge.items() if name != "timestamp"}
    solver = script("altcha.js") if task else None
    path = f"{visit.request.base_path}/forms/{quote(form.name, safe='')}/signup"
    return form_page(
        visit,
        "form_hosted.html",
        200,
        language=language,
        title=form.page.title,
        action=f"{path}?embed=1" if visit.is_embedded else path,
        leaves_the_frame=visit.is_embedded and form.redirect is not None,
        fields=[*fields, *([agreement] if agreement else [])],
        carried=carried,
        trap=form.trap,
        task=json.dumps(task) if task else "",
        solver=solver,
        scripts=[solver] if solver else [],
    )


def _language(visit: FormVisit, form: Form) -> str:
    offered = form.page.languages
    if not offered:
        return visit.language
    default = form.language or DEFAULT_LANGUAGE
    return preferred(
        visit.request.headers.get("accept-language", ""), offered, default if default in offered else offered[0]
    )
