"""`deploy.sh` of a package, run against a played stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator

from local import package, template
from tests.support import fake_aws

from .test_generated import complaints

ALARM = fake_aws.OUTPUTS[0]["OutputValue"]
NO_TRIGGERS = {"RollbackTriggers": [], "MonitoringTimeInMinutes": 0}
DEPLOYED = {
    "StackStatus": "UPDATE_COMPLETE",
    "Parameters": [{"ParameterKey": "SubnetIds"}, {"ParameterKey": "AlarmTopicArn"}, {"ParameterKey": "Newer"}],
    "Outputs": fake_aws.OUTPUTS,
}
FAILED = {"StackStatus": "ROLLBACK_COMPLETE", "Parameters": [], "Outputs": []}
TABLES = ["relais-shop-ledger", "relais-shop-stats"]


@dataclass
class Deployment:
    """A kept package of stage `shop`, and the stack that `aws` plays."""

    folder: Path

    def run(self, *parameters: str, state: dict[str, Any] | None = None, **environ: str) -> tuple[int, str]:
        """Run the script; returns its exit code and all that it said. The stack is as before unless `state` says."""
        if state is not None:
            (self.folder / "state").write_text(json.dumps(state))
        (self.folder / "calls").write_text("")
        path = f"{self.folder}:{os.environ['PATH']}"
        environ = {"PATH": path, "FAKE_AWS": str(self.folder), "BUCKET": "mine", **environ}
        command = ["sh", str(self.folder / "made" / "deploy.sh"), *parameters]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    @property
    def calls(self) -> list[list[str]]:
        """The arguments of every call of the last run that changed, waited or checked."""
        lines = (self.folder / "calls").read_text().splitlines()
        reads = ("describe-stack", "describe-table", "get", "list-tables")
        return [call for call in map(json.loads, lines) if not call[1].startswith(reads)]

    @property
    def verbs(self) -> list[str]:
        """What was called, in order."""
        return [call[2] if call[1] == "wait" else call[1] for call in self.calls]

    @property
    def change_set(self) -> dict[str, Any]:
        """What the change set was made with, as CloudFormation's own model of the call accepts it."""
        *_, made = [call[2:] for call in self.calls if call[1] == "create-change-set"]
        options = dict(zip(made[::2], made[1::2], strict=True))
        structured = {name: json.loads(options[name]) for name in ("--parameters", "--rollback-configuration")}
        options = {**options, **structured, "--capabilities": [options["--capabilities"]]}
        del options["--output"]
        named = {"".join(map(str.capitalize, name[2:].split("-"))): value for name, value in options.items()}
        named["TemplateURL"] = named.pop("TemplateUrl")
        client = boto3.client("cloudformation", region_name="eu-west-3")
        shape = client.meta.service_model.operation_model("CreateChangeSet").input_shape
        assert shape is not None
        assert ParamValidator().validate(named, shape).generate_report() == ""
        return named


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    made = tmp_path / "made"
    made.mkdir()
    (made / "deployment.zip").write_bytes(b"zip")
    (made / "sam.json").write_text(json.dumps(template.additions("shop")))
    package._describe(made, {"stage": "shop", "configuration": "0123456789abcdef"})
    aws = tmp_path / "aws"
    aws.write_text(f'#!/bin/sh\nexec {sys.executable} {fake_aws.__file__} "$@"\n')
    aws.chmod(0o755)
    return Deployment(tmp_path)


pytestmark = pytest.mark.server


def test_a_first_deployment_creates_the_stack_and_ends_with_a_check(deployment: Deployment) -> None:
    code, said = deployment.run("SubnetIds=subnet-1,subnet-2", "SecurityGroupIds=sg-1", state={})
    assert code == 0, said
    assert deployment.verbs == [
        *("package", "cp", "create-change-set", "change-set-create-complete"),
        *("execute-change-set", "stack-create-complete", "invoke"),
    ]
    made = deployment.change_set
    assert (made["StackName"], made["ChangeSetType"]) == ("relais-shop", "CREATE")
    assert made["Parameters"] == [
        {"ParameterKey": "SubnetIds", "ParameterValue": "subnet-1,subnet-2"},
        {"ParameterKey": "SecurityGroupIds", "ParameterValue": "sg-1"},
    ]
    assert made["RollbackConfiguration"] == NO_TRIGGERS, "the alarm does not exist before the stack"
    assert said.endswith('\n{"ok": true}\n'), "the answer alone, as one line"
    assert "Run the same command once more: it protects the tables" in said
    assert "--cli-read-timeout" in deployment.calls[-1]


