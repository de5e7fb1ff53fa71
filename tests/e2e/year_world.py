"""The world of `test_a_year.py`: an organisation, its configuration, and a model of every person."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from local.sandbox.samples import sample_account
from tests.e2e.rehearsal import STACK
from tests.e2e.world import FORM
from tests.support.account.account import Account, Shell
from tests.support.account.operator import Operator, at_sandbox
from tests.support.stack import Response

LETTER, NEWS = "4781", "0616074266229"
"""The lists of the forms `footer`, at Ediware, and `nieuwsbrief`, at myMailMarket."""
DAY = 86_400.0
_BRUSSEL = """
[accounts.brussel]
provider = "mymailmarket"
username = "api"
password = "secret:relais/{stage}/brussel#password"
site = "acme"
site_id = "SITE"
api_key = "secret:relais/{stage}/brussel#api_key"
shared_secret = "secret:relais/{stage}/brussel#shared_secret"
"""
_TOML = """
[accounts.paris]
provider = "ediware"
api_key = "secret:relais/{stage}/paris#api_key"

[accounts.lettre]
provider = "mailpartner"
api_key = "secret:relais/{stage}/lettre#api_key"
BRUSSEL
[forms.footer]
account = "paris"
list = "4781"

[forms.footer.fields]
email = "@email"
prenom = "prenom"
"@unsubscribe_url" = "lien_desabo"

[forms.nieuwsbrief]
NIEUWSBRIEF

[webhooks.shop]
secret = [WEBHOOK]

[sync.unsubscribes]
from = [SOURCES]
to = ["paris", SOURCES]

[privacy]
address_keys = [ADDRESS]

[unsubscribe]
keys = [UNSUBSCRIBE]

[api]
admin_key = "secret:relais/{stage}/admin#key"
public_url = "https://DOMAIN"
"""


@dataclass(frozen=True)
class Settings:
    """What of the configuration changes in a year."""

    address_keys: tuple[str, ...] = ("k1",)
    unsubscribe_keys: tuple[str, ...] = ("k1",)
    webhook: tuple[str, ...] = ("first",)
    domain: str = "relais.example.com"
    brussel: bool = True

    @property
    def text(self) -> str:
        """The configuration; without brussel its form signs up at paris."""
        moved = 'account = "paris"\nlist = "4782"\n[forms.nieuwsbrief.fields]\nemail = "@email"'
        news = f'account = "brussel"\nlist = "{NEWS}"\n[forms.nieuwsbrief.fields]\nemail = "@email"'
        filled = {
            "NIEUWSBRIEF": news if self.brussel else moved,
            "BRUSSEL": _BRUSSEL if self.brussel else "",
            "SOURCES": '"lettre", "brussel"' if self.brussel else '"lettre"',
            "SITE": sample_account("mymailmarket")["site_id"],
            "WEBHOOK": _references("shop", self.webhook),
            "ADDRESS": _references("privacy", self.address_keys),
            "UNSUBSCRIBE": _references("unsubscribe", self.unsubscribe_keys),
            "DOMAIN": self.domain,
        }
        text = _TOML
        for name, value in filled.items():
            text = text.replace(name, value)
        return text


def _references(secret: str, keys: Iterable[str]) -> str:
    return ", ".join(f'"secret:relais/{{stage}}/{secret}#{key}"' for key in keys)


@dataclass
class Person:
    """Somebody who signed up for `letter` or `news`; `may_be_twice` where a repeat may leave a second row."""

    email: str
    list: str
    event: str
    left: bool = False
    may_be_twice: bool = False

    def wrong(self, rows: int, status: str | None, gone: Mapping[str, set[str]]) -> Iterator[str]:
        """Yield what of the providers' data is not as it should be: rows at Ediware, status at myMailMarket."""
        if self.list == LETTER and not 1 <= rows <= 1 + self.may_be_twice:
            yield f"{self} has {rows} rows"
        if self.list == NEWS and status is None:
            yield f"{self} is lost"
        if status is not None and (status == "active") == self.left:
            yield f"{self} is {status}"
        for provider, people in gone.items():
            if (self.email in people) != self.left:
                yield f"{self} is {'not ' if self.left else ''}gone at {provider}"


