"""Gives the sample world of `make run` a past: a year of campaigns and signups, as Relais would have kept them.

The providers of the sandbox know their newest campaigns only, as the real ones do. What is written here is what the
schedule would have stored meanwhile; the figures of campaigns that the sandbox still shows lead up to its own.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import boto3

from chalicelib import names
from chalicelib.domain.curves import AGES, with_point
from chalicelib.domain.figures import Snapshot
from chalicelib.statistics.items import Item, campaign_item, snapshot_item, snapshot_sort_key
from chalicelib.web.pages.formats import formats
from local.options import STAGE
from local.sandbox.ediware import samples as ediware
from local.sandbox.mymailmarket import samples as mymailmarket
from local.sandbox.mymailmarket.models import figures_after

_BATCH = 25
"""Items that DynamoDB writes in one call."""


@dataclass(frozen=True)
class _Mailing:
    """A campaign of the past: how many people it reached, and how they took it."""

    account: str
    provider: str
    campaign: str
    name: str
    subject: str
    sent_at: datetime
    volume: int
    opens: float
    clicks: float
    unsubscribes: float
    bounces: float
    hours: float
    """After so many hours 63 % of the figures are reached."""

    def at(self, age: float) -> Snapshot:
        """Returns the snapshot at an age in hours."""
        reached = 1 - math.exp(-age / self.hours)
        unique_opens, unique_clicks = (int(self.volume * share * reached) for share in (self.opens, self.clicks))
        return Snapshot(
            account=self.account,
            provider=self.provider,
            campaign=self.campaign,
            name=self.name,
            subject=self.subject,
            sent_at=self.sent_at,
            taken_at=(self.sent_at + timedelta(hours=age)).replace(microsecond=0),
            sent=self.volume,
            opens=int(unique_opens * 1.42),
            unique_opens=unique_opens,
            clicks=int(unique_clicks * 1.36),
            unique_clicks=unique_clicks,
            hard_bounces=int(self.volume * self.bounces * min(1, age)),
            soft_bounces=int(self.volume * self.bounces * 0.7 * min(1, age)),
            unsubscribes=int(self.volume * self.unsubscribes * reached),
        )


def write_campaigns(now: datetime, client: Any = None) -> None:
    """Writes the past campaigns and their snapshots into the statistics table, up to `now`."""
    _write(names.table(STAGE, "stats"), list(_items(now)), client)


def write_form_days(now: datetime, client: Any = None) -> None:
    """Writes into the ledger what the forms brought on each day of the past year: weekdays, a peak after letters."""
    chance = random.Random(4781)
    today = now.astimezone(UTC).date()
    days = [_day_item(today - timedelta(days=back), chance) for back in range(365, 0, -1)]
    _write(names.table(STAGE, "ledger"), days, client)


def _write(table: str, items: Sequence[Item], client: Any) -> None:
    client = client or boto3.client("dynamodb")
    for start in range(0, len(items), _BATCH):
        requests = {table: [{"PutRequest": {"Item": item}} for item in items[start : start + _BATCH]]}
        while requests:
            requests = client.batch_write_item(RequestItems=requests)["UnprocessedItems"]


def _day_item(day: date, chance: random.Random) -> Item:
    """Returns the counts of a day: half as many at week-ends, twice as many when a campaign has just gone out."""
    usual = 0.5 if day.weekday() >= 5 else 1.0
    peak = 2.2 if day.day in (4, 5, 18) else 1.0
    item: Item = {"pk": {"S": "S#counts"}, "sk": {"S": day.isoformat()}}
    for form, account, signups in (("footer", "paris", 26), ("nieuwsbrief", "brussel", 9)):
        accepted = round(signups * usual * peak * chance.uniform(0.7, 1.3))
        trapped = chance.randrange(3)
        numbers = {
            "signup#accepted": accepted + trapped,
            "signup#delivered": accepted,
            "signup#refused:trap": trapped,
            "unsubscribe#accepted": chance.randrange(1 + signups // 8),
        }
        item |= {f"{form}#{account}#{name}": {"N": str(number)} for name, number in numbers.items() if number}
    return item


def _items(now: datetime) -> Iterator[Item]:
    for history in (*map(_history_of, _mailings(now)), *_shown_by_the_sandbox(now)):
        curve: Any = {}
        for snapshot in history:
            if snapshot.taken_at >= now:
                break
            curve = with_point(curve, snapshot)
            newest = replace(snapshot, curve=curve)
            yield snapshot_item(snapshot, snapshot_sort_key(snapshot.taken_at))
        if curve:
            yield campaign_item(newest)


def _history_of(mailing: _Mailing) -> Iterator[Snapshot]:
    return (mailing.at(age) for age in AGES)


def _mailings(now: datetime) -> Iterator[_Mailing]:
    """Yields two letters a month of `paris` and one of `brussel`, for a year; always the same ones."""
    chance = random.Random(1474)
    for back in range(12, 1, -1):
        month = (now.month - back - 1) % 12
        year = now.year + (now.month - back - 1) // 12
        first = datetime(year, month + 1, 1, 7, tzinfo=UTC)
        french, dutch = (formats(language, "UTC").months[month] for language in ("fr", "nl"))
        letter = "d’" if french[0] in "ao" else "de "
        rows = (
            ("paris", "ediware", f"Lettre {letter}{french}", _subject(chance, _FRENCH), 3, 12_000),
            ("paris", "ediware", f"Invitation {letter}{french}", _subject(chance, _INVITATIONS), 17, 4_200),
            ("brussel", "mymailmarket", dutch.capitalize(), _subject(chance, _DUTCH), 9, 3_100),
        )
        for number, (account, provider, name, subject, day, volume) in enumerate(rows):
            yield _Mailing(
                account,
                provider,
                f"{650_000 + 100 * (12 - back) + number}" if account == "paris" else f"06160742660{12 - back:02}",
                name,
                subject,
                first + timedelta(days=day + chance.randrange(4), hours=chance.randrange(4)),
                int(volume * (1 - 0.012 * back) * chance.uniform(0.97, 1.03)),
                opens=chance.uniform(0.24, 0.45),
                clicks=chance.uniform(0.02, 0.08),
                unsubscribes=chance.uniform(0.001, 0.009),
                bounces=chance.uniform(0.001, 0.012),
                hours=chance.uniform(7, 26),
            )


def _shown_by_the_sandbox(now: datetime) -> Iterator[list[Snapshot]]:
    """Yields the snapshots of the campaigns that the sandbox shows, by its own curves."""
    for campaign in ediware.sample_accounts(now)[0].campaigns:

        def ediware_at(age: float, one: Any = campaign) -> Snapshot:
            found = one.figures_at(one.sent + timedelta(hours=age))
            figures = {name: found[theirs] for name, theirs in _EDIWARE.items()}
            return _snapshot("paris", "ediware", one.id, one.reference, one.subject, one.sent, age, one.volume, figures)

        yield [ediware_at(age) for age in AGES]
    for mailing in mymailmarket.sample_accounts(now)[0].campaigns.values():
        if mailing.sent is None:
            continue

        def mymailmarket_at(age: float, one: Any = mailing) -> Snapshot:
            found = figures_after(one.volume, age)
            figures = {name: found[theirs] for name, theirs in _MYMAILMARKET.items()}
            return _snapshot(
                "brussel", "mymailmarket", one.id, one.name, one.subject, one.sent, age, one.volume, figures
            )

        yield [mymailmarket_at(age) for age in AGES]


def _snapshot(
    account: str,
    provider: str,
    campaign: str,
    name: str,
    subject: str,
    sent_at: datetime,
    age: float,
    volume: int,
    figures: dict[str, Any],
) -> Snapshot:
    taken_at = (sent_at + timedelta(hours=age)).replace(microsecond=0)
    return Snapshot(account, provider, campaign, name, subject, sent_at, taken_at, sent=volume, **figures)


def _subject(chance: random.Random, subjects: tuple[str, ...]) -> str:
    return subjects[chance.randrange(len(subjects))]


_EDIWARE = {
    "opens": "open",
    "unique_opens": "open_unique",
    "clicks": "click",
    "unique_clicks": "click_unique",
    "hard_bounces": "hard_bounce",
    "soft_bounces": "soft_bounce",
    "unsubscribes": "unsubscribe",
}
_MYMAILMARKET = {
    "opens": "TotalOpened",
    "unique_opens": "UniqueOpened",
    "clicks": "TotalClicked",
    "unique_clicks": "UniqueClicked",
    "hard_bounces": "HardBounced",
    "soft_bounces": "SoftBounced",
    "unsubscribes": "Unsubscribed",
}
_FRENCH = ("Vos rendez-vous du mois", "Ce qui change près de chez vous", "Trois idées pour le mois", "Merci à tous")
_INVITATIONS = ("Vous êtes attendus", "Une soirée à partager", "Portes ouvertes samedi", "Dernières places")
_DUTCH = ("Nieuws van de maand", "Agenda en nieuws", "Wat u niet mag missen", "Samen vooruit")
