"""Reads the other sections, from webhooks to the HTTP side: all but accounts and forms."""

from __future__ import annotations

from typing import Literal

from ..domain.events import EventType
from . import checks, value_limits
from .accounts import KnownAccounts
from .model import (
    DEFAULT_TIMEZONE,
    DEFAULT_WEBHOOK_TYPES,
    Api,
    Organisation,
    Privacy,
    RetryPolicy,
    Source,
    UnsubscribeSync,
    Webhook,
)
from .secrets import Secret
from .toml_table import TomlTable

_EVENT_TYPES = tuple(type.value for type in EventType)


def read_webhooks(root: TomlTable, known_accounts: KnownAccounts) -> dict[str, Webhook]:
    """Reads `[webhooks.NAME]`: who may post signed events, and of which types and accounts."""
    return {name: _webhook(table, known_accounts) for name, table in root.named_tables("webhooks").items()}


def _webhook(table: TomlTable, known_accounts: KnownAccounts) -> Webhook:
    remedy = 'the Standard Webhooks secret "whsec_…", or a list of them while one is rotated'
    secrets = table.secrets("secret", remedy=remedy, rule=checks.webhook_secret, single=True)
    types = table.some_texts("types", checks.OneOf(_EVENT_TYPES, "type"), DEFAULT_WEBHOOK_TYPES)
    accounts = table.some_texts("accounts", known_accounts.check, None)
    account = table.text_or("account", None, known_accounts.receives_events)
    table.finish()
    return Webhook(
        name=table.name,
        secrets=secrets,
        types=frozenset(types),
        accounts=None if accounts is None else frozenset(accounts),
        account=account,
    )


def read_unsubscribe_sync(root: TomlTable, known_accounts: KnownAccounts) -> UnsubscribeSync | None:
    """Reads `[sync.unsubscribes]`; None when absent."""
    sync = root.table("sync")
    if sync is None:
        return None
    table = sync.table("unsubscribes", "add [sync.unsubscribes], or leave [sync] out")
    sync.finish()
    if table is None:
        return None
    read_from = table.texts("from", known_accounts.reads_unsubscribes, 'the accounts to read, as in ["paris"]')
    propagate_to = table.texts("to", known_accounts.check, 'the accounts that are to receive them, as in ["paris"]')
    baseline: Literal["tell", "known"] = "tell"
    if table.choice("baseline", ("tell", "known"), "tell") == "known":
        baseline = "known"
    news_per_run = table.number(value_limits.NEWS_PER_RUN)
    table.finish()
    return UnsubscribeSync(read_from or (), propagate_to or (), baseline, news_per_run)


def read_sources(root: TomlTable, known_accounts: KnownAccounts) -> dict[str, Source]:
    """Reads `[sources.NAME]`: the files that a contacts sync may read."""
    return {name: _source(table, known_accounts) for name, table in root.named_tables("sources").items()}


def _source(table: TomlTable, known_accounts: KnownAccounts) -> Source:
    allow_private = table.flag("allow_private", False)
    url = table.text("url", "where the CSV file is", checks.source_url(allow_private=allow_private))
    account, list_id = known_accounts.signup_target(table)
    fetch: Literal["relais", "provider"] = "relais"
    if table.choice("fetch", ("relais", "provider"), "relais") == "provider":
        fetch = "provider"
        known_accounts.check_fetch(account, table)
    table.finish()
    return Source(table.name, url, account, list_id, allow_private, fetch)


def read_delivery(root: TomlTable) -> RetryPolicy:
    """Reads `[delivery]`; the defaults when absent."""
    table = root.table("delivery")
    if table is None:
        return RetryPolicy()
    first = table.number(value_limits.FIRST_RETRY_SECONDS)
    longest = table.number(value_limits.LONGEST_RETRY_SECONDS)
    hours = table.number(value_limits.GIVE_UP_AFTER_HOURS)
    unknown = table.number(value_limits.UNKNOWN_ATTEMPTS)
    if longest < first and not table.has_errors:
        # A default yields to a stated value; only two stated values can contradict each other.
        if "first_retry_seconds" not in table.keys:
            first = longest
        elif "longest_retry_seconds" not in table.keys:
            longest = first
        else:
            table.wrong("longest_retry_seconds", f"must be at least first_retry_seconds ({first:g})")
    table.finish()
    return RetryPolicy(first, longest, hours, unknown)


def read_privacy(root: TomlTable) -> Privacy:
    """Reads `[privacy]`, which is required: without its keys no address can be looked up."""
    table = root.table("privacy", "add [privacy] with address_keys")
    if table is None:
        return Privacy(())
    keys = table.secrets(
        "address_keys", remedy='at least one key, as in ["secret:relais/{stage}/own#k"]', rule=checks.own_key, trim=True
    )
    days = table.number(value_limits.KEEP_EVENTS_DAYS)
    years = table.number(value_limits.KEEP_CONSENT_YEARS)
    table.finish()
    return Privacy(keys, days, years)


def read_unsubscribe_keys(root: TomlTable) -> tuple[Secret, ...]:
    """Reads `[unsubscribe]`; without it there are no keys, so no unsubscribe links."""
    table = root.table("unsubscribe")
    if table is None:
        return ()
    keys = table.secrets(
        "keys", remedy='at least one key, as in ["secret:relais/{stage}/links#k1"]', rule=checks.own_key, trim=True
    )
    table.finish()
    return keys


def read_organisation(root: TomlTable) -> Organisation | None:
    """Reads `[organisation]`; None when absent: pages show no name then."""
    table = root.table("organisation")
    if table is None:
        return None
    name = table.text("name", "the name that visitors know", longest=value_limits.ORGANISATION_CHARACTERS)
    url = table.text_or("url", None, checks.page)
    privacy_url = table.text_or("privacy_url", None, checks.page)
    table.finish()
    return Organisation(
        name, checks.encoded_url(url) if url else None, checks.encoded_url(privacy_url) if privacy_url else None
    )


def read_timezone(root: TomlTable) -> str:
    """Reads `[dashboard]`: the time zone that its pages show."""
    table = root.table("dashboard")
    if table is None:
        return DEFAULT_TIMEZONE
    timezone = table.text_or("timezone", DEFAULT_TIMEZONE, checks.timezone)
    table.finish()
    return timezone


def read_api(root: TomlTable) -> Api:
    """Reads `[api]`; without it there is no admin key, so nobody can open the operators' pages."""
    table = root.table("api")
    if table is None:
        return Api()
    admin_key = table.secret("admin_key", rule=checks.admin_key, trim=True)
    public_url = table.text_or("public_url", None, checks.endpoint)
    table.finish()
    return Api(admin_key, checks.encoded_url(public_url).rstrip("/") if public_url else None)
