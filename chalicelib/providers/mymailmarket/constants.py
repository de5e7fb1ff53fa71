"""Defines the constants that myMailMarket's declaration and its client share."""

from __future__ import annotations

BASE_URL = "https://api.mailpartners.be/V2.svc"
"""The vendor writes http and uses https in its own sign-up script; keys in URLs leave no choice."""
PARALLEL_CALLS = 8
"""Calls under way at once for one account and event type."""
