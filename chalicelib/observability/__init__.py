"""Logging and metrics, without personal data or secrets."""

from __future__ import annotations

from . import event_log, metrics
from .handlers import instrumented, observing
from .logs import bound, logger, with_log_context
from .redaction import hide, redact

__all__ = ["bound", "event_log", "hide", "instrumented", "logger", "metrics", "observing", "redact", "with_log_context"]
