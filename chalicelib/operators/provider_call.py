"""`call_provider`: calls a function of an account's provider from an IP that the provider accepts.

Ediware answers declared IPs only, which excludes an operator's laptop. Functions that change something need `confirm`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..domain.errors import Kind, ProviderError, RelaisError, SecretUnavailable
from ..observability import logger
from ..providers import registry
from ..providers.functions import described
from ..providers.spec import Function, Provider
from ..services import Services
from ..statistics.snapshots import record_started
from ..statistics.store import StatsStore
from .call_input import checked, failed, nearest, wrong

HELP = "help"
KEYS = ("account", "function", "params", "confirm")


class ProviderCalls:
    """Makes the calls by the clients of `provider_of`; a campaign that a call starts is stored in `stats()`."""

    def __init__(
        self, services: Services, provider_of: Callable[[str], Provider], stats: Callable[[], StatsStore]
    ) -> None:
        self._services = services
        self._provider_of = provider_of
        self._stats = stats

    def handle(self, event: Any, budget: float) -> dict[str, Any]:
        """Handles `{"account", "function", "params", "confirm"}`; returns `{"result"}` or `{"error"}`.

        `budget` is the total time in seconds. A result comes with a `warning` where the call started a campaign that
        could not be stored for the statistics. Never raises for errors of the caller or the provider. Logs one line a
        call, without its parameters: they may hold personal data.
        """
        asked = event if isinstance(event, Mapping) else {}
        account, function = asked.get("account"), asked.get("function")
        outcome = "ok"
        try:
            return self._call(event, budget)
        except ProviderError as error:
            outcome = error.kind.value
            return failed(error)
        except SecretUnavailable as error:
            outcome = Kind.ACCOUNT.value
            return failed(ProviderError(Kind.ACCOUNT, str(error)))
        finally:
            names = {"account": account, "provider_function": function}
            known = {name: value if isinstance(value, str) else None for name, value in names.items()}
            logger.info(
                "provider call finished",
                extra={**known, "confirmed": asked.get("confirm") is True, "outcome": outcome},
            )

    def _call(self, event: Any, budget: float) -> dict[str, Any]:
        account, name, params, confirmed = _read(event)
        accounts = self._services.settings.accounts
        if account not in accounts:
            raise wrong(f"there is no account {account[:60]!r}", nearest(account, accounts))
        spec = registry.spec(accounts[account].provider)
        if name == HELP:
            return {"result": {"provider": spec.name, "functions": described(spec.functions)}}
        function = next((each for each in spec.functions if each.name == name), None)
        if function is not None and function.changes and not confirmed:
            raise wrong(f"{name} changes something at the provider", 'say so with "confirm": true')
        result = self._provider_of(account).call(name, params, budget=budget)
        return {"result": result, **self._store_started(account, function, params, result)}

    def _store_started(
        self, account: str, function: Function | None, params: Mapping[str, Any], result: Any
    ) -> dict[str, str]:
        """Stores the campaign that a call has started, if any; a `warning` if that failed."""
        try:
            started = function.campaign(params, result) if function and function.campaign else None
            if started is not None:
                provider = self._services.settings.accounts[account].provider
                record_started(self._stats(), account, provider, started, self._services.effects.clock())
        except Exception as error:  # The mail is sent: no later failure may hide the answer that says so.
            reason = str(error) if isinstance(error, RelaisError) else type(error).__name__
            logger.error("started campaign not stored", extra={"account": account, "reason": reason})
            return {"warning": f"the call was made, but collect_stats will not read this campaign's figures: {reason}"}
        return {}


def _read(event: Any) -> tuple[str, str, Mapping[str, Any], bool]:
    """Parses a request. Raises `ProviderError` (caller) with the correction."""
    event = checked(event, KEYS)
    account, name = event.get("account"), event.get("function")
    if not isinstance(account, str):
        raise wrong("account is missing", "it is the name of a configured account")
    if not isinstance(name, str):
        raise wrong("function is missing", f'"{HELP}" lists what there is')
    params, confirmed = event.get("params"), event.get("confirm", False)
    if params is not None and not isinstance(params, Mapping):
        raise wrong("params must be an object", "of parameter names and values")
    if not isinstance(confirmed, bool):
        raise wrong("confirm must be true or false", "true lets a call change something")
    return account, name, params or {}, confirmed
