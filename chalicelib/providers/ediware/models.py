"""Reads Ediware's rows into one English model. Answers mix French and English keys, even from row to row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..results import count, figure, first, paris_time, text

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class User:
    """A sub-account, without the password that Ediware sends in clear."""

    id: str
    log: str
    name: str
    email: str
    quota: int | None
    class_domains: str


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool of sending IPs; `ip_range` in CIDR notation."""

    id: str
    name: str
    sender_domain: str
    domain_tracking: str
    ip_range: str
    nb_ip: int | None
    tracking_ssl: bool


@dataclass(frozen=True, slots=True)
class MailingList:
    """A contact list; `field_email` is the column of the address, `field_sms` that of the number or empty."""

    id: str
    name: str
    field_email: str
    field_sms: str
    total_lines: int | None


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign of the last 30 days. `sent` is the time, in UTC; `volume` the number of mails sent."""

    id: str
    user_id: str
    user: str
    reference: str
    subject: str
    sent: datetime | None
    volume: int | None
    open_unique: int | None
    open: int | None
    click_unique: int | None
    click: int | None
    hard_bounce: int | None
    soft_bounce: int | None
    unsubscribe: int | None


def user(row: Row) -> User:
    """Reads a row of `user_list`."""
    return User(
        id=text(row.get("id")),
        log=text(row.get("log")),
        name=text(first(row, "name", "nom")),
        email=text(row.get("email")),
        quota=count(row.get("quota")),
        class_domains=text(first(row, "class_domains", "classe_domaines")),
    )


def pool(row: Row) -> Pool:
    """Reads a row of `pools_list`."""
    return Pool(
        id=text(row.get("id")),
        name=text(first(row, "name", "nom")),
        sender_domain=text(first(row, "sender_domain", "domaine_expediteur")),
        domain_tracking=text(first(row, "domain_tracking", "domaine_tracking")),
        ip_range=text(row.get("ip_range")),
        nb_ip=count(row.get("nb_ip")),
        tracking_ssl=row.get("tracking_ssl") is True or text(row.get("tracking_ssl")) == "1",
    )


def mailing_list(row: Row) -> MailingList:
    """Reads a row of `list_list`."""
    return MailingList(
        id=text(row.get("id")),
        name=text(first(row, "name", "nom")),
        field_email=text(row.get("field_email")),
        field_sms=text(row.get("field_sms")),
        total_lines=count(first(row, "total_lines", "total_lignes")),
    )


def campaign(row: Row) -> Campaign:
    """Reads a row of `campaigns_stats`."""
    return Campaign(
        id=text(row.get("id")),
        user_id=text(row.get("user_id")),
        user=text(row.get("user")),
        reference=text(row.get("reference")),
        subject=text(first(row, "subject", "sujet")),
        sent=paris_time(row.get("sent")),
        volume=figure(row.get("volume")),
        open_unique=figure(row.get("open_unique")),
        open=figure(row.get("open")),
        click_unique=figure(row.get("click_unique")),
        click=figure(row.get("click")),
        hard_bounce=figure(row.get("hard_bounce")),
        soft_bounce=figure(row.get("soft_bounce")),
        unsubscribe=figure(row.get("unsubscribe")),
    )
