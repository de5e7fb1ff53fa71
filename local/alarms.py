"""Builds alarms of a stage from `.chalice/metric-alarms.json`, says whom every alarm notifies, and the dashboard."""

from __future__ import annotations

import json
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
    """Returns an alarm on one of the product's own metrics, as `.chalice/metric-alarms.json` describes it.

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
    """Adds to every alarm where its runbook is, and whom it notifies when it begins and when it is over."""
    for resource in resources.values():
        if resource.get("Type") == ALARM:
            properties = resource["Properties"]
            properties["AlarmDescription"] += f" Runbook: docs/alarms.md, {properties['AlarmName']}."
            properties |= {"AlarmActions": _NOTIFIED, "OKActions": _NOTIFIED}


def dashboard(stage: str, body: dict[str, Any], resources: dict[str, Any]) -> dict[str, Any]:
    """Returns the dashboard of `.chalice/cloudwatch-dashboard.json`, whose alarms are those of `resources`.

    Dashboards of all regions share one list of names, so the region is in its name. CloudFormation fills in
    `${AWS::…}` in the body.
    """
    named = [each["Properties"]["AlarmName"] for each in resources.values() if each.get("Type") == ALARM]
    arn = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:"
    for widget in body["widgets"]:
        if widget["type"] == "alarm":
            widget["properties"]["alarms"] = [arn + name for name in sorted(named)]
    return {
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {
            "DashboardName": {"Fn::Sub": f"relais-{stage}-${{AWS::Region}}"},
            "DashboardBody": {"Fn::Sub": json.dumps(body)},
        },
    }
