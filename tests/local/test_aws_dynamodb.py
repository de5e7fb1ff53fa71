"""The cured DynamoDB says what moto's own says, does not race, and does not slow down with its table."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.aws import REGION, TestAws
from tests.support.processes import alive
from tests.support.stack import ROOT
from tests.support.waiting import wait_for

TABLE = "relais-local-ledger"
UNCURED = """
from moto.server import ThreadedMotoServer
import logging, sys
logging.getLogger("werkzeug").disabled = True
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def uncured() -> Iterator[TestAws]:
    """moto as it comes."""
    process = subprocess.Popen(
        [sys.executable, "-c", UNCURED], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdin
    port = process.stdout.readline().strip()
    aws = TestAws(f"http://127.0.0.1:{port}")
    aws.create_resources()
    yield aws
    process.stdin.close()
    process.stdout.close()
    process.terminate()
    process.wait()


def key(name: str) -> dict[str, Any]:
    return {"pk": {"S": name}, "sk": {"S": "1"}}


def partition(name: str) -> tuple[str, dict[str, Any]]:
    return (
        "query",
        {
            "IndexName": "due",
            "KeyConditionExpression": "due_pk = :p",
            "ExpressionAttributeValues": {":p": {"S": name}},
        },
    )


P: dict[str, Any] = {"ExpressionAttributeValues": {":p": {"S": "p"}}}
Q: dict[str, Any] = {"ExpressionAttributeValues": {":q": {"S": "q"}}}
Q2: dict[str, Any] = {"ExpressionAttributeValues": {":q": {"S": "q"}, ":q2": {"N": "7"}}}
RICH = {
    **key("rich"),
    "text": {"S": "Zoé"},
    "number": {"N": "1.50"},
    "bytes": {"B": b"\x00\xff"},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "list": {"L": [{"S": "a"}, {"N": "2"}, {"M": {"deep": {"SS": ["x", "y"]}}}]},
    "due_pk": {"S": "paris#0"},
    "due_at": {"N": "1700000000"},
}


def set_values(name: str = "rich", **values: Any) -> dict[str, Any]:
    return {
        "Key": key(name),
        "UpdateExpression": "SET " + ", ".join(f"#{n} = :{n}" for n in values) + " REMOVE due_pk, due_at",
        "ExpressionAttributeNames": {f"#{n}": n for n in values},
        "ExpressionAttributeValues": {f":{n}": v for n, v in values.items()},
        "ReturnValues": "ALL_NEW",
    }


SCENES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "an item of every type": [
        ("put_item", {"Item": RICH}),
        ("get_item", {"Key": key("rich")}),
        (
            "get_item",
            {
                "Key": key("rich"),
                "ProjectionExpression": "text, #l[2].deep",
                "ExpressionAttributeNames": {"#l": "list"},
            },
        ),
        ("get_item", {"Key": key("none")}),
    ],
    "a conditional put": [
        ("put_item", {"Item": RICH, "ConditionExpression": "attribute_not_exists(pk)"}),
        ("put_item", {"Item": key("rich"), "ConditionExpression": "attribute_not_exists(pk)"}),
        (
            "put_item",
            {
                "Item": key("rich"),
                "ConditionExpression": "attribute_not_exists(pk)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            },
        ),
    ],
    "a simple update, again and again": [
        ("put_item", {"Item": RICH}),
        *[("update_item", set_values(status={"S": str(n)}, text={"N": str(n)})) for n in range(3)],
        ("update_item", set_values("new", status={"S": "made"})),
        ("update_item", set_values("new", status={"S": ""})),
        ("put_item", {"Item": RICH}),
        ("update_item", set_values(status={"S": "again"}, text={"N": "0"})),
        ("scan", {}),
    ],
    "updates that are wrong": [
        ("put_item", {"Item": RICH}),
        *[("update_item", set_values(sk={"S": "changed"}))] * 2,
        *[("update_item", set_values(due_at={"S": "no number"}))] * 2,
        (
            "update_item",
            {**set_values(status={"S": "x"}), "ExpressionAttributeNames": {"#status": "status", "#b": "b"}},
        ),
        (
            "update_item",
            {"Key": key("rich"), "UpdateExpression": "SET status = :s", "ExpressionAttributeValues": {":s": {"S": ""}}},
        ),
        ("update_item", {"Key": key("rich"), "UpdateExpression": "SET a = :missing"}),
        ("update_item", {"Key": key("rich"), "UpdateExpression": "REMOVE a SET"}),
        ("get_item", {"Key": key("rich")}),
    ],
    "updates that compute": [
        *[
            (
                "update_item",
                {
                    "Key": key("counter"),
                    "UpdateExpression": "SET n = if_not_exists(n, :zero) + :one,"
                    " l = list_append(if_not_exists(l, :none), :l)",
                    "ExpressionAttributeValues": {
                        ":zero": {"N": "0"},
                        ":one": {"N": "1"},
                        ":none": {"L": []},
                        ":l": {"L": [{"S": "x"}]},
                    },
                    "ReturnValues": "UPDATED_NEW",
                },
            )
        ]
        * 3,
        (
            "update_item",
            {
                "Key": key("counter"),
                "UpdateExpression": "SET n = :n",
                "ConditionExpression": "n < :limit",
                "ExpressionAttributeValues": {":n": {"N": "9"}, ":limit": {"N": "2"}},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            },
        ),
        ("delete_item", {"Key": key("counter"), "ReturnValues": "ALL_OLD"}),
    ],
    "an index whose items come, move and go": [
        *[("put_item", {"Item": {**key(f"i{n}"), "due_pk": {"S": "p"}, "due_at": {"N": str(n)}}}) for n in range(6)],
        partition("p"),
        ("update_item", {"Key": key("i0"), "UpdateExpression": "REMOVE due_pk, due_at"}),
        ("update_item", {"Key": key("i1"), "UpdateExpression": "SET due_pk = :q", **Q}),
        ("update_item", {"Key": key("new"), "UpdateExpression": "SET due_pk = :q, due_at = :q2", **Q2}),
        ("delete_item", {"Key": key("i2")}),
        ("put_item", {"Item": key("i3")}),
        partition("p"),
        partition("q"),
        ("update_item", {"Key": key("i1"), "UpdateExpression": "SET due_pk = :p", **P}),
        ("put_item", {"Item": {**key("i2"), "due_pk": {"S": "p"}, "due_at": {"N": "0"}}}),
        partition("p"),
        partition("q"),
    ],
    "scans in segments, page by page": [
        *[("put_item", {"Item": {"pk": {"S": f"a{n % 9}"}, "sk": {"S": f"{97 - n}"}}}) for n in range(40)],
        ("scan", {}),
        *[("scan", {"Segment": segment, "TotalSegments": 3}) for segment in range(3)],
        *[
            ("scan", {"Segment": segment, "TotalSegments": 2, "Limit": 6, "ExclusiveStartKey": start})
            for segment in range(2)
            for start in [{"pk": {"S": "a4"}, "sk": {"S": "60"}}, {"pk": {"S": "a0"}, "sk": {"S": "0"}}]
        ],
        ("delete_item", {"Key": {"pk": {"S": "a5"}, "sk": {"S": "92"}}}),
        *[
            (
                "scan",
                {
                    "Segment": segment,
                    "TotalSegments": 2,
                    "FilterExpression": "sk > :s",
                    "ExpressionAttributeValues": {":s": {"S": "80"}},
                },
            )
            for segment in range(2)
        ],
    ],
    "queries": [
        *[("put_item", {"Item": {"pk": {"S": pk}, "sk": {"S": sk}}}) for pk in "ab" for sk in "321"],
        *[
            ("put_item", {"Item": {**key(f"due-{n}"), "due_pk": {"S": f"p{n % 2}"}, "due_at": {"N": str(9 - n)}}})
            for n in range(5)
        ],
        ("query", {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}}),
        ("query", {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"S": "none"}}}),
        (
            "query",
            {
                "KeyConditionExpression": "pk = :p AND sk > :s",
                "ExpressionAttributeValues": {":p": {"S": "b"}, ":s": {"S": "1"}},
                "ScanIndexForward": False,
                "Limit": 1,
            },
        ),
        (
            "query",
            {
                "IndexName": "due",
                "KeyConditionExpression": "due_pk = :p AND due_at <= :now",
                "ExpressionAttributeValues": {":p": {"S": "p0"}, ":now": {"N": "8"}},
            },
        ),
        (
            "query",
            {
                "IndexName": "due",
                "KeyConditionExpression": "due_pk = :p",
                "ExpressionAttributeValues": {":p": {"S": "no"}},
            },
        ),
    ],
}


def play(aws: TestAws, scene: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    """What each call of a scene answers, or which error."""
    for item in aws.dynamodb.scan(TableName=TABLE)["Items"]:
        aws.dynamodb.delete_item(TableName=TABLE, Key={"pk": item["pk"], "sk": item["sk"]})
    said: list[Any] = []
    for operation, arguments in scene:
        try:
            answer = getattr(aws.dynamodb, operation)(TableName=TABLE, **arguments)
        except ClientError as error:
            answer = dict(error.response)
        answer.pop("ResponseMetadata", None)
        answer.pop("ConsumedCapacity", None)
        said.append(answer)
    return said


@pytest.mark.parametrize("scene", SCENES)
def test_answers_as_moto_itself_does(resources: TestAws, uncured: TestAws, scene: str) -> None:
    assert play(resources, SCENES[scene]) == play(uncured, SCENES[scene])


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
