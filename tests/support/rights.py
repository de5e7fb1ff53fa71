"""IAM for functions of a running stack: each AWS call is held against the role that the template gives the function.

A call without the right for it is refused as AWS refuses it, and noted, so that the test ends failed; every right that
a call takes is noted by each process. A right is an action and the ARN of what it is for; in a policy the ARN may be a
pattern.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from email.utils import parseaddr
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore
from botocore.exceptions import ClientError

from local import template
from local.template_reader import ACCOUNT_ID, TemplateReader
from tests.support.aws import REGION

Right = tuple[str, str]
CALLED, REFUSED = "called-rights", "refused-calls"
"""Files in the folder of a stack: a line of JSON for each function and right."""
DEPLOYED = "deployed-rights"
"""What the roles of deployed functions grant: a JSON object by function, where a stack was deployed."""
OBSERVED = "calls-are-observed"
"""While there is such a file, nothing is refused."""
ELSEWHERE = ("connect", "providers and sources")
"""Noted as called by a function that connects to anything but AWS."""
AWS_ITSELF = {
    "logs:CreateLogStream": "the runtime writes what a function logs",
    "logs:PutLogEvents": "the same",
    "sqs:ReceiveMessage": "Lambda's poller of a queue receives by the role of the function",
    "sqs:DeleteMessage": "the same, of what the function has handled",
    "sqs:GetQueueAttributes": "the same, at the event source mapping's creation and to scale",
    "ec2:CreateNetworkInterface": "Lambda joins the VPC by the role of the function",
    "ec2:DescribeNetworkInterfaces": "the same",
    "ec2:DescribeSubnets": "the same",
    "ec2:DeleteNetworkInterface": "the same",
    "ec2:AssignPrivateIpAddresses": "the same",
    "ec2:UnassignPrivateIpAddresses": "the same",
}
"""Rights that AWS uses in a function's place, so that no call of the function takes them."""
_PARTS = {part: f"{part}Item" for part in ("Put", "Update", "Delete", "ConditionCheck")}
"""Of a transaction, which has no right of its own."""


def granted(stage: str = "local", region: str = REGION) -> dict[str, set[Right]]:
    """Return what the role of each function of a stage grants, with the stack's own tables and without a VPC."""
    body = template.build(stage)
    reader = TemplateReader(body, region)
    rights = {}
    for function in body["Resources"].values():
        if function["Type"] == "AWS::Serverless::Function":
            role, _ = function["Properties"]["Role"]["Fn::GetAtt"]
            policies = body["Resources"][role]["Properties"]["Policies"]
            statements = (one for each in policies for one in each["PolicyDocument"]["Statement"])
            name = function["Properties"]["FunctionName"]
            rights[name] = {right for each in statements for right in _of_statement(each, reader, name)}
    return rights


def _of_statement(statement: Mapping[str, Any], reader: TemplateReader, function: str) -> Iterator[Right]:
    if "Fn::If" in statement:
        _, _, statement = statement["Fn::If"]  # every condition is about a parameter, and no parameter is set
    for resource in listed(statement.get("Resource", [])):
        if isinstance(resource, Mapping) and "Fn::If" in resource:
            _, _, resource = resource["Fn::If"]
        if isinstance(resource, Mapping) and "LogGroup" in str(resource):
            resource = f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:/aws/lambda/{function}:*"
        for action in listed(statement["Action"]):
            yield action, reader.text(resource)


def is_taken_by_aws(right: Right, function: str) -> bool:
    """Return whether AWS takes a right in a function's place: of queues, only for the function's own."""
    action, arn = right
    return action in AWS_ITSELF and (not action.startswith("sqs:") or arn.endswith(f":{function}"))


def allows(rights: Iterable[Right], needed: Right) -> bool:
    """Return whether rights of a role, whose ARNs are patterns, contain the right that a call takes."""
    action, arn = needed
    return any(action == one and fnmatchcase(arn, pattern) for one, pattern in rights)


