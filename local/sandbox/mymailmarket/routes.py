"""myMailMarket's URLs: method, path and required query, letter case and slashes as documented."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from ..exchange import Request
from . import campaigns, lists, subscribers
from .context import Context, Outcome

Function = Callable[[Context, Mapping[str, str]], Outcome]


@dataclass(frozen=True, slots=True)
class Route:
    """One documented URL. `path` has `{name}` for a parameter; `query` has the required names."""

    name: str
    method: str
    path: str
    query: tuple[str, ...]
    function: Function

    def arguments(self, path: str) -> dict[str, str] | None:
        """Returns the path's parameters, each decoded by itself; None for another path."""
        wanted, given = self.path.split("/"), path.split("/")
        if len(wanted) != len(given):
            return None
        found: dict[str, str] = {}
        for pattern, part in zip(wanted, given, strict=True):
            if pattern.startswith("{") and part:
                found[pattern[1:-1]] = unquote(part)
            elif pattern != part:
                return None
        return found


SESSION_PATH = "session/create/"
SESSION_PARTS = ("userName", "password", "siteName", "apikey", "sharedsecret")

_TABLE: tuple[tuple[str, str, str, Function], ...] = (
    ("lists", "GET", "lists?site", lists.lists),
    ("list_get", "GET", "list/{id}", lists.list_get),
    ("list_persist", "POST", "list/persist", lists.list_persist),
    ("list_delete", "POST", "list/{id}/delete", lists.list_delete),
    ("subscriber", "GET", "Subscriber?subscriber", subscribers.subscriber),
    ("subscriber_by_address", "GET", "Subscriber?emailaddress&list", subscribers.subscriber_by_address),
    ("subscribers", "GET", "subscribers/group/{list}/?startindex&pagesize", subscribers.subscribers),
    (
        "subscribers_in_status",
        "GET",
        "subscribers/group/{list}/status/{status}/?startindex&pagesize",
        subscribers.subscribers_in_status,
    ),
    ("profile", "GET", "subscriberprofile/{id}/", subscribers.profile),
    ("profile_by_address", "GET", "Subscriberprofile?emailaddress&list", subscribers.profile_by_address),
    ("subscriber_persist", "POST", "subscriber/persist", subscribers.subscriber_persist),
    ("profile_persist", "POST", "subscriberprofile/persist", subscribers.profile_persist),
    ("address_update", "GET", "subscriber/address/update?oldemail&newemail&group", subscribers.address_update),
    ("status_update", "GET", "subscriber/{id}/status/{status}/", subscribers.status_update),
    ("subscriber_delete", "GET", "subscriber/{id}/delete", subscribers.subscriber_delete),
    (
        "subscriber_delete_by_address",
        "GET",
        "subscriber/address/{address}/delete?list",
        subscribers.subscriber_delete_by_address,
    ),
    (
        "subscriber_delete_by_mobile",
        "GET",
        "subscriber/mobile/{mobile}/delete?list",
        subscribers.subscriber_delete_by_mobile,
    ),
    ("unsubscribe_by_address", "GET", "unsubscribe/?address&groupid", subscribers.unsubscribe_by_address),
    ("unsubscribe_by_mobile", "GET", "unsubscribe/mobile/?gsm&groupid", subscribers.unsubscribe_by_mobile),
    ("unsubscribe", "GET", "unsubscribe/{id}/", subscribers.unsubscribe),
    (
        "campaign_unsubscribes",
        "GET",
        "unsubscribes/campaign/{id}/?startindex&pagesize",
        subscribers.campaign_unsubscribes,
    ),
    ("campaigns", "GET", "Campaigns?site&status", campaigns.campaigns),
    ("campaign_data", "GET", "campaigndata/{id}", campaigns.campaign_data),
    ("campaign_stats", "GET", "Campaignstats/{id}", campaigns.campaign_stats),
    ("campaign_create", "POST", "campaigndata/create", campaigns.campaign_create),
    ("campaign_schedule", "GET", "campaign/{id}/schedule?y&m&d&h&min", campaigns.campaign_schedule),
    ("campaign_unschedule", "GET", "campaign/{id}/unschedule", campaigns.campaign_unschedule),
    ("campaign_send_now", "GET", "campaign/{id}/sendnow", campaigns.campaign_send_now),
    ("autoresponders", "GET", "Autoresponders?site", campaigns.autoresponders),
    ("trigger_link", "GET", "subscriber/trigger/{arid}/create?email&reference", campaigns.trigger_link),
    ("trigger_unlink", "GET", "subscriber/trigger/remove?autosubcrid", campaigns.trigger_unlink),
    ("trigger_send", "POST", "autoresponder/sendtrigger?id&to&customdata", campaigns.trigger_send),
    ("user_persist", "POST", "users/persist", lists.user_persist),
    ("user", "GET", "user?id", lists.user),
    ("user_by_name", "GET", "user?username&sitename", lists.user_by_name),
    ("templates", "GET", "templates?site", lists.templates),
    ("template", "GET", "template/{id}", lists.template),
)


def _route(name: str, method: str, url: str, function: Function) -> Route:
    path, _, query = url.partition("?")
    return Route(name, method, path, tuple(query.split("&")) if query else (), function)


ROUTES = tuple(_route(*row) for row in _TABLE)


def find(request: Request, path: str) -> tuple[Route, dict[str, str]] | None:
    """Returns a request's route and arguments; None when method, path or a required parameter does not match."""
    for route in ROUTES:
        found = route.arguments(path) if request.method == route.method else None
        if found is not None and all(name in request.query for name in route.query):
            return route, {**{name: request.query[name] for name in route.query}, **found}
    return None
