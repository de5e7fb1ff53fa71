"""CloudWatch as far as alarms need it: what the product and the embedded AWS measure, and the state of an alarm of the
template at a moment, period by period.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import mean
from typing import Any

Series = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, metric and dimensions."""
STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Sum": sum, "Maximum": max, "Minimum": min, "Average": mean, "SampleCount": len,
}  # fmt: skip
BREACHES: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
}
MISSING = {"breaching": True, "notBreaching": False}


@dataclass
class CloudWatch:
    """The values of every series, each with its time in epoch seconds. `names` are the template's resources by name."""

    clock: Callable[[], datetime]
    names: Mapping[str, str] = field(default_factory=dict)
    values: dict[Series, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))

    def put(self, namespace: str, metric: str, value: float, **dimensions: str) -> None:
        """Record one value of one of AWS' own metrics now."""
        self.values[namespace, metric, frozenset(dimensions.items())].append((self.clock().timestamp(), value))

    def read_log(self, lines: Iterable[str]) -> None:
        """Record the metrics of lines in embedded metric format, as of now."""
        for text in lines:
            line = json.loads(text) if text.startswith("{") else {}
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", ()):
                for dimensions in directive["Dimensions"]:
                    of = {name: str(line[name]) for name in dimensions}
                    for metric in directive["Metrics"]:
                        given = line[metric["Name"]]
                        for value in given if isinstance(given, list) else [given]:
                            self.put(directive["Namespace"], metric["Name"], value, **of)

    def is_in_alarm(self, alarm: Mapping[str, Any]) -> bool:
        """Are the last `EvaluationPeriods` periods that have begun all over the line?"""
        over = BREACHES[alarm["ComparisonOperator"]]
        missing = MISSING[alarm["TreatMissingData"]]
        period, series = self._series(alarm)
        current = self.clock().timestamp() // period
        found = [series(current - back) for back in range(alarm["EvaluationPeriods"])]
        return all(missing if value is None else over(value, alarm["Threshold"]) for value in found)

    def _series(self, alarm: Mapping[str, Any]) -> tuple[int, Callable[[float], float | None]]:
        """Return the length of a period, and a function from its number to its value."""
        if "Metrics" not in alarm:
            return alarm["Period"], lambda period: self._value(alarm, alarm["Statistic"], alarm["Period"], period)
        parts = {each["Id"]: each["MetricStat"] for each in alarm["Metrics"] if "MetricStat" in each}
        (expression,) = [each["Expression"] for each in alarm["Metrics"] if each["ReturnData"]]
        terms = re.findall(r"FILL\((\w+), 0\)", expression)
        assert " + ".join(f"FILL({term}, 0)" for term in terms) == expression, "no other mathematics is known here"
        (length,) = {each["Period"] for each in parts.values()}

        def sum_of(period: float) -> float:
            return sum(self._value(parts[each]["Metric"], parts[each]["Stat"], length, period) or 0 for each in terms)

        return length, sum_of

    def _value(self, metric: Mapping[str, Any], statistic: str, length: int, period: float) -> float | None:
        dimensions = frozenset((each["Name"], self._named(each["Value"])) for each in metric.get("Dimensions", ()))
        stored = self.values.get((metric["Namespace"], metric["MetricName"], dimensions), ())
        values = [value for at, value in stored if at // length == period]
        return STATISTICS[statistic](values) if values else None

    def _named(self, value: Any) -> str:
        """Return the value of a dimension; a resource of the template by its name."""
        if isinstance(value, str):
            return value
        ((_, of),) = value.items()
        return self.names[of if isinstance(of, str) else of[0]]
