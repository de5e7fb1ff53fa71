from __future__ import annotations

import html
import importlib
import json
import re

import app
from chalicelib import names
from chalicelib.web.gateway import METHODS
from local import template

from .conftest import Generated

QUEUES = ("signups", "unsubscribes", "syncs")
OPERATORS = ("call_provider", "check", "report", "resend", "resume", "forget", "export_person")
FUNCTIONS = (
    "api_handler",
    "signups",
    "unsubscribes",
    "syncs",
    "collect_stats",
    "sync_unsubscribes",
    "audit",
    "canary",
    "sweep",
    *OPERATORS,
)


def queue_of(trigger: dict[str, object]) -> str:
    """The queue's resource, from an ARN written as ${Resource.Arn}."""
    assert isinstance(trigger["Queue"], dict)
    text: str = trigger["Queue"]["Fn::Sub"]
    assert text.startswith("${")
    assert text.endswith(".Arn}")
    return text[2:-5]


def test_resource_names_match_the_contract(made: Generated) -> None:
    queues = {queue["QueueName"] for queue in made.of_type("AWS::SQS::Queue").values()}
    assert queues == {f"relais-{made.stage}-{kind}{end}" for kind in QUEUES for end in ("", "-dlq")}
    assert {names.queue(made.stage, kind) for kind in template.QUEUES} <= queues
    tables = {table["TableName"] for table in made.of_type("AWS::DynamoDB::Table").values()}
    assert tables == {f"relais-{made.stage}-ledger", f"relais-{made.stage}-stats"}
    assert tables == {names.table(made.stage, "ledger"), names.table(made.stage, "stats")}
    functions = {function["FunctionName"] for function in made.functions.values()}
    assert functions == {f"relais-{made.stage}-{name}" for name in FUNCTIONS}


def test_every_sqs_trigger_reports_failures_message_by_message(made: Generated) -> None:
    triggers = dict(made.sqs_triggers)
    assert {queue_of(trigger) for trigger in triggers.values()} == {"SignupsQueue", "UnsubscribesQueue", "SyncsQueue"}
    for function, trigger in triggers.items():
        assert trigger["FunctionResponseTypes"] == ["ReportBatchItemFailures"], function
        assert queue_of(trigger) == f"{function}Queue"
        assert 10 < trigger["BatchSize"] <= 10_000
        assert 1 <= trigger["MaximumBatchingWindowInSeconds"] <= 300  # Lambda asks for it above ten a batch
        assert trigger["ScalingConfig"]["MaximumConcurrency"] >= 2  # the least that Lambda takes


def test_the_visibility_timeout_is_six_function_timeouts(made: Generated) -> None:
    for function, trigger in made.sqs_triggers:
        assert made[queue_of(trigger)]["VisibilityTimeout"] >= 6 * made[function]["Timeout"]


