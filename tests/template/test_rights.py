from __future__ import annotations

import re
from typing import Any

from chalicelib.operators.functions import EFFECTS, Effect
from local import template

from .conftest import Generated

OPERATIONS = template.ROOT / "docs" / "operations.md"
# What AWS has no narrower resource for: the network interfaces that Lambda makes for a function.
EVERYWHERE = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
    "ses:GetAccount",
}


def listed(value: Any) -> list[Any]:
    """IAM takes one value or a list of them."""
    return value if isinstance(value, list) else [value]


def allowed(made: Generated, function: str, service: str) -> set[tuple[str, str]]:
    """(action, resource) pairs of one service; the resource is the template's own, or text."""
    pairs = set()
    for statement in made.statements(function):
        for resource in listed(statement["Resource"]):
            if "Fn::If" in resource:  # a table of another name
                _, _, resource = resource["Fn::If"]
            name = resource if isinstance(resource, str) else next(iter(resource.values()))
            text = name[0] if isinstance(name, list) else name
            pairs |= {(action, text) for action in listed(statement["Action"]) if action.startswith(service + ":")}
    return pairs


def test_every_function_has_its_own_role(made: Generated) -> None:
    roles = [function["Role"]["Fn::GetAtt"][0] for function in made.functions.values()]
    assert len(set(roles)) == len(made.functions)
    assert set(made.of_type("AWS::IAM::Role")) == set(roles)


def test_permissions_name_resources_where_aws_allows_it(made: Generated) -> None:
    for function in made.functions:
        for statement in made.statements(function):
            assert statement["Effect"] == "Allow"
            assert not any("*" in action for action in listed(statement["Action"]))
            if "*" in listed(statement["Resource"]):
                assert set(listed(statement["Action"])) <= EVERYWHERE


def test_only_secrets_of_its_own_stage_can_be_read(made: Generated) -> None:
    found = set()
    for function in made.functions:
        found |= allowed(made, function, "secretsmanager") | allowed(made, function, "ssm")
    assert {action for action, _ in found} == {"secretsmanager:GetSecretValue", "ssm:GetParameter"}
    assert {resource.rpartition("}:")[2] for _, resource in found} == {
        f"secret:relais/{made.stage}/*",
        f"parameter/relais/{made.stage}/*",
    }


def test_every_function_writes_to_its_own_log_group(made: Generated) -> None:
    for function in made.functions:
        groups = {resource for _, resource in allowed(made, function, "logs")}
        assert groups == {f"{function}LogGroup"}


def test_lambda_consumes_each_queue_by_the_role_of_its_own_worker(made: Generated) -> None:
    """What Lambda's poller takes, and no more: it never changes a message's visibility."""
    workers = dict(made.sqs_triggers)
    for function in made.functions:
        rights = allowed(made, function, "sqs")
        own = {(action, queue) for action, queue in rights if action in ("sqs:ReceiveMessage", "sqs:DeleteMessage")}
        polled = {(f"sqs:{call}Message", f"{function}Queue") for call in ("Receive", "Delete")}
        assert own == (polled if function in workers else set()), function
        assert ("sqs:GetQueueAttributes", f"{function}Queue") in rights or function not in workers


def test_only_reports_repairs_and_searches_for_a_person_scan_a_table(made: Generated) -> None:
    for function in made.functions:
        scans = {table for right, table in allowed(made, function, "dynamodb") if right == "dynamodb:Scan"}
        searching = ("Report", "Resend", "Sweep", "Audit", "Forget", "ExportPerson")
        assert scans == ({"LedgerTable"} if function in searching else set())


def test_what_takes_an_idempotency_key_may_read_the_key_that_protects_it(made: Generated) -> None:
    """`python3 -m local invoke NAME --stage STAGE` sends one with each call that may change something."""
    for function, effect in EFFECTS.items():
        if effect is not Effect.NONE:
            rights = allowed(made, template.resource_name(function), "secretsmanager")
            assert "secretsmanager:GetSecretValue" in {right for right, _ in rights}, function


def test_people_get_policies_for_what_they_may_call(made: Generated) -> None:
    """Whoever operates Relais may not read or erase a person's data by that alone."""
    by_policy = {}
    for name, policy in made.of_type("AWS::IAM::ManagedPolicy").items():
        assert "ManagedPolicyName" not in policy, "a name would be one for all regions, and needs CAPABILITY_NAMED_IAM"
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert statement["Action"] == "lambda:InvokeFunction"
        by_policy[name] = {resource["Fn::GetAtt"][0] for resource in statement["Resource"]}
        assert made.body["Outputs"][f"{name}Arn"]["Value"] == {"Ref": name}
        (row,) = re.findall(rf"^\| `{name}Arn` \| (.*) \|$", OPERATIONS.read_text(encoding="utf-8"), re.MULTILINE)
        assert {template.resource_name(function) for function in re.findall(r"`(\w+)`", row)} == by_policy[name]
    triggered_by_messages = {"APIHandler", *dict(made.sqs_triggers)}
    assert by_policy["PersonalDataPolicy"] == {"Forget", "ExportPerson"}
    assert by_policy["OperatorsPolicy"] == made.functions.keys() - triggered_by_messages - {"Forget", "ExportPerson"}


def test_no_name_of_iam_is_fixed(made: Generated) -> None:
    """IAM knows no regions: a stage in two of them would collide."""
    assert not [role for role in made.of_type("AWS::IAM::Role").values() if "RoleName" in role]
