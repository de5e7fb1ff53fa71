"""The last steps of `runbook_steps.py`: a table is restored; the stack is deleted and made again."""

from __future__ import annotations

import json
import re
from datetime import UTC

from tests.e2e.rehearsal import STACK, Rehearsal, step
from tests.e2e.runbook_steps import CERTIFICATE

RESTORED = "relais-prod-ledger-20261127"

# --- Restoring a table ---


@step("Restoring a table")
def restore(on: Rehearsal, block: str) -> None:
    on.account.forward(60)
    on.seen["moment"] = on.account.clock.now().astimezone(UTC)
    on.account.forward(60)
    ledger = on.account.aws.dynamodb
    for item in ledger.scan(TableName="relais-prod-ledger", ProjectionExpression="pk, sk")["Items"]:
        if item["pk"]["S"].startswith("E#"):
            ledger.delete_item(TableName="relais-prod-ledger", Key=item)
    [moment] = re.findall(r"\d{4}-\d\d-\d\dT\S+Z", block)
    on.run(block, **{moment: f"{on.seen['moment']:%Y-%m-%dT%H:%M:%SZ}"})
    assert RESTORED in on.account.aws.dynamodb.list_tables()["TableNames"]


@step("Restoring a table")
def complete_the_restored_table(on: Rehearsal, block: str) -> None:
    on.run(block)
    dynamodb = on.account.aws.dynamodb
    for table in ("relais-prod-ledger", RESTORED):
        expiry = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
        assert expiry["AttributeName"] == "expires_at"
        assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
        assert dynamodb.describe_table(TableName=table)["Table"]["DeletionProtectionEnabled"]


@step("Restoring a table")
def look_at_the_restored_table(on: Rehearsal, block: str) -> None:
    printed = on.run(block).out.strip()
    (status, count, indexes), end = json.JSONDecoder().raw_decode(printed)
    assert (status, indexes) == ("ACTIVE", ["due"])
    assert count > 10
    assert json.loads(printed[end:])["Item"]["pk"]["S"] == "S#privacy"


@step("Restoring a table")
def switch_to_the_restored_table(on: Rehearsal, block: str) -> None:
    lost = on.account.invoke("relais-prod-report")["delivered"]
    on.deploys(block)
    variables = on.account.lambdas.functions["relais-prod-signups"]["Environment"]["Variables"]
    assert variables["RELAIS_LEDGER_TABLE"] == RESTORED
    assert on.account.invoke("relais-prod-report")["delivered"] > lost
    on.until(on.sign_up("after-restore@example.com"), "delivered")


# --- Deleting ---


@step("What a deleted stack takes with it")
def delete(on: Rehearsal, block: str) -> None:
    on.seen["before"] = on.account.invoke("relais-prod-report")
    on.run(block)
    assert STACK not in on.account.cloudformation.stacks
    assert len(on.account.aws.dynamodb.list_tables()["TableNames"]) == 3
    assert on.account.aws.sqs.list_queues().get("QueueUrls", []) == []


@step("What a deleted stack takes with it")
def make_again(on: Rehearsal, block: str) -> None:
    refused = on.operator.deploy()
    assert refused.code == 2
    assert f"there is {RESTORED}" in refused.err
    on.deploys(block, ("arn:aws:acm:…", f"{CERTIFICATE}1"))
    assert on.account.invoke("relais-prod-report")["delivered"] == on.seen["before"]["delivered"]
    on.until(on.sign_up("again@example.com"), "delivered")
    assert on.account.request("GET", "https://relais.example.com/healthz").status == 200
