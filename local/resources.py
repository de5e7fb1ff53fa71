"""Creates the template's queues and tables in an AWS. Existing ones are kept with their contents."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from local.template_reader import Queue, Table

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.literals import QueueAttributeNameType


def create(queues: Iterable[Queue], tables: Iterable[Table], sqs: SQSClient, dynamodb: DynamoDBClient) -> None:
    """Creates every missing queue and table. Dead-letter queues come first: a redrive policy needs its target."""
    for queue in sorted(queues, key=lambda queue: queue.redrive_policy is not None):
        _queue(queue, sqs)
    for table in tables:
        _table(table, dynamodb)


def _queue(queue: Queue, sqs: SQSClient) -> None:
    attributes = cast("dict[QueueAttributeNameType, str]", dict(queue.attributes))
    if queue.redrive_policy:
        attributes["RedrivePolicy"] = json.dumps(queue.redrive_policy)
    try:
        sqs.create_queue(QueueName=queue.name, Attributes=attributes)
    except sqs.exceptions.QueueNameExists:  # with other attributes
        sqs.set_queue_attributes(QueueUrl=sqs.get_queue_url(QueueName=queue.name)["QueueUrl"], Attributes=attributes)


def _table(table: Table, dynamodb: DynamoDBClient) -> None:
    try:
        made = dynamodb.create_table(**table.definition)
    except dynamodb.exceptions.ResourceInUseException:
        return
    if made["TableDescription"]["TableStatus"] != "ACTIVE":
        dynamodb.get_waiter("table_exists").wait(TableName=table.name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    if table.ttl_attribute:
        dynamodb.update_time_to_live(
            TableName=table.name, TimeToLiveSpecification={"Enabled": True, "AttributeName": table.ttl_attribute}
        )
    if table.recovery:
        dynamodb.update_continuous_backups(
            TableName=table.name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
