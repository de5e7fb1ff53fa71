"""Delivers to all accounts concurrently, so that a slow provider delays no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from ..domain.errors import LedgerUnavailable
from ..domain.reasons import ReasonCode
from ..observability import ContextPool, event_log, log_context
from ..providers.spec import Capabilities, Provider
from ..services import Services
from .account_delivery import AccountDelivery
from .batching import Group, Task, by_account
from .circuit_breaker import CircuitBreaker
from .claims import Claims
from .deadline import Deadline
from .form_targets import with_targets
from .provider_calls import ProviderCalls

NOT_CONFIGURED = "the account is not configured any more"
TAKES_NO_SIGNUPS = "the account's provider takes no signups"


class Dispatcher:
    """Delivers tasks by account.

    `provider_of` and `capabilities_of` give an account's client and its capabilities, `link_to` a person's unsubscribe
    link (raises SecretUnavailable).
    """

    def __init__(
        self,
        services: Services,
        claims: Claims,
        provider_of: Callable[[str], Provider],
        capabilities_of: Callable[[str], Capabilities | None],
        link_to: Callable[[str], str],
    ) -> None:
        self._services = services
        self._claims = claims
        self._provider_of = provider_of
        self._capabilities_of = capabilities_of
        self._link_to = link_to

    def deliver(self, tasks: Sequence[Task], deadline: Deadline) -> list[str]:
        """Delivers what can be delivered until `deadline`; returns the accounts that resumed after a pause."""
        groups = by_account(with_targets(self._services, self._claims, tasks, deadline))
        if not groups:
            return []
        with ContextPool(len(groups), thread_name_prefix="account") as pool:
            resumed = pool.map(partial(self._deliver_to, deadline), groups, groups.values())
        return [account for account, again in zip(groups, resumed, strict=True) if again]

    def _deliver_to(self, deadline: Deadline, account: str, groups: Sequence[Group]) -> bool:
        """Delivers to one account; returns whether it resumed. A ledger failure ends this account's delivery only."""
        capabilities = self._capabilities_of(account)
        with log_context(account=account):
            try:
                if capabilities is None:
                    self._park(groups, NOT_CONFIGURED, ReasonCode.ACCOUNT_REMOVED, deadline)
                    return False
                if capabilities.signup_batch == 0:  # signups accepted while the account had another provider
                    signups = [group for group in groups if group.list is not None]
                    self._park(signups, TAKES_NO_SIGNUPS, ReasonCode.TAKES_NO_SIGNUPS, deadline)
                    groups = [group for group in groups if group.list is None]
                delivery = AccountDelivery(
                    services=self._services,
                    account=account,
                    capabilities=capabilities,
                    calls=ProviderCalls(
                        account,
                        self._provider_of(account),
                        capabilities,
                        self._services.settings.forms,
                        self._link_to,
                        deadline,
                    ),
                    claims=self._claims,
                    circuit_breaker=CircuitBreaker(self._services, account),
                    deadline=deadline,
                )
                delivery.deliver(groups)
                return delivery.resumed
            except LedgerUnavailable as error:
                event_log.deferred(error, account)
                return False

    def _park(self, groups: Iterable[Group], reason: str, code: ReasonCode, deadline: Deadline) -> None:
        self._claims.park([task for group in groups for task in group.tasks], reason, code, deadline)
