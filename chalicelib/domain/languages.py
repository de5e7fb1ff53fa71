"""The languages of everything that a person reads: pages and mails."""

from __future__ import annotations

LANGUAGES = ("fr", "nl", "en")
"""As in HTML's `lang`."""
DEFAULT_LANGUAGE = "fr"
