"""What operators can see of the running product: one logger and one set of metrics, nothing personal or secret."""

from __future__ import annotations

from . import metrics, trail
from .handlers import observed, observing
from .logs import bound, carried, logger
from .redaction import hide, redact

__all__ = ["bound", "carried", "hide", "logger", "metrics", "observed", "observing", "redact", "trail"]