def test_every_queue_has_a_dead_letter_queue_with_the_same_retention(made: Generated) -> None:
    for _, trigger in made.sqs_triggers:
        queue = made[queue_of(trigger)]
        target, attribute = queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"]
        assert attribute == "Arn"
        assert made[target]["QueueName"] == queue["QueueName"] + "-dlq"
        assert queue["RedrivePolicy"]["maxReceiveCount"] == 20
        assert made[target]["MessageRetentionPeriod"] == queue["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_tables_have_recovery_and_are_retained(made: Generated) -> None:
    tables = made.of_type("AWS::DynamoDB::Table")
    assert len(tables) == 2
    for name, table in tables.items():
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert [key["AttributeName"] for key in table["KeySchema"]] == ["pk", "sk"]
        assert made.body["Resources"][name]["DeletionPolicy"] == "RetainExceptOnCreate", "a failed creation is repeated"
        assert table["DeletionProtectionEnabled"] == {"Fn::If": ["TablesAreProtected", True, False]}
        assert made.body["Resources"][name]["UpdateReplacePolicy"] == "Retain"


def test_functions_use_the_tables_that_parameters_name(made: Generated) -> None:
    """Each role's rights go with them: those on the stack's own table are then those on the other one."""
    for kind, variable in (("Ledger", "RELAIS_LEDGER_TABLE"), ("Stats", "RELAIS_STATS_TABLE")):
        assert made.body["Parameters"][f"{kind}TableName"]["Default"] == ""
        arn = f"arn:${{AWS::Partition}}:dynamodb:${{AWS::Region}}:${{AWS::AccountId}}:table/${{{kind}TableName}}"
        for name, function in made.functions.items():
            assert function["Environment"]["Variables"][variable] == {"Ref": f"{kind}TableName"}
            resources = [each["Resource"] for each in made.statements(name)]
            for resource in (one for each in resources for one in (each if isinstance(each, list) else [each])):
                if f"{kind}Table" in json.dumps(resource):
                    condition, other, own = resource["Fn::If"]
                    assert condition == f"Other{kind}"
                    _, index, name_of_index = own.get("Fn::Sub", "").partition("/index/")
                    assert other == {"Fn::Sub": arn + index + name_of_index}
    environ = {"RELAIS_LEDGER_TABLE": "restored", "RELAIS_STATS_TABLE": ""}
    assert names.table("prod", "ledger", environ) == "restored"
    assert names.table("prod", "stats", environ) == "relais-prod-stats"


def test_the_ledger_has_a_ttl_and_an_index_of_due_deliveries(made: Generated) -> None:
    ledger = made["LedgerTable"]
    assert ledger["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    (due,) = ledger["GlobalSecondaryIndexes"]
    assert due["IndexName"] == names.DUE_INDEX
    assert [key["AttributeName"] for key in due["KeySchema"]] == ["due_pk", "due_sk"]
    shown = set(due["Projection"]["NonKeyAttributes"])
    assert {"type", "form", "status", "reason", "reason_code", "accepted", "updated"} <= shown, "what lists show"
    assert not {"email", "fields", "consent", "body", "attempts"} & shown, "personal, or written at every attempt"
    assert "TimeToLiveSpecification" not in made["StatsTable"]


def test_every_log_group_has_a_retention(made: Generated) -> None:
    for name, function in made.functions.items():
        group = function["LoggingConfig"]["LogGroup"]["Ref"]
        assert group == f"{name}LogGroup"
        assert made[group]["LogGroupName"] == f"/aws/lambda/{function['FunctionName']}"
        assert made[group]["RetentionInDays"] == 30


def test_every_function_has_its_stage_and_the_runtime_of_the_zip(made: Generated) -> None:
    for function in made.functions.values():
        assert function["Environment"]["Variables"]["RELAIS_STAGE"] == made.stage
        assert function["Runtime"] == f"python{template.RUNTIME_PYTHON}"
        assert function["Architectures"] == ["x86_64"]
        assert function["Tracing"] == "PassThrough", "X-Ray is off: it costs, and the log has every step"


def test_functions_have_their_timeouts(made: Generated) -> None:
    timeouts = {name: function["Timeout"] for name, function in made.functions.items()}
    workers = {"Signups": 60, "Unsubscribes": 60, "Syncs": 300}
    operators = {"CallProvider": 120, "Report": 600, "Resend": 600, "Resume": 300, "Forget": 600, "ExportPerson": 600}
    assert timeouts == {
        "APIHandler": 29,
        "CollectStats": 600,
        "SyncUnsubscribes": 600,
        "Audit": 900,
        "Check": 120,
        "Canary": 30,
        "Sweep": 55,
        **workers,
        **operators,
    }


def test_the_http_function_has_memory_for_a_thousand_events_in_one_request(made: Generated) -> None:
    assert made["APIHandler"]["MemorySize"] == 1024  # a share of a processor goes with it


def test_schedules_have_the_promised_periods(made: Generated) -> None:
    schedules = {
        name: event["Properties"]["Schedule"]
        for name, function in made.functions.items()
        for event in function.get("Events", {}).values()
        if event["Type"] == "Schedule"
    }
    assert schedules == {
        "CollectStats": "rate(1 hour)",
        "Canary": "rate(1 hour)",
        "SyncUnsubscribes": "rate(15 minutes)",
        "Audit": "rate(7 days)",
        "Check": "rate(7 days)",
        "Sweep": "rate(1 minute)",
    }


def test_a_schedule_is_not_repeated_by_lambda_its_next_period_is_the_retry(made: Generated) -> None:
    for name, function in made.functions.items():
        scheduled = any(event["Type"] == "Schedule" for event in function.get("Events", {}).values())
        once = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 900}
        assert function.get("EventInvokeConfig") == (once if scheduled else None), name


def test_every_handler_exists(made: Generated) -> None:
    for function in made.functions.values():
        module, _, attribute = function["Handler"].rpartition(".")
        assert callable(getattr(importlib.import_module(module), attribute))


def test_the_api_proxies_every_path_and_accepts_uploads(made: Generated) -> None:
    api = made["RestAPI"]
    assert api["EndpointConfiguration"] == "REGIONAL"
    made_of = {path: {*map(str.upper, methods)} for path, methods in api["DefinitionBody"]["paths"].items()}
    assert made_of == {path: set(methods) for path, methods in app.app.routes.items()}
    assert {frozenset(methods) for methods in made_of.values()} == {frozenset(METHODS)}
    assert [path for path in made_of if "+}" in path] == ["/{proxy+}"], "so that every other path is distinguished"
    binary = api["DefinitionBody"]["x-amazon-apigateway-binary-media-types"]
    assert {"multipart/form-data", "application/x-www-form-urlencoded"} <= set(binary), "their bytes are kept"


def test_gateway_errors_look_like_product_errors(made: Generated) -> None:
    answers = made["RestAPI"]["DefinitionBody"]["x-amazon-apigateway-gateway-responses"]
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "THROTTLED", "REQUEST_TOO_LARGE"} <= set(answers)
    for kind, answer in answers.items():
        templates = answer["responseTemplates"]
        assert list(templates) == ["application/problem+json", "application/json", "text/html"]
        assert templates["application/json"] == templates["application/problem+json"]
        problem = json.loads(templates["application/json"])
        assert templates["text/html"].count("<h1>") == 1
        assert re.findall(r'<section lang="(\w+)">', templates["text/html"]) == ["fr", "nl", "en"]
        assert problem["detail"] in html.unescape(templates["text/html"])
        assert "$" not in templates["text/html"], "API Gateway replaces variables"
        assert set(problem) == {"type", "title", "status", "detail"}
        assert answer["statusCode"] == str(problem["status"]), kind
        headers = answer["responseParameters"]
        assert "gatewayresponse.header.Content-Type" not in headers, "it would stand above the template's own type"
        assert ("gatewayresponse.header.Allow" in headers) == (problem["status"] == 405)
        assert headers["gatewayresponse.header.x-request-id"] == "context.requestId"
        assert ("gatewayresponse.header.Retry-After" in headers) == (problem["status"] in (429, 503))


