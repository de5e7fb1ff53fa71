"""Snapshots as items of the statistics table, readable with boto3: attributes are named as in the HTTP answers.

| item | pk / sk | holds |
|---|---|---|
| campaign | `C#{account}#{campaign}` / `newest` | the newest snapshot, its curve, and its sort key in the two indexes |
| snapshot | `C#{account}#{campaign}` / `snapshot#{UTC hour}` | that hour's figures; `raw`: the provider's own as JSON |

Index `newest` (`newest_pk`, `newest_sk`) lists all campaigns by the time they were sent, `newest_of_account`
(`account`, `newest_sk`) those of one account; only campaign items have a `newest_sk`, so only they are indexed. All
campaigns share one partition of the first, so that a page is one query whatever the months and accounts it spans. That
partition takes 1,000 write units a second, about what the sixteen writers of one run, each waiting for three calls a
campaign, can ask for at most; `raw`, which would make the item larger than one unit, therefore stays out of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..domain import curves
from ..domain.figures import FIGURES, Snapshot, hour_key, raw_text
from ..domain.times import format_time, parse_time

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef

Item = dict[str, "AttributeValueTypeDef"]

NEWEST_INDEX = "newest"
ACCOUNT_INDEX = "newest_of_account"
ALL_CAMPAIGNS = "campaigns"
NEWEST = "newest"
SNAPSHOT_PREFIX = "snapshot#"
DESCRIPTION = ("account", "provider", "campaign", "name", "subject", "sent_at", "taken_at")
"""The attributes of a snapshot other than figures."""
_NEVER_SENT = "0"  # before every year: campaigns without a known time come last


def partition(account: str, campaign: str) -> str:
    """Returns the partition of a campaign. Account names have no `#`, so a campaign's id may."""
    return f"C#{account}#{campaign}"


def campaign_key(account: str, campaign: str) -> Item:
    """Returns the key of a campaign's own item."""
    return {"pk": {"S": partition(account, campaign)}, "sk": {"S": NEWEST}}


def snapshot_sort_key(hour: datetime) -> str:
    """Returns the sort key of the snapshot of an hour."""
    return SNAPSHOT_PREFIX + hour_key(hour)


def place(snapshot: Snapshot) -> str:
    """Returns a campaign's sort key in the indexes: the second it was sent, then account and id."""
    sent = _NEVER_SENT if snapshot.sent_at is None else format_time(snapshot.sent_at.replace(microsecond=0))
    return f"{sent}#{snapshot.account}#{snapshot.campaign}"


def campaign_item(snapshot: Snapshot) -> Item:
    """Returns a campaign's own item. It has the provider's raw figures only where nothing else shows a change."""
    item = {**campaign_key(snapshot.account, snapshot.campaign), **_attributes(snapshot)}
    item["newest_pk"] = {"S": ALL_CAMPAIGNS}
    item["newest_sk"] = {"S": place(snapshot)}
    if snapshot.curve:
        item["curve"] = {"S": curves.to_text(snapshot.curve)}
    if not snapshot.knows_a_figure:
        item["raw"] = {"S": raw_text(snapshot)}
    return item


def snapshot_item(snapshot: Snapshot, sort_key: str) -> Item:
    """Returns the item of one hour's snapshot."""
    key: Item = {"pk": {"S": partition(snapshot.account, snapshot.campaign)}, "sk": {"S": sort_key}}
    return {**key, **_attributes(snapshot), "raw": {"S": raw_text(snapshot)}}


def snapshot_of(item: Mapping[str, AttributeValueTypeDef]) -> Snapshot:
    """Parses the snapshot of either kind of item."""
    sent_at = _text(item, "sent_at")
    figures: dict[str, Any] = {name: _number(item, name) for name in FIGURES}
    return Snapshot(
        account=_text(item, "account") or "",
        provider=_text(item, "provider") or "",
        campaign=_text(item, "campaign") or "",
        name=_text(item, "name"),
        subject=_text(item, "subject"),
        sent_at=None if sent_at is None else parse_time(sent_at),
        taken_at=parse_time(_text(item, "taken_at") or ""),
        raw=json.loads(_text(item, "raw") or "{}"),
        curve=curves.from_text(_text(item, "curve") or ""),
        **figures,
    )


def _attributes(snapshot: Snapshot) -> Item:
    texts: dict[str, str | None] = {
        "account": snapshot.account,
        "provider": snapshot.provider,
        "campaign": snapshot.campaign,
        "name": snapshot.name,
        "subject": snapshot.subject,
        "sent_at": None if snapshot.sent_at is None else format_time(snapshot.sent_at),
        "taken_at": format_time(snapshot.taken_at),
    }
    item: Item = {name: {"NULL": True} if text is None else {"S": text} for name, text in texts.items()}
    for name in FIGURES:
        figure = getattr(snapshot, name)
        item[name] = {"NULL": True} if figure is None else {"N": str(figure)}
    return item


def _text(item: Mapping[str, AttributeValueTypeDef], name: str) -> str | None:
    return item.get(name, {}).get("S")


def _number(item: Mapping[str, AttributeValueTypeDef], name: str) -> int | None:
    value = item.get(name, {}).get("N")
    return None if value is None else int(value)
