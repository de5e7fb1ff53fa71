"""Shows campaigns, one campaign's history, and what forms brought by day, as JSON or CSV."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Protocol
from urllib.parse import urlencode

from ...domain.errors import FieldError
from ...domain.figures import FIGURES, Snapshot
from ...domain.times import format_time
from ...providers import registry
from ...services import Services
from ...statistics.form_days import NUMBERS, form_days
from ...statistics.queries import BadCursor, Page
from ..admin import require_admin
from ..http_messages import Request, Response, json_response
from ..problems import HttpProblem
from ..query_reader import is_name
from ..spreadsheet import to_csv
from .statistics_query import CSV, Query, read_format, read_forms_query, read_query

FIELDS = ("account", "provider", "campaign", "name", "subject", "sent_at", "taken_at", *FIGURES)
"""Fields of a campaign or a snapshot in the answer, in this order."""

FORM_FIELDS = ("form", "day", *NUMBERS)
"""Fields of a form's day in the answer, in this order."""
_FORM_DAYS = 365

Row = dict[str, str | int | None]

_LONGEST_CAMPAIGN_BYTES = 1024
_NOT_FOR_FILE_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


class Campaigns(Protocol):
    """Reads campaigns (`statistics.queries.StatsReader`); every method raises `StatsUnavailable`."""

    def page(
        self, *, account: str | None, since: datetime | None, until: datetime | None, limit: int, cursor: str | None
    ) -> Page:
        """Returns one page of the list; raises `BadCursor`."""

    def campaign(self, account: str, campaign: str) -> Snapshot | None:
        """Returns a campaign's newest snapshot."""

    def history(self, account: str, campaign: str) -> Iterable[Snapshot]:
        """Yields a campaign's snapshots, oldest first."""


class StatsRoutes:
    """Shows campaigns. Requires the admin key."""

    def __init__(self, services: Services, campaigns: Campaigns) -> None:
        self._services = services
        self._campaigns = campaigns

    def show_page(self, request: Request) -> Response:
        """Returns one page of campaigns, newest first, each as its newest snapshot."""
        require_admin(self._services, request)
        query = read_query(request.query)
        try:
            page = self._campaigns.page(
                account=query.account, since=query.since, until=query.until, limit=query.limit, cursor=query.cursor
            )
        except BadCursor:
            error = FieldError("cursor", "must be a cursor that this list gave, with the same account and dates")
            raise HttpProblem(422, "Some of the parameters are wrong.", errors=[error]) from None
        if query.format == CSV:
            return snapshots_csv(page.campaigns, "campaigns.csv", _next(request.query, query, page.cursor))
        return json_response(200, {"campaigns": [_row(snapshot) for snapshot in page.campaigns], "cursor": page.cursor})

    def show_history(self, request: Request, account: str, campaign: str) -> Response:
        """Returns one campaign and all its snapshots, oldest first."""
        require_admin(self._services, request)
        format = read_format(request.query)
        newest = self._campaigns.campaign(account, campaign) if may_exist(account, campaign) else None
        if newest is None:
            raise HttpProblem(404, "There is no such campaign.")
        snapshots = self._campaigns.history(account, campaign)
        if format == CSV:
            return snapshots_csv(snapshots, csv_name(account, campaign))
        return json_response(200, {"campaign": _row(newest), "snapshots": [_row(snapshot) for snapshot in snapshots]})


class FormStatsRoutes:
    """Shows what forms brought, by day. Requires the admin key."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def show(self, request: Request) -> Response:
        """Returns the days of one form, or of all, the newest day first; without `since` those of the last year."""
        require_admin(self._services, request)
        query = read_forms_query(request.query)
        today = self._services.effects.clock().astimezone(UTC).date()
        until = query.until or max(today, query.since or today)
        accounts = self._services.settings.accounts
        since = query.since or date.fromordinal(max(1, until.toordinal() - _FORM_DAYS))
        read = self._services.counts.read(since, until)
        counts = [count for count in read if not registry.keeps_nothing(accounts, count.account)]
        days = [asdict(day) | {"day": day.day.isoformat()} for day in form_days(counts, query.form)]
        if query.format == CSV:
            return csv_file(to_csv(FORM_FIELDS, ([*day.values()] for day in days)), "forms.csv")
        return json_response(200, {"forms": days})


def may_exist(account: str, campaign: str) -> bool:
    """Returns False for impossible names: the table would reject the key, or confuse it with another."""
    return is_name(account) and len(campaign.encode()) <= _LONGEST_CAMPAIGN_BYTES


def _row(snapshot: Snapshot) -> Row:
    row: Row = {name: getattr(snapshot, name) for name in FIELDS}
    row["sent_at"] = None if snapshot.sent_at is None else format_time(snapshot.sent_at)
    row["taken_at"] = format_time(snapshot.taken_at)
    return row


def csv_name(account: str, campaign: str) -> str:
    """Returns the file name of a campaign's history."""
    return _NOT_FOR_FILE_NAMES.sub("_", f"campaign-{account}-{campaign}")[:100] + ".csv"


def snapshots_csv(snapshots: Iterable[Snapshot], file_name: str, headers: Mapping[str, str] | None = None) -> Response:
    """Returns snapshots as a CSV file to save."""
    return csv_file(to_csv(FIELDS, ([*_row(snapshot).values()] for snapshot in snapshots)), file_name, headers)


def csv_file(body: str, file_name: str, headers: Mapping[str, str] | None = None) -> Response:
    """Returns a CSV file to save."""
    disposition = f'attachment; filename="{file_name}"'
    return Response(
        200, body, {"content-type": "text/csv; charset=utf-8", "content-disposition": disposition, **(headers or {})}
    )


def _next(given: Mapping[str, str], query: Query, cursor: str | None) -> Mapping[str, str]:
    """Returns the `Link` header of the next page (RFC 8288), because CSV cannot contain a cursor.

    The reference is a query only: the host and path that clients use are not known here.
    """
    if cursor is None:
        return {}
    filters = {name: given[name] for name in ("account", "since", "until") if given.get(name)}
    parameters = {**filters, "limit": query.limit, "format": CSV, "cursor": cursor}
    return {"link": f'<?{urlencode(parameters)}>; rel="next"'}
