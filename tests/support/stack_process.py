"""`python -m tests.support.stack_process FOLDER`: a stack for many tests, one after the other.

It is the stack of `make run` by a clock that the test owns, with short batch windows and functions that are forked from
a process in which everything is imported. Commands come as lines of JSON on standard input, and each is answered by a
line; it ends when standard input closes. Logs go to standard error, which is to be a file opened for appending.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3

from local import resources, sandbox, stack as local_stack
from local.aws import process
from local.configuration import Configuration
from local.lambdas.functions import Functions, NoEnvironment
from local.leases import Leases
from local.options import Options, StartFailed
from local.poller import Poller
from local.sandbox.clock import SandboxClock
from local.sandbox.simulation import Simulation
from local.stack import Stack
from local.template_reader import Description
from tests.support.aws import TestAws
from tests.support.shifted_clock import VARIABLE, MovedClock
from tests.support.traffic import Closed, Traffic

APP = "tests.support.shifted_app"
WINDOW_SECONDS = 0.05
"""How long a batch is collected unless a test asks for the template's windows."""
_ON_ITS_WAY_SECONDS = 0.02


class TrackedFunctions(Functions):
    """Functions whose invocations are counted, and can be delayed or rejected."""

    def __init__(self, description: Description, environ: Mapping[str, str], traffic: Traffic) -> None:
        functions = [replace(one, handler=one.handler.replace("app.", f"{APP}.", 1)) for one in description.functions]
        super().__init__(functions, environ, [APP])
        self._traffic = traffic

    def invoke(self, name: str, event: Any, wait_seconds: float = 60.0) -> Any:
        """As usual; NoEnvironment while the stack is being reset."""
        try:
            with self._traffic.one():
                return super().invoke(name, event, wait_seconds)
        except Closed:
            raise NoEnvironment("the stack is being reset") from None


class ReceivedOnce:
    """An SQS client for a poller that does not receive a message in flight again.

    When the clock moves, leases of messages in flight expire as well, which never happens in real time.
    """

    def __init__(self, sqs: Any, name: str) -> None:
        self._sqs = sqs
        self._name = name
        self._lock = threading.Lock()
        self._in_flight: dict[str, str] = {}  # message ids by receipt

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sqs, name)

    def look_again(self) -> None:
        """Have the embedded AWS re-evaluate a waiting receive at once, after the time has changed."""
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes={})

    def waiting(self) -> bool:
        """Are there messages that can be received?"""
        wanted = "ApproximateNumberOfMessages"
        answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=[wanted])
        return int(answer["Attributes"][wanted]) > 0

    @cached_property
    def _url(self) -> str:
        url: str = self._sqs.get_queue_url(QueueName=self._name)["QueueUrl"]
        return url

    def has_messages_in_flight(self) -> bool:
        """Return whether messages are in flight."""
        with self._lock:
            return bool(self._in_flight)

    def forget(self) -> None:
        """Forget which messages are in flight: all of them are gone."""
        with self._lock:
            self._in_flight.clear()

    def receive_message(self, **request: Any) -> dict[str, Any]:
        """Receive messages that are not in flight."""
        found = self._sqs.receive_message(**request).get("Messages", [])
        with self._lock:
            in_flight = set(self._in_flight.values())
            new = [message for message in found if message["MessageId"] not in in_flight]
            self._in_flight.update((message["ReceiptHandle"], message["MessageId"]) for message in new)
        return {"Messages": new}

    def delete_message_batch(self, **request: Any) -> Any:
        """Delete messages; they are no longer in flight."""
        try:
            return self._sqs.delete_message_batch(**request)
        finally:
            self._let_go(request["Entries"])

    def change_message_visibility_batch(self, **request: Any) -> Any:
        """Release messages, unless their lease is only renewed."""
        entries = request["Entries"]
        self._let_go([entry for entry in entries if entry["VisibilityTimeout"] != Leases.seconds])
        return self._sqs.change_message_visibility_batch(**request)

    def _let_go(self, entries: Any) -> None:
        with self._lock:
            for entry in entries:
                self._in_flight.pop(entry["ReceiptHandle"], None)