def test_an_update_keeps_parameters_and_is_taken_back_when_errors_rise(deployment: Deployment) -> None:
    code, said = deployment.run("AlarmTopicArn=arn:aws:sns:eu-west-3:1:t", state={"stack": DEPLOYED})
    assert code == 0, said
    made = deployment.change_set
    assert made["ChangeSetType"] == "UPDATE"
    assert made["Parameters"] == [
        {"ParameterKey": "AlarmTopicArn", "ParameterValue": "arn:aws:sns:eu-west-3:1:t"},
        {"ParameterKey": "ProtectTables", "ParameterValue": "true"},
        {"ParameterKey": "SubnetIds", "UsePreviousValue": True},
    ], "what the template does not have, and what the stack does not have yet, is left out"
    triggers = [{"Arn": ALARM, "Type": "AWS::CloudWatch::CompositeAlarm"}]
    assert made["RollbackConfiguration"] == {"RollbackTriggers": triggers, "MonitoringTimeInMinutes": 10}
    assert "stack-update-complete" in deployment.verbs


def test_a_deployment_that_ends_errors_goes_without_the_alarm(deployment: Deployment) -> None:
    assert deployment.run(state={"stack": DEPLOYED}, ROLLBACK="no")[0] == 0
    assert deployment.change_set["RollbackConfiguration"] == NO_TRIGGERS


def test_a_rolled_back_deployment_fails_with_the_reason(deployment: Deployment) -> None:
    code, said = deployment.run(state={"stack": DEPLOYED, "errors": True})
    assert code == 1
    assert "Not deployed. The stack is UPDATE_ROLLBACK_COMPLETE" in said
    assert "SweepErrorsAlarm: Rollback trigger" in said
    assert "invoke" not in deployment.verbs


@pytest.mark.parametrize(
    "found",
    [
        {"check": '{"ok": false, "accounts": {"paris": {"ok": true, "problems": [], "unchecked": []}}}'},
        {"check": '{"error": "the configuration cannot be read"}'},
        {"check": '{"errorMessage": "Task timed out after 600.00 seconds"}'},
        {"cannot_invoke": "An error occurred (AccessDeniedException) when calling the Invoke operation"},
    ],
)
def test_a_deployment_whose_check_is_not_in_order_has_an_exit_status_of_its_own(
    deployment: Deployment, found: dict[str, str]
) -> None:
    code, said = deployment.run(state={"stack": DEPLOYED, **found})
    assert code == 3
    assert "execute-change-set" in deployment.verbs
    assert "".join(found.values()) in said
    assert "But check found problems, or could not run" in said


def test_a_first_deployment_that_failed_is_repeated_by_the_same_command(deployment: Deployment) -> None:
    assert deployment.run(state={"errors": True})[0] == 1
    stopped = json.loads((deployment.folder / "state").read_text())["stack"]
    assert stopped["StackStatus"] == "ROLLBACK_COMPLETE"
    code, said = deployment.run(state={"stack": stopped})
    assert code == 0, said
    assert deployment.verbs[:2] == ["delete-stack", "stack-delete-complete"]
    assert deployment.change_set["ChangeSetType"] == "CREATE"


def test_protection_is_lifted_by_name_alone(deployment: Deployment) -> None:
    assert deployment.run("ProtectTables=false", "LedgerTableName=", state={"stack": DEPLOYED})[0] == 0
    assert deployment.change_set["Parameters"][:2] == [
        {"ParameterKey": "ProtectTables", "ParameterValue": "false"},
        {"ParameterKey": "LedgerTableName", "ParameterValue": ""},
    ]
    assert [each["ParameterKey"] for each in deployment.change_set["Parameters"]].count("ProtectTables") == 1


def test_a_stack_that_was_deleted_is_made_again_over_its_tables(deployment: Deployment) -> None:
    code, said = deployment.run(state={"tables": TABLES})
    assert code == 0, said
    assert deployment.verbs[:4] == [
        *("create-change-set", "change-set-create-complete", "execute-change-set", "stack-import-complete"),
    ]
    assert deployment.calls[0][deployment.calls[0].index("--change-set-type") + 1] == "IMPORT"
    assert deployment.change_set["ChangeSetType"] == "UPDATE"
    assert {"ParameterKey": "ProtectTables", "ParameterValue": "true"} in deployment.change_set["Parameters"]
    named = json.loads((deployment.folder / "made" / "import.json").read_text())
    assert [each["ResourceIdentifier"]["TableName"] for each in named] == TABLES
    only = json.loads((deployment.folder / "made" / "tables.json").read_text())
    assert [each["LogicalResourceId"] for each in named] == list(only["Resources"])
    assert complaints(only) == []


