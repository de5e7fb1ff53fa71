"""The sample myMailMarket account that every sandbox starts with."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..samples import sample_account
from .models import Account, Campaign, Credentials, Group, Subscriber

CREDENTIALS = sample_account("mymailmarket")
"""Password and secret have a slash, a space and accents: each must be percent-encoded as one path segment."""
SITE_ID = CREDENTIALS["site_id"]
NEWSLETTER = "0616074266229"
CUSTOMERS = "0616074266230"


def sample_accounts(now: datetime) -> list[Account]:
    """Returns the account `brussel`: lists, campaigns sent relative to `now`, an autoresponder, a user, a template."""
    brussel = Account("brussel", Credentials(**CREDENTIALS))
    brussel.groups = {
        NEWSLETTER: Group(NEWSLETTER, "Nieuwsbrief", SITE_ID, now - timedelta(days=300)),
        CUSTOMERS: Group(CUSTOMERS, "Klanten", SITE_ID, now - timedelta(days=200)),
    }
    for person in _people(now):
        brussel.put(person)
    brussel.campaigns = {campaign.id: campaign for campaign in _campaigns(now)}
    brussel.campaigns["0616074267001"].unsubscribed.append("0616074268003")
    brussel.autoresponders = {"0616074269001": _autoresponder()}
    user = "0616074269101"
    brussel.users = {
        user: {
            "UserId": user,
            "UserName": CREDENTIALS["username"],
            "UserPass": "placeholder-pass",
            "EmailAddress": "api@example.com",
            "Language": "FR",
        }
    }
    brussel.templates = {"0616074269201": {"Id": "0616074269201", "Name": "Sjabloon", "SiteId": SITE_ID}}
    return [brussel]


def _people(now: datetime) -> list[Subscriber]:
    rows = [
        ("0616074268001", NEWSLETTER, "camille@example.com", "active", 30),
        ("0616074268002", NEWSLETTER, "bounce@example.com", "bounced", 20),
        ("0616074268003", NEWSLETTER, "weg@example.com", "unsubscribed", 3),
        ("0616074268004", CUSTOMERS, "camille@example.com", "active", 12),
    ]
    people = [
        Subscriber(number, group, address, now - timedelta(days=days), status)
        for number, group, address, status, days in rows
    ]
    people[0].mobile = "32400000000"
    people[0].profile = {"FirstName": "Camille", "LastName": "Exemple"}
    return people


def _campaigns(now: datetime) -> list[Campaign]:
    rows = [
        ("0616074267001", "November", "Nieuws van de maand", "sent", 5.0, 3_400),
        ("0616074267002", "Oktober", "L'automne arrive", "sent", 25 * 24.0, 3_200),
        ("0616074267003", "Zomer", "Zomer !", "sent", 120 * 24.0, 2_900),
    ]
    campaigns = [
        Campaign(id_, name, subject, SITE_ID, status, now, now - timedelta(hours=hours), volume)
        for id_, name, subject, status, hours, volume in rows
    ]
    return [*campaigns, Campaign("0616074267004", "Kladversie", "Nog niet klaar", SITE_ID, "edit mode", now)]


def _autoresponder() -> dict[str, object]:
    return {
        "id": "0616074269001",
        "Name": "Welkom",
        "Active": True,
        "SubjectMail": "Welkom bij ons",
        "SiteId": SITE_ID,
        "TemplateId": "0616074269201",
        "AddresslistId": NEWSLETTER,
        "Category": "MAIL",
        "SendTimestamp": None,
        "BeforeAfter": "after",
        "RunAtHour": 9,
        "TrackLinks": True,
        "NumberSent": 12,
        "NumberOpened": 7,
        "NumberClicked": 3,
        "NumberOfDays": 1,
    }
