"""MailPartner.fr: sends mail and keeps an opt-out list, which can be read and written; it has no contact lists.

Its quirks and limits are told in docs/providers/mailpartner.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..spec import Capabilities, Option, Provider, ProviderSpec, RateLimit
from .client import BASE_URL, JSON, XML
from .provider import FUNCTIONS, PARALLEL_CALLS, MailPartner

if TYPE_CHECKING:
    from ..account import Account
    from ..transport.session import Transport


def _connect(account: Account, transport: Transport) -> Provider:
    return MailPartner(account, transport)


SPEC = ProviderSpec(
    name="mailpartner",
    title="MailPartner.fr",
    base_url=BASE_URL,
    capabilities=Capabilities(
        has_lists=False,
        signup_batch=0,
        parallel_calls=PARALLEL_CALLS,
        reads_unsubscribes=True,
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
    functions=FUNCTIONS,
    connect=_connect,
)
