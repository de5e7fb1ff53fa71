"""What the contract tests need to know of each provider: how to reach it in the sandbox and what to ask of it.

A new provider adds a kit here, golden files in `golden/<name>/`, and inherits every test of `test_contract.py`,
`test_contract_people.py` and `test_golden.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus

from chalicelib.config.secrets import Secret
from chalicelib.providers import registry
from chalicelib.providers.account import Account
from chalicelib.providers.spec import KnownCampaign, Provider
from chalicelib.providers.transport.session import Transport
from local.sandbox.ediware.samples import API_KEY
from local.sandbox.mailpartner.samples import API_KEY as MAILPARTNER_KEY
from local.sandbox.mymailmarket.samples import CREDENTIALS, CUSTOMERS, NEWSLETTER

CSV_URL = "<the address of a CSV file on this machine>"
RESULT = "<the result of the call before>"

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Kit:
    """One provider: its path and sample account in the sandbox, and an example call of each of its functions."""

    provider: str
    path: str
    """Of the base URL, below the server's own."""
    secrets: Mapping[str, str]
    options: Mapping[str, str] = field(default_factory=dict)
    list_id: str = ""
    examples: Sequence[tuple[str, Params]] = ()
    """Function and parameters, in an order in which all succeed at a new sandbox."""
    read: tuple[str, Params] = ("", {})
    change: tuple[str, Params] = ("", {})
    known: Sequence[KnownCampaign] = ()
    """Campaigns of the sandbox that the provider cannot list and gets as known ones."""
    member: str = "Person+tag@example.com"
    """An address that the provider can unsubscribe, in another case than the stored one."""
    unsubscribes_by: str = "*"
    """The function that unsubscribes, preceded by read calls."""
    lifts_by: str = ""
    """The function, as the sandbox's journal names it, that takes an unsubscribe back."""
    others_lists: Sequence[str] = ()
    """Lists besides `list_id` that `member` is on."""
    login: Any = None
    """The answer to a call that comes before all others, to make a session."""
    answered_anything: Sequence[str] = ()
    """Functions whose result is the JSON answer, unchanged."""
    hidden: Sequence[str] = ()
    """Secrets of other people in the sandbox's answers, which must never be shown."""

    def account(self, url: str, secrets: Mapping[str, str] | None = None) -> Account:
        """The account `paris` at the server of this URL, with the kit's secrets or others."""
        spec = registry.spec(self.provider)
        defaults = {option.name: option.default for option in spec.options if option.default is not None}
        hidden = {name: Secret.plain(value) for name, value in {**self.secrets, **(secrets or {})}.items()}
        return Account("paris", self.provider, f"{url}{self.path}", None, {**defaults, **self.options}, hidden)

    def connect(self, url: str, transport: Transport, secrets: Mapping[str, str] | None = None) -> Provider:
        """A client of that account."""
        return registry.spec(self.provider).connect(self.account(url, secrets), transport)

    def betrayals(self) -> list[str]:
        """Every form in which one of the secrets could show up."""
        return [form for secret in [*self.secrets.values(), *self.hidden] for form in forms(secret)]


def forms(secret: str) -> set[str]:
    """A secret as it is, URL-encoded, and as its MD5."""
    digest = hashlib.md5(secret.encode()).hexdigest()
    return {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), digest, digest.upper()}


EDIWARE = Kit(
    provider="ediware",
    path="/ediware/api_http",
    secrets={"api_key": API_KEY},
    list_id="4781",
    read=("list_list", {}),
    answered_anything=("call",),
    change=("list_insert", {"list_id": "4781", "contacts": [{"email": "first@example.com", "prenom": "Zoé"}]}),
    hidden=("placeholder-pass-1", "placeholder-pass-2", "placeholder-password"),
    examples=(
        ("user_list", {}),
        ("pools_list", {}),
        ("user_create", {"log": "example_ouest", "password": "placeholder-password", "quota": 10, "name": "Ouest"}),
        ("user_update", {"user_id": "1475", "password": "placeholder-password", "email": "nord@example.com"}),
        ("user_delete", {"user_id": "1477"}),
        ("list_list", {"user_id": "1475"}),
        ("list_create", {"name": "Été", "field_list": ["email", "nom"], "field_email": "email", "email_crypt": True}),
        ("list_insert", {"list_id": "4782", "contacts": [{"EMAIL": "second@example.com", "NOM": "Œuvre"}]}),
        ("list_insert_url", {"list_id": "4781", "url": CSV_URL}),
        ("list_delete", {"list_id": "4782"}),
        ("campaigns_stats", {}),
        ("unsub_add", {"email": "third@example.com"}),
        ("unsub_global_add", {"email": "fourth@example.com"}),
        ("call", {"function": "campaigns_stats", "open": True}),
    ),
)

