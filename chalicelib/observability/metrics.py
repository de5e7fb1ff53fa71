"""Collects metrics in memory; `flush` writes them to standard output in CloudWatch embedded metric format.

Dimensions are the stage and, where given, the account; never an address or a list. Metrics of an account are also
summed for the stage, because an alarm that ships with the product cannot know the accounts. Powertools' class is not
used: it warns at every empty flush, and would be an import for these few lines.
Format: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import math
import os
import sys
import threading
from typing import Literal

from ..effects import system_clock
from ..names import METRICS, stage
from .redaction import redact

STAGE = stage(os.environ)
_MOST = 100  # the format's limit of values a metric, and of metrics a line

Unit = Literal["Count", "Seconds"]

_lock = threading.Lock()
_stored: dict[str | None, dict[tuple[str, Unit], list[float]]] = {}


def count(name: str, value: float = 1, account: str | None = None) -> None:
    """Add `value` to the count `name`; one sum is written at the next flush."""
    with _lock:
        values = _stored.setdefault(account, {}).setdefault((name, "Count"), [0])
        values[0] += value


def seconds(name: str, value: float, account: str | None = None) -> None:
    """Record one duration or age in seconds; every value is written at the next flush."""
    with _lock:
        _stored.setdefault(account, {}).setdefault((name, "Seconds"), []).append(value)


def flush() -> None:
    """Write the metrics since the last flush, in as few lines as the format allows; nothing if there are none."""
    with _lock:
        taken = dict(_stored)
        _stored.clear()
    lines: list[str] = []
    for account, stored in taken.items():
        of_account = {} if account is None else {"account": redact(account)}
        remaining = {key: [value for value in values if math.isfinite(value)] for key, values in stored.items()}
        while remaining := {key: values for key, values in remaining.items() if values}:
            part = {key: remaining[key][:_MOST] for key in list(remaining)[:_MOST]}
            described = {
                "Namespace": METRICS,
                "Dimensions": [["stage"], ["stage", "account"]] if of_account else [["stage"]],
                "Metrics": [{"Name": name, "Unit": unit} for name, unit in part],
            }
            line = {
                "_aws": {"Timestamp": int(system_clock().timestamp() * 1000), "CloudWatchMetrics": [described]},
                "stage": STAGE,
                **of_account,
                **{name: given[0] if len(given) == 1 else given for (name, _), given in part.items()},
            }
            lines.append(json.dumps(line) + "\n")
            for key in part:
                remaining[key] = remaining[key][_MOST:]
    if not lines:
        return
    try:
        sys.stdout.write("".join(lines))
        sys.stdout.flush()
    except (OSError, ValueError):
        return  # Output closed: a metric must not make the work fail.
