"""The embedded DynamoDB where it differs from DynamoDB Local; `tests/conformance` has the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import Binary
from botocore.exceptions import ClientError

from local.aws.dynamodb import Client, Engine, Wire
from tests.conformance.play import TABLES
from tests.support.aws import TestAws

TABLE = "relais-local-ledger"


def key(name: str, sort: str = "1") -> dict[str, Any]:
    return {"pk": {"S": name}, "sk": {"S": sort}}


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


def error_of(call: Callable[..., Any], **request: Any) -> dict[str, Any]:
    """The error that a call answers."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    return dict(caught.value.response)


def memory() -> Client:
    """A client in this process, of a table of the ledger's kind."""
    client = Client()
    client.create_table(**next(table for table in TABLES if table["TableName"] == "things"))
    return client


@pytest.mark.parametrize(
    ("operation", "request_", "instead"),
    [
        ("put_item", {"Item": key("a"), "Expected": {"pk": {"Exists": False}}}, "ConditionExpression"),
        ("update_item", {"Key": key("a"), "AttributeUpdates": {}}, "UpdateExpression"),
        ("delete_item", {"Key": key("a"), "Expected": {}}, "ConditionExpression"),
        ("get_item", {"Key": key("a"), "AttributesToGet": ["pk"]}, "ProjectionExpression"),
        ("query", {"KeyConditions": {}}, "KeyConditionExpression"),
        ("scan", {"ScanFilter": {}}, "FilterExpression"),
    ],
)
def test_legacy_parameters_are_rejected(operation: str, request_: dict[str, Any], instead: str) -> None:
    error = error_of(getattr(memory(), operation), TableName="things", **request_)["Error"]
    assert error["Code"] == "ValidationException"
    assert f"use {instead}" in error["Message"]


def test_updated_values_are_returned_by_path() -> None:
    """DynamoDB Local returns the whole attribute at the start of a path; the service returns the value at the path."""
    client = memory()
    item = {**key("a"), "m": {"M": {"x": {"N": "1"}, "y": {"N": "2"}}}, "l": {"L": [{"S": "a"}, {"S": "b"}]}}
    client.put_item(TableName="things", Item=item)
    change = {
        "TableName": "things",
        "Key": key("a"),
        "UpdateExpression": "SET m.x = :v, l[1] = :v",
        "ExpressionAttributeValues": {":v": {"N": "7"}},
    }
    old = client.update_item(**change, ReturnValues="UPDATED_OLD")["Attributes"]
    new = client.update_item(**change, ReturnValues="UPDATED_NEW")["Attributes"]
    assert old == {"m": {"M": {"x": {"N": "1"}}}, "l": {"L": [{"S": "b"}]}}
    assert new == {"m": {"M": {"x": {"N": "7"}}}, "l": {"L": [{"N": "7"}]}}


def test_a_transaction_reports_the_update_that_cannot_be_computed() -> None:
    """DynamoDB Local rejects the request; the service cancels it with the reason."""
    client = memory()
    update = {"TableName": "things", "Key": key("a"), "UpdateExpression": "SET n = nothing"}
    error = error_of(
        client.transact_write_items,
        TransactItems=[{"Put": {"TableName": "things", "Item": key("b")}}, {"Update": update}],
    )
    assert error["Error"]["Code"] == "TransactionCanceledException"
    assert [reason["Code"] for reason in error["CancellationReasons"]] == ["None", "ValidationError"]
    assert client.scan(TableName="things")["Items"] == []


def test_a_batch_get_consumes_capacity_for_missing_items_too() -> None:
    client = memory()
    client.put_item(TableName="things", Item=key("a"))
    for consistent, units in ((True, 3.0), (False, 1.5)):
        wanted = {"things": {"Keys": [key("a"), key("b"), key("c")], "ConsistentRead": consistent}}
        answer = client.batch_get_item(RequestItems=wanted, ReturnConsumedCapacity="TOTAL")
        assert answer["ConsumedCapacity"] == [{"TableName": "things", "CapacityUnits": units}]


