from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from local import template

from .conftest import Generated

# What AWS has no narrower resource for: X-Ray's calls, and the network interfaces that Lambda makes for a function.
EVERYWHERE = {
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}
# boto3's name of a call, and the right that it takes.
DYNAMODB_CALLS = {
    "batch_get_item": "BatchGetItem",
    "batch_write_item": "BatchWriteItem",
    "delete_item": "DeleteItem",
    "get_item": "GetItem",
    "put_item": "PutItem",
    "query": "Query",
    "scan": "Scan",
    # A transaction has no permission of its own: it needs those of its operations, of which no call has this one.
    "transact_write_items": "ConditionCheckItem",
    "update_item": "UpdateItem",
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
    for function in made.functions:
        ((action, resource),) = allowed(made, function, "secretsmanager")
        assert action == "secretsmanager:GetSecretValue"
        assert resource.endswith(f":secret:relais/{made.stage}/*")
        ((action, resource),) = allowed(made, function, "ssm")
        assert action == "ssm:GetParameter"
        assert resource.endswith(f":parameter/relais/{made.stage}/*")


def test_every_function_writes_to_its_own_log_group(made: Generated) -> None:
    for function in made.functions:
        groups = {resource for _, resource in allowed(made, function, "logs")}
        assert groups == {f"{function}LogGroup"}


def test_workers_consume_their_own_queue_and_send_to_all(made: Generated) -> None:
    for function, _ in made.sqs_triggers:
        rights = allowed(made, function, "sqs")
        for action in ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes"):
            assert {queue for right, queue in rights if right == f"sqs:{action}"} == {f"{function}Queue"}
        enqueued = {queue for right, queue in rights if right == "sqs:SendMessage"}
        assert enqueued == {"SignupsQueue", "UnsubscribesQueue", "SyncsQueue", f"{function}DeadLetterQueue"}


@pytest.mark.parametrize("function", ["APIHandler", "CollectStats", "Sweep"])
def test_no_other_function_consumes_a_queue(made: Generated, function: str) -> None:
    actions = {action for action, _ in allowed(made, function, "sqs")}
    assert not actions & {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"}
    assert ("sqs:SendMessage" in actions) == (function != "CollectStats")


def test_only_functions_that_read_or_start_campaigns_write_statistics(made: Generated) -> None:
    for function in made.functions:
        rights = {right for right, table in allowed(made, function, "dynamodb") if table == "StatsTable"}
        assert ("dynamodb:PutItem" in rights) == (function in ("CollectStats", "CallProvider"))
        assert not rights & {"dynamodb:DeleteItem", "dynamodb:Scan", "dynamodb:UpdateItem"}


def test_a_check_may_keep_state_and_enqueue_nothing(made: Generated) -> None:
    assert allowed(made, "Check", "dynamodb") == {
        ("dynamodb:GetItem", "LedgerTable"),
        ("dynamodb:UpdateItem", "LedgerTable"),
    }
    assert allowed(made, "Check", "sqs") == set()


def test_only_operators_and_the_nightly_pass_can_scan_a_table(made: Generated) -> None:
    for function in made.functions:
        scans = {table for right, table in allowed(made, function, "dynamodb") if right == "dynamodb:Scan"}
        searching = ("Report", "Resend", "Sweep", "Audit", "Forget", "ExportPerson")
        assert scans == ({"LedgerTable"} if function in searching else set())


def test_the_http_function_can_read_campaigns(made: Generated) -> None:
    rights = allowed(made, "APIHandler", "dynamodb")
    assert {right for right, table in rights if table == "StatsTable"} >= {"dynamodb:GetItem", "dynamodb:Query"}


def test_table_permissions_match_the_operations_in_the_code() -> None:
    grants = json.loads((template.ROOT / ".chalice" / "policies.json").read_text())["grants"]
    assert granted(grants["ledger"] + grants["search_ledger"]) == used_in(template.ROOT / "chalicelib" / "ledger")
    assert granted(grants["read_stats"] + grants["write_stats"]) == used_in(template.ROOT / "chalicelib" / "statistics")


def granted(statements: list[dict[str, Any]]) -> set[str]:
    """Names of the DynamoDB actions in some statements."""
    return {action.removeprefix("dynamodb:") for statement in statements for action in listed(statement["Action"])}


def used_in(folder: Path) -> set[str]:
    """The rights that the DynamoDB calls in a folder take: everything written as `….client.call` or `…_client.call`.

    Batches are read by `dynamodb.batch_get`, which all folders share.
    """
    used = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and "client" in ast.unparse(node.value) and node.attr in DYNAMODB_CALLS:
                used.add(DYNAMODB_CALLS[node.attr])
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "batch_get":
                used.add(DYNAMODB_CALLS["batch_get_item"])
    return used
