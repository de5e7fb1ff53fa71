"""Defines the constants that MailPartner's declaration and its client share."""

from __future__ import annotations

BASE_URL = "https://api.mailpartner.fr/v1"
JSON, XML = "json", "xml"
PARALLEL_CALLS = 8
"""Calls under way at once for one account and event type."""
