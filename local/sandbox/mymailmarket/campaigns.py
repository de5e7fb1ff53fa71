"""myMailMarket's functions about campaigns and autoresponders."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ..clock import paris
from .context import Context, Done, Many, One, Outcome
from .lists import the_site
from .models import CAMPAIGN_STATUSES, Campaign, Failure

Args = Mapping[str, str]
_OWN_FIELDS = frozenset({"Id", "id", "Name", "Subject", "SiteId", "Status", "SendTimestamp", "UserLastUpdate"})


def campaigns(at: Context, args: Args) -> Outcome:
    """Returns all campaigns of a site in one status."""
    the_site(at, args)
    if args["status"] not in CAMPAIGN_STATUSES:
        raise Failure("status invalid", 400)
    known = at.account.campaigns.values()
    return Many([one.shown(at.now) for one in known if one.status_at(at.now) == args["status"]])


def campaign_data(at: Context, args: Args) -> Outcome:
    """Returns one campaign."""
    return One(at.account.the_campaign(args["id"]).shown(at.now), as_array=True)


def campaign_stats(at: Context, args: Args) -> Outcome:
    """Returns one campaign's figures."""
    return One(at.account.the_campaign(args["id"]).stats(at.figures_at))


def campaign_create(at: Context, args: Args) -> Outcome:
    """Creates a campaign, or changes the one whose id is in the body: both share the URL."""
    given = at.fields()
    number = str(given.get("Id") or given.get("id") or "")
    if number:
        campaign = at.account.the_campaign(number)
    elif given.get("Name"):
        campaign = Campaign(at.new_id(), "", "", at.account.site_id, "edit mode", at.now)
        at.account.campaigns[campaign.id] = campaign
    else:
        raise Failure("Name is required")
    campaign.name = str(given.get("Name", campaign.name))
    campaign.subject = str(given.get("Subject", campaign.subject))
    campaign.updated = at.now
    campaign.more |= {key: value for key, value in given.items() if key not in _OWN_FIELDS}
    return Done(campaign.id, campaign.shown(at.now))


def campaign_schedule(at: Context, args: Args) -> Outcome:
    """Schedules a campaign in Brussels time."""
    campaign = _unsent(at, args)
    try:
        year, month, day, hour, minute = (int(args[name]) for name in ("y", "m", "d", "h", "min"))
        local = datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError as error:
        raise Failure("date invalid", 400) from error
    due = local - (paris(local).replace(tzinfo=UTC) - local)
    if due < at.now:
        raise Failure("the date is in the past")
    campaign.status, campaign.sent, campaign.updated = "scheduled", due, at.now
    return Done(campaign.id)


def campaign_unschedule(at: Context, args: Args) -> Outcome:
    """Cancels a campaign's schedule."""
    campaign = _unsent(at, args)
    if campaign.status != "scheduled":
        raise Failure("the campaign is not scheduled")
    campaign.status, campaign.sent, campaign.updated = "edit mode", None, at.now
    return Done(campaign.id)


def campaign_send_now(at: Context, args: Args) -> Outcome:
    """Sends a campaign; its status is sent a minute later."""
    campaign = _unsent(at, args)
    campaign.status, campaign.sent, campaign.updated = "send now", at.now + timedelta(minutes=1), at.now
    return Done(campaign.id, documented="array")


def autoresponders(at: Context, args: Args) -> Outcome:
    """Returns all autoresponders of a site."""
    the_site(at, args)
    return Many(list(at.account.autoresponders.values()))


def trigger_link(at: Context, args: Args) -> Outcome:
    """Link an address to an autoresponder; the answer's id unlinks it again."""
    _the_autoresponder(at, args["arid"])
    if len(args["reference"]) > 100:
        raise Failure("reference too long", 400)
    number = at.new_id()
    at.account.links[number] = {"autoresponder": args["arid"], "email": args["email"], "reference": args["reference"]}
    return Done(number)


def trigger_unlink(at: Context, args: Args) -> Outcome:
    """Removes a link."""
    if at.account.links.pop(args["autosubcrid"], None) is None:
        raise Failure("link not found", 404)
    return Done(args["autosubcrid"])


def trigger_send(at: Context, args: Args) -> Outcome:
    """Sends an autoresponder to one address now. All parameters are in the query, the body is empty."""
    _the_autoresponder(at, args["id"])
    custom = args["customdata"]
    if at.body is not None:
        raise Failure("the body must be empty", 400)
    if not args["to"] or len(args["to"]) > 100 or len(custom) > 255:
        raise Failure("to or customdata invalid", 400)
    if custom and custom.count("|") % 2 == 0:
        raise Failure("customdata must be tag|value|tag|value")
    at.account.triggers_sent.append({"autoresponder": args["id"], "to": args["to"], "customdata": custom})
    return Done("")


def _the_autoresponder(at: Context, number: str) -> dict[str, Any]:
    if number not in at.account.autoresponders:
        raise Failure("autoresponder not found", 404)
    return at.account.autoresponders[number]


def _unsent(at: Context, args: Args) -> Campaign:
    campaign = at.account.the_campaign(args["id"])
    if campaign.status_at(at.now) == "sent":
        raise Failure("the campaign was already sent")
    return campaign
