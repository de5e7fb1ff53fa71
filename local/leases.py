"""Leases of SQS messages: invisible to other consumers while leased, back in the queue soon after the process dies."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

_log = logging.getLogger(__name__)

_CONCURRENCY = 4


class Leases:
    """The leased messages of the queue at `url`, by receipt handle. Received with `seconds` as visibility timeout.

    `clock` returns monotonic seconds.
    """

    seconds = 40
    _RENEW_AFTER_SECONDS = 12.0
    _CHECK_SECONDS = 3.0

    def __init__(self, sqs: SQSClient, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._sqs = sqs
        self._url = url
        self._clock = clock
        self._leased: dict[str, float] = {}  # receipt handle: when it was leased last
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._renewer = threading.Thread(target=self._renew_old, name=f"renew {url}", daemon=True)

    def start(self) -> None:
        """Starts renewing leases."""
        self._renewer.start()

    def add(self, receipts: Iterable[str]) -> None:
        """Adds messages that were just received."""
        with self._lock:
            self._leased.update(dict.fromkeys(receipts, self._clock()))

    def release(self, receipts: Iterable[str]) -> None:
        """Stops renewing these messages."""
        with self._lock:
            for receipt in receipts:
                self._leased.pop(receipt, None)

    def stop(self) -> None:
        """Stops renewing, and makes every leased message visible at once."""
        self._ended.set()
        with self._lock:
            leased = list(self._leased)
            self._leased.clear()
        try:
            self.make_visible_in(leased, 0)
        except (BotoCoreError, ClientError) as error:
            _log.warning("messages stay invisible for up to %s seconds: %s", self.seconds, error)

    def delete(self, receipts: Sequence[str]) -> None:
        """Deletes from the queue, ten at a time. Raises ClientError or BotoCoreError."""

        def delete(some: Sequence[str]) -> None:
            answer = self._sqs.delete_message_batch(
                QueueUrl=self._url,
                Entries=[{"Id": str(index), "ReceiptHandle": receipt} for index, receipt in enumerate(some)],
            )
            for failure in answer.get("Failed", []):
                _log.warning("message not deleted, it will be received again: %s", failure["Code"])

        self._in_tens(delete, receipts)

    def make_visible_in(self, receipts: Sequence[str], seconds: int) -> None:
        """Makes these visible to others in `seconds`. Raises ClientError or BotoCoreError."""

        def change(some: Sequence[str]) -> None:
            self._sqs.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(index), "ReceiptHandle": receipt, "VisibilityTimeout": seconds}
                    for index, receipt in enumerate(some)
                ],
            )

        self._in_tens(change, receipts)

    def _in_tens(self, do: Callable[[Sequence[str]], None], receipts: Sequence[str]) -> None:
        tens = [receipts[start : start + 10] for start in range(0, len(receipts), 10)]
        if len(tens) <= 1:
            for some in tens:
                do(some)
            return
        with ThreadPoolExecutor(_CONCURRENCY) as pool:
            list(pool.map(do, tens))

    def _renew_old(self) -> None:
        while not self._ended.wait(self._CHECK_SECONDS):
            now = self._clock()
            with self._lock:
                old = [receipt for receipt, leased in self._leased.items() if now - leased > self._RENEW_AFTER_SECONDS]
            for start in range(0, len(old), 10):
                self._renew(old[start : start + 10])

    def _renew(self, receipts: Sequence[str]) -> None:
        try:
            self.make_visible_in(receipts, self.seconds)
        except (BotoCoreError, ClientError) as error:
            _log.warning("leases not renewed: %s", error)
            return
        now = self._clock()
        with self._lock:
            self._leased.update({receipt: now for receipt in receipts if receipt in self._leased})
