"""The stack as an emulator creates it: two stages and two regions of one account side by side, one of them with every
parameter set."""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

import app
from local import throttles
from tests.support.emulator import OWN_FORMS, Stack, create, emulated_aws

EVERYTHING = {
    "SubnetIds": "subnet-1,subnet-2",
    "SecurityGroupIds": "sg-1",
    "DomainName": "relais.example.com",
    "CertificateArn": "arn:aws:acm:eu-west-3:123456789012:certificate/1",
    "DomainName2": "new.example.com",
    "CertificateArn2": "arn:aws:acm:eu-west-3:123456789012:certificate/2",
    "PublicDomain": "2",
    "AlarmTopicArn": "arn:aws:sns:eu-west-3:123456789012:alarms",
    "AlarmEmail": "operators@example.com",
    "FormsRate": "30",
    "EventsRate": str(throttles.MOST_A_SECOND),
    "OtherRate": "1",
    "ReservedConcurrency": "20",
    "WebAclArn": "arn:aws:wafv2:eu-west-3:123456789012:regional/webacl/relais/1",
    "ProtectTables": "true",
    "LedgerTableName": "restored-ledger",
    "StatsTableName": "restored-stats",
}
pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def stacks() -> Iterator[dict[str, Stack]]:
    with emulated_aws():
        yield {
            "full": create("prod", "eu-west-3", EVERYTHING),
            "abroad": create("prod", "eu-central-1"),
            "dev": create("dev", "eu-west-3"),
        }


@pytest.fixture(params=["full", "abroad", "dev"])
def stack(request: pytest.FixtureRequest, stacks: dict[str, Stack]) -> Stack:
    """Each of the three in turn."""
    return stacks[request.param]


def stage_of(stack: Stack) -> str:
    return stack.name.removeprefix("relais-")


def test_every_resource_of_the_template_is_created(stacks: dict[str, Stack]) -> None:
    """None is left out because the emulator does not know its type: teach it, or say so in docs/testing.md."""
    full, bare = stacks["full"], stacks["abroad"]
    assert full.resources.keys() == full.body["Resources"].keys()
    conditional = {name for name, each in bare.body["Resources"].items() if "Condition" in each}
    assert bare.resources.keys() == bare.body["Resources"].keys() - conditional


def test_stacks_share_nothing(stacks: dict[str, Stack]) -> None:
    """IAM is one for all regions; the rest is named by stage within a region."""
    for kinds, names in (
        (("AWS::IAM::Role", "AWS::IAM::ManagedPolicy"), ("full", "abroad", "dev")),
        (None, ("full", "dev")),
    ):
        made = [
            (stacks[name].types[logical], physical)
            for name in names
            for logical, physical in stacks[name].resources.items()
            if physical not in ("", "api") and (kinds is None or stacks[name].types[logical] in kinds)
        ]
        assert {name: number for name, number in Counter(made).items() if number > 1} == {}, kinds


def test_rights_end_at_the_stack(stack: Stack) -> None:
    """Also with restored tables, whose names a parameter gives."""
    iam = stack.client("iam")
    for logical, kind in stack.types.items():
        if kind != "AWS::IAM::Role":
            continue
        role = stack.resources[logical]
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            # moto keeps the policy of a template as Python's text, with None where AWS::NoValue takes a statement out.
            for statement in filter(None, ast.literal_eval(document)["Statement"]):
                for resource in listed(statement["Resource"]):
                    assert resource == "*" or is_own(stack, resource), (logical, resource)


def is_own(stack: Stack, arn: str) -> bool:
    """Whether an ARN is of the stack's region, and names its stage or a table that a parameter names.

    The sender of mails is no resource of a stage: the configuration names it, and its region.
    """
    _, partition, service, region, account, name = arn.split(":", 5)
    if service == "ses":
        return account == "123456789012" and name in ("identity/*", "configuration-set/*")
    of_stage = f"relais-{stage_of(stack)}-" in name or f"relais/{stage_of(stack)}/" in name
    restored = "table/restored-" in name
    return (partition, region, account) == ("aws", stack.region, "123456789012") and (of_stage or restored)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_functions_have_what_parameters_say(stacks: dict[str, Stack]) -> None:
    for name, expected in (
        ("full", {"RELAIS_LEDGER_TABLE": "restored-ledger", "RELAIS_DOMAIN_2": "new.example.com"}),
        ("dev", {"RELAIS_LEDGER_TABLE": "", "RELAIS_DOMAIN_2": "", "RELAIS_PUBLIC_DOMAIN": "1"}),
    ):
        for function in functions(stacks[name]):
            variables = function["Environment"]["Variables"]
            assert variables["RELAIS_STAGE"] == stage_of(stacks[name])
            assert {key: variables[key] for key in expected} == expected
            if not function["FunctionName"].endswith("-api_handler"):
                api, region = stacks[name].resources["RestAPI"], stacks[name].region
                assert variables["RELAIS_API_URL"] == f"https://{api}.execute-api.{region}.amazonaws.com/api"


