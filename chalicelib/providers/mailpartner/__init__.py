"""MailPartner.fr: sends mail and keeps an opt-out list, which can be read and written; it has no contact lists.

Quirks and limits: docs/providers/mailpartner.md.
"""

from __future__ import annotations

from ..spec import Capabilities, Implementation, Option, ProviderSpec, RateLimit
from .constants import BASE_URL, JSON, PARALLEL_CALLS, XML


def _load() -> Implementation:
    from .provider import FUNCTIONS, MailPartner

    return Implementation(FUNCTIONS, MailPartner)


SPEC = ProviderSpec(
    name="mailpartner",
    title="MailPartner.fr",
    base_url=BASE_URL,
    capabilities=Capabilities(
        has_lists=False,
        signup_batch=0,
        parallel_calls=PARALLEL_CALLS,
        reads_unsubscribes=True,
        sends_mail=True,
        lifts_suppression=True,
        has_global_unsubscribe=False,
        statistics="per_campaign",
        rate_limit=RateLimit(calls=2000, seconds=60.0, shared_by="ip"),
    ),
    options=(
        Option("api_key", secret=True, help="key of the API, shown in the account's dashboard"),
        Option(
            "format",
            required=False,
            choices=(JSON, XML),
            default=JSON,
            help="how the opt-out list is asked for; everything else is asked for in JSON",
        ),
    ),
    load=_load,
)
