"""The data of a simulated Ediware account; its campaigns' figures grow."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..clock import paris

SHOWN_FOR = timedelta(days=30)
"""The vendor shows campaigns of the last 30 days only."""


@dataclass
class ContactList:
    """A contact list. `rows` has one entry for each inserted row, duplicates included."""

    id: str
    name: str
    field_email: str
    fields: tuple[str, ...]
    field_index: tuple[str, ...] = ()
    owner: str = ""
    """Id of the owning sub-account; empty for the main account."""
    protected: bool = False
    email_crypt: bool = False
    rows: list[dict[str, str]] = field(default_factory=list)

    def shown(self, newest: int | None) -> dict[str, Any]:
        """Returns the list as JSON values."""
        rows = self.rows if newest is None else self.rows[-newest:]
        return {
            "name": self.name,
            "field_email": self.field_email,
            "fields": list(self.fields),
            "protected": self.protected,
            "total": len(self.rows),
            "rows": list(rows),
        }


@dataclass
class User:
    """A sub-account."""

    id: str
    log: str
    password: str
    quota: int
    name: str = ""
    email: str = ""
    pool: str = "527"


@dataclass
class Pool:
    """A pool of sending IPs."""

    id: str
    name: str
    sender_domain: str
    ip_range: str
    nb_ip: int
    tracking_ssl: bool


@dataclass
class Campaign:
    """A campaign. Given `figures` are shown unchanged; otherwise they follow from volume and time since `sent`."""

    id: str
    user_id: str
    user: str
    reference: str
    subject: str
    sent: datetime
    volume: int
    figures: dict[str, int] | None = None

    def figures_at(self, now: datetime) -> dict[str, int]:
        """Returns the figures at a time; after a day most of the final ones are reached."""
        if self.figures is not None:
            return dict.fromkeys(_FINAL_SHARES, 0) | self.figures
        hours = max(0.0, (now - self.sent).total_seconds() / 3600)
        reached = 1 - math.exp(-hours / 18)
        return {name: int(self.volume * share * reached) for name, share in _FINAL_SHARES.items()}


_FINAL_SHARES = {
    "open_unique": 0.31,
    "open": 0.44,
    "click_unique": 0.052,
    "click": 0.071,
    "hard_bounce": 0.009,
    "soft_bounce": 0.006,
    "unsubscribe": 0.004,
}
_INTEGERS = frozenset({"click", "hard_bounce", "soft_bounce", "unsubscribe"})


def campaign_row(campaign: Campaign, now: datetime, place: int) -> dict[str, Any]:
    """Returns a row of `campaigns_stats`: strings and integers mixed, differently in each row."""
    figures = {"volume": campaign.volume, **campaign.figures_at(now)}
    odd = place % 2 == 1
    return {
        "id": campaign.id,
        "user_id": campaign.user_id,
        "user": campaign.user,
        "reference": campaign.reference,
        "subject": campaign.subject,
        "sent": paris(campaign.sent).strftime("%Y-%m-%d %H:%M:%S.%f"),
        **{name: value if (name in _INTEGERS) != odd else str(value) for name, value in figures.items()},
    }


@dataclass
class Account:
    """A main account, found by its key."""

    name: str
    api_key: str
    user_id: str
    log: str
    quota: int
    users: dict[str, User] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)
    lists: dict[str, ContactList] = field(default_factory=dict)
    campaigns: list[Campaign] = field(default_factory=list)
    unsubscribed: dict[str, datetime] = field(default_factory=dict)
    delisted: dict[str, datetime] = field(default_factory=dict)
    declared_ips: list[str] | None = None
    """None: the caller's address is not checked."""


def shown_campaigns(account: Account, now: datetime) -> list[Campaign]:
    """Returns the campaigns that the vendor still shows, newest first."""
    shown = [c for c in account.campaigns if timedelta() <= now - c.sent <= SHOWN_FOR]
    return sorted(shown, key=lambda c: c.sent, reverse=True)
