"""Watches for forms that have gone silent: from the counts of each day, in one query for all forms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from ..domain.errors import LedgerUnavailable
from ..domain.form_silence import HISTORY_DAYS, FormSilence, form_silence
from ..ledger.day_counts import DayCount
from ..observability import logger, metrics
from ..providers import registry
from .form_days import form_days

if TYPE_CHECKING:
    from ..config.model import Form
from ..services import Services


def first_day(now: datetime) -> date:
    """Returns the first day whose counts the decision needs."""
    return now.astimezone(UTC).date() - timedelta(days=HISTORY_DAYS)


def silences(
    forms: Iterable[Form], counts: Iterable[DayCount], last_hours: Mapping[str, datetime], now: datetime
) -> dict[str, FormSilence]:
    """Decides for each form whether it is silent, by its configuration."""
    days: dict[str, set[date]] = {}
    for one in form_days(counts):
        if one.people > 0:
            days.setdefault(one.form, set()).add(one.day)
    return {
        form.name: form_silence(days.get(form.name, ()), last_hours.get(form.name), form.silent_after, now)
        for form in forms
    }


def watch_forms(services: Services) -> None:
    """Logs each silent form, and counts them as a metric. Never raises for the ledger: the next run looks again."""
    now = services.effects.clock()
    try:
        counts, last_hours = services.counts.read_with_hours(first_day(now), now.astimezone(UTC).date())
    except LedgerUnavailable as error:
        logger.warning("silence of forms not checked: ledger unavailable", extra={"error": str(error)})
        return
    settings = services.settings
    forms = [form for form in settings.forms.values() if not registry.keeps_nothing(settings.accounts, form.account)]
    found = silences(forms, counts, last_hours, now)
    silent = {name: one for name, one in found.items() if one.is_silent}
    for name, one in silent.items():
        last = one.last_day.isoformat() if one.last_day else None
        logger.warning("form silent", extra={"form": name, "last_day": last, "usual_days": one.usual_days})
    metrics.count("forms_silent", len(silent))