def test_a_stack_that_used_a_restored_table_is_not_made_again_over_its_own(deployment: Deployment) -> None:
    tables = [*TABLES, "relais-shop-ledger-20261127"]
    code, said = deployment.run("StatsTableName=", state={"tables": tables})
    assert code == 2
    assert (
        "beside relais-shop-ledger there is relais-shop-ledger-20261127 - name the one to use: LedgerTableName=" in said
    )
    assert deployment.verbs == []
    for named in ("LedgerTableName=relais-shop-ledger-20261127", "LedgerTableName="):
        assert deployment.run(named, state={"tables": tables})[0] == 0


def test_nor_is_one_whose_tables_were_taken_over_and_whose_rest_could_not_be_made(deployment: Deployment) -> None:
    tables = [*TABLES, "relais-shop-ledger-20261127"]
    imported = {"StackStatus": "IMPORT_COMPLETE", "Parameters": [{"ParameterKey": "ProtectTables"}], "Outputs": []}
    code, said = deployment.run(state={"tables": tables, "stack": imported})
    assert (code, deployment.verbs) == (2, [])
    assert "name the one to use: LedgerTableName=" in said
    assert deployment.run("LedgerTableName=", state={"tables": tables, "stack": imported})[0] == 0
    imported["Parameters"] = [{"ParameterKey": "LedgerTableName"}]
    assert deployment.run(state={"tables": tables, "stack": imported})[0] == 0, "it keeps the one that it uses"


def test_the_same_package_again_changes_nothing(deployment: Deployment) -> None:
    unchanged = "The submitted information didn't contain changes. Submit different information to create a change set."
    code, said = deployment.run(state={"stack": DEPLOYED, "unchanged": unchanged})
    assert code == 0
    assert "Nothing to change" in said
    assert deployment.verbs[-3:] == ["describe-change-set", "delete-change-set", "invoke"]
    code, said = deployment.run(state={"stack": DEPLOYED, "unchanged": "Template error: instance of Fn::GetAtt"})
    assert code == 1
    assert "Not deployed: Template error" in said


@pytest.mark.parametrize(
    ("given", "environ", "state", "reason"),
    [
        ((), {}, {"error": "Unable to locate credentials"}, "Unable to locate credentials"),
        (("DomainNme=x",), {}, {"stack": DEPLOYED}, "DomainNme is no parameter; there are: SubnetIds"),
        (("LedgerTableName",), {}, {"stack": DEPLOYED}, "LedgerTableName: write it as Parameter=value"),
        (
            ("LedgerTableName=relais-prod-ledger-1",),
            {},
            {"stack": DEPLOYED},
            "of this package's stage begin with relais-shop-",
        ),
        ((), {}, {"stack": {**DEPLOYED, "StackStatus": "UPDATE_ROLLBACK_FAILED"}}, "(A rollback that failed)"),
        ((), {}, {"stack": {**DEPLOYED, "StackStatus": "UPDATE_IN_PROGRESS"}}, "another change is under way"),
        (("SubnetIds=subnet-1",), {}, {}, "SubnetIds=... and SecurityGroupIds=... together"),
        (("SecurityGroupIds=sg-1", "SubnetIds="), {}, {}, "SecurityGroupIds=... together"),
        (("DomainNme=x",), {}, {"tables": TABLES}, "DomainNme is no parameter"),
        (("DomainNme=x",), {}, {"stack": FAILED}, "DomainNme is no parameter"),
        ((), {}, {"stack": DEPLOYED, "no_region": True}, "region: must be set: AWS_REGION=..."),
        ((), {"BUCKET": ""}, {"stack": DEPLOYED}, "must name an S3 bucket"),
    ],
)
def test_nothing_is_changed_when_it_cannot_be_deployed(
    deployment: Deployment, given: tuple[str, ...], environ: dict[str, str], state: dict[str, Any], reason: str
) -> None:
    code, said = deployment.run(*given, state=state, **environ)
    assert code != 0
    assert reason in said
    assert deployment.verbs == []
