"""Defines a campaign's figures as one normalised value, and when a new reading is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any

from .curves import Curve


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The totals of a campaign, in display order. Unknown figures are None."""

    sent: int | None = None
    delivered: int | None = None
    opens: int | None = None
    unique_opens: int | None = None
    clicks: int | None = None
    unique_clicks: int | None = None
    hard_bounces: int | None = None
    soft_bounces: int | None = None
    unsubscribes: int | None = None


FIGURES = tuple(one.name for one in fields(Figures))
"""The names of the figures, in display order."""


@dataclass(frozen=True, slots=True)
class Snapshot(Figures):
    """The figures of a campaign at one reading; times are aware, UTC.

    `taken_at` is in whole seconds, so that its text sorts by time.
    """

    account: str
    provider: str
    campaign: str
    name: str | None
    subject: str | None
    sent_at: datetime | None
    taken_at: datetime
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The provider's own figures."""
    curve: Curve = field(default_factory=dict)
    """Its figures by age, kept with the campaign alone and not with each of its snapshots."""

    @property
    def knows_a_figure(self) -> bool:
        """True if any of the normalised figures is known."""
        return any(getattr(self, name) is not None for name in FIGURES)


def changed(old: Snapshot | None, new: Snapshot) -> bool:
    """Returns True if `new` has a known figure that differs from `old`.

    A figure that the newer response lacks is unknown, not changed. Name, subject and sending time are not figures (see
    `described`). The provider's own figures are compared only if none of them has a normalised name: they may contain
    anything, such as a time of day, that would make every reading a new one.
    """
    if old is None:
        return True
    if not new.knows_a_figure and not old.knows_a_figure:
        return raw_text(old) != raw_text(new)
    pairs = ((getattr(old, name), getattr(new, name)) for name in FIGURES)
    return any(value is not None and value != before for before, value in pairs)


def completed(new: Snapshot, old: Snapshot | None) -> Snapshot:
    """Returns `new`, with figures, name, subject, sending time and points of the curve of `old` where it has none."""
    if old is None:
        return new
    names = (*FIGURES, "name", "subject", "sent_at")
    known = {name: getattr(old, name) for name in names if getattr(new, name) is None}
    return replace(new, **known, curve={**old.curve, **new.curve})


def described(old: Snapshot, new: Snapshot) -> Snapshot:
    """Returns `old` with the name, subject and sending time of `new`, where stated; equal to `old` if none differs."""
    return replace(
        old,
        name=old.name if new.name is None else new.name,
        subject=old.subject if new.subject is None else new.subject,
        sent_at=old.sent_at if new.sent_at is None else new.sent_at,
    )


def raw_text(snapshot: Snapshot) -> str:
    """Returns the provider's own figures as JSON, the same text for the same figures."""
    return json.dumps(snapshot.raw, sort_keys=True, default=str)


def hour_key(moment: datetime) -> str:
    """Returns the UTC hour of `moment` (aware) as text: a campaign has at most one snapshot per hour."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H")
