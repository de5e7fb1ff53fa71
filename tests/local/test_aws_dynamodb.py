"""The embedded DynamoDB where it differs from DynamoDB Local, and its process; `tests/conformance` has the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.aws import REGION, TestAws
from tests.support.processes import alive
from tests.support.stack import ROOT
from tests.support.waiting import wait_for

TABLE = "relais-local-ledger"


def key(name: str) -> dict[str, Any]:
    return {"pk": {"S": name}, "sk": {"S": "1"}}


def test_one_of_many_conditional_puts_wins(resources: TestAws) -> None:
    def put(writer: int) -> bool:
        try:
            resources.dynamodb.put_item(
                TableName=TABLE,
                Item={**key(f"race-{writer // 8}"), "writer": {"N": str(writer)}},
                ConditionExpression="attribute_not_exists(pk)",
            )
        except resources.dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(8) as writers:
        assert sum(writers.map(put, range(200))) == 25


def test_a_cancelled_transaction_leaves_everything_as_it_was(resources: TestAws) -> None:
    dynamodb = resources.dynamodb
    dynamodb.put_item(TableName=TABLE, Item={**key("old"), "n": {"N": "1"}})
    dynamodb.put_item(TableName=TABLE, Item=key("gone"))
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": TABLE, "Item": key("new")}},
                {"Delete": {"TableName": TABLE, "Key": key("gone")}},
                {
                    "Update": {
                        "TableName": TABLE,
                        "Key": key("old"),
                        "UpdateExpression": "SET n = :n",
                        "ExpressionAttributeValues": {":n": {"N": "2"}},
                    }
                },
                {
                    "ConditionCheck": {
                        "TableName": TABLE,
                        "Key": key("no"),
                        "ConditionExpression": "attribute_exists(pk)",
                    }
                },
            ]
        )
    items = dynamodb.scan(TableName=TABLE)["Items"]
    assert sorted(json.dumps(item, sort_keys=True) for item in items) == sorted(
        json.dumps(item, sort_keys=True) for item in [{**key("old"), "n": {"N": "1"}}, key("gone")]
    )


def test_it_ends_with_the_process_that_started_it() -> None:
    child = "from local.aws import process\naws = process.start()\nprint(aws.process.pid, flush=True)\ninput()"
    starter = subprocess.Popen(
        [sys.executable, "-c", child], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout
    pid = int(starter.stdout.readline())
    starter.kill()
    starter.wait()
    wait_for(lambda: not alive({pid}), 5)


def test_alone_it_stays_in_the_foreground_until_a_signal(aws_server: TestAws) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "aws", "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    alone = TestAws(process.stdout.readline().strip().removeprefix("aws: "))
    assert "QueueUrl" in alone.sqs.create_queue(QueueName="here")
    assert alone.region == REGION
    process.terminate()
    assert process.wait(5) == 0
    process.stdout.close()
