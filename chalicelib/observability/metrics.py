"""Collects metrics in memory; `flush` writes them to standard output, as log lines from which CloudWatch reads them.

CloudWatch charges for each series, so it receives only what an alarm or its dashboard shows (`PUBLISHED`), for the
stage as a whole, in its embedded metric format. All other metrics are in the same lines, by account; Logs Insights sums
them. No metric is recorded by address or by list. Powertools' class is not used: it warns at every empty flush, and
would be an additional import for these few lines.
Format: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import math
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any, Literal

from ..effects import system_clock
from ..names import METRICS, stage
from .redaction import redact

STAGE = stage(os.environ)
_MOST = 100  # the format's limit of values a metric, and of metrics a line

Unit = Literal["Count", "Seconds"]

PUBLISHED = frozenset(
    [
        "address_keys_missing",
        "audit_differences",
        "canary_failing_seconds",
        "check_problems",
        "delivered",
        "forms_silent",
        "ledger_failures",
        "malformed_items",
        "oldest_pending_seconds",
        "oldest_unsubscribe_seconds",
        "owner_must_act",
        "parked",
        "paused_seconds",
        "provider_failures",
        "refused_alike",
        "stats_age_seconds",
        "unexpected_refusals",
        "unknown_outcomes",
        "unreadable_messages",
        "unsubscribes_backlog",
        "signups_quarantined",
        "unsubscribes_quarantined",
        "unsubscribes_read_age_seconds",
        "wrong_admin_keys",
    ]
)
"""The metrics that CloudWatch receives: those of alarms and of its dashboard. A series costs nothing in an hour without
a value, so a 0 is not sent.
"""
MISSED = frozenset(
    [
        "canary_failing_seconds",
        "oldest_pending_seconds",
        "oldest_unsubscribe_seconds",
        "stats_age_seconds",
        "unsubscribes_read_age_seconds",
    ]
)
"""Metrics whose alarms also fire when nothing is measured any more, so a 0 of them is sent."""

_lock = threading.Lock()
_stored: dict[str | None, dict[tuple[str, Unit], list[float]]] = {}


def count(name: str, value: float = 1, account: str | None = None) -> None:
    """Adds `value` to the count `name`; one sum is written at the next flush."""
    with _lock:
        values = _stored.setdefault(account, {}).setdefault((name, "Count"), [0])
        values[0] += value


def seconds(name: str, value: float, account: str | None = None) -> None:
    """Records one duration or age in seconds; CloudWatch gets every value, the log alone gets the sum."""
    with _lock:
        _stored.setdefault(account, {}).setdefault((name, "Seconds"), []).append(value)


def flush() -> None:
    """Writes the metrics since the last flush, in as few lines as the format allows; nothing if there are none."""
    with _lock:
        taken = dict(_stored)
        _stored.clear()
    lines = [
        json.dumps(line, separators=(",", ":")) + "\n"
        for account, stored in taken.items()
        for line in _lines(account, stored)
    ]
    if not lines:
        return
    try:
        sys.stdout.write("".join(lines))
        sys.stdout.flush()
    except (OSError, ValueError):
        return  # Output closed: a metric must not make the work fail.


def _lines(account: str | None, stored: dict[tuple[str, Unit], list[float]]) -> Iterator[dict[str, Any]]:
    """Yields the lines of one account, or of the metrics without an account.

    The first line also has all metrics that CloudWatch does not receive.
    """
    finite = {key: [value for value in values if math.isfinite(value)] for key, values in stored.items()}
    published = {
        (name, unit): values
        for (name, unit), values in finite.items()
        if name in PUBLISHED and (name in MISSED or any(values))
    }
    facts: dict[str, Any] = {"stage": STAGE} if account is None else {"stage": STAGE, "account": redact(account)}
    logged = {
        name: round(sum(values), 3)
        for (name, unit), values in finite.items()
        if values and (name, unit) not in published
    }
    while published := {key: values for key, values in published.items() if values}:
        part = {key: published[key][:_MOST] for key in list(published)[:_MOST]}
        metrics = [{"Name": name, "Unit": unit} for name, unit in part]
        described = {"Namespace": METRICS, "Dimensions": [["stage"]], "Metrics": metrics}
        yield {
            "_aws": {"Timestamp": int(system_clock().timestamp() * 1000), "CloudWatchMetrics": [described]},
            **facts,
            **{name: given[0] if len(given) == 1 else given for (name, _), given in part.items()},
            **logged,
        }
        logged = {}
        for key in part:
            published[key] = published[key][_MOST:]
    if logged:
        yield {**facts, **logged}
