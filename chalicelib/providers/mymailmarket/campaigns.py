"""Calls the functions about campaigns, autoresponders (M3Autoresponder), users (M3User) and templates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from ..functions import Limits, function
from . import answers
from .api import MAX_ADDRESS, SECONDS, Address, Api, CampaignId, SiteId, filled_fields, one_of, path_id
from .rows import Result

# The vendor states no zone. It is Belgian, and its own pages show its users their own clock.
BRUSSELS = ZoneInfo("Europe/Brussels")
CAMPAIGN_STATUSES = (
    "in queue",
    "deleted",
    "edit mode",
    "sent",
    "scheduled",
    "send now",
    "failed",
    "recipients",
    "sending",
    "partial sent",
)
_SAVE = "campaigndata/create"
MAX_REFERENCE = 100
MAX_TO = 100
MAX_CUSTOM_DATA = 255

AutoresponderId = Annotated[str, "id of the autoresponder, from autoresponders"]
CampaignStatus = Annotated[str, f"one of: {', '.join(CAMPAIGN_STATUSES)}"]


class CampaignFunctions(Api):
    """The functions about campaigns, autoresponders, users and templates.

    The fields of campaigns are documented nowhere and pass unchanged. Users come with their passwords, which are masked
    in what is shown.
    """

    @function(changes=False)
    def campaigns(self, status: CampaignStatus, site_id: SiteId = None, *, budget: float = SECONDS) -> Result:
        """The campaigns of a site in one status."""
        query = self._site("campaigns", site_id)
        query["status"] = one_of(Limits("campaigns"), "status", status, CAMPAIGN_STATUSES)
        return self._ask("campaigns", "Campaigns", query, budget, expect=answers.rows)

    @function(changes=False)
    def campaign_data(self, campaign_id: CampaignId, *, budget: float = SECONDS) -> Result:
        """One campaign."""
        path = _path("campaign_data", "campaigndata", campaign_id)
        return self._ask("campaign_data", path, {}, budget, expect=answers.row)

    @function(changes=False)
    def campaign_stats(self, campaign_id: CampaignId, *, budget: float = SECONDS) -> Result:
        """One campaign's figures."""
        path = _path("campaign_stats", "Campaignstats", campaign_id)
        return self._ask("campaign_stats", path, {}, budget, expect=answers.row)

    @function(changes=True)
    def campaign_create(
        self, fields: Annotated[Mapping[str, Any], "the campaign's fields, without an id"], *, budget: float = SECONDS
    ) -> Result:
        """Create a campaign and return its id."""
        limits = Limits("campaign_create")
        limits.require(not _ids(fields), "an id among the fields would change that campaign: use campaign_update")
        return self._ask("campaign_create", _SAVE, {}, budget, body=filled_fields(limits, fields))

    @function(changes=True)
    def campaign_update(
        self,
        campaign_id: CampaignId,
        fields: Annotated[Mapping[str, Any], "the campaign's fields that change"],
        *,
        budget: float = SECONDS,
    ) -> Result:
        """Change a campaign; the vendor has one URL for creating and changing."""
        limits = Limits("campaign_update")
        body = {name: value for name, value in filled_fields(limits, fields).items() if name not in _ids(fields)}
        body["Id"] = limits.text("campaign_id", campaign_id)
        return self._ask("campaign_update", _SAVE, {}, budget, body=body)

    @function(changes=True)
    def campaign_schedule(
        self,
        campaign_id: CampaignId,
        at: Annotated[datetime, "when to send it; sent to the vendor in Brussels time, without seconds"],
        *,
        budget: float = SECONDS,
    ) -> Result:
        """Schedule a campaign."""
        local = at.astimezone(BRUSSELS)
        query = {"y": local.year, "m": local.month, "d": local.day, "h": local.hour, "min": local.minute}
        path = _path("campaign_schedule", "campaign", campaign_id, "schedule")
        return self._ask("campaign_schedule", path, query, budget)

    @function(changes=True)
    def campaign_unschedule(self, campaign_id: CampaignId, *, budget: float = SECONDS) -> Result:
        """Cancel a campaign's schedule."""
        path = _path("campaign_unschedule", "campaign", campaign_id, "unschedule")
        return self._ask("campaign_unschedule", path, {}, budget)

    @function(changes=True)
    def campaign_send_now(self, campaign_id: CampaignId, *, budget: float = SECONDS) -> Result:
        """Send a campaign now to all its recipients."""
        path = _path("campaign_send_now", "campaign", campaign_id, "sendnow")
        return self._ask("campaign_send_now", path, {}, budget)

    @function(changes=False)
    def autoresponders(self, site_id: SiteId = None, *, budget: float = SECONDS) -> Result:
        """The autoresponders of a site."""
        query = self._site("autoresponders", site_id)
        return self._ask("autoresponders", "Autoresponders", query, budget, expect=answers.rows)

    @function(changes=True)
    def trigger_link(
        self,
        autoresponder_id: AutoresponderId,
        email: Address,
        reference: Annotated[str | None, f"a reference of your own, at most {MAX_REFERENCE} characters"] = None,
        *,
        budget: float = SECONDS,
    ) -> Result:
        """Link an address to an autoresponder and return the link's id."""
        limits = Limits("trigger_link")
        path = f"subscriber/trigger/{path_id(limits, 'autoresponder_id', autoresponder_id)}/create"
        query = {
            "email": limits.address("email", email, MAX_ADDRESS),
            "reference": limits.text("reference", reference, MAX_REFERENCE) if reference else "",
        }
        return self._ask("trigger_link", path, query, budget)

    @function(changes=True)
    def trigger_unlink(
        self, link_id: Annotated[str, "id of the link, from trigger_link"], *, budget: float = SECONDS
    ) -> Result:
        """Remove a link between an address and an autoresponder."""
        query = {"autosubcrid": Limits("trigger_unlink").text("link_id", link_id)}
        return self._ask("trigger_unlink", "subscriber/trigger/remove", query, budget)

    @function(changes=True)
    def trigger_send(
        self,
        autoresponder_id: AutoresponderId,
        to: Annotated[str, f"one e-mail address, at most {MAX_TO} characters"],
        custom_data: Annotated[
            Mapping[str, Any] | None, "tag -> value, for the mail's merge fields; no | in either"
        ] = None,
        *,
        budget: float = SECONDS,
    ) -> Result:
        """Send an autoresponder to one address now."""
        limits = Limits("trigger_send")
        query = {
            "id": limits.text("autoresponder_id", autoresponder_id),
            "to": limits.address("to", to, MAX_TO),
            "customdata": _custom_data(limits, custom_data or {}),
        }
        return self._ask("trigger_send", "autoresponder/sendtrigger", query, budget, post=True)

    @function(changes=True)
    def user_persist(
        self,
        fields: Annotated[Mapping[str, Any], "fields of M3User: UserName, UserPass, EmailAddress …; UserId to change"],
        *,
        budget: float = SECONDS,
    ) -> Result:
        """Create a user, or change the one whose UserId is given, and return the id."""
        body = filled_fields(Limits("user_persist"), fields)
        return self._ask("user_persist", "users/persist", {}, budget, body=body)

    @function(changes=False)
    def user(self, user_id: Annotated[str, "id of the user"], *, budget: float = SECONDS) -> Result:
        """One user by id."""
        query = {"id": Limits("user").text("user_id", user_id)}
        return self._ask("user", "user", query, budget, expect=answers.row)

    @function(changes=False)
    def user_by_name(
        self,
        username: Annotated[str, "name of the user"],
        site_name: Annotated[str, "name of the user's site"],
        *,
        budget: float = SECONDS,
    ) -> Result:
        """One user by name and site."""
        limits = Limits("user_by_name")
        query = {"username": limits.text("username", username), "sitename": limits.text("site_name", site_name)}
        return self._ask("user_by_name", "user", query, budget, expect=answers.row)

    @function(changes=False)
    def templates(self, site_id: SiteId = None, *, budget: float = SECONDS) -> Result:
        """The templates of a site."""
        return self._ask("templates", "templates", self._site("templates", site_id), budget, expect=answers.rows)

    @function(changes=False)
    def template(
        self, template_id: Annotated[str, "id of the template, from templates"], *, budget: float = SECONDS
    ) -> Result:
        """One template."""
        path = f"template/{path_id(Limits('template'), 'template_id', template_id)}"
        return self._ask("template", path, {}, budget, expect=answers.row)


def _path(label: str, area: str, campaign_id: str, *action: str) -> str:
    return "/".join((area, path_id(Limits(label), "campaign_id", campaign_id), *action))


def _ids(fields: Mapping[str, Any]) -> set[str]:
    """Returns the names in `fields` that a server could take for the campaign's id."""
    return {name for name in fields if name.lower() in ("id", "campaignid")}


def _custom_data(limits: Limits, given: Mapping[str, Any]) -> str:
    """Joins as `tag|value|tag|value`. A | within a tag or value cannot be escaped."""
    values = [part for pair in given.items() for part in pair]
    plain = all(isinstance(part, str | int | float) and not isinstance(part, bool) for part in values)
    limits.require(plain, "custom_data must hold texts and numbers only")
    parts = [str(part) for part in values]
    limits.require(all(tag.strip() for tag in parts[::2]), "custom_data must not hold an empty tag")
    limits.require(not any("|" in part for part in parts), "custom_data must not hold a | in a tag or a value")
    joined = "|".join(parts)
    limits.require(
        len(joined) <= MAX_CUSTOM_DATA,
        f"custom_data must have at most {MAX_CUSTOM_DATA} characters, written as tag|value|tag|value",
    )
    return joined