def functions(stack: Stack) -> list[dict[str, Any]]:
    """The configurations of the stack's functions."""
    pages = stack.client("lambda").get_paginator("list_functions").paginate()
    mine = set(stack.resources.values())
    found = [each for page in pages for each in page["Functions"] if each["FunctionName"] in mine]
    assert len(found) == len([kind for kind in stack.types.values() if kind == "AWS::Lambda::Function"])
    return found


def test_functions_join_the_vpc_where_parameters_name_one(stacks: dict[str, Stack]) -> None:
    joined = {each["FunctionName"]: each["VpcConfig"] for each in functions(stacks["full"]) if each.get("VpcConfig")}
    assert {"relais-prod-signups", "relais-prod-call_provider"} <= joined.keys()
    assert not {"relais-prod-api_handler", "relais-prod-sweep"} & joined.keys()
    for network in joined.values():
        assert (network["SubnetIds"], network["SecurityGroupIds"]) == (["subnet-1", "subnet-2"], ["sg-1"])
    assert not [each for each in functions(stacks["dev"]) if each.get("VpcConfig", {}).get("SubnetIds")]


def test_queues_start_their_functions(stack: Stack) -> None:
    mappings = stack.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    begin = f"arn:aws:sqs:{stack.region}:123456789012:{stack.name}-"
    found = {
        each["EventSourceArn"].removeprefix(begin): each["FunctionArn"].rpartition(":")[2]
        for each in mappings
        if each["EventSourceArn"].startswith(begin)
    }
    assert found == {kind: f"{stack.name}-{kind}" for kind in ("signups", "unsubscribes", "syncs")}


def test_the_api_has_every_path_and_method_of_the_product(stack: Stack) -> None:
    pages = stack.client("apigateway").get_paginator("get_resources").paginate(restApiId=stack.resources["RestAPI"])
    found = {item["path"]: set(item.get("resourceMethods", ())) for page in pages for item in page["items"]}
    shared = {path: set(methods) for path, methods in app.app.routes.items()}
    own = {
        path.replace("{form}", form): {method.upper() for method in methods}
        for path, methods in throttles.OF_A_FORM.items()
        for form in OWN_FORMS
    }
    assert {path: methods for path, methods in found.items() if methods} == shared | own


def test_domains_lead_to_the_api(stacks: dict[str, Stack]) -> None:
    full, client = stacks["full"], stacks["full"].client("apigateway")
    for slot in ("", "2"):
        domain = client.get_domain_name(domainName=EVERYTHING[f"DomainName{slot}"])
        assert full.outputs[f"DomainTarget{slot}"] == domain["regionalDomainName"]
        (mapping,) = client.get_base_path_mappings(domainName=domain["domainName"])["items"]
        assert (mapping["restApiId"], mapping["stage"]) == (full.resources["RestAPI"], "api")
    assert not [name for name in stacks["dev"].outputs if name.startswith("Domain")]


def test_tables_are_protected_where_a_parameter_says_so(stacks: dict[str, Stack]) -> None:
    for name, protected in (("full", True), ("abroad", False), ("dev", False)):
        dynamodb = stacks[name].client("dynamodb")
        for kind in ("ledger", "stats"):
            table = dynamodb.describe_table(TableName=f"{stacks[name].name}-{kind}")["Table"]
            assert table["DeletionProtectionEnabled"] is protected


def test_alarms_reach_both_topics_and_the_deployment_alarm_names_alarms_that_exist(stacks: dict[str, Stack]) -> None:
    for name, actions in (
        ("full", {EVERYTHING["AlarmTopicArn"], stacks["full"].resources["AlarmTopic"]}),
        ("dev", set()),
    ):
        stack = stacks[name]
        pages = stack.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stack.name}-")
        alarms = list(pages)
        plain = {each["AlarmName"]: each for page in alarms for each in page["MetricAlarms"]}
        assert plain and all(set(each["AlarmActions"]) == actions for each in plain.values())
        (composite,) = [each for page in alarms for each in page["CompositeAlarms"]]
        assert stack.outputs["DeploymentAlarmArn"] == composite["AlarmArn"]
        named = {part.split('"')[1] for part in composite["AlarmRule"].split(" OR ")}
        assert named <= plain.keys()


def test_nothing_is_left_unresolved(stack: Stack) -> None:
    """What the emulator cannot fill in stays as the template has it, or gets lost."""
    described = [*stack.outputs.values(), *map(json.dumps, functions(stack))]
    for page in stack.client("cloudwatch").get_paginator("describe_alarms").paginate():
        described += [
            json.dumps(each, default=str) for kind in ("MetricAlarms", "CompositeAlarms") for each in page[kind]
        ]
    for text in described:
        assert not [sign for sign in ("${", "Fn::", '"Ref"') if sign in text], text
