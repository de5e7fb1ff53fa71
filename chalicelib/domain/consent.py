"""Defines the evidence of consent that is kept with a person's subscription state, of their first and latest signup."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

from .events import Door, Event, EventType
from .times import epoch_milliseconds

SOURCE_BYTES = 200
TEXT_BYTES = 100
"""Within these limits a state with the evidence of one signup stays below 1 KB, which costs one write unit."""
_CUT = "…"


@dataclass(frozen=True, slots=True)
class ConsentEvidence:
    """What proves the consent of one signup. `at` is in milliseconds since 1970, UTC.

    `source` (a page) and `text` (a version of the wording) are cut to `SOURCE_BYTES` and `TEXT_BYTES`.
    """

    at: int
    door: Door | None = None
    """How the signup came in: see `domain.events.Consent.door`."""
    source: str | None = None
    ip: str | None = None
    text: str | None = None
    wording_sha256: str | None = None
    form: str | None = None
    list: str | None = None
    confirmed_at: int | None = None
    """In milliseconds since 1970, UTC. It and the attributes below are set by double opt-in alone."""
    confirmed_ip: str | None = None
    mail_sha256: str | None = None
    page_sha256: str | None = None


def evidence_of(event: Event) -> ConsentEvidence | None:
    """Returns the evidence that a signup brings; None without stated or observed consent, as in an import."""
    consent = event.consent
    if event.type is not EventType.SIGNUP or consent is None:
        return None
    return ConsentEvidence(
        at=epoch_milliseconds(consent.at or event.occurred_at),
        door=consent.door,
        source=_cut(consent.source, SOURCE_BYTES),
        ip=consent.ip,
        text=_cut(consent.text, TEXT_BYTES),
        wording_sha256=consent.wording_sha256,
        form=event.form,
        list=event.list,
        confirmed_at=epoch_milliseconds(consent.confirmed_at) if consent.confirmed_at else None,
        confirmed_ip=consent.confirmed_ip,
        mail_sha256=consent.mail_sha256,
        page_sha256=consent.page_sha256,
    )


def evidence_by_event(events: Iterable[Event]) -> dict[str, ConsentEvidence]:
    """Returns the first and the latest evidence of signups that go as one row, by event: at most two."""
    found = {event.id: evidence for event in events if (evidence := evidence_of(event)) is not None}
    first, latest = first_and_latest(found.values())
    return {event_id: evidence for event_id, evidence in found.items() if evidence is first or evidence is latest}


def first_and_latest(
    evidence: Iterable[ConsentEvidence | None],
) -> tuple[ConsentEvidence | None, ConsentEvidence | None]:
    """Returns the first and the latest of the known evidence, the same one twice if there is no other."""
    known = [each for each in evidence if each is not None]
    return min(known, key=attrgetter("at"), default=None), max(known, key=attrgetter("at"), default=None)


def _cut(text: str | None, most: int) -> str | None:
    """Returns at most `most` bytes of a text, with an ellipsis at the end where it is cut."""
    if text is None or len(text.encode()) <= most:
        return text
    return text.encode()[: most - len(_CUT.encode())].decode("utf-8", "ignore") + _CUT
