"""The sample MailPartner account that every sandbox starts with."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..samples import sample_account
from .models import Account, Message, SubAccount
from .opt_out_list import OptOut, OptOuts

API_KEY = sample_account("mailpartner")["api_key"]


def sample_accounts(now: datetime) -> list[Account]:
    """Returns the account `lettre` with an opt-out list (one row is a telephone number), a message, a sub-account."""
    lettre = Account("lettre", API_KEY, "lettre@example.com")
    rows = [
        OptOut(733, "partie@example.com", now - timedelta(days=40)),
        OptOut(19, "+33000000000", now - timedelta(days=21)),
        OptOut(541, "parti@example.com", now - timedelta(days=2)),
    ]
    lettre.optouts = OptOuts(rows)
    people = ["camille@example.com", "dominique@example.com", "bounce@example.com"]
    lettre.messages = {300: Message(300, "Bienvenue", people, now - timedelta(days=1), 0.003)}
    sub = SubAccount(
        81, "filiale@example.com", "simple", "sample-subaccount-token-81", "sample-subaccount-key-81", now, 5.0
    )
    lettre.subaccounts = {sub.token: sub}
    return [lettre]
