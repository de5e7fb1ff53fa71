"""The local stack's own parts, put together so that everything that may go wrong does: see `docs/testing.md`.

The embedded AWS, the sandbox and every function run in processes of their own, as they do under `make run`; HTTP
server, gateway and pollers are the stack's. What differs: functions load `tests.chaos.faulty_app`, queues are
`ChaoticQueue`s, the suite itself fires `sweep`, and all clocks, also that of SQS, are the suite's. Batch windows are
short: they are all that is waited for in real time.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from chalicelib.config.load import load
from chalicelib.container import Container
from chalicelib.domain.events import EventType
from chalicelib.effects import Effects
from local.aws import process as aws_process
from local.http.gateway import Gateway
from local.http.server import HttpServer
from local.lambdas.events import default
from local.lambdas.functions import FunctionFailed, NoEnvironment
from local.options import stack_environ
from local.poller import Poller
from local.sandbox import Control, sample_config
from tests.chaos import faults
from tests.chaos.live_settings import AWS_FAULTS, DEATHS, Dials
from tests.chaos.queues import ChaoticQueue
from tests.chaos.releases import ReleasesAtOnce, start_functions
from tests.chaos.sender import QUEUES, Sender
from tests.support.aws import REGION, TestAws, stage_description
from tests.support.processes import descendants
from tests.support.shifted_clock import VARIABLE
from tests.support.stack import ROOT
from tests.support.traffic import Traffic

DELIVERY = """
[delivery]
first_retry_seconds = 0.01
longest_retry_seconds = 3600
give_up_after_hours = 168
"""
_WINDOW_SECONDS = 0.05
_BATCH_SIZE = 4
"""Messages: few, so that several workers have something to do at a time, and die of it."""
_REDELIVERY_SECONDS = "3"
_SLOWEST_SECONDS = 0.15
"""How long the slowest answer of a provider takes."""


@dataclass
class Stage:
    """A running product with faults. `product` is an instance of it in this process, without faults."""

    seed: int
    dials: Dials
    aws: TestAws
    control: Control
    functions: ReleasesAtOnce
    traffic: Traffic
    queues: list[ChaoticQueue]
    url: str
    product: Container
    chance: random.Random
    killed: int = 0
    met: Counter[str] = field(default_factory=Counter)
    """How often a provider's call met each fault, up to the last time that faults were cleared."""
    _died: int = 0

    def sender(self) -> Sender:
        """A client outside of the product."""
        return Sender(self.url, self.aws.sqs, self.dials.now, random.Random(f"{self.seed} sender"))

    def invoke(self, name: str, event: Any = None) -> Any:
        """What a function answers; None if it failed or its process died."""
        function = stage_description().function(name)
        given = default(function, self.dials.now(), REGION) if event is None else event
        with self.traffic.one():
            try:
                return self.functions.invoke(function.name, given)
            except (FunctionFailed, NoEnvironment):
                return None

    def jump(self, seconds: float) -> None:
        """Move time for the product, its queues and the providers, while no invocation is under way."""
        with self.traffic.none():
            died = self.killed + self.dials.deaths()
            if died > self._died:  # what a killed process has sent may still be under way
                time.sleep(_SLOWEST_SECONDS)
                self._died = died
            self.dials.forward(seconds)
            self.control.clock(advance=seconds)
        for queue in self.queues:
            queue.look_again()

    def busy(self) -> bool:
        """Is anything under way, or will it be before time passes?"""
        return self.traffic.counts()[0] > 0 or any(queue.busy() for queue in self.queues)

    def kill_somebody(self) -> None:
        """SIGKILL for a process of a function, regardless of its current work."""
        victims = sorted(pid for server in self.functions.pids for pid in descendants(server))
        if victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.chance.choice(victims), signal.SIGKILL)
                self.killed += 1

    def is_anything_pending(self) -> bool:
        """Whether the index of due deliveries has entries."""
        events, accounts = self.product.events, self.product.settings.accounts
        return any(events.due(name, verb, None, 1) for name in accounts for verb in EventType)

    def messages(self) -> int:
        """How many messages are on the queues."""
        return sum(queue.messages() for queue in self.queues)

    def order_faults(self) -> None:
        """Have the providers fail now and then."""
        for rule in faults.rules(self.chance):
            self.control.fault(**rule)

    def order_each_fault_once(self) -> None:
        """Have each fault occur among the next calls, whatever else is drawn."""
        for rule in faults.each_once(self.chance):
            self.control.fault(**rule)

    def clear_faults(self) -> None:
        """End all faults, and keep how often each was met."""
        for rule in self.control.faults():
            self.met[faults.name(rule)] += rule["fired"]
        self.control.clear_faults()

    def outage(self, provider: str) -> int:
        """Have one provider turn everything away, and the others fail now and then; the number of the fault."""
        self.clear_faults()
        number = self.control.fault("status", provider=provider, status=503)
        self.order_faults()
        return number

    def calls_of(self, provider: str) -> int:
        """How many calls a provider has got."""
        return sum(self.control.state(newest=0)["providers"][provider]["calls"].values())

    def bodies(self, queue: str) -> list[str]:
        """Number of messages of a queue."""
        url, found = self.aws.queue_url(queue), list[str]()
        while some := self.aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0):
            if "Messages" not in some:
                break
            found += [message["Body"] for message in some["Messages"]]
        return found

    def figures(self) -> dict[str, Any]:
        """Faults injected into the queue."""
        counted = self.dials.counted
        return {
            "messages": dict(sum((queue.counts for queue in self.queues), Counter[str]())),
            "provider faults": dict(sorted(self.met.items())),
            "aws faults": {
                f"{service}: {kind}": counted(f"{service}: {kind}")
                for service, kinds in AWS_FAULTS.items()
                for kind in kinds
            },
            "deaths": {"from outside": self.killed, **{place: counted(f"died {place}") for place in DEATHS}},
            "processes": counted("processes"),
        }

    def calm(self) -> None:
        """From now on nothing goes wrong any more."""
        self.clear_faults()
        self.dials.aws_rate = self.dials.death_rate = 0.0
        for queue in self.queues:
            queue.rough = False


