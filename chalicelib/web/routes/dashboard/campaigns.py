"""The dashboard's pages of campaigns: all of a period, and one with its curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....dashboard import campaigns
from ....domain.figures import Snapshot
from ....providers import registry
from ....services import Services
from ...http_messages import Request, Response
from ...pages import charts
from ...pages.dashboard.campaigns_texts import CAMPAIGN, CAMPAIGNS
from ...pages.dashboard.layout import Page
from ..statistics import csv_name, may_exist, snapshots_csv
from .access import DashboardAccess, missing

if TYPE_CHECKING:
    from ....statistics.medians import MedianStore
    from ....statistics.queries import StatsReader

MOST_SNAPSHOTS = 50
_MEASURED = ("opens", "clicks", "unsubscribes")


class CampaignPages:
    """Shows campaigns to a person."""

    def __init__(self, services: Services, access: DashboardAccess, reader: StatsReader, medians: MedianStore) -> None:
        self._services = services
        self._access = access
        self._reader = reader
        self._medians = medians

    def show_all(self, request: Request) -> Response:
        """Returns the campaigns of a period, filtered and sorted, fifty a page; as CSV all that were found."""
        page = self._access.page(request, "campaigns")
        accounts = [*self._services.settings.accounts]
        choice = campaigns.read_choice(request.query, accounts, page.now)
        found, truncated = campaigns.find(self._reader, choice, page.now)
        if request.query.get("format") == "csv":
            return snapshots_csv(found, "campaigns.csv")
        shown = campaigns.page_of(found, choice, truncated)
        return page.render(
            "campaigns",
            CAMPAIGNS,
            current="campaigns",
            choice=choice,
            shown=shown,
            rows=[_row(page, one) for one in shown.campaigns],
            accounts=accounts,
            years=campaigns.years(page.now),
            months=[(one, page.formats.month(one)) for one in campaigns.months(page.now)],
            sorts=campaigns.SORTS,
            most=campaigns.MOST,
            filtered=bool(choice.words or choice.account or choice.period),
        )

    def show(self, request: Request, account: str, campaign: str) -> Response:
        """Returns one campaign: figures, curves beside the account's median, snapshots."""
        page = self._access.page(request, "campaigns", account, campaign)
        newest = self._reader.campaign(account, campaign) if may_exist(account, campaign) else None
        if newest is None:
            return missing(page, "There is no such campaign.")
        history = list(self._reader.history(account, campaign))
        if request.query.get("format") == "csv":
            return snapshots_csv(history, csv_name(account, campaign))
        stored = self._medians.read(account)
        medians = stored.rates if stored else None
        return page.render(
            "campaign",
            CAMPAIGN,
            current="campaigns",
            campaign=newest,
            provider=registry.title(newest.provider),
            figures={name: campaigns.rate(newest, name) for name in (*_MEASURED, "bounces")},
            differences={
                name: _difference(newest, name, medians[which] if medians else [])
                for which, name in enumerate(_MEASURED)
            },
            charts=[_chart(page, newest, history, which, medians) for which in range(len(_MEASURED))],
            compared=campaigns.compare(newest, medians),
            snapshots=history[::-1][:MOST_SNAPSHOTS],
            all_snapshots=len(history),
            csv=page.link("campaigns", account, campaign, format="csv"),
        )


def _row(page: Page, one: Snapshot) -> dict[str, Any]:
    """Returns what the list shows of a campaign."""
    whole = one.delivered or one.sent
    opens = [point[0] for point in one.curve.values()]
    return {
        "campaign": one,
        "link": page.link("campaigns", one.account, one.campaign),
        "rates": {name: campaigns.rate(one, name) for name in (*_MEASURED, "bounces")},
        "curve": charts.spark([0, *opens]) if whole else None,
    }


def _chart(
    page: Page, newest: Snapshot, history: list[Snapshot], which: int, medians: Any
) -> tuple[str, charts.Chart | None, dict[str, str]]:
    """Returns the name of a curve, its chart, and what its description says."""
    own = campaigns.history_rates(history, newest, which)
    median = medians[which] if medians else []
    chart = charts.by_age(own, median, page.formats.axis_share, lambda hours: page.formats.duration(hours * 3600))
    if not own:
        return _MEASURED[which], None, {}
    known = campaigns.median_now(newest, median)
    return (
        _MEASURED[which],
        chart,
        {
            "rate": page.formats.share(own[-1][1]),
            "age": page.formats.duration(own[-1][0] * 3600),
            "median": "" if known is None else page.formats.share(known),
        },
    )


def _difference(newest: Snapshot, name: str, median: Any) -> float | None:
    """Returns by how many points a rate differs from the median campaign's at the same age."""
    own, usual = campaigns.rate(newest, name), campaigns.median_now(newest, median)
    return None if own is None or usual is None else 100 * (own - usual)
