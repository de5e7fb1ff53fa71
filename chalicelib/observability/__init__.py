"""Logging and metrics, without personal data or secrets."""

from __future__ import annotations

from . import event_log, metrics
from .instrumentation import instrumented, observing
from .logs import ContextPool, log_context, logger, until_time_is_up
from .redaction import hide, redact

__all__ = [
    "ContextPool",
    "event_log",
    "hide",
    "instrumented",
    "log_context",
    "logger",
    "metrics",
    "observing",
    "redact",
    "until_time_is_up",
]
