"""DynamoDB and SQS in this process's memory, for tests that need tens of thousands of calls: no network, no botocore.

The DynamoDB is the embedded AWS's own engine, with the template's tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from local.aws.dynamodb import Client
from local.template import additions
from local.template_reader import Table, queues_and_tables

Item = dict[str, Any]
Keys = tuple[str, str]
LEDGER = "relais-local-ledger"


class MemoryDynamo(Client):
    """The stage's tables, empty; `items` are the ledger's, `counts` the calls by operation."""

    def __init__(self) -> None:
        super().__init__()
        for table in _tables():
            self.engine.call("CreateTable", table.definition)
        self._ledger = self.engine.database.tables[LEDGER]

    @property
    def items(self) -> dict[str, dict[str, Item]]:
        """A copy of the ledger's items, by partition and sort key."""
        found: dict[str, dict[str, Item]] = {}
        for (pk, sk), item in self._ledger.items.items():
            found.setdefault(pk, {})[sk] = item
        return found

    def item(self, key: Keys) -> Item | None:
        """Return an item of the ledger."""
        return self._ledger.items.get(key)

    def put_items(self, items: Mapping[Keys, Item | None]) -> None:
        """Store these items, given in the engine's own form; None deletes one."""
        for key, item in items.items():
            self._ledger.store(key, self._ledger.items.get(key), item)


@cache
def _tables() -> list[Table]:
    return queues_and_tables(additions("local"), "eu-west-3")[1]


@dataclass
class MemoryQueues:
    """Queues by name; their messages' bodies, oldest first."""

    bodies: dict[str, list[str]] = field(default_factory=dict)

    def get_queue_url(self, QueueName: str) -> Any:  # noqa: N803 (boto3's own spelling)
        return {"QueueUrl": QueueName}

    def send_message(self, **request: Any) -> Any:
        self._send(request["QueueUrl"], [request["MessageBody"]])
        return {}

    def send_message_batch(self, **request: Any) -> Any:
        self._send(request["QueueUrl"], [entry["MessageBody"] for entry in request["Entries"]])
        return {}

    def get_queue_attributes(self, **request: Any) -> Any:
        return {"Attributes": {"ApproximateNumberOfMessages": str(len(self.bodies.get(request["QueueUrl"], [])))}}

    def enqueued(self) -> list[tuple[str, Any]]:
        """Return what waits in the queues, queue by queue, as JSON values, taken out of them."""
        waiting, self.bodies = self.bodies, {}
        return [(name, json.loads(body)) for name, bodies in sorted(waiting.items()) for body in bodies]

    def _send(self, name: str, bodies: Iterable[str]) -> None:
        self.bodies.setdefault(name, []).extend(bodies)
