"""Every condition that needs a person raises an alarm with a runbook."""

from __future__ import annotations

import json
import re

from chalicelib.observability.metrics import MISSED, PUBLISHED
from local.template import ROOT

from .conftest import Generated

ALARM = "AWS::CloudWatch::Alarm"
NOTIFIED = [("HasAlarmTopic", "AlarmTopicArn"), ("HasAlarmEmail", "AlarmTopic")]
# What the product measures and a person must know of.
OWN = {
    *("owner_must_act", "paused_seconds", "oldest_pending_seconds", "parked", "stats_age_seconds", "ledger_failures"),
    *("unreadable_messages", "oldest_unsubscribe_seconds", "unsubscribes_quarantined", "unsubscribes_read_age_seconds"),
    *("audit_differences", "malformed_items", "unknown_outcomes", "wrong_admin_keys", "refused_alike"),
    *("check_problems", "unexpected_refusals", "address_keys_missing", "signups_quarantined", "forms_silent"),
    "canary_failing_seconds",
}


def test_errors_and_dead_letters_raise_alarms(made: Generated) -> None:
    watched = {
        (alarm["MetricName"], json.dumps(dimension["Value"]))
        for alarm in made.of_type(ALARM).values()
        for dimension in alarm.get("Dimensions", ())
    }
    for name, function in made.functions.items():
        alone = name == "APIHandler" or bool(function.get("Events"))  # what an operator calls tells them itself
        assert (("Errors", json.dumps({"Ref": name})) in watched) == alone, name
    for queue in ("Signups", "Unsubscribes", "Syncs"):
        value = json.dumps({"Fn::GetAtt": [f"{queue}DeadLetterQueue", "QueueName"]})
        assert ("ApproximateNumberOfMessagesVisible", value) in watched
        value = json.dumps({"Fn::GetAtt": [f"{queue}Queue", "QueueName"]})
        assert ("ApproximateAgeOfOldestMessage", value) in watched
    assert ("5XXError", json.dumps(f"relais-{made.stage}")) in watched


def test_one_alarm_watches_whether_lambda_refuses_to_run_what_visitors_and_the_clock_need(made: Generated) -> None:
    http, sweep, both = made["ThrottlesAlarm"]["Metrics"]
    read = [each["MetricStat"]["Metric"] for each in (http, sweep)]
    assert [(each["MetricName"], each["Dimensions"][0]["Value"]["Ref"]) for each in read] == [
        ("Throttles", "APIHandler"),
        ("Throttles", "Sweep"),
    ]
    assert [each["ReturnData"] for each in (http, sweep, both)] == [False, False, True]


def test_product_metrics_raise_alarms_for_the_whole_stage(made: Generated) -> None:
    own = [alarm for alarm in made.of_type(ALARM).values() if alarm.get("Namespace") == "Relais"]
    assert {alarm["MetricName"] for alarm in own} == OWN
    assert all(alarm["Dimensions"] == [{"Name": "stage", "Value": made.stage}] for alarm in own)
    # Metrics of scheduled measurements are also in alarm when measurements stop.
    silent = {alarm["MetricName"] for alarm in own if alarm["TreatMissingData"] == "breaching"}
    assert silent == MISSED


def test_every_alarm_metric_is_written_by_the_product_and_reaches_cloudwatch() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "chalicelib").rglob("*.py"))
    for metric in OWN - {"parked"}:  # named after a status
        assert code.count(f'"{metric}"') >= 2, f"{metric} is nowhere but in PUBLISHED"
    assert OWN <= PUBLISHED, "add it to PUBLISHED in chalicelib/observability/metrics.py"


def test_every_alarm_has_an_action_and_a_runbook(made: Generated) -> None:
    runbook = (ROOT / "docs" / "alarms.md").read_text()
    pages = [re.escape(page) for page in re.findall(r"^## relais-prod-(\S+)$", runbook, re.MULTILINE)]
    known = "|".join(pages).replace("FUNCTION", r"\w+").replace("QUEUE", r"\w+")
    for alarm in made.of_type(ALARM).values():
        for when in ("AlarmActions", "OKActions"):
            assert [(each["Fn::If"][0], each["Fn::If"][1]["Ref"]) for each in alarm[when]] == NOTIFIED
        assert re.search(r"\. First: .+[.?] Runbook: docs/alarms\.md", alarm["AlarmDescription"])
        assert len(alarm["AlarmDescription"]) <= 1024, "CloudWatch takes no more"
        assert re.fullmatch(rf"relais-{made.stage}-(?:{known})", alarm["AlarmName"]), alarm["AlarmName"]


def test_an_address_of_alarms_is_subscribed_to_a_topic_of_the_stack(made: Generated) -> None:
    topic = made.body["Resources"]["AlarmTopic"]
    assert topic["Condition"] == "HasAlarmEmail"
    assert topic["Properties"]["Subscription"] == [{"Protocol": "email", "Endpoint": {"Ref": "AlarmEmail"}}]
    assert made.body["Parameters"]["AlarmEmail"]["Default"] == ""


def test_a_deployment_is_taken_back_by_errors_of_what_runs_by_itself(made: Generated) -> None:
    """Alarms of one minute; what an operator calls, waits for or measures says nothing of the deployment."""
    (alarm,) = made.of_type("AWS::CloudWatch::CompositeAlarm").values()
    between, parts = alarm["AlarmRule"]["Fn::Join"]
    assert between == " OR "
    watched = {part["Fn::Sub"].removeprefix('ALARM("${').removesuffix('}")') for part in parts}
    operators = {"Canary", "CallProvider", "Check", "Report", "Resend", "Resume", "Forget", "ExportPerson", "Audit"}
    assert watched == {"ApiErrorsAlarm", *(f"{name}ErrorsAlarm" for name in made.functions if name not in operators)}
    assert all(made[name]["Period"] == 60 and made[name]["TreatMissingData"] == "notBreaching" for name in watched)
    assert made.body["Outputs"]["DeploymentAlarmArn"]["Value"] == {"Fn::GetAtt": ["DeploymentAlarm", "Arn"]}
