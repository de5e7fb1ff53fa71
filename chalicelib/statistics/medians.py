"""Keeps the median campaign of each account: the rates of opens, clicks and unsubscribes at each age, once a day."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..domain.curves import MEASURED, median_rates
from ..domain.figures import Snapshot
from ..domain.times import format_time
from .items import ACCOUNT_INDEX, Item
from .store import query_snapshots, read

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

PERIOD = timedelta(days=365)
MOST_CAMPAIGNS = 1000
"""The median is that of an account's newest campaigns of the last year, at most so many."""


@dataclass(frozen=True, slots=True)
class Medians:
    """The median rates (0 to 1) by age in hours, of opens, clicks and unsubscribes, as of a day."""

    day: date
    rates: tuple[list[tuple[int, float]], ...]


class MedianStore:
    """Reads and writes medians in the statistics table. Every method raises `StatsUnavailable`."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def read(self, account: str) -> Medians | None:
        """Returns the medians of an account; None until the first are stored, and for a malformed item."""
        item = read(lambda: self._client.get_item(TableName=self._table, Key=_key(account))).get("Item", {})
        try:
            stored = json.loads(item["medians"]["S"])
            rates = tuple([(int(age), float(rate)) for age, rate in one] for one in stored)
            return Medians(date.fromisoformat(item["day"]["S"]), rates) if len(rates) == len(MEASURED) else None
        except (KeyError, TypeError, ValueError):
            return None

    def refresh(self, account: str, now: datetime) -> bool:
        """Stores the medians of the day of `now` (aware), unless they are stored; True if it did.

        Costs one read an hour, and once a day a query of the account's campaigns.
        """
        stored = self.read(account)
        if stored is not None and stored.day >= now.date():
            return False
        rates = median_rates(islice(self._campaigns(account, now - PERIOD), MOST_CAMPAIGNS))
        rounded = [[(age, round(rate, 6)) for age, rate in one] for one in rates]
        item: Item = {**_key(account), "day": {"S": now.date().isoformat()}, "medians": {"S": json.dumps(rounded)}}
        read(lambda: self._client.put_item(TableName=self._table, Item=item))
        return True

    def _campaigns(self, account: str, since: datetime) -> Iterator[Snapshot]:
        request: Any = {
            "TableName": self._table,
            "IndexName": ACCOUNT_INDEX,
            "KeyConditionExpression": "#account = :account AND newest_sk >= :since",
            "ExpressionAttributeNames": {"#account": "account"},
            "ExpressionAttributeValues": {":account": {"S": account}, ":since": {"S": format_time(since)}},
            "ScanIndexForward": False,
        }
        return query_snapshots(self._client, **request)


def _key(account: str) -> Item:
    return {"pk": {"S": f"M#{account}"}, "sk": {"S": "medians"}}
