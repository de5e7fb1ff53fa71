"""The configuration of `make run`: the named file or the sample world, with `sandbox = true` carried out."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path

from chalicelib.config.field_errors import FieldErrors, Place
from chalicelib.config.load import DEFAULT_PATH, Document, read_document, settings_of
from chalicelib.config.model import Settings
from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import ConfigurationError, SecretUnavailable
from local.options import STAGE, StartFailed
from local.running_stacks import ROOT
from local.sandbox.samples import (
    SAMPLE_ADMIN_KEY,
    SAMPLE_FILE,
    SAMPLE_PROVIDERS,
    asks_for_sandbox,
    pointed_at_sandbox,
    sample_account,
)
from local.toml_writer import write_toml

_SECTIONS_OF_OWN_KEYS = ("api", "privacy", "unsubscribe")
"""Where the keys are that the owner of Relais makes: on this machine any text of the right length will do."""
_OWN_SECRETS = (
    "the functions of stage {0} may read secrets below relais/{0}/ and parameters below /relais/{0}/ only. Keep it "
    "there, and write relais/{{stage}}/… so that one file serves every stage"
)
_PLAIN = (
    "the value itself would be deployed with the code, for stage {0}: keep it in Secrets Manager or Parameter Store, "
    'and write "secret:relais/{{stage}}/…" or "ssm:/relais/{{stage}}/…"'
)
_NOT_SET = (
    'env:{0} could not be read: the template sets no variable {0}. Write "secret:relais/{{stage}}/…", or add {0} to '
    "environment_variables in .chalice/config.json"
)

_RESERVED_HOST = re.compile(
    r"(?:://|@)(?:[\w-]+\.)*(?:example\.(?:com|net|org)|[\w-]+\.(?:example|invalid|test))(?![\w.-])", re.IGNORECASE
)
"""A URL or an address whose host nobody can have: RFC 2606 keeps these names for documentation and tests."""


@dataclass(frozen=True)
class Configuration:
    """A configuration that was read. `document` has the values that the product is to use."""

    document: Document
    has_sandbox: bool
    sandbox_url: str | None = None

    @property
    def path(self) -> Path:
        """The file that the user wrote, or the sample."""
        return self.document.path

    @property
    def is_sample(self) -> bool:
        """True for the sample world itself, not for a copy of it."""
        return self.path == SAMPLE_FILE

    @property
    def shown(self) -> str:
        """Its path for people: from the current folder where it is below it."""
        return _shown(self.path)

    @property
    def admin_key(self) -> str:
        """What to print as the admin key: the sample's, else where the user's own is."""
        api = self.document.values.get("api")
        key = api.get("admin_key") if isinstance(api, Mapping) else None
        if key == SAMPLE_ADMIN_KEY:
            return SAMPLE_ADMIN_KEY
        return f"the admin_key of {self.shown}" if key else f"none: add admin_key to [api] in {self.shown}"

    def at_sandbox(self, sandbox_url: str, public_url: str) -> Configuration:
        """Returns it with its accounts at the sandbox."""
        values = pointed_at_sandbox(self.document.values, sandbox_url, public_url)
        return replace(self, document=replace(self.document, values=values), sandbox_url=sandbox_url)

    def account_hints(self) -> dict[str, str]:
        """Returns by account which keys the sandbox accepts, or that a key is the sandbox's and the account is not."""
        accounts = self.document.values.get("accounts")
        hints: dict[str, str] = {}
        for name, account in accounts.items() if isinstance(accounts, Mapping) else ():
            sample = sample_account(account["provider"]) if account["provider"] in SAMPLE_PROVIDERS else {}
            if self.sandbox_url and str(account.get("base_url", "")).startswith(f"{self.sandbox_url}/"):
                keys = ", ".join(f'{key} = "{value}"' for key, value in sample.items())
                hints[name] = f"The sandbox accepts {keys}."
            elif sample and account.get("api_key") == sample["api_key"] and "base_url" not in account:
                hints[name] = (
                    "This is the sandbox's key: write the account's own, or `sandbox = true` at the top of the file."
                )
        return hints

    def check(self, environ: Mapping[str, str]) -> Settings:
        """Checks every key, without AWS. Raises StartFailed with all errors."""
        try:
            return settings_of(self.document, environ)
        except ConfigurationError as error:
            raise _unusable(error) from error

    def check_secrets(self, environ: Mapping[str, str], endpoint: str | None) -> None:
        """Reads every secret; raises StartFailed with a line for each that cannot be read on this machine.

        `endpoint` is an AWS that exists already. Without one the embedded AWS is used, which begins without secrets.
        """
        settings = self.check(environ)
        errors = FieldErrors(self.path, self.document.text)
        for secret in _secrets_in(settings):
            reason = _unreadable(secret, endpoint)
            if reason is not None:
                place = _place_of(secret.key)
                errors.add(place, f"{reason}. {self._remedy(place, secret, settings)}")
        try:
            errors.raise_if_any()
        except ConfigurationError as error:
            raise StartFailed(f"Secrets cannot be read on this machine:\n{error}") from error

    def write(self, name: str) -> Path:
        """Writes its values for the functions to read, readable by the user alone; returns the file."""
        path = ROOT / ".local" / "config" / f"{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(write_toml(self.document.values))
        return path

    def _remedy(self, place: Place, secret: Secret, settings: Settings) -> str:
        """Returns what to write instead of a reference that cannot be read."""
        account = settings.accounts.get(place[1]) if place[0] == "accounts" else None
        if account and self.sandbox_url and (account.base_url or "").startswith(f"{self.sandbox_url}/"):
            accepted = sample_account(account.provider).get(place[-1])
            return f'The sandbox accepts "{accepted}"'
        if place[0] in _SECTIONS_OF_OWN_KEYS:
            return "For this machine, write any text of at least 32 characters"
        kind, _, variable = secret.reference.partition(":")
        if kind == "env":
            return f"Start with {variable}=… make run, or write the value itself"
        variable = re.sub("[^A-Z0-9]+", "_", "_".join(place[1:]).upper())
        return f'Write the value itself, or "env:{variable}" and start with {variable}=… make run'


