"""DynamoDB in memory: every operation by its name, one call at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from . import batches, control, reads, transactions, writes
from .database import Answer, Database, Request
from .errors import DynamoError, invalid

OPERATIONS: Mapping[str, Callable[[Database, Request], Answer]] = {
    "BatchGetItem": batches.batch_get_item,
    "BatchWriteItem": batches.batch_write_item,
    "CreateTable": control.create_table,
    "DeleteItem": writes.delete_item,
    "DeleteTable": control.delete_table,
    "DescribeContinuousBackups": control.describe_continuous_backups,
    "DescribeLimits": control.describe_limits,
    "DescribeTable": control.describe_table,
    "DescribeTimeToLive": control.describe_time_to_live,
    "GetItem": reads.get_item,
    "ListTables": control.list_tables,
    "ListTagsOfResource": control.list_tags_of_resource,
    "PutItem": writes.put_item,
    "Query": reads.query,
    "Scan": reads.scan,
    "TagResource": control.tag_resource,
    "TransactGetItems": transactions.transact_get_items,
    "TransactWriteItems": transactions.transact_write_items,
    "UntagResource": control.untag_resource,
    "UpdateContinuousBackups": control.update_continuous_backups,
    "UpdateItem": writes.update_item,
    "UpdateTable": control.update_table,
    "UpdateTimeToLive": control.update_time_to_live,
}


class Engine:
    """One region's DynamoDB. Thread-safe: runs one call at a time.

    Answers share their values with what is stored: a caller must not change them, and passes copies on.
    """

    def __init__(self, region: str = "eu-west-3", clock: Callable[[], float] | None = None) -> None:
        self.database = Database(region)
        if clock is not None:
            self.database.clock = clock
        self.lock = threading.RLock()

    def call(self, operation: str, request: Request) -> Answer:
        """Runs an operation. Raises DynamoError."""
        carry_out = OPERATIONS.get(operation)
        if carry_out is None:
            raise DynamoError("UnknownOperationException", f"{operation} is not known to this DynamoDB")
        with self.lock:
            try:
                return carry_out(self.database, request)
            except KeyError as error:
                raise _missing(error) from error

    def reset(self) -> None:
        """Deletes every table."""
        with self.lock:
            self.database.tables.clear()
            self.database.tokens.clear()


def _missing(error: KeyError) -> DynamoError:
    """Returns the error about a required parameter that the request lacks."""
    name: Any = error.args[0] if error.args else ""
    parameter = str(name)[:1].lower() + str(name)[1:]
    return invalid(
        f"1 validation error detected: Value null at '{parameter}' failed to satisfy constraint: "
        "Member must not be null"
    )
