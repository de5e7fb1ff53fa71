"""The dashboard's first page: what needs a person, accounts, forms, newest campaigns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from ....config.model import MAIL_BY_SES
from ....dashboard import campaigns
from ....dashboard.forms import history
from ....dashboard.overview import AccountBlock, backlog
from ....domain.backoff import Pause
from ....domain.form_silence import FormSilence
from ....domain.reasons import EXPECTED_REFUSALS, ReasonCode
from ....domain.times import from_epoch_milliseconds
from ....ledger.attention import AttentionList, AttentionQuery
from ....ledger.attention_index import Listed
from ....ledger.check_results import CheckResultStore
from ....ledger.day_counts import DayCount
from ....observability import redact
from ....providers import registry
from ....services import Services
from ....statistics.form_days import form_days
from ....statistics.last_runs import LastRuns
from ....statistics.silent_forms import first_day, silences
from ...http_messages import Request, Response
from ...pages import charts
from ...pages.dashboard.layout import Page
from ...pages.dashboard.overview_texts import OVERVIEW
from .access import DashboardAccess

if TYPE_CHECKING:
    from ....providers.spec import Capabilities
    from ....statistics.queries import StatsReader

DAYS = 28
"""Days of a form's curve."""
MOST_LISTED = 200
"""Deliveries of an account that need a person, read for the notices; with more, a notice says "more than"."""
NEWEST_CAMPAIGNS = 5
MOST_PROBLEMS = 5
_QUARANTINED = {ReasonCode.QUARANTINED}
_NEED_A_PERSON = (Listed.PARKED, Listed.REFUSED, Listed.QUARANTINED)


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that needs a person: `text` and `link_text` name texts of the page, `lines` are more of them."""

    kind: str
    text: str
    values: dict[str, str]
    lines: tuple[Any, ...] = ()
    link: str = ""
    link_text: str = "look"


class OverviewPage:
    """Shows the overview."""

    def __init__(
        self,
        services: Services,
        access: DashboardAccess,
        reader: StatsReader,
        capabilities_of: Callable[[str], Capabilities | None],
    ) -> None:
        self._services = services
        self._access = access
        self._reader = reader
        self._capabilities_of = capabilities_of

    def show(self, request: Request) -> Response:
        """Returns the page."""
        page = self._access.page(request)
        settings = self._services.settings
        known = {name: one for name, one in settings.accounts.items() if not self._keeps_nothing(name)}
        accounts = [self._account(name) for name in known]
        today = page.now.astimezone(UTC).date()
        read, last_hours = self._services.counts.read_with_hours(first_day(page.now), today)
        counts = [count for count in read if not self._keeps_nothing(count.account)]
        configured = [form for form in settings.forms.values() if not self._keeps_nothing(form.account)]
        silence = silences(configured, counts, last_hours, page.now)
        forms = [
            (form, past, charts.spark([day.people for day in past.days]), silence[form.name])
            for form in configured
            for past in [history(counts, form.name, today, DAYS)]
        ]
        newest = self._reader.page(limit=NEWEST_CAMPAIGNS).campaigns
        return page.render(
            "overview",
            OVERVIEW,
            current="overview",
            notices=[
                *self._missing_key(page),
                *_paused(page, accounts),
                *self._paused_mails(page),
                *_missing_forms(page, accounts),
                *self._listed(page),
                *self._checked(page),
                *_silent_forms(page, silence),
                *_old_statistics(page, accounts),
            ],
            recent=_recent(counts, today - timedelta(days=1)),
            accounts=accounts,
            forms=forms,
            days=DAYS,
            today=today,
            campaigns=[
                {
                    "campaign": one,
                    "link": page.link("campaigns", one.account, one.campaign),
                    "rates": {name: campaigns.rate(one, name) for name in ("opens", "clicks", "unsubscribes")},
                }
                for one in newest
            ],
            moment=from_epoch_milliseconds,
        )

    def _keeps_nothing(self, account: str) -> bool:
        """Returns True for an account that keeps nothing: no person's signup goes there, so it is not shown."""
        return registry.keeps_nothing(self._services.settings.accounts, account)

    def _account(self, name: str) -> AccountBlock:
        capabilities = self._capabilities_of(name)
        statistics = capabilities is not None and capabilities.statistics != "none"
        state = self._services.accounts.read(name)
        return AccountBlock(
            name,
            registry.title(self._services.settings.accounts[name].provider),
            state.pause,
            state.lists,
            backlog(self._services.table, name),
            statistics=statistics,
            last_statistics=LastRuns(self._services.table).last_good(name) if statistics else None,
        )

    def _paused_mails(self, page: Page) -> list[Notice]:
        """Returns a notice if confirmation mails wait because Amazon SES, which is no account, is paused."""
        if not self._services.settings.mails_by_ses:
            return []
        pause = self._services.accounts.read(MAIL_BY_SES).pause
        link = page.link("events", status="pending")
        return [] if pause is None else [_notice_of_pause(page, "Amazon SES", pause, link, [*_why(pause)])]

    def _missing_key(self, page: Page) -> list[Notice]:
        """Returns a notice if an address key, or the normalisation of addresses that the ledger has, is missing."""
        missing = self._services.address_key_check.look().missing
        link = page.link("events", status="pending")
        return [] if missing is None else [Notice("bad", "key_missing", {}, (f"{missing}.",), link, "what_to_do")]

    def _listed(self, page: Page) -> list[Notice]:
        """Returns a notice for what is parked, refused, and quarantined."""
        names = self._services.accounts.names(self._services.settings.accounts)
        accounts = tuple(name for name in names if not self._keeps_nothing(name))
        notices = []
        query = AttentionQuery(accounts, _NEED_A_PERSON, limit=MOST_LISTED)
        found = AttentionList(self._services.table).newest(query, page.now)
        for listed in _NEED_A_PERSON:
            entries, more = found.get(listed, ((), False))
            needing = {one.event_id: one for one in entries if one.reason_code not in EXPECTED_REFUSALS - _QUARANTINED}
            if needing:
                number = page.formats.number(len(needing))
                shown = page.more_than(number) if more else number
                link = page.link("events", status=listed.value)
                text = f"{listed.value}_one" if len(needing) == 1 else listed.value
                forms = sorted({one.form for one in needing.values() if one.form})
                lines = [("by_form", {"forms": ", ".join(forms)})] if forms else []
                notices.append(Notice("warn", text, {"n": shown}, tuple(lines), link=link))
        return notices

    def _checked(self, page: Page) -> list[Notice]:
        """Returns a notice for each problem of the last check, at most five."""
        result = CheckResultStore(self._services.table).read()
        if result is None or not result.count:
            return []
        shown = [
            Notice("warn", "problem", {"about": one.about, "problem": one.problem}, (one.do,))
            for one in result.problems[:MOST_PROBLEMS]
        ]
        left = result.count - len(shown)
        checked = page.formats.time(result.at)
        if left > 0:
            shown.append(Notice("warn", "more_problems", {"n": page.formats.number(left), "time": checked}))
        return shown


