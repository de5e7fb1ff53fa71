"""`python -m tests.support.account.aws`: the embedded AWS by a clock of the test, with point-in-time recovery."""

from __future__ import annotations

import copy
import os
import sys
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from local.aws.__main__ import main
from local.aws.dynamodb import engine, wire
from local.aws.dynamodb.control import description_of
from local.aws.dynamodb.database import Answer, Database, Request
from local.aws.dynamodb.errors import DynamoError, not_found
from local.aws.dynamodb.tables import Table
from tests.support.shifted_clock import VARIABLE, MovedClock

_SECONDS_KEPT = 35 * 24 * 3600
_Journal = list[tuple[float, Any, Any]]


def record_writes(now: Callable[[], float]) -> None:
    """Have every table with recovery remember what each write replaced, and when."""
    store = Table.store

    def recorded(self: Table, key: Any, before: Any, after: Any) -> None:
        if self.recovery:
            journal: _Journal = self.__dict__.setdefault("journal", [])
            journal.append((now(), key, before))
        store(self, key, before, after)

    Table.store = recorded  # type: ignore[method-assign]


def restore_table(database: Database, request: Request) -> Answer:
    """Make a table as another one was: without its expiry, recovery and protection, as DynamoDB does."""
    source = database.tables.get(request["SourceTableName"])
    if source is None:
        raise not_found()
    name, moment = request["TargetTableName"], request.get("RestoreDateTime", database.clock())
    if name in database.tables:
        raise DynamoError("TableAlreadyExistsException", f"Table already exists: {name}")
    if not source.recovery:
        raise DynamoError(
            "PointInTimeRecoveryUnavailableException",
            f"Point in time recovery is not enabled for table '{source.name}'",
        )
    earliest = max(source.description["CreationDateTime"], database.clock() - _SECONDS_KEPT)
    if not earliest <= moment <= database.clock():
        raise DynamoError("InvalidRestoreTimeException", f"{moment} is not within the time that can be restored")
    made = copy.deepcopy(source)
    made.recovery, made.ttl_attribute, made.name = False, None, name
    made.description |= {
        "TableName": name,
        "TableArn": database.arn(name),
        "TableId": str(uuid.uuid4()),
        "CreationDateTime": database.clock(),
        "DeletionProtectionEnabled": False,
    }
    journal: _Journal = made.__dict__.pop("journal", [])
    for written, key, before in reversed(journal):
        if written > moment:
            made.store(key, made.items.get(key), before)
    database.tables[name] = made
    return {"TableDescription": description_of(made)}


if __name__ == "__main__":
    clock = MovedClock(Path(os.environ[VARIABLE])).time
    record_writes(clock)
    wire.Engine = partial(engine.Engine, clock=clock)  # type: ignore[misc,assignment]
    engine.OPERATIONS = {**engine.OPERATIONS, "RestoreTableToPointInTime": restore_table}  # type: ignore[misc]
    sys.exit(main(now=clock))
