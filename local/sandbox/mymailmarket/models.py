"""The data of a simulated myMailMarket account."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..clock import paris

STATUSES = ("active", "bounced", "unsubscribed", "on hold", "deleted", "blacklist", "referred")
CAMPAIGN_STATUSES = (
    "in queue",
    "deleted",
    "edit mode",
    "sent",
    "scheduled",
    "send now",
    "failed",
    "recipients",
    "sending",
    "partial sent",
)


_FINAL_SHARES = {
    "TotalOpened": 0.46,
    "UniqueOpened": 0.33,
    "TotalClicked": 0.08,
    "UniqueClicked": 0.055,
    "HardBounced": 0.008,
    "SoftBounced": 0.007,
    "Unsubscribed": 0.005,
    "Forwarded": 0.002,
}


class Failure(Exception):
    """A call that fails: an HTTP status other than 200, or a business failure ("NOK") under 200."""

    def __init__(self, message: str, status: int = 200) -> None:
        self.message, self.status = message, status
        super().__init__(message)


def wcf_date(moment: datetime) -> str:
    """Returns a time as WCF writes it: milliseconds since 1970 and the local offset (Brussels has Paris time)."""
    offset = round((paris(moment) - moment.replace(tzinfo=None)).total_seconds() / 3600)
    return f"/Date({int(moment.timestamp() * 1000)}+{offset:02d}00)/"


@dataclass
class Group:
    """A list (M3SubscribeGroup)."""

    id: str
    name: str
    site_id: str
    updated: datetime
    more: dict[str, Any] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        """Returns the list as the vendor shows it."""
        return {
            "Description": "",
            "ReplyTo": "",
            "ReplyToMailAdress": "",
            "Language": "FR",
            "ListType": "MAIL",
            **self.more,
            "Id": self.id,
            "Name": self.name,
            "SiteId": self.site_id,
            "UserLastUpdate": wcf_date(self.updated),
        }


@dataclass
class Subscriber:
    """A person on one list, with the fields of the profile."""

    id: str
    group: str
    address: str
    updated: datetime
    status: str = "active"
    mobile: str = ""
    language: str = "FR"
    profile: dict[str, Any] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        """Returns the person as M3Subscriber."""
        return {
            "SubscriberId": self.id,
            "MailAddress": self.address,
            "MobileNumber": self.mobile,
            "Language": self.language,
            "Status": self.status,
            "Groepid": self.group,
            "MailDomain": self.address.partition("@")[2],
            "UserLastUpdate": wcf_date(self.updated),
        }

    def shown_profile(self) -> dict[str, Any]:
        """Returns the person as M3SubscriberProfile."""
        return {**self.profile, **self.shown()}


def figures_after(volume: int, hours: float) -> dict[str, Any]:
    """Returns figures under names that the documentation leaves open; some numbers are not counts."""
    reached = 1 - math.exp(-max(0.0, hours) / 20)
    counts = {name: int(volume * share * reached) for name, share in _FINAL_SHARES.items()}
    rate = counts["UniqueOpened"] / volume if volume else 0.0
    return {"TotalSent": volume if hours > 0 else 0, **counts, "OpenRate": round(rate, 4), "Version": 2}


@dataclass
class Campaign:
    """A campaign. `fixed` figures are shown unchanged, under any names; otherwise they grow from `sent` on."""

    id: str
    name: str
    subject: str
    site_id: str
    status: str
    updated: datetime
    sent: datetime | None = None
    volume: int = 0
    fixed: dict[str, Any] | None = None
    unsubscribed: list[str] = field(default_factory=list)
    """Ids of the subscribers who unsubscribed through it."""
    more: dict[str, Any] = field(default_factory=dict)

    def status_at(self, now: datetime) -> str:
        """Returns the status at a time: a scheduled or started campaign is sent from its time on."""
        waiting = self.status in ("scheduled", "send now", "in queue", "sending")
        return "sent" if waiting and self.sent is not None and now >= self.sent else self.status

    def shown(self, now: datetime) -> dict[str, Any]:
        """Returns the campaign's data; field names are the sandbox's own, since the vendor documents none."""
        return {
            **self.more,
            "Id": self.id,
            "Name": self.name,
            "Subject": self.subject,
            "SiteId": self.site_id,
            "Status": self.status_at(now),
            "SendTimestamp": wcf_date(self.sent) if self.sent else None,
            "UserLastUpdate": wcf_date(self.updated),
        }

    def stats(self, at: datetime) -> dict[str, Any]:
        """Returns the campaign's figures; field names are the sandbox's own."""
        if self.fixed is not None:
            return {"CampaignId": self.id, **self.fixed}
        hours = (at - self.sent).total_seconds() / 3600 if self.sent else 0.0
        return {"CampaignId": self.id, **figures_after(self.volume, hours)}


@dataclass
class Credentials:
    """The parameters of the session call, and the site's id."""

    username: str
    password: str
    site: str
    site_id: str
    api_key: str
    shared_secret: str

    def password_md5(self) -> str:
        """Returns the password as the session call takes it."""
        return hashlib.md5(self.password.encode(), usedforsecurity=False).hexdigest()


@dataclass
class Account:
    """A user of the API at one site."""

    name: str
    credentials: Credentials
    groups: dict[str, Group] = field(default_factory=dict)
    subscribers: dict[str, Subscriber] = field(default_factory=dict)
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    autoresponders: dict[str, dict[str, Any]] = field(default_factory=dict)
    links: dict[str, dict[str, str]] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    templates: dict[str, dict[str, Any]] = field(default_factory=dict)
    triggers_sent: list[dict[str, str]] = field(default_factory=list)
    between_pages: list[dict[str, Any]] = field(default_factory=list)
    """Control commands, one carried out after each page of subscribers that is read, so that rows shift."""
    by_address: dict[tuple[str, str], Subscriber] = field(default_factory=dict)
    """The values of `subscribers` by list and lower-case address."""

    @property
    def site_id(self) -> str:
        """Id of the account's site."""
        return self.credentials.site_id

    def find(self, group: str, address: str) -> Subscriber | None:
        """Returns the person with that address on a list, also a deleted one."""
        return self.by_address.get((group, address.lower()))

    def put(self, person: Subscriber) -> None:
        """Adds a person."""
        self.subscribers[person.id] = person
        if person.address:
            self.by_address[person.group, person.address.lower()] = person

    def rename(self, person: Subscriber, address: str) -> None:
        """Changes a person's address."""
        self.by_address.pop((person.group, person.address.lower()), None)
        person.address = address
        self.put(person)

    def the_group(self, group: str) -> Group:
        """Returns the list of that id. Raises `Failure` 404."""
        if group not in self.groups:
            raise Failure("list not found", 404)
        return self.groups[group]

    def the_subscriber(self, person: str) -> Subscriber:
        """Returns the person of that id, unless deleted. Raises `Failure` 404."""
        found = self.subscribers.get(person)
        if found is None or found.status == "deleted":
            raise Failure("subscriber not found", 404)
        return found

    def the_campaign(self, campaign: str) -> Campaign:
        """Returns the campaign of that id. Raises `Failure` 404."""
        if campaign not in self.campaigns:
            raise Failure("campaign not found", 404)
        return self.campaigns[campaign]


@dataclass
class Session:
    """A session: its account and when it was created."""

    account: str
    created: datetime