def _paused(page: Page, accounts: list[AccountBlock]) -> list[Notice]:
    """Returns a notice for each paused account, else for each of its paused lists."""
    notices = []
    for account in accounts:
        link = page.link("events", account=account.name, status="pending")
        if account.pause is not None:
            lines: list[Any] = [*_why(account.pause)]
            if account.backlog.pending == 1:
                lines.append(("waiting_one", {}))
            elif account.backlog.pending:
                lines.append(("waiting", {"n": page.formats.number(account.backlog.pending)}))
            notices.append(_notice_of_pause(page, account.name, account.pause, link, lines))
        else:
            notices += [
                _notice_of_pause(page, account.name, pause, link, [*_why(pause)], name)
                for name, pause in account.paused_lists.items()
            ]
    return notices


def _notice_of_pause(
    page: Page, account: str, pause: Pause, link: str, lines: list[Any], list_id: str | None = None
) -> Notice:
    values = {"account": account, "since": page.formats.time(from_epoch_milliseconds(pause.since))}
    text, values = ("account_paused", values) if list_id is None else ("list_paused", {**values, "list": list_id})
    again = ("tried_again", {"time": page.formats.hour(from_epoch_milliseconds(pause.until))})
    return Notice("bad", text, values, (*lines, again), link, "what_to_do")


def _why(pause: Pause) -> tuple[Any, ...]:
    """Returns a pause's reason in plain words, and in those of the provider."""
    words = redact(pause.reason)
    return ((f"reason_{pause.reason_code.value}", {}), f"{words}.") if pause.reason_code else (f"{words}.",)


def _missing_forms(page: Page, accounts: list[AccountBlock]) -> list[Notice]:
    """Returns a notice for each form that signups wait for because it is not in the configuration."""
    numbers: Counter[str] = Counter()
    for account in accounts:
        numbers.update(account.backlog.missing_forms)
    link = page.link("events", status="pending")
    return [
        Notice("bad", "form_missing", {"form": form, "n": page.formats.number(number)}, link=link)
        for form, number in sorted(numbers.items())
    ]


def _silent_forms(page: Page, silence: Mapping[str, FormSilence]) -> list[Notice]:
    """Returns a notice for each form that has gone silent."""
    notices = []
    for name, one in silence.items():
        if one.is_silent and one.last_day is not None:
            since = page.formats.day(one.last_day)
            text = "usual_silence_one" if one.usual_days == 1 else "usual_silence"
            usual = ((text, {"n": page.formats.number(one.usual_days)}),) if one.usual_days else ()
            link = page.link("forms", name)
            notices.append(Notice("warn", "form_silent", {"form": name, "since": since}, usual, link=link))
    return notices


def _old_statistics(page: Page, accounts: list[AccountBlock]) -> list[Notice]:
    return [
        Notice("warn", "statistics_old", {"account": one.name, "since": page.formats.time(one.last_statistics)})
        for one in accounts
        if one.state(page.now) == "statistics" and one.last_statistics is not None
    ]


def _recent(counts: list[DayCount], since: Any) -> Counter[str]:
    """Returns the signups and unsubscribes of forms since a day."""
    found: Counter[str] = Counter()
    for day in form_days(counts):
        if day.day >= since:
            found["signups"] += day.people
            found["unsubscribes"] += day.unsubscribes
    return found
