"""An embedded AWS for tests: clients, environment, and the template's own queues and tables."""

from __future__ import annotations

import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from local import resources
from local.template import additions, build
from local.template_reader import Description, Queue, Table, describe, queues_and_tables

if TYPE_CHECKING:
    import boto3
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_sqs import SQSClient

REGION = "eu-west-3"


@cache
def stage_description() -> Description:
    """Return what the template of the stage `local` describes."""
    return describe(build("local"), REGION)


@cache
def _stage_resources(region: str) -> tuple[Sequence[Queue], Sequence[Table]]:
    """Return the queues and tables of the stage `local`.

    Tables have no expiry and no recovery: DynamoDB Local has no recovery, and deletes what expired by its own clock.
    """
    queues, tables = queues_and_tables(additions("local"), region)
    return queues, [replace(table, ttl_attribute=None, recovery=False) for table in tables]


@cache
def with_dynamodb(aws: TestAws, endpoint: str | None) -> TestAws:
    """`aws` with its DynamoDB at `endpoint` (None: its own); one for all tests, as clients take time to make."""
    return replace(aws, dynamodb_endpoint=endpoint)


@dataclass(frozen=True)
class TestAws:
    """A running AWS at `endpoint`."""

    __test__ = False

    endpoint: str
    region: str = REGION
    dynamodb_endpoint: str | None = None
    """Where its DynamoDB is, if that is another one."""

    @property
    def environ(self) -> dict[str, str]:
        """What a process needs to reach this AWS and no other."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            **({"AWS_ENDPOINT_URL_DYNAMODB": self.dynamodb_endpoint} if self.dynamodb_endpoint else {}),
        }

    @cached_property
    def session(self) -> boto3.Session:
        """The default boto3 session of tests: it caches service descriptions for the next client."""
        import boto3

        return boto3.Session("local", "local", region_name=self.region)

    def client(self, service: str) -> Any:
        """Return a boto3 client of `service`."""
        from botocore.config import Config

        make: Any = self.session.client  # its overloads know service names as literals only
        elsewhere = self.dynamodb_endpoint if service == "dynamodb" else None
        return make(
            service,
            endpoint_url=elsewhere or self.endpoint,
            config=Config(max_pool_connections=50),  # pollers and many a test ask from several threads
        )

    @cached_property
    def sqs(self) -> SQSClient:
        """An SQS client."""
        client: SQSClient = self.client("sqs")
        return client

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """A DynamoDB client."""
        client: DynamoDBClient = self.client("dynamodb")
        return client

    def reset(self) -> None:
        """Delete every queue, table, secret and parameter."""
        self._forget_everything()
        if self.dynamodb_endpoint:
            for name in self.dynamodb.list_tables()["TableNames"]:
                self.dynamodb.delete_table(TableName=name)

    def _forget_everything(self) -> None:
        urllib.request.urlopen(urllib.request.Request(f"{self.endpoint}/moto-api/reset", method="POST"), timeout=10)

    def create_resources(self) -> None:
        """Make the queues and tables of the stage `local`."""
        resources.create(*_stage_resources(self.region), self.sqs, self.dynamodb)

    def queue_url(self, name: str) -> str:
        """Return the URL of the queue `name`."""
        return self.sqs.get_queue_url(QueueName=name)["QueueUrl"]

    def counts(self, queue: str) -> tuple[int, int]:
        """Return how many messages of a queue wait, and how many are in flight."""
        answer = self.sqs.get_queue_attributes(QueueUrl=self.queue_url(queue), AttributeNames=["All"])["Attributes"]
        waiting = answer["ApproximateNumberOfMessages"]
        return int(waiting), int(answer["ApproximateNumberOfMessagesNotVisible"])

    def waiting(self, queue: str) -> int:
        """Return how many messages of a queue wait."""
        return self.counts(queue)[0]

    def in_flight(self, queue: str) -> int:
        """Return how many messages of a queue are in flight."""
        return self.counts(queue)[1]

    def message_count(self, queue: str) -> int:
        """Return how many messages are on a queue in all."""
        return sum(self.counts(queue))
