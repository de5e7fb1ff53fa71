"""Reads the queues, tables, functions, triggers and API of one stage from its template.

Only the intrinsics that the template uses for these are supported (`Ref`, `Fn::Sub`, `Fn::GetAtt`, `Fn::FindInMap`);
another one is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

ACCOUNT_ID = "123456789012"


class Unsupported(Exception):
    """The template contains something that the local stack cannot read; the text says what and where."""


@dataclass(frozen=True, slots=True)
class Queue:
    """An SQS queue. `attributes` are CreateQueue's, without the redrive policy, whose target must exist first."""

    name: str
    attributes: Mapping[str, str]
    redrive_policy: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A DynamoDB table. `definition` is CreateTable's input; TTL and recovery are enabled afterwards."""

    name: str
    definition: Mapping[str, Any]
    ttl_attribute: str | None = None
    recovery: bool = False


@dataclass(frozen=True, slots=True)
class QueueTrigger:
    """An event source mapping from a queue to a function."""

    queue: str
    batch_size: int
    window_seconds: float
    partial_failures: bool
    concurrency: int | None


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function with what starts it. `handler` is `module.attribute`."""

    name: str
    handler: str
    timeout_seconds: float
    memory_mb: int
    environment: Mapping[str, str] = field(default_factory=dict)
    queues: tuple[QueueTrigger, ...] = ()
    schedules: tuple[str, ...] = ()

    @property
    def short_name(self) -> str:
        """`signups` of `relais-local-signups`."""
        return self.name.rpartition("-")[2]


@dataclass(frozen=True, slots=True)
class Throttle:
    """How many requests a second a method takes in the long run, and how many at once."""

    rate: float
    burst: int


@dataclass(frozen=True, slots=True)
class Api:
    """The REST API: its stage's name, the methods of each path, its base64-encoded types, its gateway responses."""

    stage: str
    methods: Mapping[str, frozenset[str]]
    binary_types: tuple[str, ...]
    gateway_responses: Mapping[str, Any] = field(default_factory=dict)
    throttles: Mapping[tuple[str, str], Throttle] = field(default_factory=dict)
    """By method and path; others have none."""


@dataclass(frozen=True, slots=True)
class Description:
    """The resources of one stage."""

    queues: tuple[Queue, ...]
    tables: tuple[Table, ...]
    functions: tuple[Function, ...]
    api: Api

    def function(self, name: str) -> Function:
        """Returns the function of a full or short name. Raises KeyError with the known names."""
        for function in self.functions:
            if name in (function.name, function.short_name):
                return function
        raise KeyError(f"no function {name!r}; there are {', '.join(f.short_name for f in self.functions)}")

    @property
    def http_function(self) -> Function:
        """The function behind the API."""
        return next(function for function in self.functions if function.handler == "app.app")


def describe(template: Mapping[str, Any], region: str) -> Description:
    """Reads a SAM template as `local.template.build` gives it. Raises Unsupported."""
    return TemplateReader(template, region).description()


def queues_and_tables(template: Mapping[str, Any], region: str) -> tuple[list[Queue], list[Table]]:
    """Reads the queues and tables only; the template needs no functions. Raises Unsupported."""
    reader = TemplateReader(template, region)
    return reader.queues(), reader.tables()


