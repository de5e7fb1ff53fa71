"""Fixtures: a complete, valid configuration with made-up providers, a loader of texts, secrets in an in-process AWS."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.config.load import load
from chalicelib.config.model import Settings
from chalicelib.config.secret_cache import Vault
from chalicelib.config.secret_references import Reference
from chalicelib.domain.errors import ConfigurationError, FieldError
from chalicelib.providers.spec import Capabilities, Implementation, Option, ProviderSpec
from tests.config.secrets_aws import SecretsAws

WHOLE = """\
[accounts.paris]
provider = "bulk"
api_key = "secret:relais/paris#api_key"
base_url = "https://bulk.example.com/api"
mode = "fast"
turbo = true

[accounts.lettre]
provider = "optout"
api_key = "env:LETTRE_KEY"

[forms.footer]
account = "paris"
list = "4781"
origins = ["https://www.example.com"]
redirect = "https://www.example.com/merci"
redirect_unsubscribe = "https://www.example.com/au-revoir"
language = "nl"
trap = "website"
lifts_suppression = false
unsubscribes_per_hour = 200
signups_per_hour = 500
signups_per_hour_per_network = 20
silent_after = "never"
field_length = 500
allow_links = false
altcha = true
confirm = "lettre"
confirm_within_hours = 24
[forms.footer.fields]
email = "@email"
prenom = "prenom"
"@unsubscribe_url" = "lien_desabo"
[webhooks.shop]
secret = "secret:relais/shop#whsec"
types = ["signup", "unsubscribe"]
accounts = ["paris"]

[sync.unsubscribes]
from = ["lettre"]
to = ["paris", "lettre"]
baseline = "known"
news_per_run = 10

[sources.crm]
url = "https://crm.example.com/export.csv?format=csv"
account = "paris"
list = "4781"
allow_private = false
fetch = "provider"

[delivery]
first_retry_seconds = 0.5
longest_retry_seconds = 2
give_up_after_hours = 1.5
unknown_attempts = 5

[privacy]
address_keys = ["secret:relais/privacy#k2", "secret:relais/privacy#k1"]
keep_events_days = 30
keep_consent_years = 5

[unsubscribe]
keys = ["ssm:/relais/unsubscribe"]

[organisation]
name = "Association Exemple"
url = "https://www.example.com/é"
privacy_url = "https://www.example.com/vie-privee"

[dashboard]
timezone = "America/Martinique"

[api]
admin_key = "secret:relais/admin#key"
public_url = "https://relais.example.com/api/"

[mail]
from = "La Lettre <lettre@example.com>"
reply_to = "contact@example.com"
ses_region = "eu-west-3"

[mail.texts.fr]
subject = "Confirmez : {form}"
body = '''
Bonjour,

{link}'''
"""


def _never() -> Implementation:
    raise AssertionError("loading a configuration makes no call")


def _spec(name: str, capabilities: Capabilities, *options: Option) -> ProviderSpec:
    return ProviderSpec(name, name.capitalize(), f"https://{name}.example.com", capabilities, options, _never)


_KEY = Option("api_key", secret=True, help="key of the API")
SPECS = {
    spec.name: spec
    for spec in (
        _spec(
            "bulk",
            Capabilities(has_lists=True, signup_batch=255, fetches_lists=True),
            _KEY,
            Option("mode", required=False, choices=("fast", "slow"), default="slow"),
            Option("site", required=False),
            Option("turbo", required=False, default=False),
        ),
        _spec("optout", Capabilities(has_lists=False, reads_unsubscribes=True, sends_mail=True), _KEY),
        _spec("flat", Capabilities(has_lists=False, signup_batch=1), Option("site", help="the site's name")),
    )
}


@pytest.fixture(autouse=True)
def hidden(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Secrets registered for masking; not passed on, since other tests of the process log such texts."""
    values: list[str] = []
    monkeypatch.setattr("chalicelib.observability.hide", values.append)
    return values


@pytest.fixture(scope="session")
def whole() -> str:
    """The text of a valid configuration that uses every key."""
    return WHOLE


@pytest.fixture(scope="session")
def specs() -> Mapping[str, ProviderSpec]:
    """The providers of these tests."""
    return SPECS


@pytest.fixture
def load_text(tmp_path: Path) -> Callable[..., Settings]:
    """Loads a text as `relais.toml` over the made-up providers."""

    def load_it(text: str, environ: Mapping[str, str] | None = None) -> Settings:
        path = tmp_path / "relais.toml"
        path.write_text(text, encoding="utf-8")
        return load(path, environ or {}, specs=SPECS)

    return load_it


@pytest.fixture
def errors_in(load_text: Callable[..., Settings]) -> Callable[[str], tuple[FieldError, ...]]:
    """The errors reported for a text."""

    def field_errors(text: str) -> tuple[FieldError, ...]:
        with pytest.raises(ConfigurationError) as caught:
            load_text(text)
        return caught.value.field_errors

    return field_errors


class Claims:
    """A clock that is moved by the test."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Claims:
    """A clock that stands still until it is moved."""
    return Claims()


@pytest.fixture(scope="session")
def secrets_aws() -> SecretsAws:
    """Secrets Manager and Parameter Store, for the whole run; use `aws`, which empties them first."""
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("AWS_ENDPOINT_URL", raising=False)
        patched.delenv("AWS_PROFILE", raising=False)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patched.setenv(name, "testing")
        patched.setenv("AWS_DEFAULT_REGION", "eu-west-3")
        return SecretsAws()


@pytest.fixture
def aws(secrets_aws: SecretsAws) -> SecretsAws:
    """Secrets Manager and Parameter Store in this process, empty."""
    secrets_aws.clear()
    return secrets_aws


class CountingVault(Vault):
    """Counts its AWS requests, and can be made to fail or to wait."""

    def __init__(self, clock: Claims, clients: Mapping[str, Any]) -> None:
        super().__init__({}, clock)
        self._clients = dict(clients)
        self.asked: list[Reference] = []
        self.failing: Exception | None = None
        self.gate: threading.Event | None = None

    def _ask(self, whole: Reference) -> str | None:
        self.asked.append(whole)
        if self.gate is not None:
            assert self.gate.wait(10)
        if self.failing is not None:
            raise self.failing
        return super()._ask(whole)


@pytest.fixture
def vault(aws: SecretsAws, clock: Claims) -> CountingVault:
    """A vault over them."""
    return CountingVault(clock, aws.clients)


@pytest.fixture
def store(aws: SecretsAws) -> Callable[[str, str], None]:
    """Makes a secret in Secrets Manager, or gives it another value."""
    return aws.secrets.__setitem__