def test_an_empty_query_consumes_the_minimum_capacity() -> None:
    request: dict[str, Any] = {
        "KeyConditionExpression": "pk = :p",
        "ExpressionAttributeValues": {":p": {"S": "nobody"}},
        "ReturnConsumedCapacity": "TOTAL",
    }
    assert memory().query(TableName="things", **request)["ConsumedCapacity"]["CapacityUnits"] == 0.5


def test_a_transaction_consumes_double_capacity() -> None:
    put = {"TableName": "things", "Item": {**key("a"), "v": {"S": "x" * 1500}}}
    answer = memory().transact_write_items(TransactItems=[{"Put": put}], ReturnConsumedCapacity="INDEXES")
    assert answer["ConsumedCapacity"] == [
        {
            "TableName": "things",
            "CapacityUnits": 4.0,
            "WriteCapacityUnits": 4.0,
            "Table": {"CapacityUnits": 4.0, "WriteCapacityUnits": 4.0},
        }
    ]


def test_a_client_request_token_is_valid_for_ten_minutes() -> None:
    now = 0.0
    client = Client(Engine(clock=lambda: now))
    client.create_table(**TABLES[0])
    transaction: dict[str, Any] = {
        "TransactItems": [{"Put": {"TableName": "things", "Item": key("a")}}],
        "ClientRequestToken": "token",
    }
    found = []
    for seconds in (0.0, 599.0, 601.0):
        now = seconds
        client.transact_write_items(**transaction)
        found.append("Attributes" in client.delete_item(TableName="things", Key=key("a"), ReturnValues="ALL_OLD"))
    assert found == [True, False, True]


def test_a_malformed_request_gets_an_error_answer() -> None:
    status, _, body = Wire().answer(
        "DynamoDB_20120810.CreateTable", "eu-west-3", b'{"KeySchema": 7, "TableName": "abc"}'
    )
    assert (status, b"InternalServerError" in body) == (500, True)
    status, _, body = Wire().answer("DynamoDB_20120810.CreateTable", "eu-west-3", b"no JSON")
    assert (status, b"SerializationException" in body) == (400, True)


def test_stored_items_are_copies_of_requests_and_answers() -> None:
    client = memory()
    item: dict[str, Any] = {**key("a"), "m": {"M": {"x": {"L": [{"SS": ["a"]}]}}}}
    client.put_item(TableName="things", Item=item)
    item["m"]["M"]["x"]["L"].append({"S": "later"})
    found = client.get_item(TableName="things", Key=key("a"))["Item"]
    found["m"]["M"]["x"]["L"][0]["SS"].append("later")
    assert client.get_item(TableName="things", Key=key("a"))["Item"]["m"] == {"M": {"x": {"L": [{"SS": ["a"]}]}}}


def test_scan_segments_cover_the_table_page_by_page() -> None:
    client = memory()
    expected = set()
    for number in range(300):
        client.put_item(TableName="things", Item=key(f"p{number % 100}", f"{number}"))
        expected.add((f"p{number % 100}", f"{number}"))
    found = []
    for segment in range(4):
        pages = client.get_paginator("scan").paginate(TableName="things", Limit=7, Segment=segment, TotalSegments=4)
        found.append([(item["pk"]["S"], item["sk"]["S"]) for page in pages for item in page["Items"]])
    assert sorted(each for part in found for each in part) == sorted(expected)
    assert all(20 < len(part) < 140 for part in found)


def test_a_scan_continues_after_a_deleted_item() -> None:
    client = memory()
    for number in range(20):
        client.put_item(TableName="things", Item=key(f"p{number}"))
    first = client.scan(TableName="things", Limit=5)
    for name in ("pk", "sk"):
        assert name in first["LastEvaluatedKey"]
    client.delete_item(TableName="things", Key=first["LastEvaluatedKey"])
    rest = client.scan(TableName="things", ExclusiveStartKey=first["LastEvaluatedKey"])
    assert len(rest["Items"]) == 15