@dataclass
class Year:
    """The organisation's operator, senders and readers, and what they know."""

    account: Account
    operator: Operator
    settings: Settings = field(default_factory=Settings)
    people: dict[str, Person] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    snapshots: dict[str, int] = field(default_factory=dict)
    """How many snapshots each campaign had when last looked at."""

    # --- the operator ---

    def put_secret(self, name: str, **values: str) -> None:
        """Add to a secret of the stage, or change it."""
        self.secrets[name] = {**self.secrets.get(name, {}), **values}
        manager = self.account.aws.client("secretsmanager")
        full, text = f"relais/prod/{name}", json.dumps(self.secrets[name])
        try:
            manager.put_secret_value(SecretId=full, SecretString=text)
        except manager.exceptions.ResourceNotFoundException:
            manager.create_secret(Name=full, SecretString=text)
        self.account.end_instances()  # the five minutes in which a value is cached pass by another clock

    def configure(self, **changes: Any) -> str:
        """Change the configuration and package it; returns the package's name."""
        self.settings = replace(self.settings, **changes)
        self.operator.configuration.write_text(at_sandbox(self.settings.text, self.account.sandbox))
        return self.operator.package()

    def deploy(self, *parameters: str, package: str = "latest", in_order: bool = True, **environ: str) -> Shell:
        """Deploy, after which its check finds everything in order, or not."""
        done = self.operator.deploy(*parameters, package=package, **environ)
        assert done.code == (0 if in_order else 3), f"{done.out}\n{done.err}"
        return done

    def report(self) -> dict[str, Any]:
        """What the function of that name answers."""
        found: dict[str, Any] = self.account.invoke("relais-prod-report")
        return found

    def pass_days(self, days: int, step: int = 6) -> None:
        """Let days pass, in which schedules run now and then."""
        for _ in range(0, days, step):
            self.account.forward(step * DAY)
            self.account.settle()

    def deliver(self) -> None:
        """Let minutes pass until nothing waits."""
        self.account.until(lambda: self.report()["pending"] == 0)

    # --- people and senders ---

    def get(self, path: str) -> Any:
        """Ask the API with the admin key."""
        headers = {"authorization": f"Bearer {self.secrets['admin']['key']}"}
        answer = self.account.request("GET", f"{self.base}{path}", headers=headers)
        assert answer.status == 200, (path, answer.body)
        return answer.json

    @property
    def base(self) -> str:
        """The API's own URL."""
        return self.account.output(STACK, "EndpointURL")

    def sign_up(self, email: str, form: str = "footer") -> Person:
        """Sign up by a form."""
        answer = self.account.request("POST", f"{self.base}/forms/{form}/signup", urlencode({"email": email}), FORM)
        assert answer.status == 202, answer.body
        return self.remember(Person(email, LETTER if form == "footer" else NEWS, answer.json["id"]))

    def remember(self, person: Person) -> Person:
        """Add somebody to the model."""
        return self.people.setdefault(person.email, person)

    def leave_by_form(self, email: str) -> None:
        """Unsubscribe by the form."""
        url = f"{self.base}/forms/footer/unsubscribe"
        assert self.account.request("POST", url, urlencode({"email": email}), FORM).status == 202
        self.people[email].left = True

    def link_of(self, email: str) -> str:
        """Return the unsubscribe link in the mails that Ediware sends to somebody."""
        rows = [row for row in self._letter_rows() if row["email"] == email]
        return str(rows[0]["lien_desabo"])

    def leave_by_link(self, email: str, link: str) -> None:
        """Use a link of a mail: a page, then its button."""
        assert self.account.request("GET", link).status == 200
        assert self.account.request("POST", link, "List-Unsubscribe=One-Click", FORM).status == 200
        self.people[email].left = True

    def send(self, event: dict[str, Any], key: str = "") -> Response:
        """Send an event as the shop's back end does, signed with a key of its secret (its newest)."""
        body, own = json.dumps(event), uuid.uuid4().hex
        at = str(int(self.account.clock.time()))
        secret = base64.b64decode(self.secrets["shop"][key or self.settings.webhook[0]].removeprefix("whsec_"))
        digest = hmac.new(secret, f"{own}.{at}.{body}".encode(), hashlib.sha256).digest()
        signature = f"v1,{base64.b64encode(digest).decode()}"
        headers = {"webhook-id": own, "webhook-timestamp": at, "webhook-signature": signature}
        return self.account.request("POST", f"{self.base}/events", body, headers)

    def shop_signup(self, email: str, account: str = "paris", list_id: str = LETTER) -> dict[str, Any]:
        """Send a signup from the shop; returns the event."""
        event = {"id": f"shop-{email.partition('@')[0]}", "type": "signup", "account": account, "list": list_id}
        event["email"] = email
        event["occurred_at"] = self.account.clock.now().isoformat()
        answer = self.send(event)
        assert answer.status == 202, answer.body
        self.remember(Person(email, list_id, str(event["id"])))
        return event

    # --- the model ---

    def _letter_rows(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self._providers()["ediware"]["lists"][LETTER]["rows"]
        return found

    def _providers(self) -> dict[str, Any]:
        state = self.account.control.state()["providers"]
        return {name: next(iter(one["accounts"].values())) for name, one in state.items()}

    def hold(self) -> None:
        """Compare every person with the providers: nobody is lost, doubled or subscribed against their word."""
        self.deliver()
        for _ in range(3):  # two periods of the unsubscribe clock
            self.account.forward(15 * 60 + 1)
            self.account.settle()
        self.deliver()
        providers = self._providers()
        letter = Counter(row["email"] for row in self._letter_rows())
        news = {row["MailAddress"]: row["Status"] for row in providers["mymailmarket"]["lists"][NEWS]["rows"]}
        gone = {
            "ediware": set(providers["ediware"]["unsubscribed"]),
            "mailpartner": {row["email"] for row in providers["mailpartner"]["optouts"]},
        }
        wrong = [
            text
            for person in self.people.values()
            for text in person.wrong(letter[person.email], news.get(person.email), gone)
        ]
        strangers = letter.keys() - self.people.keys() - {"camille@example.com"}
        assert not wrong and not strangers, "\n".join([*wrong, *strangers])
        report = self.report()
        assert (report["pending"], report["parked"]) == (0, 0), report
        for queue in ("signups", "unsubscribes", "syncs"):
            assert self.account.aws.message_count(f"{STACK}-{queue}-dlq") == 0
        self._hold_statistics()

    def _hold_statistics(self) -> None:
        """Campaigns and their history stay, also where the provider has forgotten them."""
        self.account.forward(3600)
        self.account.settle()
        found = {}
        for each in self.get("/stats/campaigns")["campaigns"]:
            name = f"{each['account']}/{each['campaign']}"
            found[name] = len(self.get(f"/stats/campaigns/{name}")["snapshots"])
        lost = [name for name, known in self.snapshots.items() if found.get(name, 0) < known]
        assert not lost, f"history lost: {lost}"
        assert found
        self.snapshots = found
