"""A form's page: its days, and the HTML to put on a website."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from html import escape

from ..config.model import Form
from ..domain.events import EventType, Status
from ..domain.nested_names import short_name
from ..ledger.day_counts import DayCount
from ..statistics.form_days import FormDay, form_days

DAYS = 90


@dataclass(frozen=True, slots=True)
class FormHistory:
    """The days of a form without a gap, the oldest first."""

    days: tuple[FormDay, ...]

    def total(self, name: str, days: int) -> int:
        """Returns the sum of one number over the last days."""
        return sum(int(getattr(day, name)) for day in self.days[-days:])

    def confirmed_share(self, days: int, within: timedelta) -> float | None:
        """Returns the confirmed share of the last days' signups, of those whose time to confirm (`within`) has passed.

        None if there are none.
        """
        over = self.days[-days : -(within // timedelta(days=1) + 1)]
        delivered, unconfirmed = (sum(getattr(day, name) for day in over) for name in ("delivered", "unconfirmed"))
        return delivered / (delivered + unconfirmed) if delivered + unconfirmed else None

    def busiest(self, days: int) -> FormDay:
        """Returns the day with the most signups of the last days."""
        return max(self.days[-days:], key=lambda day: day.people)

    @property
    def last_day(self) -> date | None:
        """The last day with a signup of a person; None without one."""
        return next((one.day for one in reversed(self.days) if one.people), None)

    @property
    def is_empty(self) -> bool:
        """True if nothing came on any of the days."""
        return not any(day.accepted or day.unsubscribes for day in self.days)


def first_of_days(today: date, days: int) -> date:
    """Returns the first of the last days, `today` the last."""
    return today - timedelta(days=days - 1)


def history(counts: Iterable[DayCount], form: str, today: date, days: int = DAYS) -> FormHistory:
    """Returns the last days of a form, `today` (UTC) the last."""
    known = {one.day: one for one in form_days(counts, form)}
    shown = [first_of_days(today, days) + timedelta(days=number) for number in range(days)]
    return FormHistory(tuple(known.get(day) or FormDay(form, day) for day in shown))


def refusals(counts: Iterable[DayCount], form: str, first: date) -> list[tuple[str, int]]:
    """Returns how many signups of a form, accepted since a day, were refused for each reason code, the most first."""
    found: Counter[str] = Counter()
    for count in counts:
        if count.form == form and count.day >= first and count.type is EventType.SIGNUP and not count.copy:
            found[count.code or ""] += count.number if count.outcome == Status.REFUSED else 0
    return sorted(((code, number) for code, number in found.items() if number), key=lambda one: (-one[1], one[0]))


def embed_html(form: Form, public_url: str, language: str, address_label: str, button: str) -> str:
    """Returns the HTML of a plain form with all fields that the form maps, its trap, and its consent in a language.

    Labels are those of the hosted page, where it has them. Of a form that asks for a proof of work it is a frame of the
    hosted page: what a plain form sends has no proof, and would wait in quarantine.
    """
    if form.altcha:
        return frame_html(form, public_url, language)
    labels, consent = form.page.labels.get(language, {}), form.page.consent.get(language)
    fields = "".join(
        f"  <p><label>{escape(labels.get(name, short_name(name)))}<br>"
        f'<input name="{escape(name)}"{" required" if name in form.required else ""}></label></p>\n'
        for name in [*(name for name in labels if name in form.fields), *sorted(form.fields.keys() - labels.keys())]
    )
    agreement = consent and (
        f'  <input type="hidden" name="consent.text" value="{escape(consent.version)}">\n'
        f'  <p><label><input type="checkbox" name="consent.wording" value="{_readable(consent.text)}" required> '
        f"{_readable(consent.text)}</label></p>\n"
    )
    return (
        f'<form method="post" action="{escape(public_url)}/forms/{escape(form.name)}/signup" accept-charset="utf-8">\n'
        f"  <p><label>{escape(labels.get(form.email_field, address_label))}<br>"
        f'<input type="email" name="{escape(form.email_field)}" required autocomplete="email"></label></p>\n'
        f"{fields}{agreement or ''}"
        f"  <p hidden><label>{escape(form.trap)}<br>"
        f'<input name="{escape(form.trap)}" tabindex="-1" autocomplete="off"></label></p>\n'
        f"  <p><button>{escape(button)}</button></p>\n"
        "</form>\n"
    )


def _readable(text: str) -> str:
    """Returns a text escaped for HTML within double quotes, its apostrophes as they are: people read it."""
    return escape(text).replace("&#x27;", "'")


def frame_html(form: Form, public_url: str, language: str) -> str:
    """Returns the HTML of a frame with the form's own page, as high as it is on a phone in that language."""
    fields = 1 + sum(name in form.fields for name in form.page.labels.get(language, {}))
    height = 220 + 96 * fields + (110 if language in form.page.consent else 0)
    return (
        f'<iframe src="{escape(public_url)}/forms/{escape(form.name)}?embed=1" '
        f'title="{escape(form.page.title or form.name)}" width="100%" height="{height}" style="border:0"></iframe>\n'
    )
