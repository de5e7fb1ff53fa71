"""Sums the counts of a form's signups and unsubscribes by UTC day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date

from ..domain.events import EventType, Status
from ..domain.reasons import ReasonCode
from ..ledger import day_counts
from ..ledger.day_counts import DayCount


@dataclass(slots=True)
class FormDay:
    """What a form brought on a day: signups, their present states, and unsubscribes."""

    form: str
    day: date
    accepted: int = 0
    unconfirmed: int = 0
    delivered: int = 0
    refused: int = 0
    """Without those of the trap."""
    trapped: int = 0
    quarantined: int = 0
    """Signups that were quarantined, also if they were released since."""
    unsubscribes: int = 0

    @property
    def people(self) -> int:
        """The signups without those that filled the trap."""
        return self.accepted - self.trapped


NUMBERS = tuple(one.name for one in fields(FormDay))[2:]


def form_days(counts: Iterable[DayCount], form: str | None = None) -> list[FormDay]:
    """Returns the days of every form, or of one, the newest day first; days without a count are left out."""
    found: dict[tuple[date, str], FormDay] = {}
    for count in counts:
        name = _number_of(count)
        if name is None or count.copy or not count.form or form not in (None, count.form):
            continue
        day = found.setdefault((count.day, count.form), FormDay(count.form, count.day))
        setattr(day, name, getattr(day, name) + count.number)
    return [found[key] for key in sorted(found, key=lambda key: (-key[0].toordinal(), key[1]))]


def _number_of(count: DayCount) -> str | None:
    """Returns the number that a count belongs to; None for what is not shown."""
    if count.type is EventType.UNSUBSCRIBE:
        return "unsubscribes" if count.outcome == day_counts.ACCEPTED else None
    if count.outcome != Status.REFUSED:
        return count.outcome if count.outcome in NUMBERS else None
    match count.code:
        case ReasonCode.TRAP:
            return "trapped"
        case ReasonCode.UNCONFIRMED:
            return "unconfirmed"
        case _:
            return "refused"