@contextmanager
def running(seed: int, folder: Path, dynamodb: str | None = None, previous: Path | None = None) -> Iterator[Stage]:
    """A stage that ends with the block; `dynamodb`: another one than that of the embedded AWS.

    `previous` is the folder of an earlier release, whose functions run beside today's (`ReleasesAtOnce`).
    """
    with contextlib.ExitStack() as ends:
        dials = Dials(folder / "clock")
        with patch.dict(os.environ, {VARIABLE: str(dials.path)}):
            aws = aws_process.start(module="tests.support.shifted_aws")
        ends.callback(aws.stop)
        sandbox = _sandbox(ends)
        config = folder / "relais.toml"
        config.write_text(sample_config(sandbox) + DELIVERY)
        test_aws = TestAws(aws.endpoint, dynamodb_endpoint=dynamodb)
        test_aws.create_resources()
        environ = stack_environ({**os.environ, **test_aws.environ}, aws.endpoint, config)
        environ |= {VARIABLE: str(dials.path), "CHAOS_SEED": str(seed)}
        environ |= {"POWERTOOLS_LOG_LEVEL": "ERROR", "PYTHONUNBUFFERED": "1"}  # output of killed processes is complete
        for queue in QUEUES:
            test_aws.sqs.set_queue_attributes(
                QueueUrl=test_aws.queue_url(f"relais-local-{queue}"),
                Attributes={"VisibilityTimeout": _REDELIVERY_SECONDS},
            )
        old = None
        if previous is not None:
            its_config = previous / "relais.toml"
            its_config.write_text(
                sample_config(sandbox, sample=tomllib.loads((previous / "sample.toml").read_text())) + DELIVERY
            )
            its_environ = environ | {"RELAIS_CONFIG": str(its_config), "CHAOS_EARLIER_RELEASE": "yes"}
            old = start_functions(its_environ, folder / "previous.log", previous)
        new = start_functions(environ, folder / "functions.log")
        functions = ReleasesAtOnce(new, old, random.Random(f"{seed} releases"))
        ends.callback(functions.stop, 0.5)
        traffic = Traffic()
        queues = _poll(test_aws, functions, traffic, dials, seed, ends)
        product = Container(load(config, environ), "local", Effects(clock=dials.now))
        product.__dict__["_dynamodb"] = test_aws.dynamodb
        yield Stage(
            seed=seed,
            dials=dials,
            aws=test_aws,
            control=Control(sandbox),
            functions=functions,
            traffic=traffic,
            queues=queues,
            url=_serve(functions, traffic, dials, ends),
            product=product,
            chance=random.Random(f"{seed} stage"),
        )


def _sandbox(ends: contextlib.ExitStack) -> str:
    """In a process of its own: this one has the pollers and the senders to look after."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.providers"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    ends.callback(process.wait)
    ends.callback(process.stdout.close)
    ends.callback(process.stdin.close)
    return process.stdout.readline().strip()


def _serve(functions: ReleasesAtOnce, traffic: Traffic, dials: Dials, ends: contextlib.ExitStack) -> str:
    description = stage_description()
    server = HttpServer("127.0.0.1", 0)
    ends.callback(server.server_close)
    name = description.http_function.name

    def invoke(event: Any, wait_seconds: float) -> Any:
        with traffic.one():
            return functions.invoke(name, event, wait_seconds)

    server.start(Gateway(description.api, invoke, dials.now))
    ends.callback(server.shutdown)
    url = f"http://127.0.0.1:{server.port}"
    with urllib.request.urlopen(f"{url}/healthz", timeout=30):
        return url


def _poll(
    aws: TestAws, functions: ReleasesAtOnce, traffic: Traffic, dials: Dials, seed: int, ends: contextlib.ExitStack
) -> list[ChaoticQueue]:
    queues, pollers = list[ChaoticQueue](), list[Poller]()
    ends.callback(_finish, pollers)
    for function in stage_description().functions:
        for trigger in function.queues:
            queue = ChaoticQueue(aws.client("sqs"), trigger.queue, random.Random(f"{seed} {trigger.queue}"))
            queues.append(queue)
            quick = replace(trigger, window_seconds=_WINDOW_SECONDS, batch_size=_BATCH_SIZE)
            invoke = partial(_in_traffic, functions, traffic, function.name)
            poller = Poller(quick, queue, REGION, invoke, dials.monotonic)
            pollers.append(poller)
            poller.start()
    return queues


def _finish(pollers: list[Poller]) -> None:
    for poller in pollers:
        poller.stop_collecting()
    for poller in pollers:
        poller.finish(5.0)


def _in_traffic(functions: ReleasesAtOnce, traffic: Traffic, name: str, event: Any) -> Any:
    with traffic.one():
        return functions.invoke(name, event)
