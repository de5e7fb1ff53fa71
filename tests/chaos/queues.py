"""A queue with worst-case delivery: SQS delivers at least once and in any order, and notifications can be lost."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from local.leases import Leases

Message = Mapping[str, Any]
FATES = ("lost", "doubled", "late")
_CERTAIN = 12
"""Each kind of delivery is met once among as many first messages, whatever is drawn for the others."""


class ChaoticQueue:
    """A boto3 SQS client for the poller of one queue. While `rough`, messages are doubled, late and out of order.

    Only notifications are lost. A complete event on a queue that SQS loses was never accepted.
    """

    def __init__(self, sqs: Any, name: str, chance: random.Random) -> None:
        self._sqs = sqs
        self._url: str = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        self._chance = chance
        self._certain = [*FATES, *[""] * (_CERTAIN - len(FATES))]
        chance.shuffle(self._certain)
        self._lock = threading.Lock()
        self._later: list[Message] = []
        self._in_flight: Counter[str] = Counter()
        self.rough = True
        self.counts: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sqs, name)

    def busy(self) -> bool:
        """Whether messages are in flight, delayed, or visible."""
        with self._lock:
            if self._in_flight or self._later:
                return True
        return self._number("ApproximateNumberOfMessages") > 0

    def messages(self) -> int:
        """How many messages there are."""
        return self._number("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")

    def look_again(self) -> None:
        """Wake a waiting receive after the time has changed."""
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes={})

    def receive_message(self, **request: Any) -> dict[str, Any]:
        """As SQS answers, and then some."""
        if self._later:  # a delayed message must not wait for another one
            request = {**request, "WaitTimeSeconds": 0}
        found: list[Message] = self._sqs.receive_message(**request).get("Messages", [])
        with self._lock:
            given = [message for message in found if not self.rough or self._is_given(message)]
            room = int(request["MaxNumberOfMessages"]) - len(given)
            if self._later and (not found or not self.rough or self._chance.random() < 0.3):
                self._chance.shuffle(self._later)
                given += self._later[:room]
                del self._later[:room]
            self._chance.shuffle(given)
            self._in_flight.update(message["ReceiptHandle"] for message in given)
        return {"Messages": given}

    def delete_message_batch(self, **request: Any) -> Any:
        """A message that came twice in one batch has the same receipt here, as it has not in AWS."""
        entries = {entry["ReceiptHandle"]: entry for entry in request["Entries"]}
        try:
            return self._sqs.delete_message_batch(**{**request, "Entries": list(entries.values())})
        finally:
            self._let_go(request["Entries"])

    def change_message_visibility_batch(self, **request: Any) -> Any:
        """Release messages, unless their lease is only renewed."""
        try:
            return self._sqs.change_message_visibility_batch(**request)
        finally:
            self._let_go([one for one in request["Entries"] if one["VisibilityTimeout"] != Leases.seconds])

    def _let_go(self, entries: list[Any]) -> None:
        with self._lock:
            self._in_flight.subtract(entry["ReceiptHandle"] for entry in entries)
            self._in_flight = +self._in_flight

    def _number(self, *names: str) -> int:
        answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=list(names))["Attributes"]
        return sum(int(answer[name]) for name in names)

    def _is_given(self, message: Message) -> bool:
        """Does this message come now? It may also come later, once more, or never."""
        kind = self._kind()
        if kind == "lost":
            if not message["Body"].startswith('{"event_ids"'):
                self._certain.append(kind)
                return True
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        elif kind:
            self._later.append(message)
        if kind:
            self.counts[kind] += 1
        return kind not in ("lost", "late")

    def _kind(self) -> str:
        if self._certain:
            return self._certain.pop()
        drawn = self._chance.random()
        return "lost" if drawn < 0.08 else "doubled" if drawn < 0.16 else "late" if drawn < 0.25 else ""