MAILPARTNER = Kit(
    provider="mailpartner",
    path="/mailpartner/v1",
    secrets={"api_key": MAILPARTNER_KEY},
    known=(KnownCampaign("300", None, "Bienvenue"),),
    lifts_by="unsubscribe/delete",
    read=("unsubscribe_list", {}),
    change=("unsubscribe_add", {"email": "first@example.com"}),
    hidden=("sample-subaccount-token-81", "sample-subaccount-key-81"),
    examples=(
        ("me", {}),
        (
            "send",
            {
                "subject": "Été",
                "html": "<p>Bonjour #FIRSTNAME#</p>",
                "to": [{"email": "second@example.com", "name": "Zoé"}, "third@example.com"],
                "reply_to": {"email": "nous@example.com"},
                "variables": {"firstname": "Zoé"},
                "attachments": [{"base64Content": "QQ==", "contentType": "text/plain", "filename": "note"}],
                "tag": "bienvenue",
                "scheduled_at": "2099-03-01T09:30:00+01:00",
            },
        ),
        ("message_cancel", {"message_id": "8919"}),
        ("bulk_status", {"message_id": "300"}),
        ("unsubscribe_list", {}),
        ("unsubscribe_add", {"email": "fourth@example.com"}),
        ("unsubscribe_delete", {"id": "733"}),
        ("subaccount_create", {"type": "simple", "email": "filiale@example.com", "is_buyer": False, "credit": 1.5}),
        ("subaccount_list", {"page": 1}),
        ("credit_add", {"token": "sample-subaccount-token-81", "credit": 2}),
        ("credit_remove", {"token": "sample-subaccount-token-81", "credit": 0.5}),
    ),
)

MYMAILMARKET = Kit(
    provider="mymailmarket",
    path="/mymailmarket/V2.svc",
    secrets={name: CREDENTIALS[name] for name in ("password", "api_key", "shared_secret")},
    options={name: CREDENTIALS[name] for name in ("username", "site", "site_id")},
    list_id=NEWSLETTER,
    member="Camille@example.com",
    unsubscribes_by="unsubscribe_by_address",
    lifts_by="status_update",
    others_lists=(CUSTOMERS,),
    login={"Result": "OK", "ResultID": "placeholder/session", "ErrorMessage": ""},
    read=("lists", {}),
    change=("profile_persist", {"fields": {"MailAddress": "first@example.com", "Groepid": NEWSLETTER}}),
    hidden=("placeholder-pass", "placeholder-password"),
    examples=(
        ("lists", {}),
        ("list_get", {"list_id": NEWSLETTER}),
        ("list_persist", {"fields": {"Name": "Été"}}),
        ("subscriber", {"subscriber_id": "0616074268001"}),
        ("subscriber_by_address", {"email": "camille@example.com", "list_id": NEWSLETTER}),
        ("subscribers", {"list_id": NEWSLETTER}),
        ("subscribers_in_status", {"list_id": NEWSLETTER, "status": "on hold", "page_size": 1}),
        ("profile", {"subscriber_id": "0616074268001"}),
        ("profile_by_address", {"email": "camille@example.com", "list_id": NEWSLETTER}),
        ("subscriber_persist", {"fields": {"MailAddress": "second@example.com", "Groepid": NEWSLETTER}}),
        (
            "profile_persist",
            {"fields": {"MailAddress": "zoë/a+b@example.com", "Groepid": NEWSLETTER, "FirstName": "Zoë"}},
        ),
        ("address_update", {"old_email": "second@example.com", "new_email": "2nd@example.com", "list_id": NEWSLETTER}),
        ("status_update", {"subscriber_id": "0616074268001", "status": "on hold"}),
        ("subscriber_delete_by_mobile", {"mobile": "32400000000", "list_id": NEWSLETTER}),
        ("subscriber_delete_by_address", {"email": "zoë/a+b@example.com", "list_id": NEWSLETTER}),
        ("subscriber_delete", {"subscriber_id": "0616074268002"}),
        (
            "profile_persist",
            {"fields": {"MailAddress": "third@example.com", "Groepid": NEWSLETTER, "MobileNumber": "1"}},
        ),
        ("unsubscribe", {"subscriber_id": "0616074268003"}),
        ("unsubscribe_by_address", {"email": "2nd@example.com", "list_id": NEWSLETTER}),
        ("unsubscribe_by_mobile", {"mobile": "1", "list_id": NEWSLETTER}),
        ("campaign_unsubscribes", {"campaign_id": "0616074267001", "start_index": 0}),
        ("campaigns", {"status": "edit mode"}),
        ("campaign_data", {"campaign_id": "0616074267001"}),
        ("campaign_stats", {"campaign_id": "0616074267001"}),
        ("campaign_create", {"fields": {"Name": "Lente"}}),
        ("campaign_update", {"campaign_id": "0616074267004", "fields": {"Subject": "Bijna klaar"}}),
        ("campaign_schedule", {"campaign_id": "0616074267004", "at": "2099-03-01T09:30:00Z"}),
        ("campaign_unschedule", {"campaign_id": "0616074267004"}),
        ("campaign_send_now", {"campaign_id": "0616074267004"}),
        ("autoresponders", {}),
        ("trigger_link", {"autoresponder_id": "0616074269001", "email": "camille@example.com", "reference": "r&d 1"}),
        ("trigger_unlink", {"link_id": RESULT}),
        ("trigger_send", {"autoresponder_id": "0616074269001", "to": "a@example.com", "custom_data": {"naam": "Zoë"}}),
        ("user_persist", {"fields": {"UserName": "second", "UserPass": "placeholder-password"}}),
        ("user", {"user_id": "0616074269101"}),
        ("user_by_name", {"username": "api", "site_name": "acme"}),
        ("templates", {}),
        ("template", {"template_id": "0616074269201"}),
        ("list_delete", {"list_id": NEWSLETTER}),
    ),
)

KITS = {kit.provider: kit for kit in (EDIWARE, MAILPARTNER, MYMAILMARKET)}