def test_functions_that_call_providers_can_have_a_fixed_outgoing_address(made: Generated) -> None:
    """Which these are is held against their calls in tests/e2e/test_rights.py."""
    joined = {name: function["VpcConfig"] for name, function in made.functions.items() if "VpcConfig" in function}
    assert {"Signups", "CallProvider", "Check"} <= joined.keys()
    for condition, network, otherwise in (each["Fn::If"] for each in joined.values()):
        assert condition == "InVpc"
        assert network == {"SubnetIds": {"Ref": "SubnetIds"}, "SecurityGroupIds": {"Ref": "SecurityGroupIds"}}
        assert otherwise == {"Ref": "AWS::NoValue"}
    assert all(made.body["Parameters"][name]["Default"] == "" for name in ("SubnetIds", "SecurityGroupIds"))


def test_each_of_two_domains_leads_to_the_api(made: Generated) -> None:
    """Both may be there at once, so that links of the domain before keep working."""
    for slot, variable in (("", "RELAIS_DOMAIN_1"), ("2", "RELAIS_DOMAIN_2")):
        condition = f"HasDomain{slot}"
        assert made.body["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [{"Ref": f"DomainName{slot}"}, ""]}]}
        domain, mapping = made[f"Domain{slot}"], made[f"DomainMapping{slot}"]
        assert domain["DomainName"] == {"Ref": f"DomainName{slot}"}
        assert domain["RegionalCertificateArn"] == {"Ref": f"CertificateArn{slot}"}
        assert mapping["DomainName"] == {"Ref": f"Domain{slot}"}
        assert (mapping["RestApiId"], mapping["Stage"]) == ({"Ref": "RestAPI"}, {"Ref": "RestAPI.Stage"})
        conditional = [made.body["Resources"][f"{name}{slot}"] for name in ("Domain", "DomainMapping")]
        assert {each["Condition"] for each in (*conditional, made.body["Outputs"][f"DomainTarget{slot}"])} == {
            condition
        }
        assert f"Domain{slot}HasItsCertificate" in made.body["Rules"]
        for function in made.functions.values():
            assert function["Environment"]["Variables"][variable] == {"Ref": f"DomainName{slot}"}
            assert function["Environment"]["Variables"]["RELAIS_PUBLIC_DOMAIN"] == {"Ref": "PublicDomain"}


def test_without_a_domain_links_begin_with_the_url_of_the_api(made: Generated) -> None:
    """The API is made of the HTTP function, which takes the URL from each request."""
    of_the_api = {"Fn::Sub": "https://${RestAPI}.execute-api.${AWS::Region}.${AWS::URLSuffix}/api"}
    assert f"{of_the_api['Fn::Sub']}/" == made.body["Outputs"]["EndpointURL"]["Value"]["Fn::Sub"]
    for name, function in made.functions.items():
        expected = names.FROM_REQUEST if name == "APIHandler" else of_the_api
        assert function["Environment"]["Variables"]["RELAIS_API_URL"] == expected, name


def test_a_domain_is_a_name_alone(made: Generated) -> None:
    pattern = made.body["Parameters"]["DomainName"]["AllowedPattern"]
    for name in ("", "relais.example.com", "r-2.example.co.uk"):
        assert re.fullmatch(pattern, name), name
    for name in ("https://relais.example.com", "relais.example.com/", "Relais.example.com", "relais", "*.example.com"):
        assert not re.fullmatch(pattern, name), name
