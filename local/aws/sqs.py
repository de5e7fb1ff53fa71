"""Patches moto's SQS, where every message costs time in proportion to the queue (1,000 receives took 42 s).

The patches rely on the server running one request at a time: under threads moto loses a message that is sent while
another is being deleted.
"""

from __future__ import annotations

import copy
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib import import_module
from typing import Any


def patch(now: Callable[[], float] = time.time) -> None:
    """Patches moto's SQS in this process; `now` is its clock, in epoch seconds."""
    _use_clock(now)
    _copy_messages_cheaply()
    _compute_attributes_lazily(now)
    _find_messages_by_receipt()
    _check_retention_directly(now)
    _never_wait()


def default_wait(region: str, queue_name: str) -> int:
    """Returns the default wait in seconds of a receive at this queue; 0 for an unknown queue."""
    core: Any = import_module("moto.core")
    queue = _models().sqs_backends[core.DEFAULT_ACCOUNT_ID][region].queues.get(queue_name)
    return int(queue.receive_message_wait_time_seconds) if queue else 0


def _models() -> Any:
    # Any: what is patched here is internal to moto and untyped.
    return import_module("moto.sqs.models")


def _use_clock(now: Callable[[], float]) -> None:
    """Replaces moto's clock, which makes two datetime objects a reading: 5 µs for each message it checks."""
    models = _models()
    models.unix_time = now
    models.unix_time_millis = lambda: now() * 1000


def _copy_messages_cheaply() -> None:
    """Copies a received message shallowly: only its mapping of attributes is filtered."""
    models = _models()

    def shallow(self: Any, memo: object) -> Any:
        return copy.copy(self)

    models.Message.__deepcopy__ = shallow
    models.generate_receipt_handle = lambda: secrets.token_hex(64)


class _Attributes(Mapping[str, Any]):
    """A queue's attributes: those that sending and receiving read at once, all of them computed on demand."""

    def __init__(self, queue: Any, compute: Any) -> None:
        self._queue = queue
        self._compute = compute

    def __getitem__(self, name: str) -> Any:
        if name == "ContentBasedDeduplication" and not self._queue.fifo_queue:
            raise KeyError(name)
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @cached_property
    def _all(self) -> dict[str, Any]:
        computed: dict[str, Any] = self._compute(self._queue)
        return computed


def _compute_attributes_lazily(clock: Callable[[], float]) -> None:
    """Computes attributes lazily: sending reads one attribute, and moto computes all."""
    queue_class = _models().Queue
    compute = queue_class.attributes.fget

    def messages(self: Any) -> list[Any]:
        now = clock() * 1000
        return [message for message in self._messages if now > message.visible_at and now >= message.delayed_until]

    def groups(self: Any) -> set[str]:
        if not self.fifo_queue:
            return set()
        return {message.group_id for message in self._pending_messages if message.group_id is not None}

    queue_class.attributes = property(lambda self: _Attributes(self, compute))
    queue_class.messages = property(messages)
    queue_class.pending_message_groups = property(groups)


def _find_messages_by_receipt() -> None:
    """Index messages by receipt: moto searches every receipt of every message for each deletion."""
    invalid: type[Exception] = import_module("moto.sqs.exceptions").ReceiptHandleIsInvalid
    message_class, queue_class = _models().Message, _models().Queue
    mark_received = message_class.mark_received
    by_receipt: dict[str, Any] = {}

    def received(self: Any, visibility_timeout: int | None = None) -> None:
        mark_received(self, visibility_timeout)
        by_receipt[self.receipt_handle] = self

    def delete(self: Any, receipt_handle: str) -> None:
        if receipt_handle in self.deleted_messages:
            return
        message = by_receipt.get(receipt_handle)
        if message is None or message not in self._messages:
            raise invalid()
        self._messages.remove(message)
        self.pending_messages.discard(message)
        for receipt in filter(None, message.all_receipt_handles):
            by_receipt.pop(receipt, None)
            self.deleted_messages.add(receipt)

    def had(self: Any, receipt_handle: str) -> bool:
        return by_receipt.get(receipt_handle) is self

    message_class.mark_received = received
    message_class.had_receipt_handle = had
    queue_class.delete_message = delete


def _check_retention_directly(now: Callable[[], float]) -> None:
    """Reads the retention period directly: moto computes all attributes for each message received."""

    def valid(self: Any, queue_name: str, message: Any) -> bool:
        retention: float = self.get_queue(queue_name).message_retention_period
        return bool(retention + message.sent_timestamp / 1000 > now())

    _models().SQSBackend.is_message_valid_based_on_retention_period = valid


def _never_wait() -> None:
    """Never wait inside moto, which would block every other request: `server.py` waits."""
    backend = _models().SQSBackend
    receive = backend.receive_message

    def at_once(self: Any, queue_name: str, count: int, wait: int, visibility: int, names: Any = None) -> Any:
        return receive(self, queue_name, count, 0, visibility, names)

    backend.receive_message = at_once
