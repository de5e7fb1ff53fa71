"""Builds the clients of the configured accounts, each on first use."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from .config.model import Settings
from .effects import Effects
from .observability import metrics
from .providers import registry
from .providers.spec import Capabilities, Provider
from .services import Services

if TYPE_CHECKING:
    from .providers.rate_limit import RateLimiter
    from .providers.transport.session import Transport


class ProviderClients(Services):
    """Services, and the clients of the accounts; their calls are counted and keep to the providers' rate limits."""

    def __init__(self, settings: Settings, stage: str, effects: Effects | None = None) -> None:
        super().__init__(settings, stage, effects)
        self._providers: dict[str, Provider] = {}

    def provider(self, account: str) -> Provider:
        """Returns the client of a configured account; one for the life of the instance."""
        if account not in self._providers:
            self._providers[account] = self._connect(account)
        return self._providers[account]

    def _connect(self, account: str) -> Provider:
        """Makes a new client of a configured account."""
        configured = self.settings.accounts[account]
        return registry.spec(configured.provider).connect(configured, self._transport)

    def capabilities(self, account: str) -> Capabilities | None:
        """Returns the capabilities of an account's provider; None if the account is no longer configured."""
        configured = self.settings.accounts.get(account)
        return None if configured is None else registry.spec(configured.provider).capabilities

    def _connect_all(self, wanted: Callable[[Capabilities], bool]) -> None:
        for name in self.settings.accounts:
            able = self.capabilities(name)
            if able is not None and wanted(able):
                self.provider(name)

    @cached_property
    def _transport(self) -> Transport:
        from .providers.transport.session import Transport

        return Transport(on_call=_count_call, admit=self._admit)

    def _admit(self, account: str) -> None:
        """Takes a permit where the provider limits calls. Raises ProviderError (later) when none is left."""
        provider = self.settings.accounts[account].provider
        limit = registry.spec(provider).capabilities.rate_limit
        if limit is not None:
            name = provider if limit.shared_by == "ip" else f"{provider}#{account}"
            self._rates.admit(name, limit.calls, limit.seconds)

    @cached_property
    def _rates(self) -> RateLimiter:
        from .providers.rate_limit import RateLimiter

        return RateLimiter(self.table, self.effects.clock)

    def remedy(self, account: str, may_lift_suppression: bool) -> str | None:
        """Returns how to remedy a suppressed signup; `may_lift_suppression`: its intake may lift a suppression."""
        from .operators.suppressed_signups import remedy

        return remedy(self.capabilities(account), may_lift_suppression=may_lift_suppression)


def _count_call(label: str, account: str, seconds: float, outcome: str) -> None:
    metrics.count("provider_calls", account=account)
    metrics.seconds("provider_seconds", seconds, account=account)
    if outcome != "ok":
        metrics.count("provider_failures", account=account)