def test_a_batch_over_16_megabytes_returns_unprocessed_keys() -> None:
    client = memory()
    for number in range(45):
        client.put_item(TableName="things", Item={**key(f"p{number}"), "v": {"S": "x" * 400_000}})
    request = {"things": {"Keys": [key(f"p{number}") for number in range(45)], "ConsistentRead": True}}
    answer = client.batch_get_item(RequestItems=request)
    assert len(answer["Responses"]["things"]) == 41
    left = answer["UnprocessedKeys"]
    assert left["things"]["ConsistentRead"] is True
    assert len(client.batch_get_item(RequestItems=left)["Responses"]["things"]) == 4


class TestTables:
    """Operations on tables, which DynamoDB Local has in part only."""

    def test_tables_are_created_described_listed_updated_and_deleted(self, aws: TestAws) -> None:
        client = aws.dynamodb
        made = client.create_table(**TABLES[0])["TableDescription"]
        assert (made["TableStatus"], made["ItemCount"]) == ("ACTIVE", 0)
        assert error_of(client.create_table, **TABLES[0])["Error"]["Code"] == "ResourceInUseException"
        client.get_waiter("table_exists").wait(TableName="things")
        client.put_item(TableName="things", Item={**key("a"), "due_pk": {"S": "d"}, "due_at": {"N": "1"}})
        found = client.describe_table(TableName="things")["Table"]
        assert found["CreationDateTime"] == made["CreationDateTime"]
        assert (found["ItemCount"], found["TableSizeBytes"]) == (1, 6 + 7 + 8)
        assert {index["IndexName"]: index["ItemCount"] for index in found["GlobalSecondaryIndexes"]} == {
            "due": 1,
            "by_due_pk": 1,
        }
        assert client.list_tables()["TableNames"] == ["things"]
        client.update_table(TableName="things", DeletionProtectionEnabled=True)
        assert error_of(client.delete_table, TableName="things")["Error"]["Code"] == "ValidationException"
        client.update_table(TableName="things", DeletionProtectionEnabled=False)
        assert client.delete_table(TableName="things")["TableDescription"]["TableStatus"] == "DELETING"
        for call in (client.describe_table, client.delete_table, client.scan):
            assert error_of(call, TableName="things")["Error"]["Code"] == "ResourceNotFoundException"

    def test_an_index_can_be_added_and_deleted_later(self, aws: TestAws) -> None:
        client = aws.dynamodb
        client.create_table(**TABLES[1])
        client.put_item(TableName="numbers", Item={"id": {"N": "1"}, "colour": {"S": "red"}})
        client.put_item(TableName="numbers", Item={"id": {"N": "2"}})
        index: Any = {
            "IndexName": "colours",
            "KeySchema": [{"AttributeName": "colour", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
        client.update_table(
            TableName="numbers",
            AttributeDefinitions=[{"AttributeName": "colour", "AttributeType": "S"}],
            GlobalSecondaryIndexUpdates=[{"Create": index}],
        )
        red: Any = {"KeyConditionExpression": "colour = :c", "ExpressionAttributeValues": {":c": {"S": "red"}}}
        assert client.query(TableName="numbers", IndexName="colours", **red)["Count"] == 1
        client.update_table(TableName="numbers", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "colours"}}])
        assert "GlobalSecondaryIndexes" not in client.describe_table(TableName="numbers")["Table"]
        error = error_of(client.query, TableName="numbers", IndexName="colours", **red)
        assert error["Error"]["Code"] == "ValidationException"

    def test_ttl_recovery_and_tags_are_stored(self, aws: TestAws) -> None:
        client = aws.dynamodb
        arn = client.create_table(**TABLES[1], Tags=[{"Key": "a", "Value": "1"}])["TableDescription"]["TableArn"]
        assert client.describe_time_to_live(TableName="numbers")["TimeToLiveDescription"] == {
            "TimeToLiveStatus": "DISABLED"
        }
        client.update_time_to_live(
            TableName="numbers", TimeToLiveSpecification={"Enabled": True, "AttributeName": "gone_at"}
        )
        assert client.describe_time_to_live(TableName="numbers")["TimeToLiveDescription"] == {
            "TimeToLiveStatus": "ENABLED",
            "AttributeName": "gone_at",
        }
        client.update_continuous_backups(
            TableName="numbers", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        backups = client.describe_continuous_backups(TableName="numbers")["ContinuousBackupsDescription"]
        assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
        client.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
        client.untag_resource(ResourceArn=arn, TagKeys=["a"])
        assert client.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"TableName": "x"}, "at least 3"),
            ({"TableName": "no spaces"}, "pattern"),
            ({"KeySchema": [{"AttributeName": "id", "KeyType": "RANGE"}]}, "not a HASH"),
            ({"KeySchema": [{"AttributeName": "other", "KeyType": "HASH"}]}, "not defined"),
            (
                {
                    "AttributeDefinitions": [
                        {"AttributeName": "id", "AttributeType": "N"},
                        {"AttributeName": "more", "AttributeType": "N"},
                    ]
                },
                "not used",
            ),
            ({"BillingMode": "PROVISIONED"}, "must both be specified"),
            ({"GlobalSecondaryIndexes": []}, "empty"),
        ],
    )
    def test_wrong_table_definitions_are_rejected(self, change: dict[str, Any], said: str) -> None:
        error = error_of(Client().create_table, **{**TABLES[1], **change})["Error"]
        assert error["Code"] == "ValidationException"
        assert said in error["Message"]

    def test_each_region_has_its_own_tables(self, aws: TestAws) -> None:
        aws.dynamodb.create_table(**TABLES[1])
        elsewhere = replace(aws, region="eu-west-1").client("dynamodb")
        assert elsewhere.list_tables()["TableNames"] == []

    def test_a_reset_deletes_all_tables(self, aws: TestAws) -> None:
        aws.dynamodb.create_table(**TABLES[1])
        aws.reset()
        assert aws.dynamodb.list_tables()["TableNames"] == []
        aws.dynamodb.create_table(**TABLES[1])
        assert aws.dynamodb.scan(TableName="numbers")["Count"] == 0


