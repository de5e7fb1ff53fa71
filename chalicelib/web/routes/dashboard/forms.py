"""The dashboard's page of a form."""

from __future__ import annotations

from datetime import UTC, timedelta
from urllib.parse import quote

from ....dashboard.forms import FormHistory, embed_html, first_of_days, frame_html, history, refusals
from ....domain.reasons import NEVER_LISTED
from ....services import Services
from ....statistics.silent_forms import first_day, silences
from ...access import public_url
from ...http_messages import Request, Response
from ...pages import charts
from ...pages.dashboard.form_texts import FORM
from ...pages.dashboard.layout import Page
from .access import DashboardAccess, missing

CHART_DAYS = 60
REFUSAL_DAYS = 28


class FormPages:
    """Shows a form to a person."""

    def __init__(self, services: Services, access: DashboardAccess) -> None:
        self._services = services
        self._access = access

    def show(self, request: Request, name: str) -> Response:
        """Returns signups and unsubscribes by day, and the HTML to embed."""
        page = self._access.page(request, "forms", name)
        form = self._services.settings.forms.get(name)
        if form is None:
            return missing(page, "There is no such form.")
        today = page.now.astimezone(UTC).date()
        counts, last_hours = self._services.counts.read_with_hours(first_day(page.now), today)
        past = history(counts, name, today)
        url = public_url(self._services.settings, request)
        language = form.language or page.language
        address, button = (str(getattr(FORM[text], language)) for text in ("address", "subscribe"))
        return page.render(
            "form",
            FORM,
            current="overview",
            form=form,
            past=past,
            confirmed=past.confirmed_share(REFUSAL_DAYS, timedelta(hours=form.confirm_within_hours)),
            refusals=refusals(counts, name, first_of_days(today, REFUSAL_DAYS)),
            not_listed=NEVER_LISTED,
            silence=silences([form], counts, last_hours, page.now)[name],
            chart=_chart(page, past),
            chart_days=CHART_DAYS,
            busiest=past.busiest(CHART_DAYS),
            html=embed_html(form, url, language, address, button) if url else "",
            frame=frame_html(form, url, language) if url and form.origins and not form.altcha else "",
            hosted_page=f"{url or request.base_path}/forms/{quote(form.name, safe='')}",
        )


def _chart(page: Page, past: FormHistory) -> charts.BarChart:
    """Returns the signups of the last days as bars; the axis names the Mondays."""
    days = past.days[-CHART_DAYS:]
    mondays = [index for index, day in enumerate(days) if day.day.weekday() == 0]
    return charts.bars(
        [day.people for day in days],
        [page.formats.day_short(day.day) for day in days],
        mondays[::2] if len(mondays) > 6 else mondays,
        page.formats.number,
    )
