"""What Ediware's declaration and its client have in common."""

from __future__ import annotations

BASE_URL = "https://www.mdworks.fr/api_http"
JSON_TYPE = "application/json"
MOST_ROWS = 255
"""Contacts that a call takes."""
