"""Messages held from an SQS queue: invisible to others while held, back in the queue soon after their holder dies."""

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

_SIDE_BY_SIDE = 4


class Leases:
    """What is held of the queue at `url`, by receipt handle. Received with `seconds` as visibility timeout.

    `clock` gives seconds and never goes back.
    """

    seconds = 40
    _RENEW_AFTER_SECONDS = 12.0
    _LOOK_EVERY_SECONDS = 3.0

    def __init__(self, sqs: SQSClient, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._sqs = sqs
        self._url = url
        self._clock = clock
        self._held: dict[str, float] = {}  # receipt handle: when it was leased last
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._renewer = threading.Thread(target=self._renew_for_ever, name=f"renew {url}", daemon=True)

    def start(self) -> None:
        """Renew what is held from now on."""
        self._renewer.start()

    def hold(self, receipts: Iterable[str]) -> None:
        """These were just received."""
        with self._lock:
            self._held.update(dict.fromkeys(receipts, self._clock()))

    def let_go(self, receipts: Iterable[str]) -> None:
        """These are renewed no more."""
        with self._lock:
            for receipt in receipts:
                self._held.pop(receipt, None)

    def stop(self) -> None:
        """Renew no more, and show everything that is still held again at once."""
        self._ended.set()
        with self._lock:
            held = list(self._held)
            self._held.clear()
        try:
            self.show_again_in(held, 0)
        except (BotoCoreError, ClientError) as error:
            _log.warning("messages come back in %s seconds only: %s", self.seconds, error)

    def delete(self, receipts: Sequence[str]) -> None:
        """Delete from the queue, ten at a time. Raises ClientError or BotoCoreError."""

        def delete(some: Sequence[str]) -> None:
            answer = self._sqs.delete_message_batch(
                QueueUrl=self._url,
                Entries=[{"Id": str(index), "ReceiptHandle": receipt} for index, receipt in enumerate(some)],
            )
            for failure in answer.get("Failed", []):
                _log.warning("a message was not deleted and will come again: %s", failure["Code"])

        self._in_tens(delete, receipts)

    def show_again_in(self, receipts: Sequence[str], seconds: int) -> None:
        """Let others see these in `seconds`. Raises ClientError or BotoCoreError."""

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
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            list(pool.map(do, tens))

    def _renew_for_ever(self) -> None:
        while not self._ended.wait(self._LOOK_EVERY_SECONDS):
            now = self._clock()
            with self._lock:
                old = [receipt for receipt, leased in self._held.items() if now - leased > self._RENEW_AFTER_SECONDS]
            for start in range(0, len(old), 10):
                self._renew(old[start : start + 10])

    def _renew(self, receipts: Sequence[str]) -> None:
        try:
            self.show_again_in(receipts, self.seconds)
        except (BotoCoreError, ClientError) as error:
            _log.warning("leases could not be renewed: %s", error)
            return
        now = self._clock()
        with self._lock:
            self._held.update({receipt: now for receipt in receipts if receipt in self._held})