class TemplateReader:
    """Resolves intrinsics against the template's own resources, and its parameters by their defaults."""

    def __init__(self, template: Mapping[str, Any], region: str) -> None:
        self._resources: Mapping[str, Any] = template["Resources"]
        self._parameters: Mapping[str, Any] = template.get("Parameters", {})
        self._mappings: Mapping[str, Any] = template.get("Mappings", {})
        self._region = region

    def description(self) -> Description:
        """Returns what the template describes. Raises Unsupported."""
        return Description(
            queues=tuple(self.queues()),
            tables=tuple(self.tables()),
            functions=tuple(self._function(p) for p in self._all("AWS::Serverless::Function")),
            api=self._api(next(self._all("AWS::Serverless::Api"))),
        )

    def queues(self) -> list[Queue]:
        """Returns the queues, dead-letter queues included. Raises Unsupported."""
        return [self._queue(properties) for properties in self._all("AWS::SQS::Queue")]

    def tables(self) -> list[Table]:
        """Returns the tables. Raises Unsupported."""
        return [_table(properties) for properties in self._all("AWS::DynamoDB::Table")]

    def _all(self, kind: str) -> Iterator[Mapping[str, Any]]:
        return (each["Properties"] for each in self._resources.values() if each.get("Type") == kind)

    def _queue(self, properties: Mapping[str, Any]) -> Queue:
        known = ("VisibilityTimeout", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "DelaySeconds")
        attributes = {name: str(properties[name]) for name in known if name in properties}
        redrive = properties.get("RedrivePolicy")
        if redrive:
            redrive = {**redrive, "deadLetterTargetArn": self.text(redrive["deadLetterTargetArn"])}
        return Queue(self.text(properties["QueueName"]), attributes, redrive)

    def _function(self, properties: Mapping[str, Any]) -> Function:
        events = properties.get("Events", {}).values()
        variables = properties.get("Environment", {}).get("Variables", {})
        return Function(
            name=self.text(properties["FunctionName"]),
            handler=properties["Handler"],
            timeout_seconds=int(properties["Timeout"]),
            memory_mb=int(properties["MemorySize"]),
            environment={name: self.text(value) for name, value in variables.items()},
            queues=tuple(self._trigger(e["Properties"]) for e in events if e["Type"] == "SQS"),
            schedules=tuple(self.text(e["Properties"]["Schedule"]) for e in events if e["Type"] == "Schedule"),
        )

    def _trigger(self, properties: Mapping[str, Any]) -> QueueTrigger:
        return QueueTrigger(
            queue=self.text(properties["Queue"]).rpartition(":")[2],
            batch_size=int(properties.get("BatchSize", 10)),
            window_seconds=float(properties.get("MaximumBatchingWindowInSeconds", 0)),
            partial_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
            concurrency=properties.get("ScalingConfig", {}).get("MaximumConcurrency"),
        )

    def _api(self, properties: Mapping[str, Any]) -> Api:
        body = properties["DefinitionBody"]
        return Api(
            stage=properties["StageName"],
            methods={path: frozenset(map(str.upper, methods)) for path, methods in body["paths"].items()},
            binary_types=tuple(body.get("x-amazon-apigateway-binary-media-types", ())),
            gateway_responses=body.get("x-amazon-apigateway-gateway-responses", {}),
            throttles=dict(map(self._throttle, properties.get("MethodSettings", ()))),
        )

    def _throttle(self, setting: Mapping[str, Any]) -> tuple[tuple[str, str], Throttle]:
        path = "/" + setting["ResourcePath"].lstrip("/").replace("~1", "/").lstrip("/")
        rate, burst = (self.text(setting[f"Throttling{name}Limit"]) for name in ("Rate", "Burst"))
        return (setting["HttpMethod"], path), Throttle(float(rate), int(burst))

    def text(self, value: Any) -> str:
        """Returns a string with its intrinsics resolved. Raises Unsupported."""
        if isinstance(value, (str, int)):
            return str(value)
        if isinstance(value, Mapping) and len(value) == 1:
            (name, argument), *_ = value.items()
            if name == "Ref":
                return self._reference(argument)
            if name == "Fn::GetAtt":
                resource, attribute = argument if isinstance(argument, list) else argument.split(".", 1)
                return self._attribute(resource, attribute)
            if name == "Fn::FindInMap":
                first, second, third = argument
                return str(self._mappings[first][self.text(second)][third])
            if name == "Fn::Sub" and isinstance(argument, str):
                return re.sub(r"\$\{([^!}]+)\}", lambda found: self._substitute(found[1]), argument)
        raise Unsupported(f"the template's {value!r}")

    def _substitute(self, name: str) -> str:
        resource, dot, attribute = name.partition(".")
        return self._attribute(resource, attribute) if dot else self._reference(name)

    def _reference(self, name: str) -> str:
        pseudo = {"AWS::Region": self._region, "AWS::AccountId": ACCOUNT_ID, "AWS::Partition": "aws"}
        pseudo["AWS::URLSuffix"] = "amazonaws.com"
        if name in pseudo:
            return pseudo[name]
        if "Default" in self._parameters.get(name, {}):
            return str(self._parameters[name]["Default"])
        if self._resource(name)["Type"] == "AWS::Serverless::Api":
            return "local"
        properties = self._resource(name)["Properties"]
        for key in ("TableName", "FunctionName", "QueueName"):
            if key in properties:
                return self.text(properties[key])
        raise Unsupported(f"a reference to {name}")

    def _attribute(self, resource: str, attribute: str) -> str:
        name = self._reference(resource)
        if attribute in ("QueueName", "TableName"):
            return name
        services = {"AWS::SQS::Queue": "sqs", "AWS::DynamoDB::Table": "dynamodb", "AWS::Serverless::Function": "lambda"}
        service = services.get(self._resource(resource)["Type"])
        if attribute != "Arn" or service is None:
            raise Unsupported(f"{attribute} of {resource}")
        kind = {"sqs": "", "dynamodb": "table/", "lambda": "function:"}[service]
        return f"arn:aws:{service}:{self._region}:{ACCOUNT_ID}:{kind}{name}"

    def _resource(self, name: str) -> Mapping[str, Any]:
        if name not in self._resources:
            raise Unsupported(f"{name}, which is no resource of it")
        resource: Mapping[str, Any] = self._resources[name]
        return resource


def _table(properties: Mapping[str, Any]) -> Table:
    known = ("TableName", "BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    return Table(
        name=properties["TableName"],
        definition={name: properties[name] for name in known if name in properties},
        ttl_attribute=properties.get("TimeToLiveSpecification", {}).get("AttributeName"),
        recovery=properties.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled", False),
    )
