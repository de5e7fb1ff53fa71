"""Queues and tables come from the template, once."""

from __future__ import annotations

import json

from local import resources as local_resources
from local.template import additions
from local.template_reader import queues_and_tables
from tests.support.aws import TestAws


def create_all(aws: TestAws) -> None:
    queues, tables = queues_and_tables(additions("local"), aws.region)
    local_resources.create(queues, tables, aws.sqs, aws.dynamodb)


def test_every_queue_and_table_of_the_template_exists(resources: TestAws) -> None:
    queues = {url.rpartition("/")[2] for url in resources.sqs.list_queues()["QueueUrls"]}
    assert queues == {
        f"relais-local-{kind}{suffix}" for kind in ("signups", "unsubscribes", "syncs") for suffix in ("", "-dlq")
    }
    assert set(resources.dynamodb.list_tables()["TableNames"]) == {"relais-local-ledger", "relais-local-stats"}


def test_a_queue_has_the_timeouts_and_dead_letter_queue_of_the_template(resources: TestAws) -> None:
    url = resources.queue_url("relais-local-signups")
    attributes = resources.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    redrive = json.loads(attributes["RedrivePolicy"])
    described = additions("local")["Resources"]["SignupsQueue"]["Properties"]
    assert int(attributes["VisibilityTimeout"]) == described["VisibilityTimeout"] != 30  # 30 is what SQS would take
    assert int(attributes["MessageRetentionPeriod"]) == described["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert redrive["deadLetterTargetArn"].endswith(":relais-local-signups-dlq")
    assert redrive["maxReceiveCount"] == described["RedrivePolicy"]["maxReceiveCount"]


def test_the_ledger_has_its_index_ttl_and_recovery(aws: TestAws) -> None:
    create_all(aws)
    dynamodb = aws.dynamodb
    table = dynamodb.describe_table(TableName="relais-local-ledger")["Table"]
    ttl = dynamodb.describe_time_to_live(TableName="relais-local-ledger")["TimeToLiveDescription"]
    backups = dynamodb.describe_continuous_backups(TableName="relais-local-ledger")["ContinuousBackupsDescription"]
    assert [index["IndexName"] for index in table["GlobalSecondaryIndexes"]] == ["due"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def test_an_existing_queue_gets_the_timeouts_of_the_template(aws: TestAws) -> None:
    aws.sqs.create_queue(QueueName="relais-local-signups", Attributes={"VisibilityTimeout": "31"})
    create_all(aws)
    url = aws.queue_url("relais-local-signups")
    attributes = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] != "31" and "RedrivePolicy" in attributes


def test_creating_resources_again_keeps_existing_ones(resources: TestAws) -> None:
    url = resources.queue_url("relais-local-signups")
    resources.sqs.send_message(QueueUrl=url, MessageBody="kept")
    resources.dynamodb.put_item(TableName="relais-local-ledger", Item={"pk": {"S": "a"}, "sk": {"S": "b"}})
    resources.create_resources()
    assert resources.waiting("relais-local-signups") == 1
    assert resources.dynamodb.scan(TableName="relais-local-ledger")["Count"] == 1
