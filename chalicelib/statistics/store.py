"""Stores campaigns and their snapshots, with conditional writes in a fixed order.

A snapshot is written before the campaign's own item. A crash between the two leaves a snapshot without the campaign's
update; the next run finds it and writes the campaign's item only. There is no transaction, because it would cost twice
the units for the same guarantee.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from botocore.exceptions import BotoCoreError, ClientError

from ..domain.curves import with_point
from ..domain.errors import StatsUnavailable
from ..domain.figures import FIGURES, Snapshot, changed, completed, described
from ..domain.times import format_time
from ..effects import Effects
from ..ledger.batched_reads import KeysUnprocessed, batch_get
from .items import (
    ACCOUNT_INDEX,
    DESCRIPTION,
    SNAPSHOT_PREFIX,
    Item,
    campaign_item,
    campaign_key,
    partition,
    snapshot_item,
    snapshot_of,
    snapshot_sort_key,
)

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

R = TypeVar("R")

# An item is replaced only by one read at the same time or later, so a slow run never restores older figures; and only
# if it knows no figure that the new one lacks.
_NOT_NEWER = "attribute_not_exists(pk) OR (taken_at <= :taken_at{known})"


class StatsStore:
    """Writes the statistics table. Thread-safe.

    The client should retry throttled calls itself (standard or adaptive mode) and have one connection a thread.
    """

    def __init__(self, client: DynamoDBClient, table: str, effects: Effects | None = None) -> None:
        self._client = client
        self._table = table
        self._effects = effects or Effects()

    def newest(self, account: str, campaigns: Sequence[str]) -> dict[str, Snapshot]:
        """Returns the newest snapshots of `campaigns` (unique, at most one batch), by id. Raises `StatsUnavailable`."""
        wanted = [campaign_key(account, campaign) for campaign in campaigns]
        items = read(lambda: batch_get(self._client, self._table, wanted, self._effects))
        return {snapshot.campaign: snapshot for snapshot in map(snapshot_of, items)}

    def listed(self, account: str) -> Iterator[Snapshot]:
        """Returns every campaign of an account without its figures, newest first: one query a megabyte.

        Eventually consistent: the latest writes may be missing. Raises `StatsUnavailable`.
        """
        return query_snapshots(
            self._client,
            TableName=self._table,
            IndexName=ACCOUNT_INDEX,
            KeyConditionExpression="#account = :account",
            ExpressionAttributeValues={":account": {"S": account}},
            ExpressionAttributeNames={f"#{name}": name for name in DESCRIPTION},
            ProjectionExpression=", ".join(f"#{name}" for name in DESCRIPTION),
            ScanIndexForward=False,
        )

    def since(self, account: str, moment: datetime) -> Iterator[Snapshot]:
        """Yields the campaigns of an account that were sent since `moment`, newest first, with figures and curves.

        Eventually consistent, one query a megabyte. Raises `StatsUnavailable`.
        """
        return query_snapshots(
            self._client,
            TableName=self._table,
            IndexName=ACCOUNT_INDEX,
            KeyConditionExpression="#account = :account AND newest_sk >= :since",
            ExpressionAttributeNames={"#account": "account"},
            ExpressionAttributeValues={":account": {"S": account}, ":since": {"S": format_time(moment)}},
            ScanIndexForward=False,
        )

    def record(self, known: Snapshot | None, row: Snapshot, hour: datetime) -> bool:
        """Stores `row`, read by the run of `hour`, if a figure differs from `known`; lacking figures are kept as known.

        True if a snapshot was written. Raises `StatsUnavailable`; then the same row can be recorded again.
        """
        if known is not None and not changed(known, row):
            if described(known, row) != known:
                self._put_campaign(described(known, row))
            return False
        last_key, last = self._last_snapshot(row)
        if last is not None and not changed(last, row) and (known is None or known.taken_at <= last.taken_at):
            found = described(last, row)
            self._put_campaign(replace(found, curve=with_point(known.curve if known else {}, found)))
            return False
        for earlier in sorted(filter(None, (known, last)), key=lambda one: one.taken_at, reverse=True):
            row = completed(row, earlier)
        row = replace(row, curve=with_point(row.curve, row))
        # A late run writes to the hour of the run that overtook it, so that history never goes back in time.
        sort_key = max(snapshot_sort_key(hour), last_key)
        stored = self._put(row, lambda snapshot: snapshot_item(snapshot, sort_key))
        if stored is None:
            return False
        self._put_campaign(stored)
        return True

    def _last_snapshot(self, row: Snapshot) -> tuple[str, Snapshot | None]:
        answer = read(
            lambda: self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
                ExpressionAttributeValues={
                    ":pk": {"S": partition(row.account, row.campaign)},
                    ":prefix": {"S": SNAPSHOT_PREFIX},
                },
                ScanIndexForward=False,
                Limit=1,
                ConsistentRead=True,
            )
        )
        for item in answer["Items"]:
            return item["sk"]["S"], snapshot_of(item)
        return "", None

    def _put_campaign(self, snapshot: Snapshot) -> None:
        self._put(snapshot, campaign_item)

    def _put(self, snapshot: Snapshot, item_of: Callable[[Snapshot], Item]) -> Snapshot | None:
        """Puts the item of `snapshot` unless a newer one exists; returns what was put, None if nothing.

        If another run has just stored a figure that `snapshot` lacks, that figure is added and the put repeated.
        """
        while (found := self._put_once(snapshot, item_of(snapshot))) is not None:
            more = completed(snapshot, found)
            if found.taken_at > snapshot.taken_at or more == snapshot:
                return None
            snapshot = more
        return snapshot

    def _put_once(self, snapshot: Snapshot, item: Item) -> Snapshot | None:
        """Puts `item`; returns the existing one where the condition does not hold."""
        lacking = [name for name in FIGURES if getattr(snapshot, name) is None]
        request: Any = {
            "TableName": self._table,
            "Item": item,
            "ConditionExpression": _NOT_NEWER.format(
                known="".join(f" AND NOT attribute_type(#{name}, :number)" for name in lacking)
            ),
            "ExpressionAttributeValues": {":taken_at": {"S": format_time(snapshot.taken_at)}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if lacking:
            request["ExpressionAttributeValues"][":number"] = {"S": "N"}
            request["ExpressionAttributeNames"] = {f"#{name}": name for name in lacking}
        try:
            self._client.put_item(**request)
        except ClientError as error:
            if _code(error) == "ConditionalCheckFailedException":
                return snapshot_of(cast(Any, error.response)["Item"])
            raise _unavailable(error) from error
        except BotoCoreError as error:
            raise _unavailable(error) from error
        return None


def read(call: Callable[[], R]) -> R:
    """Reads from the table. Raises `StatsUnavailable`."""
    try:
        return call()
    except (ClientError, BotoCoreError, KeysUnprocessed) as error:
        raise _unavailable(error) from error


def query_snapshots(client: DynamoDBClient, **request: Any) -> Iterator[Snapshot]:
    """Yields the snapshots that a query finds, page by page. Raises `StatsUnavailable`."""
    while True:
        answer = read(lambda: client.query(**request))
        yield from map(snapshot_of, answer["Items"])
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _unavailable(error: ClientError | BotoCoreError | KeysUnprocessed) -> StatsUnavailable:
    if isinstance(error, KeysUnprocessed):
        return StatsUnavailable(f"the statistics table did not answer: {error}")
    # Only the code: botocore's messages quote requests.
    code = _code(error) if isinstance(error, ClientError) else type(error).__name__
    return StatsUnavailable(f"the statistics table did not answer: {code}")
