"""Ediware / MDWorks: bulk signups into lists, unsubscribes one by one, statistics of all campaigns at once.

Quirks and limits: docs/providers/ediware.md.
"""

from __future__ import annotations

from datetime import timedelta

from ..spec import Capabilities, Implementation, Option, ProviderSpec
from .constants import BASE_URL, JSON_TYPE, MOST_ROWS


def _load() -> Implementation:
    from .provider import FUNCTIONS, Ediware

    return Implementation(FUNCTIONS, Ediware)


SPEC = ProviderSpec(
    name="ediware",
    title="Ediware / MDWorks",
    base_url=BASE_URL,
    capabilities=Capabilities(
        has_lists=True,
        signup_batch=MOST_ROWS,
        signup_repeat_is_harmless=False,
        parallel_calls=4,
        reads_unsubscribes=False,
        lifts_suppression=False,
        unsuppress_by_hand="take the address off the account's unsubscribed list in the Ediware/MDWorks interface, or "
        "have its support do so; then send the event again with `resend`",
        has_global_unsubscribe=True,
        statistics="all_at_once",
        statistics_retention=timedelta(days=30),
        fetches_lists=True,
    ),
    options=(
        Option("api_key", secret=True, help="key of the API, shown in the account's settings"),
        Option(
            "content_type",
            required=False,
            choices=(JSON_TYPE, "application/x-www-form-urlencoded"),
            default=JSON_TYPE,
            help="Content-Type under which the JSON body is sent",
        ),
    ),
    load=_load,
)
