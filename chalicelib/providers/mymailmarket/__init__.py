"""myMailMarket (Mailpartners): signups one by one into lists, unsubscribes list by list, statistics per campaign.

Its behaviour and limits are in docs/providers/mymailmarket.md.
"""

from __future__ import annotations

from ..spec import Capabilities, Implementation, Option, ProviderSpec
from .constants import BASE_URL, PARALLEL_CALLS


def _load() -> Implementation:
    from .provider import FUNCTIONS, MyMailMarket

    return Implementation(FUNCTIONS, MyMailMarket)


SPEC = ProviderSpec(
    name="mymailmarket",
    title="myMailMarket",
    base_url=BASE_URL,
    capabilities=Capabilities(
        has_lists=True,
        signup_batch=1,
        signup_repeat_is_harmless=True,
        parallel_calls=PARALLEL_CALLS,
        reads_unsubscribes=True,
        reads_subscribers=True,
        lifts_suppression=True,
        deletes_subscribers=True,
        statistics="per_campaign",
    ),
    options=(
        Option("username", help="name of the API's user; use one for Relais alone"),
        Option("password", secret=True, help="that user's password"),
        Option("site", help="name of the site, as in the login"),
        Option("site_id", help="id of the site, 13 digits with the leading zero"),
        Option("api_key", secret=True, help="API key, under the link API of the Mailpartners account"),
        Option("shared_secret", secret=True, help="shared secret, next to the API key"),
    ),
    load=_load,
)
