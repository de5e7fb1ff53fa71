"""The baseline's Lambda function. It reads its environment at import, as is usual."""

from __future__ import annotations

import os
from typing import Any

import boto3
import requests
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)

processor = BatchProcessor(event_type=EventType.SQS)
persistence = DynamoDBPersistenceLayer(table_name=os.environ["IDEMPOTENCY_TABLE"])
config = IdempotencyConfig(event_key_jmespath="messageId")
signups: Any = boto3.resource("dynamodb").Table(os.environ["SIGNUPS_TABLE"])


def deliver(record: SQSRecord) -> dict[str, str]:
    """Sends one signup to the provider. Raises requests' errors, after which SQS delivers the message again."""
    event: Any = record.json_body
    contact = {"email": event["email"], **event["fields"]}
    answer = requests.post(
        f"{os.environ['PROVIDER_URL']}/list_insert",
        json={"api_key": os.environ["PROVIDER_KEY"], "list_id": event["list"], "tab_insert": [contact]},
        timeout=30,
    )
    answer.raise_for_status()
    signups.put_item(Item={"id": event["id"], "status": "delivered", "email": event["email"], "list": event["list"]})
    return {"id": event["id"]}


once: Any = idempotent_function(deliver, data_keyword_argument="record", config=config, persistence_store=persistence)


def handler(event: dict[str, Any], context: Any) -> Any:
    """Handles a batch of messages, as the Lambda function."""
    config.register_lambda_context(context)
    return process_partial_response(event=event, record_handler=once, processor=processor, context=context)
