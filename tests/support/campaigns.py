"""Campaigns put straight into the statistics table, many a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chalicelib.domain.figures import Snapshot
from chalicelib.statistics.items import campaign_item

TABLE = "relais-local-stats"


def put_campaigns(dynamodb: Any, campaigns: Sequence[Snapshot]) -> None:
    """Put the campaigns' own items there, without snapshots."""
    for start in range(0, len(campaigns), 25):
        puts = [{"PutRequest": {"Item": campaign_item(each)}} for each in campaigns[start : start + 25]]
        dynamodb.batch_write_item(RequestItems={TABLE: puts})