def test_boto3_resources_work_over_it(aws: TestAws) -> None:
    table = aws.session.resource("dynamodb", endpoint_url=aws.endpoint).create_table(**TABLES[0])
    item = {
        "pk": "a",
        "sk": "1",
        "n": Decimal("1.50"),
        "set": {"x", "y"},
        "data": Binary(b"\x00"),
        "map": {"deep": [None]},
    }
    table.put_item(Item=item)
    assert table.get_item(Key={"pk": "a", "sk": "1"})["Item"] == item
    with table.batch_writer() as batch:
        for number in range(30):
            batch.put_item(Item={"pk": "many", "sk": f"{number:02}", "odd": number % 2 == 1})
    found = table.query(
        KeyConditionExpression=Key("pk").eq("many") & Key("sk").between("03", "09"),
        FilterExpression=Attr("odd").eq(True),
    )
    assert [each["sk"] for each in found["Items"]] == ["03", "05", "07", "09"]


def test_an_answer_has_a_checksum_and_a_request_id(aws: TestAws) -> None:
    metadata = aws.dynamodb.list_tables()["ResponseMetadata"]
    headers = metadata["HTTPHeaders"]
    assert (headers["content-type"], headers["x-amz-crc32"].isdigit()) == ("application/x-amz-json-1.0", True)
    assert metadata["RequestId"] == headers["x-amzn-requestid"]


def test_unsupported_operations_are_reported(aws: TestAws) -> None:
    error = error_of(aws.dynamodb.execute_statement, Statement="SELECT * FROM things")["Error"]
    assert error["Code"] == "UnknownOperationException"
    assert "ExecuteStatement" in error["Message"]
