"""Makes, changes and deletes what a stack consists of: tables, queues and policies for real, functions and triggers in
`Lambdas`, all else as a record with a name that nothing else may have.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from tests.support.account.intrinsics import ACCOUNT_ID, Made
from tests.support.account.lambdas import Lambdas, Mapped
from tests.support.aws import TestAws

_NAMES = ("FunctionName", "RoleName", "AlarmName", "LogGroupName", "DomainName", "DashboardName", "TopicName", "Name")
_UNIQUE = ("RoleName", "AlarmName", "LogGroupName", "DashboardName")
_QUEUE = ("VisibilityTimeout", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "DelaySeconds")
_TABLE = ("TableName", "BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")


class ResourceFailed(Exception):
    """A resource that cannot be made, changed or deleted; the text is CloudFormation's reason."""


class Resources:
    """Of all stacks of a region. `broken` are logical ids that cannot be made, as when a limit is reached."""

    def __init__(self, aws: TestAws, lambdas: Lambdas) -> None:
        self._aws = aws
        self._lambdas = lambdas
        self._taken: set[tuple[str, str]] = set()
        self.broken: set[str] = set()

    def make(self, stack: str, logical: str, kind: str, properties: Mapping[str, Any]) -> Made:
        """Make one. Raises ResourceFailed."""
        if logical in self.broken:
            raise ResourceFailed('Resource handler returned message: "The limit of this account is reached"')
        try:
            if kind == "AWS::DynamoDB::Table":
                return self._make_table(kind, properties)
            if kind == "AWS::SQS::Queue":
                return self._make_queue(kind, properties)
        except ClientError as error:
            raise ResourceFailed(str(error)) from error
        return self._record(stack, logical, kind, properties)

    def change(self, stack: str, logical: str, before: Made, properties: Mapping[str, Any]) -> Made:
        """Change one. Raises ResourceFailed."""
        try:
            return self._change(stack, logical, before, properties)
        except ClientError as error:
            raise ResourceFailed(str(error)) from error

    def _change(self, stack: str, logical: str, before: Made, properties: Mapping[str, Any]) -> Made:
        if logical in self.broken:
            raise ResourceFailed('Resource handler returned message: "The limit of this account is reached"')
        named = [name for name in ("TableName", "QueueName", *_NAMES) if name in before.properties]
        if any(before.properties[name] != properties.get(name) for name in named):  # another name is another resource
            made = self.make(stack, logical, before.type, properties)
            self.delete(before)
            return made
        if before.type == "AWS::DynamoDB::Table":
            self._aws.dynamodb.update_table(
                TableName=before.ref, DeletionProtectionEnabled=properties.get("DeletionProtectionEnabled", False)
            )
        elif before.type == "AWS::SQS::Queue":
            self._aws.sqs.set_queue_attributes(QueueUrl=before.ref, Attributes=_attributes(properties))
        elif before.type == "AWS::Lambda::Function":
            self._lambdas.put(before.ref, properties)
        elif before.type == "AWS::Lambda::EventSourceMapping":
            self._lambdas.mappings[before.ref].properties = properties
        return replace(before, properties=properties)

    def adopt(self, kind: str, identifier: Mapping[str, str], properties: Mapping[str, Any]) -> Made:
        """Take over a table that exists. Raises ResourceFailed."""
        if kind != "AWS::DynamoDB::Table" or properties["TableName"] != identifier["TableName"]:
            raise ResourceFailed(f"{identifier} is no table of the template")
        try:
            arn = self._aws.dynamodb.describe_table(TableName=identifier["TableName"])["Table"]["TableArn"]
        except ClientError as error:
            raise ResourceFailed(str(error)) from error
        return Made(kind, identifier["TableName"], properties, {"Arn": arn})

    def delete(self, made: Made) -> None:
        """Delete one. Raises ResourceFailed."""
        try:
            if made.type == "AWS::DynamoDB::Table":
                self._aws.dynamodb.delete_table(TableName=made.ref)
            elif made.type == "AWS::SQS::Queue":
                self._aws.sqs.delete_queue(QueueUrl=made.ref)
            elif made.type == "AWS::IAM::ManagedPolicy":
                self._aws.client("iam").delete_policy(PolicyArn=made.ref)
        except ClientError as error:
            raise ResourceFailed(str(error)) from error
        if made.type == "AWS::Lambda::Function":
            self._lambdas.functions.pop(made.ref, None)
        elif made.type == "AWS::Lambda::EventSourceMapping":
            self._lambdas.mappings.pop(made.ref, None)
        for name in _UNIQUE:
            self._taken.discard((name, str(made.properties.get(name))))

    def _make_table(self, kind: str, properties: Mapping[str, Any]) -> Made:
        dynamodb, name = self._aws.dynamodb, properties["TableName"]
        wanted: Any = {key: properties[key] for key in _TABLE if key in properties}
        protected = properties.get("DeletionProtectionEnabled", False)
        arn = dynamodb.create_table(**wanted, DeletionProtectionEnabled=protected)["TableDescription"]["TableArn"]
        if "TimeToLiveSpecification" in properties:
            dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=properties["TimeToLiveSpecification"])
        if "PointInTimeRecoverySpecification" in properties:
            dynamodb.update_continuous_backups(
                TableName=name, PointInTimeRecoverySpecification=properties["PointInTimeRecoverySpecification"]
            )
        return Made(kind, name, properties, {"Arn": arn})

    def _make_queue(self, kind: str, properties: Mapping[str, Any]) -> Made:
        sqs, name = self._aws.sqs, properties["QueueName"]
        if any(url.endswith(f"/{name}") for url in sqs.list_queues(QueueNamePrefix=name).get("QueueUrls", ())):
            raise ResourceFailed(f"{name} already exists")
        url = sqs.create_queue(QueueName=name, Attributes=_attributes(properties))["QueueUrl"]  # type: ignore[arg-type]
        arn = f"arn:aws:sqs:{self._aws.region}:{ACCOUNT_ID}:{name}"
        return Made(kind, url, properties, {"Arn": arn, "QueueName": name})

    def _record(self, stack: str, logical: str, kind: str, properties: Mapping[str, Any]) -> Made:
        self._take_names(properties)
        own = uuid.uuid4().hex[:12]
        service = kind.split("::")[1].lower()
        named = [str(properties[name]) for name in _NAMES if name in properties]
        ref = own[:10] if kind == "AWS::ApiGateway::RestApi" else named[0] if named else f"{stack}-{logical}-{own}"
        middle = {"lambda": "function:", "cloudwatch": "alarm:", "iam": "role/"}.get(service, "")
        attributes = {"Arn": f"arn:aws:{service}:{self._aws.region}:{ACCOUNT_ID}:{middle}{ref}"}
        if kind == "AWS::Lambda::EventSourceMapping":
            ref = str(uuid.uuid4())
            self._lambdas.mappings[ref] = Mapped(ref, properties)
        elif kind == "AWS::Lambda::Function":
            self._lambdas.put(ref, properties)
        elif kind == "AWS::SNS::Topic":
            ref = attributes["TopicArn"] = attributes["Arn"]
        elif kind == "AWS::IAM::ManagedPolicy":
            document = json.dumps(properties["PolicyDocument"])
            ref = self._aws.client("iam").create_policy(PolicyName=ref, PolicyDocument=document)["Policy"]["Arn"]
        elif kind == "AWS::ApiGateway::DomainName":
            self._check_certificate(properties)
            attributes["RegionalDomainName"] = f"d-{own[:10]}.execute-api.{self._aws.region}.amazonaws.com"
        return Made(kind, ref, properties, attributes)

    def _take_names(self, properties: Mapping[str, Any]) -> None:
        """Raise ResourceFailed if another resource has one of these names."""
        for name in _UNIQUE:
            if name in properties:
                if (name, properties[name]) in self._taken:
                    raise ResourceFailed(f"{properties[name]} already exists in stack or account")
                self._taken.add((name, properties[name]))

    def _check_certificate(self, properties: Mapping[str, Any]) -> None:
        if properties["RegionalCertificateArn"].split(":")[3] != self._aws.region:
            raise ResourceFailed("The provided certificate is not in the region of the API")


def _attributes(properties: Mapping[str, Any]) -> dict[str, str]:
    attributes = {name: str(properties[name]) for name in _QUEUE if name in properties}
    if "RedrivePolicy" in properties:
        attributes["RedrivePolicy"] = json.dumps(properties["RedrivePolicy"])
    return attributes
