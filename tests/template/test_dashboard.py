"""The dashboard in CloudWatch shows what there is, in the order in which an operator asks, and costs nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.observability.metrics import PUBLISHED

from .conftest import Generated

OF_AWS = {
    "AWS/SQS": ("QueueName", {"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"}),
    "AWS/ApiGateway": ("ApiName", {"Count", "4XXError", "5XXError"}),
    "AWS/Lambda": ("FunctionName", {"Errors", "Throttles", "Duration"}),
}
"""What AWS measures without a price: by dimension."""


@pytest.fixture
def widgets(made: Generated) -> list[dict[str, Any]]:
    body = made["Dashboard"]["DashboardBody"]["Fn::Sub"]
    assert set(re.findall(r"\$\{(.*?)\}", body)) <= {"AWS::Region", "AWS::Partition", "AWS::AccountId"}
    found: list[dict[str, Any]] = json.loads(body)["widgets"]
    return found


def metrics(widgets: list[dict[str, Any]]) -> Iterator[list[Any]]:
    for widget in widgets:
        if widget["type"] == "metric":
            yield from widget["properties"]["metrics"]


def names(made: Generated) -> dict[str, set[str]]:
    """The names that AWS' metrics may have as a dimension, by namespace."""
    queues = {queue["QueueName"] for queue in made.of_type("AWS::SQS::Queue").values()}
    functions = {function["FunctionName"] for function in made.functions.values()}
    return {"AWS/SQS": queues, "AWS/ApiGateway": {made["RestAPI"]["Name"]}, "AWS/Lambda": functions}


def test_every_metric_on_it_is_one_that_the_product_or_aws_sends(
    made: Generated, widgets: list[dict[str, Any]]
) -> None:
    for namespace, metric, dimension, value, *_ in metrics(widgets):
        if namespace == "Relais":
            assert metric in PUBLISHED and (dimension, value) == ("stage", made.stage)
        else:
            assert dimension == OF_AWS[namespace][0] and metric in OF_AWS[namespace][1]
            assert value in names(made)[namespace], value


def test_what_cloudwatch_is_paid_for_is_on_it_or_watched(made: Generated, widgets: list[dict[str, Any]]) -> None:
    watched = {alarm.get("MetricName") for alarm in made.of_type("AWS::CloudWatch::Alarm").values()}
    assert {metric for namespace, metric, *_ in metrics(widgets) if namespace == "Relais"} | watched >= PUBLISHED


def test_it_is_free(widgets: list[dict[str, Any]]) -> None:
    """AWS asks nothing for an account's first three dashboards of up to fifty metrics."""
    assert len(list(metrics(widgets))) <= 50


def test_it_begins_with_all_alarms_and_asks_its_questions_in_order(
    made: Generated, widgets: list[dict[str, Any]]
) -> None:
    heading, alarms, *_ = widgets
    shown = [arn.rpartition(":")[2] for arn in alarms["properties"]["alarms"]]
    assert shown == sorted(alarm["AlarmName"] for alarm in made.of_type("AWS::CloudWatch::Alarm").values())
    assert heading["type"] == "text" and len(shown) <= 100
    titles = [each["properties"]["markdown"] for each in widgets if each["type"] == "text"]
    assert [title[:6] for title in titles] == [f"### {n}." for n in range(1, len(titles) + 1)]
    assert all(each["width"] in (6, 8, 12, 24) for each in widgets)


def test_its_queries_read_logs_of_the_stage(made: Generated, widgets: list[dict[str, Any]]) -> None:
    groups = {group["LogGroupName"] for group in made.of_type("AWS::Logs::LogGroup").values()}
    queries = [each["properties"]["query"] for each in widgets if each["type"] == "log"]
    assert queries
    for query in queries:
        assert set(re.findall(r"SOURCE '(.*?)'", query)) <= groups


def test_stages_of_several_regions_have_a_dashboard_each(made: Generated) -> None:
    assert made["Dashboard"]["DashboardName"] == {"Fn::Sub": f"relais-{made.stage}-${{AWS::Region}}"}
