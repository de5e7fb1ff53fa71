"""One SQS queue in memory whose time is moved by the test: visibility timeouts and long polls without waiting.

It has the boto3 calls that `local.poller` makes. Tests over the embedded AWS show that SQS accepts and answers them
likewise.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_GUARD_SECONDS = 30.0
"""How long, in real time, a long poll waits for a test to move the clock."""


@dataclass
class _Message:
    id: str
    body: str
    visible_at: float = 0.0
    receives: int = 0
    receipts: list[str] = field(default_factory=list)


class QueueInMemory:
    """The queue `name`. After `max_receives` receives a message moves to `dead_letters`."""

    def __init__(self, name: str, visibility_timeout: int = 1, max_receives: int = 2) -> None:
        self.url = f"http://127.0.0.1/123456789012/{name}"
        self.visibility_timeout = visibility_timeout
        self.dead_letters: list[str] = []
        self._max_receives = max_receives
        self._messages: list[_Message] = []
        self._numbers = itertools.count(1)
        self._now = 0.0
        self._polls = 0
        self._changed = threading.Condition()

    def clock(self) -> float:
        """Return the queue's time in seconds, as `time.monotonic` gives the machine's."""
        return self._now

    def forward(self, seconds: float) -> None:
        """Move time by so much at once."""
        with self._changed:
            self._now += seconds
            self._changed.notify_all()

    @property
    def polls(self) -> int:
        """How many long polls wait for a message right now."""
        return self._polls

    def send(self, *bodies: str) -> None:
        """Put messages into the queue."""
        with self._changed:
            self._messages += [_Message(f"message-{next(self._numbers)}", body) for body in bodies]
            self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """How many messages can be received."""
        return sum(message.visible_at <= self._now for message in self._messages)

    @property
    def in_flight(self) -> int:
        """How many messages were received and are invisible."""
        return self.message_count - self.waiting

    @property
    def message_count(self) -> int:
        """How many messages there are, visible or not."""
        return len(self._messages)

    def invisible_seconds(self) -> float:
        """Return how long it takes until the next message in flight can be received again."""
        return min(message.visible_at for message in self._messages if message.visible_at > self._now) - self._now

    def get_queue_url(self, **request: Any) -> dict[str, Any]:
        return {"QueueUrl": self.url}

    def get_queue_attributes(self, **request: Any) -> dict[str, Any]:
        return {"Attributes": {"VisibilityTimeout": str(self.visibility_timeout)}}

    def receive_message(self, **request: Any) -> dict[str, Any]:
        most, hidden = request["MaxNumberOfMessages"], request["VisibilityTimeout"]
        assert 1 <= most <= 10
        with self._changed:
            deadline = self._now + request["WaitTimeSeconds"]
            self._polls += 1
            self._changed.wait_for(lambda: self._visible() or self._now >= deadline, _GUARD_SECONDS)
            self._polls -= 1
            return {"Messages": [self._receive(message, hidden) for message in self._visible()[:most]]}

    def delete_message_batch(self, **request: Any) -> dict[str, Any]:
        with self._changed:
            for message in self._of(request["Entries"]):
                self._messages.remove(message)
        return {"Successful": request["Entries"]}

    def change_message_visibility_batch(self, **request: Any) -> dict[str, Any]:
        with self._changed:
            for message, entry in zip(self._of(request["Entries"]), request["Entries"], strict=True):
                message.visible_at = self._now + entry["VisibilityTimeout"]
            self._changed.notify_all()
        return {"Successful": request["Entries"]}

    def _visible(self) -> Sequence[_Message]:
        for message in [one for one in self._messages if one.receives >= self._max_receives]:
            if message.visible_at <= self._now:
                self._messages.remove(message)
                self.dead_letters.append(message.body)
        return [message for message in self._messages if message.visible_at <= self._now]

    def _receive(self, message: _Message, seconds: int) -> dict[str, Any]:
        message.receives += 1
        message.visible_at = self._now + seconds
        message.receipts.append(f"{message.id} {message.receives}")
        return {
            "MessageId": message.id,
            "ReceiptHandle": message.receipts[-1],
            "Body": message.body,
            "MD5OfBody": hashlib.md5(message.body.encode(), usedforsecurity=False).hexdigest(),
            "Attributes": {"ApproximateReceiveCount": str(message.receives), "SentTimestamp": "0"},
        }

    def _of(self, entries: Sequence[Any]) -> list[_Message]:
        assert len(entries) <= 10
        by_receipt = {receipt: message for message in self._messages for receipt in message.receipts}
        return [by_receipt[entry["ReceiptHandle"]] for entry in entries]
