"""The JSON Schemas of what Relais answers. They are closed: an answer has no member that is not described."""

from __future__ import annotations

from ..domain.confirmation import ConfirmationStatus
from ..domain.events import EventType, Status
from ..domain.figures import FIGURES
from ..domain.reasons import ReasonCode
from ..ingestion.form_proofs import HARDEST
from ..statistics.form_days import NUMBERS
from ..web.problems import NO_TYPE
from ..web.routes.forms import ACCEPTED
from ..web.routes.statistics import FIELDS, FORM_FIELDS
from .json_schema import Schema, choice, described, exactly, list_of, nullable, ref

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_TIME: Schema = {"type": "string", "format": "date-time"}
_CURSOR = nullable(described(_TEXT, "Of the next page, for the same parameters; null: there is none."))
_NULLABLE = ("name", "subject", "sent_at")


def answer_definitions() -> dict[str, Schema]:
    """Returns the schemas of answers by name. They refer to each other as `#/$defs/NAME`."""
    return {**_accepted(), **_events(), **_statistics(), **_service(), **_problems()}


def _accepted() -> dict[str, Schema]:
    return {
        "Accepted": exactly(
            {"id": described(ref("EventId"), "Of the event, for `GET /events/{id}`."), "status": {"const": ACCEPTED}},
            description="The event is stored, and will reach its accounts.",
        ),
        "EventsAccepted": exactly(
            _decisions(),
            description="Accepted events are stored, and will reach their accounts.",
        ),
        "AcceptedEvent": exactly({"index": described(_COUNT, "In the request, from 0."), "id": ref("EventId")}),
        "RejectedEvent": exactly(
            {"index": described(_COUNT, "In the request, from 0."), "errors": list_of(ref("FieldError"), minItems=1)}
        ),
        "FieldError": exactly(
            {
                "field": described(_TEXT, "Such as `email` or `fields.prenom`; empty: the whole."),
                "message": described(_TEXT, "What would be right. It quotes no value."),
            }
        ),
    }


def _decisions() -> dict[str, Schema]:
    return {
        "accepted": described(_COUNT, "How many."),
        "events": list_of(ref("AcceptedEvent"), "The accepted ones."),
        "rejected": list_of(ref("RejectedEvent"), "The others, which are not stored."),
    }


def _events() -> dict[str, Schema]:
    delivery = {
        "account": _TEXT,
        "status": ref("DeliveryStatus"),
        "attempts": _COUNT,
        "reason": nullable(described(_TEXT, "Why it waits or ended so, for people; without addresses.")),
        "reason_code": nullable(choice(ReasonCode, "The same for programs: codes never change their meaning.")),
        "unknown_outcome": {
            "type": "boolean",
            "description": "An attempt's answer was not seen: it may have counted.",
        },
        "next_attempt_at": nullable(described(_TIME, "Null: as soon as possible, or never again.")),
        "updated_at": nullable(_TIME),
        "remedy": described(_TEXT, "What can be done for a signup of a person who had unsubscribed."),
    }
    event = {
        "id": ref("EventId"),
        "type": choice(EventType),
        "status": described(
            ref("DeliveryStatus"), "The first of pending, parked, refused, delivered, superseded that a delivery has."
        ),
        "occurred_at": _TIME,
        "accepted_at": _TIME,
        "deliveries": list_of(ref("Delivery"), "One for each account."),
        "notes": list_of(_TEXT, "What was left out of the event because it was invalid."),
        "errors": list_of(ref("FieldError"), "The mistakes of a queue's event that was refused as invalid."),
        "message": exactly(
            {"id": _TEXT, "queue": _TEXT, "sent_at": _TIME}, description="The queue message of a refused event."
        ),
        "confirmation": exactly(
            {
                "status": choice(ConfirmationStatus),
                "attempts": _COUNT,
                "sent_at": nullable(_TIME),
                "confirmed_at": nullable(_TIME),
            },
            description="Of a signup that its person has to confirm.",
        ),
    }
    return {
        "DeliveryStatus": choice(Status),
        "Delivery": exactly(delivery, optional=["remedy"], description="What became of an event at one account."),
        "EventStatus": exactly(
            event, optional=["message", "confirmation"], description="What became of an event. No address and no field."
        ),
        "EventList": exactly({"events": list_of(ref("EventStatus"), "The newest first."), "cursor": _CURSOR}),
    }


def _statistics() -> dict[str, Schema]:
    figures = {name: nullable(described(_COUNT, "Null: unknown.")) for name in FIGURES}
    described_as = {"taken_at": described(_TIME, "When the figures were read."), "sent_at": _TIME}
    texts = {name: described_as.get(name, _TEXT) for name in FIELDS if name not in figures}
    campaign = {**{name: nullable(each) if name in _NULLABLE else each for name, each in texts.items()}, **figures}
    days = {"form": _TEXT, "day": {"type": "string", "format": "date"}, **dict.fromkeys(NUMBERS, _COUNT)}
    return {
        "Campaign": exactly(
            {name: campaign[name] for name in FIELDS}, description="The figures of a campaign at one reading."
        ),
        "CampaignList": exactly({"campaigns": list_of(ref("Campaign"), "The last sent first."), "cursor": _CURSOR}),
        "CampaignHistory": exactly(
            {"campaign": ref("Campaign"), "snapshots": list_of(ref("Campaign"), "The oldest first.")}
        ),
        "FormDay": exactly({name: days[name] for name in FORM_FIELDS}, description="What a form brought on a UTC day."),
        "FormDayList": exactly({"forms": list_of(ref("FormDay"), "The newest day first.")}),
    }


def _service() -> dict[str, Schema]:
    return {
        "Health": exactly({"status": {"const": "ok"}, "version": _TEXT}),
        "Challenge": exactly(
            {
                "algorithm": {"const": "SHA-256"},
                "challenge": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                "maxnumber": {"const": HARDEST},
                "salt": _TEXT,
                "signature": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                "timestamp": described(_TEXT, "A signed time; sent back in the form's field `@timestamp`."),
            },
            description="As ALTCHA's widget reads it. The solution is the form's field `altcha`.",
        ),
    }


def _problems() -> dict[str, Schema]:
    members = {
        "type": {"const": NO_TYPE},
        "title": described(_TEXT, "The phrase of the status."),
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": described(_TEXT, "What is wrong, and what to do. It quotes nothing that was sent."),
        "errors": list_of(ref("FieldError"), "The fields or parameters that are wrong.", minItems=1),
    }
    return {
        "Problem": exactly(members, optional=["errors"], description="An error (RFC 9457)."),
        "EventsProblem": exactly(
            {**members, **_decisions()},
            optional=["errors", *_decisions()],
            description="An error of `POST /events`; with the decision on each event where none could be accepted.",
        ),
    }
