"""Imports the file at a URL with the real worker, in a process whose memory is measured: `URL`, result as JSON.

The ledger is in this process and must not count, so only the key of every signup is stored.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chalicelib.config.model import Privacy, Settings, Source
from chalicelib.config.secrets import Secret
from chalicelib.container import Container
from chalicelib.domain.times import epoch_milliseconds
from chalicelib.effects import Effects
from chalicelib.ledger.event_status import EventView
from chalicelib.providers.account import Account
from tests.support.memory import MemoryDynamo, MemoryQueues

ROUND_SECONDS = 20
"""How long an invocation may last: short, so that the import takes several."""
BAD = ("not an address;x;y;z", "too@example.com;a;b;c;d", '"person@example.com;open;quote', "a@b@example.com;;;")


def big_file(rows: int) -> bytes:
    """Every hundredth row is bad, each fourth of those in the same way; some values have accents, quotes, lines."""
    lines = ["email;prenom;nom;ville"]
    for number in range(rows):
        if number % 100 == 99:
            lines.append(BAD[number // 100 % len(BAD)])
        elif number % 50 == 0:
            lines.append(f'person{number}@example.com;"Zoé ""Z""";"Les; deux\nlignes";Lyon')
        else:
            lines.append(f"person{number}@example.com;Prénom{number};Nom{number};Saint-Étienne")
    return "\r\n".join(lines).encode("utf-8-sig")


class Context:
    """Lambda's, with all the time that there is, at the beginning."""

    def get_remaining_time_in_millis(self) -> int:
        return ROUND_SECONDS * 1000


@dataclass
class Ledger(MemoryDynamo):
    """Stores only the keys of signups. Writes are conditional as usual."""

    keys: set[str] = field(default_factory=set)
    refused: int = 0
    at_put: Callable[[int], object] = lambda stored: None
    """Called with the number of signups stored so far."""

    def __post_init__(self) -> None:
        super().__init__()

    def put_item(self, **request: Any) -> Any:
        item = request["Item"]
        if item.get("type") != {"S": "signup"}:
            return super().put_item(**request)
        assert request["ConditionExpression"] == "attribute_not_exists(pk)"
        with self.engine.lock:
            key = item["pk"]["S"]
            assert key not in self.keys, "no row is stored twice"
            self.keys.add(key)
            self.refused += item["status"]["S"] == "refused"
            self.at_put(len(self.keys))
        return {}


@dataclass
class Queues(MemoryQueues):
    """Counts notifications, and keeps those for the queue of syncs."""

    enqueued: int = 0

    def _send(self, name: str, bodies: Any) -> None:
        given = list(bodies)
        if name.endswith("-signups"):
            self.enqueued += sum(len(json.loads(body)["event_ids"]) for body in given)
        else:
            super()._send(name, given)


def run_import(url: str, effects: Effects | None = None, ledger: Ledger | None = None) -> dict[str, Any]:
    """The result: stored and enqueued events, invocations, and the final state of the sync."""
    account = Account("paris", "ediware", secrets={"api_key": Secret.plain("placeholder")})
    settings = Settings(
        accounts={"paris": account},
        privacy=Privacy((Secret.plain("placeholder-address-key-1"),)),
        sources={"crm": Source("crm", url, "paris", "4781", allow_private=True)},
    )
    ledger, queues = ledger or Ledger(), Queues()
    container = Container(settings, "local", effects)
    container.__dict__.update(_dynamodb=ledger, _sqs=queues)
    body: Any = {"type": "sync", "id": "big", "kind": "contacts", "source": "crm"}
    rounds = 0
    while body is not None:
        rounds += 1
        record = {
            "messageId": str(uuid.uuid4()),
            "body": json.dumps(body),
            "attributes": {"SentTimestamp": str(epoch_milliseconds(container.effects.clock()))},
        }
        container.worker.handle("syncs", {"Records": [record]}, Context())
        waiting = queues.bodies.pop("relais-local-syncs", [])
        body = json.loads(waiting[0]) if waiting else None
    view = EventView(container.table, container.accounts.read, container.effects.clock).find("big")
    assert view is not None
    return {
        "held": len(ledger.keys) - ledger.refused,
        "refused": ledger.refused,
        "enqueued": queues.enqueued,
        "rounds": rounds,
        "delivery": view["deliveries"][0],
    }


def peak_mb() -> float:
    """The most that was ever resident of this process, as the kernel counts it."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    result = run_import(sys.argv[1]) | {"peak_mb": peak_mb()}
    sys.stdout.write(f"\n{json.dumps(result)}\n")
