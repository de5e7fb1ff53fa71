"""Reads a long list of MailPartner with the scheduled function, in a process whose memory is measured: `URL ROWS`.

Three runs: the first records the baseline, the second finds nothing new, the third finds ten rows. The ledger is in
this process and must count as little as possible, so it stores items without an index.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from chalicelib.config.model import Privacy, Settings, UnsubscribeSync
from chalicelib.config.secrets import Secret
from chalicelib.container import Container
from chalicelib.providers.account import Account
from local.sandbox import Control
from local.sandbox.mailpartner.samples import API_KEY
from tests.support.memory import MemoryDynamo, MemoryQueues
from tests.support.product import FakeContext


def run_three_times(url: str, rows: int) -> list[dict[str, Any]]:
    """Result of each run, its duration, its DynamoDB requests, and the peak memory so far, in MB."""
    control = Control(url)
    control.set("mailpartner", grow_optouts={"count": rows})
    key = {"api_key": Secret.plain(API_KEY)}
    settings = Settings(
        accounts={
            "lettre": Account("lettre", "mailpartner", base_url=f"{url}/mailpartner/v1", secrets=key),
            "paris": Account("paris", "ediware", secrets=key),
        },
        privacy=Privacy((Secret.plain("placeholder-address-key-1"),)),
        sync_unsubscribes=UnsubscribeSync(("lettre",), ("paris",), baseline="known"),
    )
    dynamo = MemoryDynamo()
    container = Container(settings, "local")
    container.__dict__.update(_dynamodb=dynamo, _sqs=MemoryQueues())
    runs = []
    for news in (0, 0, 10):
        if news:
            control.set("mailpartner", add_optouts=[f"new{number}@example.com" for number in range(news)])
        dynamo.counts = {}
        started = time.perf_counter()
        outcome = container.sync_unsubscribes(FakeContext(6_000_000))["accounts"]["lettre"]
        runs.append({**outcome, "seconds": time.perf_counter() - started, "calls": dynamo.counts, "peak_mb": peak_mb()})
    return runs


def peak_mb() -> float:
    """The most that was ever resident of this process, as the kernel counts it."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    result = {"runs": run_three_times(sys.argv[1], int(sys.argv[2])), "peak_mb": peak_mb()}
    sys.stdout.write(f"\n{json.dumps(result)}\n")
