"""The mistakes of docs/troubleshooting.md, as data; `test_troubleshooting.py` makes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local.sandbox import SAMPLE_ADMIN_KEY, SAMPLE_WEBHOOK_SECRET
from tests.support import webhooks


@dataclass(frozen=True)
class Wrong:
    """The sample configuration with `old` replaced by `new`; `title` as in the table, `remedy` beside the answer."""

    title: str
    old: str
    new: str
    remedy: str = ""


CONFIGURATIONS = [
    Wrong("`site_id = 0616074266001` without quotes", '"0616074266001"', "0616074266001"),
    Wrong("`list = 4781` without quotes", '"4781"', "4781"),
    Wrong("a quotation mark is missing", 'account = "paris"', 'account = "paris'),
    Wrong("curly quotes, from a word processor", 'account = "paris"', "account = “paris”"),
    Wrong("`:` in place of `=`", 'account = "paris"', 'account: "paris"'),
    Wrong(
        "a field's name with a space or an accent, without quotes", 'prenom = "prenom"', 'code postal = "CODE_POSTAL"'
    ),
    Wrong("the same section twice", "[forms.nieuwsbrief]", "[forms.footer]", "Give each form a name of its own."),
    Wrong("a key's name is misspelt", "[forms.footer]", '[forms.footer]\norigin = ["https://www.example.com"]'),
    Wrong("a provider's name is misspelt", 'provider = "ediware"', 'provider = "edware"'),
    Wrong("the form names an account that is not there", 'account = "paris"', 'account = "pari"'),
    Wrong("a form of an account at MailPartner", 'account = "paris"\nlist = "4781"', 'account = "lettre"'),
    Wrong("the form names no list", 'account = "paris"\nlist = "4781"', 'account = "paris"'),
    Wrong("no field is the address", 'email = "@email"\nprenom', 'email = "email"\nprenom'),
    Wrong("two fields are the address", 'prenom = "prenom"', 'prenom = "@email"'),
    Wrong("two fields for one field of the provider", 'nom = "nom"', 'nom = "prenom"'),
    Wrong(
        "an origin with a path or a final slash",
        "[forms.footer]",
        '[forms.footer]\norigins = ["https://www.example.com/contact"]',
    ),
    Wrong(
        "origins without brackets",
        "[forms.footer]",
        '[forms.footer]\norigins = "https://www.example.com"',
        'Write `origins = ["https://www.example.com"]`.',
    ),
    Wrong("`*` as an origin", "[forms.footer]", '[forms.footer]\norigins = ["*"]'),
    Wrong("a short admin key", '"sample-admin-key-only-for-this-machine-0000"', '"secret"'),
    Wrong(
        "a webhook's secret that is none", '"whsec_c2FtcGxlLXdlYmhvb2sta2V5LW9ubHktZm9yLXRoaXMtbWFjaGluZQ=="', '"shop"'
    ),
    Wrong("no `[privacy]`", '[privacy]\naddress_keys = ["sample-address-key-only-for-this-machine-0000"]', ""),
    Wrong("a key in AWS, for an account at the sandbox", '"sample-ediware-key-not-a-secret"', '"secret:relais/paris"'),
    Wrong("a key of Relais' own in AWS", '"sample-admin-key-only-for-this-machine-0000"', '"ssm:/relais/admin"'),
    Wrong(
        "a key in a variable that is not set",
        '"whsec_c2FtcGxlLXdlYmhvb2sta2V5LW9ubHktZm9yLXRoaXMtbWFjaGluZQ=="',
        '"env:SHOP_SECRET"',
    ),
]

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
SITE = {"Origin": "https://www.example.org"}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=x"}
FILE = '--x\r\nContent-Disposition: form-data; name="cv"; filename="a.pdf"\r\n\r\nx\r\n--x--\r\n'


@dataclass(frozen=True)
class Request:
    """A request that is refused."""

    title: str
    method: str
    path: str
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    remedy: str = ""


REQUESTS = [
    Request("the page's site is not listed", "POST", "/forms/footer/signup", "email=a@example.com", FORM | SITE),
    Request(
        "the page was opened from the disk, or hides its origin",
        "POST",
        "/forms/footer/signup",
        "email=a@example.com",
        FORM | {"Origin": "null"},
    ),
    Request(
        'the form lacks `method="post"`, or its address was opened in a browser',
        "GET",
        "/forms/footer/signup?email=a@example.com",
    ),
    Request(
        "the form's name in its address is wrong",
        "POST",
        "/forms/foter/signup",
        "email=a@example.com",
        FORM,
    ),
    Request(
        "`/subscribe` in place of `/signup`",
        "POST",
        "/forms/footer/subscribe",
        "email=a@example.com",
        FORM,
        "A form has the addresses `/forms/NAME/signup` and `/forms/NAME/unsubscribe`.",
    ),
    Request("a body of another type", "POST", "/forms/footer/signup", "<email/>", {"Content-Type": "application/xml"}),
    Request(
        "JSON with single quotes",
        "POST",
        "/forms/footer/signup",
        "{'email': 'a@example.com'}",
        JSON,
        "`JSON.stringify` and its like make JSON; texts in it stand in double quotes.",
    ),
    Request("a form with a file", "POST", "/forms/footer/signup", FILE, MULTIPART),
    Request(
        "the page's field is not the one that the configuration calls the address",
        "POST",
        "/forms/footer/signup",
        "courriel=a@example.com",
        FORM,
        'The `name` in HTML is what stands left of `"@email"`.',
    ),
    Request("an address without `@`", "POST", "/forms/footer/signup", "email=example.com", FORM),
    Request("a field that is too long", "POST", "/forms/footer/signup", f"email=a@b.be&nom={'x' * 501}", FORM),
    Request("no admin key", "GET", "/events/some-id", remedy="Send the header `Authorization: Bearer` with the key."),
    Request(
        "a wrong admin key",
        "GET",
        "/events/some-id",
        headers={"Authorization": "Bearer something-else"},
        remedy="It is the `admin_key` of `[api]`; `make run` prints that of the sample world.",
    ),
    Request(
        "an event that is not there",
        "GET",
        "/events/some-id",
        headers={"Authorization": f"Bearer {SAMPLE_ADMIN_KEY}"},
        remedy="Compare the id with the one in the answer to the sender. When `make run` stops, its events are gone.",
    ),
    Request(
        "`/events` without a signature",
        "POST",
        "/events",
        '{"type": "signup"}',
        JSON,
        "[senders.md](senders.md#over-http) has programs that sign, in several languages.",
    ),
]


def signed(body: str, secret: str = SAMPLE_WEBHOOK_SECRET, minutes: int = 0, *, at: datetime) -> dict[str, str]:
    return JSON | webhooks.signed(body, "msg-1", at + timedelta(minutes=minutes), secret)


def signed_requests(now: datetime) -> Iterator[Request]:
    """Requests whose mistake is in the signature, or in what it covers."""
    good = '{"type": "unsubscribe", "email": "a@example.com"}'
    other = "whsec_b3RoZXItd2ViaG9vay1rZXktZm9yLXRoaXMtdGVzdA=="
    forged = signed(good, other, at=now)
    remedy = "The secret is that of `[webhooks.NAME]`. Sign the very bytes that are sent."
    yield Request("signed with another secret", "POST", "/events", good, forged, remedy)
    late = signed(good, minutes=-10, at=now)
    yield Request("signed by a clock that is ten minutes late", "POST", "/events", good, late, "Set the clock.")
    for title, body in (
        ("a signup that names no form", '{"type": "signup", "email": "a@example.com"}'),
        ("a form that is not there", '{"type": "signup", "form": "foter", "email": "a@example.com"}'),
        ("an account that is not there", '{"type": "unsubscribe", "email": "a@example.com", "accounts": ["pari"]}'),
        ("a signup at MailPartner", '{"type": "signup", "account": "lettre", "email": "a@example.com"}'),
        ("a time without an offset", f'{good[:-1]}, "occurred_at": "2026-03-01 09:30"}}'),
        ("a type that the webhook may not send", '{"type": "sync", "kind": "contacts", "source": "crm"}'),
    ):
        yield Request(title, "POST", "/events", body, signed(body, at=now))


COMMANDS: list[tuple[str, str, Any, str]] = [
    ("a function's name is misspelt", "collect_stat", None, ""),
    ("an account that is not there", "call_provider", {"account": "pari", "function": "list_list"}, ""),
    ("a call that the provider does not have", "call_provider", {"account": "paris", "function": "lists"}, ""),
    (
        "a call that changes something, without `confirm`",
        "call_provider",
        {"account": "paris", "function": "unsub_add", "params": {"email": "a@example.com"}},
        "",
    ),
    ("`resend` with a status that is none", "resend", {"status": "failed"}, ""),
    ("`forget` without an address", "forget", {}, ""),
]

WRONG_AT_PROVIDER = """\
[accounts.lyon]
provider = "ediware"
api_key = "another-key-than-the-account-has"
base_url = "@SANDBOX@/ediware/api_http"

[forms.membres]
account = "lyon"
list = "4781"
fields = {email = "@email"}

[forms.oldlist]
account = "paris"
list = "9999"
fields = {email = "@email"}

[forms.leden]
account = "brussel"
list = "0616074266229"
fields = {email = "@email", voornaam = "Firstname"}

[forms.clients]
account = "paris"
list = "4782"
fields = {email = "@email", prenom = "firstname"}
"""

REMEDIES = {
    "the list is not there": "Correct `list` in the configuration. The signup waits and goes on by itself.",
    "a field is not there": "Correct `[forms.NAME.fields]`, then `resend` with the status `refused`.",
    "the account's key is wrong": "Correct the key, or declare the address at the provider. The signup waits and "
    "goes on by itself.",
    "the hidden field of the form was filled in": "Nothing, if it was a robot. Otherwise hide the field better: "
    "[the trap](forms.md#the-trap).",
    "a link in a field": "`link_fields` or `allow_links`, if visitors may write links: "
    "[links and tags](forms.md#links-and-tags).",
}