class ResettableStack(Stack):
    """A stack that can be reset for each test."""

    def __init__(self, clock: MovedClock, environ: Mapping[str, str]) -> None:
        super().__init__(Options(port=0, aws_port=0, sandbox_port=0), environ, clock.now)
        self._clock = clock
        self._traffic = Traffic()
        self._queues: dict[str, ReceivedOnce] = {}
        self._window: float | None = WINDOW_SECONDS
        self._idle = False

    def _embedded_aws(self) -> str:
        self._aws = process.start(module="tests.support.shifted_aws")
        self._parts.callback(self._aws.stop)
        return self._aws.endpoint

    def _start_sandbox(self) -> sandbox.Sandbox:
        self._sandbox = sandbox.start(0, self._new_simulation())
        return self._sandbox

    def _new_simulation(self) -> Simulation:
        return Simulation(clock=SandboxClock(self._clock.now))

    def _configuration(self, server: Any) -> tuple[Configuration, Path]:
        configured, self._config = super()._configuration(server)
        self._sample = self._config.read_text(encoding="utf-8")
        return configured, self._config

    def _describe(self, configured: Configuration) -> Description:
        described = super()._describe(configured)
        # No test waits for either.
        tables = tuple(replace(table, ttl_attribute=None, recovery=False) for table in described.tables)
        self._description = replace(described, tables=tables)
        return self._description

    def _make_functions(self, description: Description, environ: Mapping[str, str]) -> Functions:
        self._functions = TrackedFunctions(description, environ, self._traffic)
        return self._functions

    def _poller(self, trigger: Any, invoke: Any) -> Poller:
        if self._window is not None:
            trigger = replace(trigger, window_seconds=self._window)
        if trigger.queue not in self._queues:
            client = boto3.client("sqs", config=local_stack.POLLING)
            self._queues[trigger.queue] = ReceivedOnce(client, trigger.queue)
        queue: Any = self._queues[trigger.queue]
        return Poller(trigger, queue, self._options.region, invoke, self._clock.monotonic)

    def idle(self) -> None:
        """End all activity and delete all state. Uses no time until the next reset."""
        if self._idle:
            return
        self._traffic.close()
        self._stop_work()
        while not self._traffic.ended(0.02):
            self._functions.end_environments()
        self._functions.end_environments()
        TestAws(self._aws.endpoint).reset()  # ends the pollers' waiting receives, too
        self._finish_work()
        for queue in self._queues.values():
            queue.forget()
        self._sandbox.restart(self._new_simulation())
        self._idle = True

    def reset(self, config: str | None, windows: bool) -> None:
        """Start again with a configuration (None: the sample). Raises StartFailed; it is idle then."""
        self.idle()
        self._clock.reset()
        self._sandbox.restart(self._new_simulation())
        self._config.write_text(self._sample if config is None else config, encoding="utf-8")
        os.truncate(2, 0)
        local_stack.check(self._config)
        resources.create(
            self._description.queues, self._description.tables, boto3.client("sqs"), boto3.client("dynamodb")
        )
        self._window = None if windows else WINDOW_SECONDS
        self._traffic.open()
        self._start_work(self._description, self._functions)
        self._idle = False

    def forward(self, seconds: float) -> None:
        """Move time for all parts while no invocation is under way, and start what is due."""
        with self._traffic.none():
            self._clock.forward(seconds)
        if self._schedules:
            self._schedules.fire_due()
        for queue in self._queues.values():
            queue.look_again()

    def restart_workers(self, config: str | None) -> None:
        """End the work as at the stack's own end, and begin it again over the same queues and tables.

        With `config` it is another configuration from then on. Raises StartFailed.
        """
        self._stop_work()
        self._finish_work()
        self._traffic.close()
        while not self._traffic.ended(local_stack.FUNCTIONS_SECONDS):
            self._functions.end_environments()
        self._functions.end_environments()
        for queue in self._queues.values():
            queue.forget()
        if config is not None:
            self._config.write_text(config, encoding="utf-8")
            local_stack.check(self._config)
        self._traffic.open()
        self._start_work(self._description, self._functions)

    def is_quiet(self) -> bool:
        """Return whether nothing is under way, and nothing will be before time passes."""
        begun = self._traffic.counts()[1]
        for _ in range(2):  # a message may be on its way to its poller
            if self._traffic.counts()[0] or any(
                queue.waiting() or queue.has_messages_in_flight() for queue in self._queues.values()
            ):
                return False
            time.sleep(_ON_ITS_WAY_SECONDS)
        return self._traffic.counts() == (0, begun)

    def end_environments(self, function: str | None) -> int:
        """Kill the processes of a function, or of all; returns how many there were."""
        return self._functions.end_environments(function and self._description.function(function).name)


def main() -> None:
    """Start, then execute commands."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    stack = ResettableStack(MovedClock(Path(os.environ[VARIABLE])), os.environ)
    try:
        stack.start(threading.Event())
        stack.idle()
        _say({"lines": stack.lines()})
        for line in sys.stdin:
            _say(_done(stack, json.loads(line)))
    finally:
        stack.stop()


def _done(stack: ResettableStack, command: dict[str, Any]) -> dict[str, Any]:
    name = command.pop("command")
    try:
        return {"done": getattr(stack, name)(**command)}
    except StartFailed as failure:
        return {"failed": str(failure)}


def _say(message: Any) -> None:
    sys.stdout.write(f"{json.dumps(message)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
