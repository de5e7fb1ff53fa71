"""A queue at its worst: SQS promises to deliver at least once, in any order, and doorbells may be lost altogether."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

Message = Mapping[str, Any]


class ChaoticQueue:
    """A boto3 SQS client for the poller of one queue. While `rough`, messages come doubled, late and in any order.

    Only doorbells are lost. A whole event on a queue that SQS loses was never accepted by anybody.
    """

    def __init__(self, sqs: Any, chance: random.Random) -> None:
        self._sqs = sqs
        self._chance = chance
        self._later: list[Message] = []
        self.rough = True
        self.counts: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sqs, name)

    def receive_message(self, **request: Any) -> dict[str, Any]:
        """As SQS answers, and then some."""
        found: list[Message] = self._sqs.receive_message(**request).get("Messages", [])
        given = [message for message in found if not self.rough or self._is_given(message, request["QueueUrl"])]
        room = int(request["MaxNumberOfMessages"]) - len(given)
        if self._later and (not found or not self.rough or self._chance.random() < 0.3):
            self._chance.shuffle(self._later)
            given += self._later[:room]
            del self._later[:room]
        self._chance.shuffle(given)
        return {"Messages": given}

    def delete_message_batch(self, **request: Any) -> Any:
        """A message that came twice in one batch has the same receipt here, as it has not in AWS."""
        entries = {entry["ReceiptHandle"]: entry for entry in request["Entries"]}
        return self._sqs.delete_message_batch(**{**request, "Entries": list(entries.values())})

    def _is_given(self, message: Message, url: str) -> bool:
        """Does this message come now? It may also come later, once more, or never."""
        drawn = self._chance.random()
        if drawn < 0.08 and message["Body"].startswith('{"ring"'):
            self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            self.counts["lost"] += 1
            return False
        if drawn < 0.25:
            self._later.append(message)
            self.counts["doubled" if drawn < 0.16 else "late"] += 1
            return drawn < 0.16
        return True