def needed(service: str, operation: str, region: str, params: Mapping[str, Any]) -> set[Right]:
    """Return the rights that a call takes. Raises AssertionError for a service that no function is known to call."""
    place = f"{region}:{ACCOUNT_ID}"
    if service == "dynamodb":
        return {
            (f"dynamodb:{action}", f"arn:aws:dynamodb:{place}:table/{path}")
            for action, path in _of_dynamodb(operation, params)
        }
    if service == "sqs":
        queue = params.get("QueueName") or params["QueueUrl"].rpartition("/")[2]
        return {(f"sqs:{operation.removesuffix('Batch')}", f"arn:aws:sqs:{place}:{queue}")}
    if service == "secretsmanager":
        return {(f"secretsmanager:{operation}", f"arn:aws:secretsmanager:{place}:secret:{params['SecretId']}")}
    if service == "ssm":
        return {(f"ssm:{operation}", f"arn:aws:ssm:{place}:parameter/{params['Name'].removeprefix('/')}")}
    if service == "sesv2":
        if operation == "GetAccount":
            return {("ses:GetAccount", "*")}
        sender = params.get("EmailIdentity") or parseaddr(params["FromEmailAddress"])[1]
        of_sender = (f"ses:{operation}", f"arn:aws:ses:{place}:identity/{sender}")
        # A sender may have a configuration set by default; SES asks for the right to it, too, though no call names it.
        by_default = ("ses:SendEmail", f"arn:aws:ses:{place}:configuration-set/by-default")
        return {of_sender, by_default} if operation == "SendEmail" else {of_sender}
    raise AssertionError(f"{service}:{operation}: say here which right it takes")


def _of_dynamodb(operation: str, params: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return the actions of one call, each with its table, or the index that it reads."""
    if operation == "TransactWriteItems":
        parts = [pair for item in params["TransactItems"] for pair in item.items()]
        return {(_PARTS[kind], part["TableName"]) for kind, part in parts}
    if "RequestItems" in params:
        return {(operation, table) for table in params["RequestItems"]}
    index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
    return {(operation, params["TableName"] + index)}


def enforce(folder: Path) -> None:
    """Have every boto3 client that this process and its children make keep to the function's role from now on."""
    rights, noted = _deployed(folder) or granted(), set[Right]()

    def hold(params: Mapping[str, Any], model: Any, context: Mapping[str, Any], **_: Any) -> None:
        function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        if function is None:
            return
        service = model.service_model.service_name
        taken = needed(service, model.name, context["client_region"], params)
        for right in taken - noted:
            _note(folder / CALLED, function, right)
            noted.add(right)
            if not allows(rights[function], right) and not (folder / OBSERVED).exists():
                noted.discard(right)  # refused each time
                _note(folder / REFUSED, function, right)
                said = f"{function} is not authorized to perform: {right[0]} on resource: {right[1]}"
                raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": said}}, model.name)

    connect, aws = socket.socket.connect, urlsplit(os.environ["AWS_ENDPOINT_URL"]).port

    def noted_connect(self: socket.socket, address: Any) -> None:
        function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        if function is not None and ELSEWHERE not in noted and self.family != socket.AF_UNIX and address[1] != aws:
            _note(folder / CALLED, function, ELSEWHERE)
            noted.add(ELSEWHERE)
        connect(self, address)

    socket.socket.connect = noted_connect  # type: ignore[method-assign]
    botocore.register_initializer(lambda session: session.register("before-parameter-build", hold))


def deploy(folder: Path, statements: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
    """Have functions keep to these statements of their roles, whose references are resolved."""
    rights = {
        function: [
            (action, resource)
            for each in some
            for action in listed(each["Action"])
            for resource in listed(each.get("Resource", []))
        ]
        for function, some in statements.items()
    }
    (folder / DEPLOYED).write_text(json.dumps(rights))


def _deployed(folder: Path) -> dict[str, set[Right]]:
    file = folder / DEPLOYED
    kept = json.loads(file.read_text()) if file.exists() else {}
    return {function: {(action, arn) for action, arn in some} for function, some in kept.items()}


def _note(file: Path, function: str, right: Right) -> None:
    with file.open("a") as notes:  # one write of less than a page: whole, also from several processes at once
        notes.write(json.dumps([function, *right]) + "\n")


def noted_in(file: Path) -> dict[str, set[Right]]:
    """Return the rights that are noted in a file, by function."""
    noted: dict[str, set[Right]] = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        function, action, arn = json.loads(line)
        noted.setdefault(function, set()).add((action, arn))
    return noted


def listed(value: Any) -> list[Any]:
    """IAM takes one value or a list of them."""
    return value if isinstance(value, list) else [value]
