"""An AWS account of one region for tests: see `Account`."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import yaml

from local import sandbox
from local.aws import process
from local.lambdas.functions import FunctionFailed, NoEnvironment
from local.sandbox.clock import SandboxClock
from local.sandbox.simulation import Simulation
from tests.support import rights
from tests.support.account import front
from tests.support.account.cloudformation import CloudFormation, Stack
from tests.support.account.lambdas import Lambdas, Running, Throttled
from tests.support.account.resources import Resources
from tests.support.aws import REGION, TestAws
from tests.support.shifted_clock import VARIABLE, MovedClock
from tests.support.stack import ROOT, Response
from tests.support.traffic import Traffic
from tests.support.waiting import wait_for

BUCKET = "packages"
_QUIET_SECONDS = 0.03
T = TypeVar("T")


@dataclass
class Shell:
    """What a script said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, parsed."""
        return json.loads(self.out)


class Account:
    """CloudFormation, Lambda and API Gateway played here, the rest by the embedded AWS; a provider sandbox beside it.

    Time is the test's: `forward`. Stacks come from `deploy.sh`, run by `shell`. `broken` holds logical ids of resources
    that cannot be made.
    """

    def __init__(self, folder: Path, aws: TestAws, clock: MovedClock) -> None:
        self.folder, self.aws, self.clock = folder, aws, clock
        self.traffic = Traffic()
        self.sandbox = sandbox.start(0, Simulation(clock=SandboxClock(clock.now)))
        self.control = sandbox.Control(self.sandbox.url)
        s3 = aws.client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self._read_object: Callable[[str, str], bytes] = lambda bucket, key: s3.get_object(Bucket=bucket, Key=key)[
            "Body"
        ].read()
        code = folder / "code"
        code.mkdir()
        self.lambdas = Lambdas(code, self._read_object, lambda bucket, key: s3.head_object(Bucket=bucket, Key=key))
        resources = Resources(aws, self.lambdas)
        self.broken = resources.broken
        self._running: dict[str, Running] = {}
        self._translated: dict[str, Any] = {}
        self.cloudformation = CloudFormation(
            resources, self.lambdas, self._template, self._refresh, self._pass_minutes, clock.now, REGION
        )
        self._front = front.serve(self)
        self.url = f"http://127.0.0.1:{self._front.server_port}"
        self._bin = _commands(folder / "bin", self.url)

    # --- people and operators ---

    def shell(self, script: str, folder: Path = ROOT, **environ: str) -> Shell:
        """Run a script as an operator would, with the AWS command line and credentials for this account."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RELAIS_"))}
        environ = {
            **kept,
            **self.aws.environ,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            "PATH": f"{self._bin}:{os.environ['PATH']}",
            "BUCKET": BUCKET,
            **environ,
        }
        command = ["bash", "-eu", "-o", "pipefail", "-c", script]
        done = subprocess.run(
            command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        return Shell(done.returncode, done.stdout, done.stderr)

    def request(
        self, method: str, url: str, body: bytes | str | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Send an HTTP request to a URL of API Gateway or of a domain that leads to it; redirects are not followed.

        Raises LookupError for a host that leads nowhere.
        """
        parts = urllib.parse.urlsplit(url)
        stack, prefix = self._host(parts.hostname or "")
        path = parts.path.removeprefix(prefix) or "/"
        target = f"{path}?{parts.query}" if parts.query else path
        connection = http.client.HTTPConnection(self._running[stack].url.removeprefix("http://"), timeout=40)
        try:
            connection.request(method, target, body, {"Host": str(parts.hostname), **(headers or {})})
            answer = connection.getresponse()
            return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def _host(self, host: str) -> tuple[str, str]:
        """Return the stack that a host leads to, and what of a path is not the product's."""
        for name, stack in self.cloudformation.stacks.items():
            for made in stack.made.values():
                if made.type == "AWS::ApiGateway::BasePathMapping" and made.properties["DomainName"] == host:
                    return name, ""
                if made.type == "AWS::ApiGateway::RestApi" and host.startswith(f"{made.ref}."):
                    return name, "/api"
        raise LookupError(f"there is no host {host}")

    def output(self, stack: str, name: str) -> str:
        """Return an output of a stack."""
        return self.cloudformation.stacks[stack].outputs[name].rstrip("/")

    def invoke(self, name: str, event: Any = None) -> Any:
        """Run a function by its full name. Raises FunctionFailed, NoEnvironment or Throttled."""
        return self._running_of(name).invoke(name, {} if event is None else event)

    # --- time ---

    def forward(self, seconds: float) -> None:
        """Let time pass for the product, its queues and tables and the simulated providers; schedules fire once."""
        with self.traffic.none():
            self.clock.forward(seconds)
        for running in self._running.values():
            running.moved()

    def settle(self) -> None:
        """Wait until nothing is under way, and nothing will be before time passes."""

        def quiet() -> bool:
            begun = self.traffic.counts()[1]
            for _ in range(2):
                if self.traffic.counts()[0] or any(running.busy() for running in self._running.values()):
                    return False
                time.sleep(_QUIET_SECONDS)
            return self.traffic.counts() == (0, begun)

        wait_for(quiet, 60)

    def until(self, condition: Callable[[], T], step_seconds: float = 61.0, steps: int = 60) -> T:
        """Let minutes pass until a condition holds, and return its result."""
        for _ in range(steps):
            self.settle()
            if found := condition():
                return found
            self.forward(step_seconds)
        raise AssertionError(f"still {condition()!r} after {steps} steps of {step_seconds} s")

    def end_instances(self) -> None:
        """End all idle processes of functions, as Lambda does now and then: what they cached follows real time."""
        self.settle()
        for running in self._running.values():
            running.end_instances()

    # --- its parts ---

    def _template(self, source: str) -> Any:
        """Return a template by its URL in S3 or its text, translated as CloudFormation does."""
        text = source
        if source.startswith("https://"):
            bucket, _, key = urllib.parse.urlsplit(source).path.lstrip("/").partition("/")
            text = self._read_object(bucket, key).decode()
        if text not in self._translated:
            body = yaml.load(text, yaml.CSafeLoader)
            self._translated[text] = translated(body) if "Transform" in body else body
        return self._translated[text]

    def _refresh(self, stack: Stack) -> None:
        """Start a stack's functions as they are configured now; a stack without functions has none."""
        earlier = self._running.pop(stack.name, None)
        if earlier is not None:
            self.settle_traffic()
            earlier.stop()
        if any(made.type == "AWS::Lambda::Function" for made in stack.made.values()):
            self._running[stack.name] = Running(stack.made, self.lambdas, self.aws, self.clock, self.traffic)

    def settle_traffic(self) -> None:
        """Wait until no invocation is under way."""
        wait_for(lambda: not self.traffic.counts()[0], 60)

    def _pass_minutes(self, minutes: int) -> None:
        self.forward(60 * minutes)
        self.settle()

    def _running_of(self, function: str) -> Running:
        for running in self._running.values():
            if function in running.functions:
                return running
        raise LookupError(f"Function not found: {function}")

    def lambda_answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, str], Any]:
        """Answer a call of Lambda's: status, headers, document."""
        parts = [urllib.parse.unquote(part) for part in urllib.parse.urlsplit(path).path.strip("/").split("/")]
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query))
        given = json.loads(body or b"{}")
        if parts[1] == "event-source-mappings":
            return 200, {}, self._mappings(method, parts, query, given)
        name = parts[2].rpartition(":")[2]
        if name not in self.lambdas.functions:
            return 404, {"x-amzn-ErrorType": "ResourceNotFoundException"}, {"Message": f"Function not found: {name}"}
        if parts[3] == "concurrency":
            if method == "DELETE":
                self.lambdas.reserved.pop(name, None)
                return 204, {}, None
            self.lambdas.reserved[name] = int(given["ReservedConcurrentExecutions"])
            return 200, {}, given
        if parts[3] == "configuration":
            return 200, {}, {"FunctionName": name, "State": "Active", "LastUpdateStatus": "Successful"}
        try:
            return 200, {}, self._running_of(name).invoke(name, given)
        except FunctionFailed as failure:
            return 200, {"X-Amz-Function-Error": "Unhandled"}, failure.document
        except (Throttled, NoEnvironment):
            return 429, {"x-amzn-ErrorType": "TooManyRequestsException"}, {"Message": "Rate Exceeded."}

    def _mappings(self, method: str, parts: Sequence[str], query: Mapping[str, str], given: Mapping[str, Any]) -> Any:
        if method == "PUT":
            self.lambdas.mappings[parts[2]].enabled = bool(given["Enabled"])
            self.settle_traffic()
            for running in self._running.values():
                running.poll()
            return _shown(self.lambdas.mappings[parts[2]])
        wanted = query.get("FunctionName")
        found = [one for one in self.lambdas.mappings.values() if wanted in (None, one.properties["FunctionName"])]
        return {"EventSourceMappings": [_shown(one) for one in found]}

    def move_messages(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer SQS' StartMessageMoveTask, which the embedded AWS lacks, once all has been moved."""
        arns = (given["SourceArn"], given["DestinationArn"])
        source, target = (self.aws.queue_url(arn.rpartition(":")[2]) for arn in arns)
        sqs = self.aws.sqs
        wanted: Any = {"MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
        while found := sqs.receive_message(QueueUrl=source, **wanted).get("Messages"):
            for message in found:
                attributes: Any = message.get("MessageAttributes", {})
                sqs.send_message(QueueUrl=target, MessageBody=message["Body"], MessageAttributes=attributes)
                sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
        return {"TaskHandle": "moved"}

    def refused_calls(self) -> Mapping[str, Any]:
        """Return the calls of functions for which their roles had no right, by function."""
        return rights.noted_in(self.folder / rights.REFUSED)

    def stop(self) -> None:
        """End all of it."""
        for running in self._running.values():
            running.stop()
        self._front.shutdown()
        self._front.server_close()
        self.sandbox.stop()


def _shown(mapping: Any) -> Any:
    arn = f"arn:aws:lambda:{REGION}:123456789012:function:{mapping.properties['FunctionName']}"
    state = "Enabled" if mapping.enabled else "Disabled"
    source = mapping.properties["EventSourceArn"]
    return {"UUID": mapping.uuid, "State": state, "FunctionArn": arn, "EventSourceArn": source}


def translated(body: Mapping[str, Any]) -> Any:
    """Return a SAM template as CloudFormation's transform leaves it."""
    import boto3
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    session = boto3.Session(region_name=REGION)
    return Translator({}, Parser(), boto_session=session).translate(dict(body), {})


@contextmanager
def opened(folder: Path) -> Iterator[Account]:
    """Open an account that ends with the block."""
    with ExitStack() as ends:
        clock = MovedClock(folder / "clock")
        with patch.dict(os.environ, {VARIABLE: str(clock.path)}):
            aws = process.start(module="tests.support.account.aws")
        ends.callback(aws.stop)
        account = Account(folder, TestAws(aws.endpoint), clock)
        ends.callback(account.stop)
        yield account


def _commands(folder: Path, url: str) -> Path:
    """Make the commands of an operator's machine that cannot be taken as they are.

    `aws`: version 2 is documented; version 1 knows no `--cli-binary-format` and has an endpoint of its own for SQS.
    `python3`, and `make package`: by the Python of the tests. `curl`: hosts of this account lead to it.
    """
    folder.mkdir()
    aws = shutil.which("aws") or "aws"
    version = subprocess.run([aws, "--version"], capture_output=True, text=True, check=False)
    skip = "" if "aws-cli/2" in version.stdout + version.stderr else "--cli-binary-format"
    scripts = {
        "aws": f"""n=$#
while [ $n -gt 0 ]; do
  n=$((n - 1)); given=$1; shift
  if [ "$given" = "{skip}" ] && [ -n "$given" ]; then n=$((n - 1)); shift; continue; fi
  set -- "$@" "$given"
done
[ "$1" != sqs ] || set -- --endpoint-url {url} "$@"
exec {aws} "$@"
""",
        "python3": f'exec {sys.executable} "$@"\n',
        "make": f"""[ "$1" = package ]; shift
exec env PYTHON313=no "$@" {sys.executable} -m local.package
""",
        "curl": f"""for given; do
  shift
  case $given in https://*) given={url}/_host/${{given#https://}} ;; esac
  set -- "$@" "$given"
done
exec {shutil.which("curl")} "$@"
""",
    }
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}")
        (folder / name).chmod(0o755)
    return folder
