"""Metrics as CloudWatch embedded metric format lines on standard output: counted in memory, written by `flush`.

Dimensions are the stage and, where given, the account; never an address or a list. What has an account is also added
up for the stage, because an alarm that ships with the product cannot know the accounts. Written by hand rather than
with Powertools' class: that one warns at every empty flush, and would be imported for nothing more than these lines.
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

from ..clock import system_clock
from ..names import METRICS, stage
from .redaction import redact

_MOST = 100  # values of one metric, and metrics of one line, says the format

Unit = Literal["Count", "Seconds"]

_lock = threading.Lock()
_kept: dict[str | None, dict[tuple[str, Unit], list[float]]] = {}


def count(name: str, value: float = 1, account: str | None = None) -> None:
    """Add `value` to the count `name`; one sum is written at the next flush."""
    with _lock:
        values = _kept.setdefault(account, {}).setdefault((name, "Count"), [0])
        values[0] += value


def seconds(name: str, value: float, account: str | None = None) -> None:
    """Note one duration or age in seconds; every one is written at the next flush."""
    with _lock:
        _kept.setdefault(account, {}).setdefault((name, "Seconds"), []).append(value)


def flush() -> None:
    """Write what was counted since the last flush, one line an account or more; nothing if there is nothing."""
    with _lock:
        taken = dict(_kept)
        _kept.clear()
    text = "".join(json.dumps(line) + "\n" for account, kept in taken.items() for line in _lines(account, kept))
    if not text:
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except (OSError, ValueError):
        return  # A closed output: figures about the work must not become a failure of the work.


def _lines(account: str | None, kept: dict[tuple[str, Unit], list[float]]) -> Iterator[dict[str, Any]]:
    """As few lines as the format's limits allow."""
    left = {key: [value for value in values if math.isfinite(value)] for key, values in kept.items()}
    while left := {key: values for key, values in left.items() if values}:
        chosen = list(left)[:_MOST]
        yield _line(account, {key: left[key][:_MOST] for key in chosen})
        for key in chosen:
            left[key] = left[key][_MOST:]


def _line(account: str | None, values: dict[tuple[str, Unit], list[float]]) -> dict[str, Any]:
    of_account = {} if account is None else {"account": redact(account)}
    return {
        "_aws": {
            "Timestamp": int(system_clock().timestamp() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": METRICS,
                    "Dimensions": [["stage"], ["stage", "account"]] if of_account else [["stage"]],
                    "Metrics": [{"Name": name, "Unit": unit} for name, unit in values],
                }
            ],
        },
        "stage": stage(os.environ),
        **of_account,
        **{name: given[0] if len(given) == 1 else given for (name, _), given in values.items()},
    }
