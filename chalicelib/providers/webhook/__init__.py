"""Webhook: a back end of the organisation, which gets signups and unsubscribes as signed notices (Standard Webhooks).

What the notices contain, and what the answers mean: docs/providers/webhook.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..spec import Capabilities, Implementation, Option, ProviderSpec


def _load() -> Implementation:
    from .provider import BackEnd

    return Implementation((), BackEnd)


def _webhooks() -> Mapping[str, Any]:
    from .description import webhooks

    return webhooks()


SPEC = ProviderSpec(
    name="webhook",
    title="Webhook",
    base_url="",
    capabilities=Capabilities(
        has_lists=False,
        signup_batch=1,
        signup_repeat_is_harmless=True,  # the notice of a repeat has the same id
        parallel_calls=4,
        lifts_suppression=True,  # by the notice of the signup
        deletes_subscribers=True,
        receives_events=True,
    ),
    options=(
        Option("url", format="receiver_url", help="where notices are posted to"),
        Option("secret", secret=True, format="webhook_secret", help='signs the notices: "whsec_…"'),
        Option("allow_private", required=False, default=False, help="the host may be on a private network"),
    ),
    load=_load,
    webhooks=_webhooks,
)
