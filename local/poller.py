"""Lambda's event source mapping of an SQS queue: collects a batch, invokes, deletes what succeeded.

The window starts with the first message; a batch also closes when it is full or reaches 6 MB ("Using Lambda with Amazon
SQS" in the Lambda developer guide). In AWS these pollers outlive any worker. Here they end with the stack, so they take
short leases and renew them: after a SIGKILL the messages are back within half a minute, instead of after the queue's
visibility timeout.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from local.lambdas import events
from local.lambdas.functions import FunctionFailed, NoEnvironment
from local.leases import Leases
from local.template_reader import QueueTrigger

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

_log = logging.getLogger(__name__)

_MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
# What a record's other members and the JSON quoting may add to its body.
_RECORD_OVERHEAD_BYTES = 1536
# Lambda polls for longer; short polls end soon after the stack is asked to stop, and take no message with them.
_LONG_POLL_SECONDS = 1
_DEFAULT_CONCURRENCY = 5


@dataclass
class Batch:
    """Messages collected for one invocation."""

    opened: float
    messages: list[Mapping[str, Any]] = field(default_factory=list)
    payload_bytes: int = 0

    def add(self, message: Mapping[str, Any]) -> None:
        """Adds a message."""
        self.messages.append(message)
        self.payload_bytes += _size(message)


class Poller:
    """Polls for one trigger. `invoke` runs the function with an event and raises FunctionFailed.

    `clock` returns monotonic seconds; windows and leases are measured by it.
    """

    def __init__(
        self,
        trigger: QueueTrigger,
        sqs: SQSClient,
        region: str,
        invoke: Callable[[Mapping[str, Any]], Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trigger = trigger
        self._sqs = sqs
        self._region = region
        self._invoke = invoke
        self._clock = clock
        self._url = sqs.get_queue_url(QueueName=trigger.queue)["QueueUrl"]
        self._leases = Leases(sqs, self._url, clock)
        self._slots = threading.BoundedSemaphore(trigger.concurrency or _DEFAULT_CONCURRENCY)
        self._remaining: list[Mapping[str, Any]] = []
        self._stopping = threading.Event()
        self._running: set[threading.Thread] = set()
        self._collector = threading.Thread(target=self._poll, name=f"poll {trigger.queue}", daemon=True)

    def start(self) -> None:
        """Collects and invokes in background threads."""
        self._leases.start()
        self._collector.start()

    def stop_collecting(self) -> None:
        """Starts no more invocations; leased messages that nothing processes return to the queue by themselves."""
        self._stopping.set()

    def finish(self, seconds: float) -> None:
        """Waits for running invocations and their deletes, then releases the remaining leases."""
        deadline = time.monotonic() + seconds
        for thread in (self._collector, *self._running):
            thread.join(max(deadline - time.monotonic(), 0.0))
        self._leases.stop()

    def _poll(self) -> None:
        while not self._stopping.is_set():
            try:
                batch = self._collect()
            except (BotoCoreError, ClientError) as error:
                _log.warning("queue %s cannot be read: %s", self._trigger.queue, error)
                self._stopping.wait(1.0)
                continue
            if batch.messages:
                self._start_invocation(batch)

    def _start_invocation(self, batch: Batch) -> None:
        """Waits for a free invocation slot and starts the batch."""
        while not self._slots.acquire(timeout=0.1):
            if self._stopping.is_set():
                return
        if self._stopping.is_set():
            self._slots.release()
            return
        thread = threading.Thread(
            target=self._process, args=(batch,), name=f"invoke {self._trigger.queue}", daemon=True
        )
        self._running.add(thread)
        thread.start()

    def _collect(self) -> Batch:
        """Returns the next batch; empty when one long poll received nothing."""
        messages = self._remaining or self._receive(_LONG_POLL_SECONDS)
        self._remaining = []
        batch = Batch(opened=self._clock())
        while True:
            for index, message in enumerate(messages):
                if batch.messages and batch.payload_bytes + _size(message) > _MAX_PAYLOAD_BYTES:
                    self._remaining = messages[index:]
                    return batch
                batch.add(message)
            remaining = batch.opened + self._trigger.window_seconds - self._clock()
            full = len(batch.messages) >= self._trigger.batch_size
            if not batch.messages or full or remaining <= 0 or self._stopping.is_set():
                return batch
            messages = self._receive_within(remaining, self._trigger.batch_size - len(batch.messages))

    def _receive_within(self, seconds: float, count: int) -> list[Mapping[str, Any]]:
        """Receives within a fraction of a second, too: long polls take whole seconds only."""
        messages = self._receive(min(int(seconds), _LONG_POLL_SECONDS), count)
        if not messages and seconds < 1:
            self._stopping.wait(min(seconds, 0.1))
        return messages

    def _receive(self, wait_seconds: int, count: int = 10) -> list[Mapping[str, Any]]:
        count = min(count, 10, self._trigger.batch_size)
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=count,
            WaitTimeSeconds=wait_seconds,
            VisibilityTimeout=self._leases.seconds,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages: list[Mapping[str, Any]] = list(answer.get("Messages", []))
        self._leases.add(message["ReceiptHandle"] for message in messages)
        return messages

    def _process(self, batch: Batch) -> None:
        event = events.queued(batch.messages, self._trigger.queue, self._region)
        try:
            failed = self._failed(batch, self._invoke(event))
        except FunctionFailed as failure:
            _log.error(
                "invocation for %s failed, its messages will be retried: %s",
                self._trigger.queue,
                failure.document["errorType"],
            )
            failed = {message["MessageId"] for message in batch.messages}
        except NoEnvironment:
            failed = {message["MessageId"] for message in batch.messages}
        try:
            self._settle(batch, failed)
        except (BotoCoreError, ClientError) as error:
            _log.warning("queue %s cannot be written: %s", self._trigger.queue, error)
        finally:
            self._slots.release()
            self._running.discard(threading.current_thread())

    def _failed(self, batch: Batch, result: Any) -> set[str]:
        """Returns the failed message ids of a result: none without the flag, all when it cannot be parsed."""
        if not self._trigger.partial_failures or not result:
            return set()
        everything = {message["MessageId"] for message in batch.messages}
        failures = result.get("batchItemFailures") if isinstance(result, Mapping) else 0
        if failures is None:
            return set()
        if not isinstance(failures, list):
            return everything
        named: set[Any] = {
            failure.get("itemIdentifier") if isinstance(failure, Mapping) else None for failure in failures
        }
        return named if named <= everything else everything

    def _settle(self, batch: Batch, failed: Iterable[str]) -> None:
        """Deletes what succeeded; what failed becomes visible when the queue's own visibility timeout is over."""
        failed = set(failed)
        done = [m["ReceiptHandle"] for m in batch.messages if m["MessageId"] not in failed]
        retried = [m["ReceiptHandle"] for m in batch.messages if m["MessageId"] in failed]
        self._leases.release(done + retried)
        self._leases.delete(done)
        if retried:
            elapsed = self._clock() - batch.opened
            self._leases.make_visible_in(retried, max(math.ceil(self._visibility_timeout() - elapsed), 0))

    def _visibility_timeout(self) -> int:
        answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["VisibilityTimeout"])
        return int(answer["Attributes"]["VisibilityTimeout"])


def _size(message: Mapping[str, Any]) -> int:
    return len(message["Body"].encode()) + _RECORD_OVERHEAD_BYTES
