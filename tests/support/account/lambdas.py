"""Lambda, EventBridge and API Gateway of a deployed stack: the product's own functions, in processes of their own.

A function is the checkout's code with the configuration out of the zip that was deployed, and with the environment that
CloudFormation resolved from the template and its parameters.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from local.http.gateway import Gateway
from local.http.server import HttpServer
from local.lambdas.functions import FunctionFailed, Functions, NoEnvironment
from local.poller import Poller
from local.schedules import Schedules
from local.template_reader import Api, Function, QueueTrigger
from tests.support import rights
from tests.support.account.intrinsics import Made
from tests.support.aws import TestAws
from tests.support.shifted_clock import VARIABLE, MovedClock
from tests.support.stack_process import APP, ReceivedOnce
from tests.support.traffic import Traffic

_WINDOW_SECONDS = 0.05
_FUNCTION = "AWS::Lambda::Function"


class Throttled(Exception):
    """A function whose concurrency is reserved at 0."""


@dataclass
class Mapped:
    """An event source mapping."""

    uuid: str
    properties: Mapping[str, Any]
    enabled: bool = True


@dataclass
class Lambdas:
    """The functions and event source mappings of a region, as they are configured."""

    folder: Path
    read_code: Callable[[str, str], bytes]
    """Of an object in S3, by bucket and key."""
    look_for_code: Callable[[str, str], object]
    """Raises ClientError if there is no such object."""
    functions: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    configurations: dict[str, Path] = field(default_factory=dict)
    """Of each function: the configuration in its zip."""
    mappings: dict[str, Mapped] = field(default_factory=dict)
    reserved: dict[str, int] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    """When each function last failed, and under an empty name an API last answered 5xx, in epoch seconds."""

    def put(self, name: str, properties: Mapping[str, Any]) -> None:
        """Make or change a function. Raises ClientError without its code."""
        code = properties["Code"]
        self.look_for_code(code["S3Bucket"], code["S3Key"])
        kept = self.folder / f"{code['S3Key'].rpartition('/')[2]}.toml"
        if not kept.exists():
            with zipfile.ZipFile(io.BytesIO(self.read_code(code["S3Bucket"], code["S3Key"]))) as packed:
                kept.write_bytes(packed.read("chalicelib/relais.toml"))
        self.configurations[name] = kept
        self.functions[name] = properties


class Running:
    """The functions of one stack at work, from one deployment to the next."""

    def __init__(
        self, made: Mapping[str, Made], lambdas: Lambdas, aws: TestAws, clock: MovedClock, traffic: Traffic
    ) -> None:
        self._lambdas, self._aws, self._clock, self._traffic = lambdas, aws, clock, traffic
        of = {kind: [each for each in made.values() if each.type == kind] for kind in {m.type for m in made.values()}}
        described = [self._described(each, of.get("AWS::Events::Rule", [])) for each in of[_FUNCTION]]
        self.functions = {each.name: each for each in described}
        rights.deploy(clock.path.parent, {each.ref: _statements(each, of["AWS::IAM::Role"]) for each in of[_FUNCTION]})
        self._processes = self._started(described)
        self._pollers: dict[str, Poller] = {}
        self._queues: dict[str, ReceivedOnce] = {}
        self._schedules = Schedules(described, aws.region, self._scheduled, clock.now)
        self._server = HttpServer("127.0.0.1", 0)
        [body] = [each.properties for each in of["AWS::ApiGateway::RestApi"]]
        self._server.start(Gateway(_api(body), self._by_http, clock.now))
        self.url = f"http://127.0.0.1:{self._server.port}"
        self.poll()

    def _described(self, made: Made, rules: list[Made]) -> Function:
        properties = made.properties
        variables = {name: str(value) for name, value in properties["Environment"]["Variables"].items()}
        return Function(
            name=made.ref,
            handler=properties["Handler"].replace("app.", f"{APP}.", 1),
            timeout_seconds=float(properties["Timeout"]),
            memory_mb=int(properties["MemorySize"]),
            environment={**variables, "RELAIS_CONFIG": str(self._lambdas.configurations[made.ref])},
            schedules=tuple(
                rule.properties["ScheduleExpression"]
                for rule in rules
                if any(target["Arn"] == made.attributes["Arn"] for target in rule.properties["Targets"])
            ),
        )

    def _started(self, described: list[Function]) -> Functions:
        """Start the processes with what Lambda gives to every function and what this machine needs.

        The stage is known before `app` is imported, as in Lambda. Logs go to a file of the account.
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RELAIS_"))}
        stage = {"RELAIS_STAGE": described[0].environment["RELAIS_STAGE"]}
        environ = {**kept, **self._aws.environ, **stage, VARIABLE: str(self._clock.path), "NO_PROXY": "127.0.0.1"}
        saved = [os.dup(1), os.dup(2)]
        try:
            with (self._lambdas.folder / "functions.log").open("a") as log:
                for number in (1, 2):
                    os.dup2(log.fileno(), number)
                return Functions(described, environ, [APP])
        finally:
            for number, descriptor in enumerate(saved, 1):
                os.dup2(descriptor, number)
                os.close(descriptor)

    def poll(self) -> None:
        """Have pollers for the event source mappings that are enabled, and for no others."""
        wanted = {
            mapping.uuid: mapping
            for mapping in self._lambdas.mappings.values()
            if mapping.enabled and mapping.properties["FunctionName"] in self.functions
        }
        for gone in self._pollers.keys() - wanted.keys():
            _finish([self._pollers.pop(gone)])
        for uuid, mapping in wanted.items():
            if uuid not in self._pollers:
                self._pollers[uuid] = self._poller(mapping.properties)

    def _poller(self, properties: Mapping[str, Any]) -> Poller:
        trigger = QueueTrigger(
            queue=properties["EventSourceArn"].rpartition(":")[2],
            batch_size=int(properties["BatchSize"]),
            window_seconds=_WINDOW_SECONDS,
            partial_failures="ReportBatchItemFailures" in properties["FunctionResponseTypes"],
            concurrency=properties["ScalingConfig"]["MaximumConcurrency"],
        )
        queue: Any = ReceivedOnce(self._aws.client("sqs"), trigger.queue)
        self._queues[trigger.queue] = queue
        invoke = partial(self.invoke, properties["FunctionName"])
        poller = Poller(trigger, queue, self._aws.region, invoke, self._clock.monotonic)
        poller.start()
        return poller

    def invoke(self, name: str, event: Any, wait_seconds: float = 60.0) -> Any:
        """Run a function. Raises FunctionFailed, NoEnvironment or Throttled."""
        if self._lambdas.reserved.get(name) == 0:
            raise Throttled(name)
        try:
            with self._traffic.one():
                return self._processes.invoke(name, event, wait_seconds)
        except FunctionFailed:
            self._lambdas.errors[name] = self._clock.time()
            raise

    def _by_http(self, event: Any, wait_seconds: float) -> Any:
        [name] = [name for name, each in self.functions.items() if each.handler == f"{APP}.app"]
        try:
            answer = self.invoke(name, event, wait_seconds)
        except Throttled:
            raise NoEnvironment("throttled") from None
        if answer["statusCode"] >= 500:
            self._lambdas.errors[""] = self._clock.time()
        return answer

    def _scheduled(self, name: str, event: Any) -> Any:
        try:
            return self.invoke(name, event)
        except Throttled:
            return None

    def moved(self) -> None:
        """Start what is due after the clock was moved."""
        for thread in self._schedules.fire_due():
            thread.join(60)
        for queue in self._queues.values():
            queue.look_again()

    def busy(self) -> bool:
        """Return whether a message can be received, or is being worked on."""
        polled = {
            mapping.properties["EventSourceArn"].rpartition(":")[2]
            for mapping in self._lambdas.mappings.values()
            if mapping.uuid in self._pollers
        }
        return any(
            queue.has_messages_in_flight() or (name in polled and queue.waiting())
            for name, queue in self._queues.items()
        )

    def end_instances(self) -> None:
        """End the processes of functions; new ones start when they are needed."""
        self._processes.end_environments()

    def stop(self) -> None:
        """End it; messages that were received return to their queues."""
        _finish(list(self._pollers.values()))
        self._server.shutdown()
        self._server.server_close()
        self._processes.stop(5.0)


def _finish(pollers: list[Poller]) -> None:
    for poller in pollers:
        poller.stop_collecting()
    for poller in pollers:
        poller.finish(5.0)


def _statements(function: Made, roles: list[Made]) -> list[Any]:
    """Return the statements of a function's role."""
    [role] = [each for each in roles if each.attributes["Arn"] == function.properties["Role"]]
    return [one for each in role.properties["Policies"] for one in each["PolicyDocument"]["Statement"]]


def _api(properties: Mapping[str, Any]) -> Api:
    body = properties["Body"]
    return Api(
        stage="api",
        methods={path: frozenset(map(str.upper, methods)) for path, methods in body["paths"].items()},
        binary_types=tuple(body.get("x-amazon-apigateway-binary-media-types", ())),
        gateway_responses=body.get("x-amazon-apigateway-gateway-responses", {}),
    )
