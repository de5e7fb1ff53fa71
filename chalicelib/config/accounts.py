"""Reads the sections `[accounts.NAME]` by the provider's declaration; checks references to accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..domain.limits import NAME_CHARACTERS
from ..providers.account import Account
from ..providers.spec import Option, ProviderSpec
from . import checks
from .field_errors import unknown
from .model import MAIL_BY_SES
from .secrets import Secret
from .toml_table import TomlTable


@dataclass(slots=True)
class KnownAccounts:
    """The accounts that the file names, also invalid ones, so that one error is not reported twice."""

    specs: dict[str, ProviderSpec | None] = field(default_factory=dict)
    """Account name -> its provider's declaration, None for an unknown provider."""

    def check(self, name: str) -> str | None:
        """Checks that the account is configured. No error when there are none at all: that is reported elsewhere."""
        return unknown("account", name, self.specs) if self.specs and name not in self.specs else None

    def takes_signups(self, name: str) -> str | None:
        """Checks that the account exists and its provider accepts signups."""
        spec = self.specs.get(name)
        if spec is not None and spec.capabilities.signup_batch == 0:
            able = [each for each, its in self.specs.items() if its is not None and its.capabilities.signup_batch]
            suitable = ", ".join(able) or "none yet"
            return f"{spec.title} takes no signups: name an account of a provider that does ({suitable})"
        return self.check(name)

    def reads_unsubscribes(self, name: str) -> str | None:
        """Checks that the account exists and its provider can list unsubscribes."""
        spec = self.specs.get(name)
        if spec is not None and not spec.capabilities.reads_unsubscribes:
            return f"{spec.title} cannot be asked who unsubscribed, so nothing can be read from account {name}"
        return self.check(name)

    def sends_mail(self, name: str) -> str | None:
        """Checks that the name is that of Amazon SES, or of an account whose provider can send a mail."""
        if name == MAIL_BY_SES:
            return None
        spec = self.specs.get(name)
        if spec is not None and not spec.capabilities.sends_mail:
            able = [each for each, its in self.specs.items() if its is not None and its.capabilities.sends_mail]
            suitable = " or ".join([f'"{MAIL_BY_SES}"', *able])
            return f"{spec.title} cannot send a confirmation mail: name {suitable}"
        return self.check(name)

    def receives_events(self, name: str) -> str | None:
        """Checks that the account exists and its provider receives events: a back end of one's own."""
        spec = self.specs.get(name)
        if spec is not None and not spec.capabilities.receives_events:
            able = [each for each, its in self.specs.items() if its is not None and its.capabilities.receives_events]
            suitable = ", ".join(able) or "none yet"
            return f"{spec.title} is not told of events: name an account of a back end of your own ({suitable})"
        return self.check(name)

    def check_fetch(self, account: str, table: TomlTable) -> None:
        """Records an error at `fetch` unless the account's provider can fetch a file itself."""
        spec = self.specs.get(account)
        if spec is not None and not spec.capabilities.fetches_lists:
            table.wrong("fetch", f'{spec.title} cannot fetch a file itself: leave it out, or say "relais"')

    def signup_target(self, table: TomlTable) -> tuple[str, str]:
        """Reads the keys `account` and `list` of a form or a source; "" for an invalid one."""
        account = table.text("account", "name the account that the contacts go to", self.takes_signups)
        spec = self.specs.get(account)
        if spec is not None and spec.capabilities.has_lists:
            remedy = f'name the list at {spec.title} by its id, as in list = "4781"'
            return account, table.text("list", remedy, longest=NAME_CHARACTERS)
        return account, table.text_or("list", "", longest=NAME_CHARACTERS)


def read_accounts(root: TomlTable, specs: Mapping[str, ProviderSpec]) -> tuple[dict[str, Account], KnownAccounts]:
    """Reads every account of the file. `specs` are the available providers by name."""
    accounts: dict[str, Account] = {}
    known_accounts = KnownAccounts()
    for name, table in root.named_tables("accounts", "add a section [accounts.NAME] with its provider").items():
        known = table.text("provider", f"one of {', '.join(specs)}", checks.OneOf(tuple(specs), "provider"))
        spec = specs[known] if known else None
        known_accounts.specs[name] = spec
        if name == MAIL_BY_SES:
            table.wrong("provider", f'an account cannot be called "{MAIL_BY_SES}": that name stands for Amazon SES')
        base = open_base = None
        if spec is None or spec.base_url:
            base = _base(table, "base_url")
            open_base = _base(table, "open_base_url") or (f"{base}_open" if base else None)
        if spec is not None:
            secrets, options = _options(table, spec)
            accounts[name] = Account(name, spec.name, base, open_base, options, secrets)
        table.finish(others_allowed=spec is None)
    return accounts, known_accounts


def _options(table: TomlTable, spec: ProviderSpec) -> tuple[dict[str, Secret], dict[str, str | bool]]:
    """Reads the provider's own keys: secrets, and the others."""
    secrets: dict[str, Secret] = {}
    options: dict[str, str | bool] = {}
    for option in spec.options:
        if option.secret:
            rule = checks.webhook_secret if option.format == "webhook_secret" else None
            secret = table.secret(option.name, remedy=_remedy(option, spec), rule=rule)
            if secret is not None:
                secrets[option.name] = secret
        else:
            value = _plain_option(table, option, spec)
            if value is not None:
                options[option.name] = value
    return secrets, options


def _base(table: TomlTable, key: str) -> str | None:
    """Reads a base URL, without trailing slashes."""
    url = table.text_or(key, None, checks.endpoint)
    return url.rstrip("/") if url else None


def _plain_option(table: TomlTable, option: Option, spec: ProviderSpec) -> str | bool | None:
    if isinstance(option.default, bool):
        return table.flag(option.name, option.default)
    check = checks.OneOf(option.choices) if option.choices else None
    if option.format == "receiver_url":
        url = table.text(option.name, f"{spec.title} needs it ({option.help})", checks.receiver_url(table.stage))
        return checks.encoded_url(url) if url else None
    remedy = _remedy(option, spec)
    if remedy is not None:
        return table.text(option.name, remedy, check) or None
    return table.text_or(option.name, option.default, check)


def _remedy(option: Option, spec: ProviderSpec) -> str | None:
    """Returns the remedy of a required key; None for an optional one."""
    if not option.required or option.default is not None:
        return None
    return f"{spec.title} needs it" + (f" ({option.help})" if option.help else "")
