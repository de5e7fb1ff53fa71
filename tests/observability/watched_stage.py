"""The configuration with which alarms are rehearsed."""

from __future__ import annotations

from chalicelib.config.model import Api, Form, RetryPolicy, Settings, UnsubscribeSync
from chalicelib.config.secrets import Secret
from chalicelib.providers.account import Account
from tests.support.product import settings

ACCOUNTS = {"paris": "ediware", "lettre": "mailpartner"}


def configured() -> Settings:
    """Two accounts, the second of which tells its unsubscribes; a form with low limits; an admin key."""
    secrets = {"api_key": Secret.plain("placeholder")}
    return settings(
        accounts={name: Account(name, provider, secrets=secrets) for name, provider in ACCOUNTS.items()},
        forms={
            "footer": Form(
                "footer", "paris", "4781", "email", {"prenom": "prenom"}, unsubscribes_per_hour=1, signups_per_hour=1
            )
        },
        sync_unsubscribes=UnsubscribeSync(("lettre",), ("paris", "lettre")),
        delivery=RetryPolicy(give_up_after_hours=24),
        api=Api(Secret.plain("placeholder-admin-key-of-32-chars"), "https://relais.example.com"),
    )
