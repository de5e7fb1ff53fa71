"""Builds alarms of a stage from `.chalice/metric-alarms.json`, and adds to every alarm whom it notifies."""

from __future__ import annotations

from typing import Any

from chalicelib import names

ALARM = "AWS::CloudWatch::Alarm"
_NOTHING = {"Ref": "AWS::NoValue"}
_NOTIFIED = [
    {"Fn::If": ["HasAlarmTopic", {"Ref": "AlarmTopicArn"}, _NOTHING]},
    {"Fn::If": ["HasAlarmEmail", {"Ref": "AlarmTopic"}, _NOTHING]},
]


def metric_alarm(
    stage: str,
    name: str,
    description: str,
    first: str,
    metric: str,
    statistic: str,
    threshold: int,
    period: int,
    periods: int,
    missing: str = "notBreaching",
) -> dict[str, Any]:
    """Return an alarm on one of the product's own metrics, as `.chalice/metric-alarms.json` describes it.

    It watches all accounts of the stage together; `period` is in seconds; `first` says what to do first.
    """
    return {
        "Type": ALARM,
        "Properties": {
            "AlarmName": f"relais-{stage}-{name}",
            "AlarmDescription": f"{description} First: {first}",
            "Namespace": names.METRICS,
            "MetricName": metric,
            "Dimensions": [{"Name": "stage", "Value": stage}],
            "Statistic": statistic,
            "Period": period,
            "EvaluationPeriods": periods,
            "Threshold": threshold,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": missing,
        },
    }


def complete(resources: dict[str, Any]) -> None:
    """Add to every alarm where its runbook is, and whom it notifies when it begins and when it is over."""
    for resource in resources.values():
        if resource.get("Type") == ALARM:
            properties = resource["Properties"]
            properties["AlarmDescription"] += f" Runbook: docs/operations.md, {properties['AlarmName']}."
            properties |= {"AlarmActions": _NOTIFIED, "OKActions": _NOTIFIED}
