"""Defines the constants that Ediware's declaration and its client share."""

from __future__ import annotations

BASE_URL = "https://www.mdworks.fr/api_http"
JSON_TYPE = "application/json"
MOST_ROWS = 255
"""Most contacts of one call."""
