"""Reads stored campaigns: a page, newest first, in one query; a campaign's history, oldest first."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..domain.figures import Snapshot
from ..domain.times import format_time
from .items import (
    ACCOUNT_INDEX,
    ALL_CAMPAIGNS,
    NEWEST_INDEX,
    SNAPSHOT_PREFIX,
    Item,
    campaign_key,
    partition,
    place,
    snapshot_of,
)
from .store import query_snapshots, read

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_EARLIEST, _LATEST = " ", "~"  # sort before and after every key of the index
_LONGEST_CURSOR = 1368  # base64 of the 1,024 bytes that an index sort key may have


class BadCursor(ValueError):
    """A cursor that no page returned."""


@dataclass(frozen=True, slots=True)
class Page:
    """Campaigns as their newest snapshots, and the cursor of the next page; None: there is none."""

    campaigns: tuple[Snapshot, ...]
    cursor: str | None


class StatsReader:
    """Reads the statistics table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def page(
        self,
        *,
        account: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """Returns at most `limit` campaigns sent from `since` to `until` (both included, to the second), newest first.

        Campaigns without a known sending time come last, and not at all with `since`. The cursor is a position and not
        an item, so it stays valid whatever is written meanwhile; use it with the same filters. A page may be shorter
        than `limit` (DynamoDB reads 1 MB at most) and still have a next one.

        Raises:
            BadCursor: `cursor` was not made here.
            StatsUnavailable: The table did not answer.
        """
        request = _request(account, since, until)
        if cursor is not None:
            request["ExclusiveStartKey"] = start = _start(_decode(cursor), account)
            values = request["ExpressionAttributeValues"]
            if not values[":first"]["S"] <= start["newest_sk"]["S"] <= values[":last"]["S"]:
                raise BadCursor("a cursor of other dates")  # DynamoDB would reject it without a reason
        # One more than requested shows whether there is a next page.
        answer = read(lambda: self._client.query(TableName=self._table, Limit=limit + 1, **request))
        found = [snapshot_of(item) for item in answer["Items"]]
        campaigns = tuple(found[:limit])
        more = len(found) > limit or "LastEvaluatedKey" in answer
        if not more or not campaigns:
            return Page(campaigns, None)
        return Page(campaigns, base64.urlsafe_b64encode(place(campaigns[-1]).encode()).decode().rstrip("="))

    def campaign(self, account: str, campaign: str) -> Snapshot | None:
        """Returns the newest snapshot of one campaign; None if it was never read. Raises `StatsUnavailable`."""
        key = campaign_key(account, campaign)
        answer = read(lambda: self._client.get_item(TableName=self._table, Key=key))
        return snapshot_of(answer["Item"]) if "Item" in answer else None

    def history(self, account: str, campaign: str) -> Iterator[Snapshot]:
        """Returns every snapshot of one campaign, oldest first; iterating may raise `StatsUnavailable`."""
        return query_snapshots(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":pk": {"S": partition(account, campaign)}, ":prefix": {"S": SNAPSHOT_PREFIX}},
        )


def _request(account: str | None, since: datetime | None, until: datetime | None) -> dict[str, Any]:
    first = _EARLIEST if since is None else _second(since)
    last = _LATEST if until is None else _second(until) + _LATEST
    return {
        "IndexName": NEWEST_INDEX if account is None else ACCOUNT_INDEX,
        "KeyConditionExpression": "#partition = :partition AND newest_sk BETWEEN :first AND :last",
        "ExpressionAttributeNames": {"#partition": "newest_pk" if account is None else "account"},
        "ExpressionAttributeValues": {
            ":partition": {"S": ALL_CAMPAIGNS if account is None else account},
            ":first": {"S": first},
            ":last": {"S": last},
        },
        "ScanIndexForward": False,
    }


def _second(moment: datetime) -> str:
    return format_time(moment.replace(microsecond=0))


def _decode(cursor: str) -> tuple[str, str, str]:
    """Parses a cursor: sending time, account, campaign."""
    if len(cursor) > _LONGEST_CURSOR:
        raise BadCursor("not a cursor of this list")
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        parts = base64.b64decode(padded, altchars=b"-_", validate=True).decode().split("#", 2)
    except (ValueError, binascii.Error) as error:
        raise BadCursor("not a cursor of this list") from error
    if len(parts) != 3 or not all(parts):
        raise BadCursor("not a cursor of this list")
    return parts[0], parts[1], parts[2]


def _start(place_parts: tuple[str, str, str], account: str | None) -> Item:
    """Returns the key after which a query continues. The item itself may have moved or been deleted."""
    _, of_account, campaign = place_parts
    if account not in (None, of_account):
        raise BadCursor("a cursor of another account's list")
    own: Item = {"newest_pk": {"S": ALL_CAMPAIGNS}} if account is None else {"account": {"S": of_account}}
    return {**campaign_key(of_account, campaign), **own, "newest_sk": {"S": "#".join(place_parts)}}
