"""Campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from ..functions import Limits, function
from . import answers
from .api import SECONDS, Api, Request
from .parameters import CAMPAIGN_STATUSES, CampaignId, CampaignStatus, SiteId, filled_fields, id_part, one_of
from .session import encoded
from .values import Result

# The vendor states no zone. It is Belgian, and its own pages show its users their own clock.
BRUSSELS = ZoneInfo("Europe/Brussels")


class Campaigns(Api):
    """The functions about campaigns. Their fields are documented nowhere and pass as they are."""

    @function(changes=False)
    def campaigns(self, status: CampaignStatus, site_id: SiteId = None, *, budget: float = SECONDS) -> Result:
        """The campaigns of a site in one status."""
        query = self._site("campaigns", site_id)
        query["status"] = one_of(Limits("campaigns"), "status", status, CAMPAIGN_STATUSES)
        return self._ask(Request("campaigns", "Campaigns", query), answers.rows, budget)

    @function(changes=False)
    def campaign_data(self, campaign_id: CampaignId, *, budget: float = SECONDS) -> Result:
        """One campaign."""
        return self._ask(
            Request("campaign_data", _path("campaign_data", "campaigndata", campaign_id)), answers.row, budget
        )

    @function(changes=False)
    def campaign_stats(self, campaign_id: CampaignId, *, budget: float = SECONDS) -> Result:
        """One campaign's figures."""
        path = _path("campaign_stats", "Campaignstats", campaign_id)
        return self._ask(Request("campaign_stats", path), answers.row, budget)

    @function(changes=True)
    def campaign_create(
        self, fields: Annotated[Mapping[str, Any], "the campaign's fields, without an id"], *, budget: float = SECONDS
    ) -> Result:
        """Create a campaign and return its id."""
        limits = Limits("campaign_create")
        limits.require(not _ids(fields), "an id among the fields would change that campaign: use campaign_update")
        return self._save("campaign_create", filled_fields(limits, fields), budget)

    @function(changes=True)
    def campaign_update(
        self,
        campaign_id: CampaignId,
        fields: Annotated[Mapping[str, Any], "the campaign's fields that change"],
        *,
        budget: float = SECONDS,
    ) -> Result:
        """Change a campaign; the vendor has one URL for this and for creating one."""
        limits = Limits("campaign_update")
        given = {name: value for name, value in filled_fields(limits, fields).items() if name not in _ids(fields)}
        return self._save("campaign_update", {**given, "Id": limits.text("campaign_id", campaign_id)}, budget)

    @function(changes=True)
    def campaign_schedule(
        self,
        campaign_id: CampaignId,
        at: Annotated[datetime, "when to send it; told to the vendor in Brussels time, seconds left out"],
        *,
        budget: float = SECONDS,
    ) -> Result:
        """Have a campaign sent at a time."""
        local = at.astimezone(BRUSSELS)
        query = {"y": local.year, "m": local.month, "d": local.day, "h": local.hour, "min": local.minute}
        path = _path("campaign_schedule", "campaign", campaign_id, "schedule")
        return self._ask(Request("campaign_schedule", path, query, changes=True), answers.done, budget)

    @function(changes=True)
    def campaign_unschedule(self, campaign_id: CampaignId, *, budget: float = SECONDS) -> Result:
        """Take a scheduled campaign back."""
        path = _path("campaign_unschedule", "campaign", campaign_id, "unschedule")
        return self._ask(Request("campaign_unschedule", path, changes=True), answers.done, budget)

    @function(changes=True)
    def campaign_send_now(self, campaign_id: CampaignId, *, budget: float = SECONDS) -> Result:
        """Send a campaign now, to everybody it is for."""
        path = _path("campaign_send_now", "campaign", campaign_id, "sendnow")
        return self._ask(Request("campaign_send_now", path, changes=True), answers.done, budget)

    def _save(self, label: str, body: Mapping[str, Any], budget: float) -> Result:
        request = Request(label, "campaigndata/create", method="POST", body=body, changes=True)
        return self._ask(request, answers.done, budget)


def _path(label: str, area: str, campaign_id: str, *action: str) -> str:
    return "/".join((area, encoded(id_part(Limits(label), "campaign_id", campaign_id)), *action))


def _ids(fields: Mapping[str, Any]) -> set[str]:
    """The names of `fields` that a server could take for the campaign's id."""
    return {name for name in fields if name.lower() in ("id", "campaignid")}
