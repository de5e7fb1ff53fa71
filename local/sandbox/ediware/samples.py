"""The sample Ediware account that every sandbox starts with."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..samples import sample_account
from .models import Account, Campaign, ContactList, Pool, User

API_KEY = sample_account("ediware")["api_key"]


def sample_accounts(now: datetime) -> list[Account]:
    """Returns one account, `paris`, with three lists, sub-accounts, and campaigns sent relative to `now`."""
    paris = Account("paris", API_KEY, user_id="1474", log="example_main", quota=500_000)
    paris.lists = {found.id: found for found in _lists()}
    paris.users = {user.id: user for user in _users()}
    paris.pools = {pool.id: pool for pool in _pools()}
    paris.campaigns = _campaigns(now)
    return [paris]


def _lists() -> list[ContactList]:
    newsletter = ("email", "prenom", "nom", "societe", "lien_desabo")
    customers = ("EMAIL", "PRENOM", "NOM", "CODE_POSTAL")
    return [
        ContactList("4781", "Newsletter", "email", newsletter, rows=[_contact(newsletter, "camille@example.com")]),
        ContactList("4782", "Clients", "EMAIL", customers, rows=[_contact(customers, "dominique@example.com")]),
        ContactList("4783", "Archive protégée", "email", ("email", "nom"), protected=True),
        ContactList("4790", "Filiale", "email", ("email",), owner="1475"),
    ]


def _contact(fields: tuple[str, ...], address: str) -> dict[str, str]:
    return {**dict.fromkeys(fields, ""), fields[0]: address}


def _users() -> list[User]:
    return [
        User("1475", "example_nord", "placeholder-pass-1", 20_000, "Équipe Nord", "nord@example.com", "527"),
        User("1476", "example_sud", "placeholder-pass-2", 15_000, "Équipe Sud", "sud@example.com", "545"),
        User("1477", "example_est", "placeholder-pass-3", 10_000, "Équipe Est", "est@example.com", "527"),
    ]


def _pools() -> list[Pool]:
    return [
        Pool("527", "Classe 527", "news.example.com", "192.0.2.0/25", 2, True),
        Pool("545", "Classe 545", "mail.example.com", "198.51.100.0/25", 4, False),
    ]


def _campaigns(now: datetime) -> list[Campaign]:
    rows = [
        ("688646", "1474", "example_main", "Lettre de novembre", "Vos rendez-vous du mois", 2.0, 12_480),
        ("688644", "1475", "example_nord", "Invitation Nord", "L'été s'achève, venez !", 3 * 24.0, 4_151),
        ("688601", "1476", "example_sud", "Enquête", "Votre avis compte", 20 * 24.0, 2_300),
        ("688555", "1474", "example_main", "Presque oubliée", "Bientôt hors de vue", 29.9 * 24, 1_300),
        ("688001", "1474", "example_main", "Ancienne", "Plus montrée", 40 * 24.0, 9_000),
    ]
    return [
        Campaign(id_, user_id, user, reference, subject, now - timedelta(hours=hours), volume)
        for id_, user_id, user, reference, subject, hours, volume in rows
    ]
