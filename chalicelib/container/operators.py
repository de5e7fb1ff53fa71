"""Assembles the operators' functions: each takes an invocation's event and returns its answer.

Modules are imported where they are used, so that a cold start loads only what its own function needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..providers.spec import CampaignFigures

if TYPE_CHECKING:
    from ..delivery.deadline import Context
    from .runtime import Runtime


class OperatorFunctions:
    """The operators' functions over the dependencies of `runtime`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def call_provider(self, event: Any, context: Context) -> dict[str, Any]:
        """Make one provider call."""
        from ..delivery.deadline import Deadline
        from ..operators.provider_call import ProviderCalls

        runtime = self._runtime
        calls = ProviderCalls(runtime.settings.accounts, runtime.spec, runtime.provider, self._remember)
        return calls.handle(event, Deadline.of(context, runtime.effects.clock).seconds_left)

    def _remember(self, account: str, begun: CampaignFigures) -> None:
        from ..statistics.remember import remember

        runtime = self._runtime
        remember(runtime.stats, account, runtime.spec(account).name, begun, runtime.effects.clock())

    def report(self, context: Context) -> dict[str, Any]:
        """Count all deliveries."""
        from ..delivery.deadline import Deadline
        from ..operators.ledger_scan import LedgerScan
        from ..operators.report import Reports

        runtime = self._runtime
        clock = runtime.effects.clock
        reports = Reports(runtime.settings.accounts, LedgerScan(runtime.table), runtime.accounts.read, clock)
        return reports.make(Deadline.of(context, clock))

    def resend(self, event: Any, context: Context) -> dict[str, Any]:
        """Send parked or refused deliveries again."""
        from ..delivery.deadline import Deadline
        from ..operators.manual_resubscription import ManualResubscriptions
        from ..operators.resend import Resending

        runtime = self._runtime
        clock = runtime.effects.clock
        resubscriptions = ManualResubscriptions(runtime.capabilities, runtime.words, runtime.events)
        resending = Resending(
            runtime.settings.accounts, runtime.table, runtime.events, runtime.notifier, resubscriptions.of, clock
        )
        return resending.handle(event, Deadline.of(context, clock))

    def audit(self, event: Any, context: Context) -> dict[str, Any]:
        """Compare the ledger's unsubscribes with those of the providers."""
        from ..delivery.deadline import Deadline
        from ..operators.audit import Audit

        return Audit(self._runtime.unsubscribe_import).handle(event, Deadline.of(context, self._runtime.effects.clock))

    def forget(self, event: Any, context: Context) -> dict[str, Any]:
        """Unsubscribe a person from all accounts and erase their stored data."""
        from ..delivery.deadline import Deadline
        from ..privacy.forget import Forgetting

        runtime = self._runtime
        clock = runtime.effects.clock
        forgetting = Forgetting(
            runtime.settings.accounts,
            runtime.table,
            runtime.events,
            runtime.words,
            runtime.claims,
            runtime.worker,
            runtime.new_id,
            clock,
        )
        return forgetting.handle(event, Deadline.of(context, clock))

    def export_person(self, event: Any, context: Context) -> dict[str, Any]:
        """Export all stored data of a person."""
        from ..delivery.deadline import Deadline
        from ..privacy.export import Exports

        runtime = self._runtime
        clock = runtime.effects.clock
        keep_days = runtime.settings.privacy.keep_events_days
        exports = Exports(runtime.table, runtime.events, runtime.words, keep_days, clock)
        return exports.handle(event, Deadline.of(context, clock))
