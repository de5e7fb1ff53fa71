"""The stack in an emulator: the template, transformed as CloudFormation transforms it, created by moto through boto3.

`with emulated_aws():` is an AWS of its own in this process, empty at first; `create("prod")` makes a stack there.
What the emulator cannot show is in docs/testing.md.
"""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import pytest

from local import template, throttles
from tests.support.aws import REGION
from tests.support.emulated_types import teach

CODE = {"Bucket": "relais-packages", "Key": "deployment.zip"}


@dataclass(frozen=True)
class Stack:
    """A created stack: its physical ids and types by logical id, its outputs, and the template without transform."""

    name: str
    region: str
    resources: Mapping[str, str]
    types: Mapping[str, str]
    outputs: Mapping[str, str]
    body: Mapping[str, Any]

    def client(self, service: str) -> Any:
        """Return a client of a service in the stack's region."""
        return boto3.client(service, region_name=self.region)


@contextmanager
def emulated_aws() -> Iterator[None]:
    """Give boto3's calls in this process to an empty AWS of moto's own, with all of its services, in all regions."""
    from moto import mock_aws

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("boto3.DEFAULT_SESSION", None)
        for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
            patched.delenv(name, raising=False)
        patched.setenv("AWS_DEFAULT_REGION", REGION)
        teach()
        with mock_aws():
            yield


def create(stage: str, region: str = REGION, parameters: Mapping[str, str] | None = None) -> Stack:
    """Create the stack of a stage and return what there is. Raises botocore's ClientError when it cannot be made."""
    name = f"relais-{stage}"
    _upload_code(region)
    cloudformation = boto3.client("cloudformation", region_name=region)
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=_transformed(stage),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in (parameters or {}).items()],
    )
    return describe(stage, region)


def describe(stage: str, region: str = REGION) -> Stack:
    """Return the stack of a stage as it is now."""
    name, cloudformation = f"relais-{stage}", boto3.client("cloudformation", region_name=region)
    (described,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    summaries = (each for page in pages for each in page["StackResourceSummaries"])
    listed = [each for each in summaries if each["LogicalResourceId"]]  # moto names what a condition left out ""
    body = cloudformation.get_template(StackName=name)["TemplateBody"]
    return Stack(
        name=name,
        region=region,
        resources={each["LogicalResourceId"]: each["PhysicalResourceId"] for each in listed},
        types={each["LogicalResourceId"]: each["ResourceType"] for each in listed},
        outputs={each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", ())},
        body=json.loads(body) if isinstance(body, str) else body,
    )


OWN_FORMS = ("footer", "nieuws.brief-2", "unsubscribe")
"""The forms of the configuration that is packaged; one is named as a segment of its path."""


@cache
def _transformed(stage: str) -> str:
    """Remembered: it takes a second."""
    body = template.build(stage)
    throttles.apply(body, OWN_FORMS)
    return json.dumps(transformed(body))


def transformed(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a SAM template as CloudFormation's transform leaves it, its code being where `create` puts it."""
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    packaged: dict[str, Any] = copy.deepcopy(dict(body))
    for resource in packaged["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":  # as `aws cloudformation package` does
            resource["Properties"]["CodeUri"] = f"s3://{CODE['Bucket']}/{CODE['Key']}"
    for parameter in packaged["Parameters"].values():
        if parameter["Type"] == "Number":  # which CloudFormation takes for a text in `Fn::FindInMap`, and moto does not
            del parameter["MinValue"], parameter["MaxValue"]
            parameter.update(Type="String", Default=str(parameter["Default"]))
    session = boto3.Session(region_name=REGION)
    plain: dict[str, Any] = Translator({}, Parser(), boto_session=session).translate(packaged, {})
    return plain


def _upload_code(region: str) -> None:
    """Put an empty zip where the template says that the code is."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as packed:
        packed.writestr("app.py", "")
    s3 = boto3.client("s3", region_name=region)
    made = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region != "us-east-1" else {}
    if CODE["Bucket"] not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=CODE["Bucket"], **made)
    s3.put_object(**CODE, Body=code.getvalue())