def read_configuration(named: Path | None) -> Configuration:
    """Reads the file named by RELAIS_CONFIG, or the sample world. Raises StartFailed when it cannot be read."""
    try:
        document = read_document(named or SAMPLE_FILE)
    except ConfigurationError as error:
        raise _unusable(error) from error
    return Configuration(document, asks_for_sandbox(document.values))


def ignored_file(named: Path | None, deployed: Path = DEFAULT_PATH) -> str | None:
    """Returns what to say when there is a configuration for deployment and none was named; None otherwise."""
    if named is not None or not deployed.is_file():
        return None
    shown = _shown(deployed)
    return f"{shown} is not used: without RELAIS_CONFIG the sample world runs. RELAIS_CONFIG={shown} make run uses it."


def check_secrets_of_stage(document: Document, settings: Settings, stage: str, variables: Collection[str]) -> None:
    """Raises ConfigurationError with a line for each secret that the functions of `stage` could not read, or that is no
    secret: a plain value would be in the zip, in the bucket and on every machine that packages.

    `variables` are those that the template sets. The local stage is not deployed, so everything is allowed there.
    """
    if stage == STAGE:
        return
    errors = FieldErrors(document.path, document.text)
    for secret in _secrets_in(settings):
        problem = _not_for_stage(secret, stage, variables)
        if problem is not None:
            errors.add(_place_of(secret.key), problem)
    errors.raise_if_any()


def with_reserved_hosts(value: object, key: str = "") -> Iterator[str]:
    """Yields the keys, as `forms.footer.origins`, below which a text names a host that is kept for documentation."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from with_reserved_hosts(each, f"{key}.{name}" if key else str(name))
        return
    texts = value if isinstance(value, list) else [value]
    if any(isinstance(text, str) and _RESERVED_HOST.search(text) for text in texts):
        yield key


def _not_for_stage(secret: Secret, stage: str, variables: Collection[str]) -> str | None:
    """Returns why a deployed stage cannot have this secret; None when it can."""
    if secret.is_plain:
        return _PLAIN.format(stage)
    kind, _, name = secret.reference.partition(":")
    if kind == "env":
        return None if name in variables else _NOT_SET.format(name)
    if _is_of_stage(secret.reference, stage):
        return None
    return f"{secret.reference} could not be read: {_OWN_SECRETS.format(stage)}"


def _is_of_stage(reference: str, stage: str) -> bool:
    """Returns whether `secret:relais/prod/paris#api_key`, also by its ARN, is below the stage's own prefix."""
    kind, _, name = reference.partition(":")
    if kind == "secret":
        return re.match(rf"(arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:)?relais/{stage}/.", name) is not None
    return re.match(rf"(arn:[^:]*:ssm:[^:]*:[^:]*:parameter)?/relais/{stage}/.", name) is not None


def _unreadable(secret: Secret, endpoint: str | None) -> str | None:
    """Returns why the secret cannot be read; None when it can."""
    if secret.is_plain:
        return None
    if endpoint is None and secret.is_in_aws:
        return f"{secret.reference} is a secret in AWS, and the AWS of make run begins empty"
    try:
        secret.reveal()
    except SecretUnavailable as error:
        return f"{secret.reference}: {error.reason}" + (f" at {endpoint}" if secret.is_in_aws else "")
    return None


def _secrets_in(value: object) -> Iterator[Secret]:
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, Mapping):
        yield from _secrets_in(tuple(value.values()))
    elif isinstance(value, tuple):
        for inner in value:
            yield from _secrets_in(inner)
    elif is_dataclass(value):
        yield from _secrets_in(tuple(getattr(value, one.name) for one in fields(value)))


def _place_of(key: str) -> Place:
    """Returns the path of a dotted key: `webhooks.shop.secret (item 2)` is at `webhooks`, `shop`, `secret`."""
    found: object = tomllib.loads(re.sub(r" [(]item [0-9]+[)]$", "", key) + " = 0")
    place: list[str] = []
    while isinstance(found, dict):
        [(part, found)] = found.items()
        place.append(part)
    return tuple(place)


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _unusable(error: ConfigurationError) -> StartFailed:
    return StartFailed(f"The configuration cannot be used:\n{error}")
