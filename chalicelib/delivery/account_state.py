"""Reads the state of an account as it counts under the configuration in force."""

from __future__ import annotations

import json

from ..domain import backoff
from ..domain.backoff import AccountState
from ..domain.errors import ProviderError
from ..domain.times import epoch_milliseconds
from ..observability import logger
from ..providers.account import Account
from ..services import Services


def read_state(services: Services, account: str) -> AccountState:
    """Reads an account's state, and ends the pauses that began with another configuration or another key.

    Reads the account's secrets afresh while it is paused (at most once in 30 s). Raises LedgerUnavailable.
    """
    state = services.accounts.read(account)
    if state.pause is None and not state.lists:
        return state
    now, configuration = epoch_milliseconds(services.effects.clock()), fingerprint(services, account, fresh=True)
    configured = backoff.as_configured(state, configuration, now)
    if configured == state:
        return state
    written = services.accounts.write(account, state, configured)
    if written is None:
        return configured  # changed meanwhile; the next reader writes
    logger.info("pause ended: configuration changed", extra={"account": account})
    return written


def fingerprint(services: Services, account: str, *, fresh: bool = False) -> str | None:
    """Returns a keyed fingerprint of what calls are made with: provider, URLs, secrets, and what forms send.

    None for an account that is not configured. It reveals no secret.
    """
    configured = services.settings.accounts.get(account)
    if configured is None:
        return None
    forms = sorted(
        (form.name, form.list, form.email_field, sorted(form.fields.items()), form.unsubscribe_url_field)
        for form in services.settings.forms.values()
        if form.account == account
    )
    secrets = {name: _value(configured, name, fresh=fresh) for name in configured.secrets}
    urls = (configured.base_url, configured.open_base_url)
    content = [configured.provider, urls, dict(configured.options), secrets, forms]
    return services.address_keys.digest(json.dumps(content, sort_keys=True).encode())[:16]


def _value(account: Account, name: str, *, fresh: bool) -> str:
    try:
        return account.reveal(name, fresh=fresh)
    except ProviderError as error:
        return str(error)  # the fingerprint changes once the secret can be read
