"""Operators' functions put together: each takes what its invocation brings and gives its answer.

Parts are imported where they are used, so that a cold start pays only for what its own function needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..providers.base import CampaignFigures

if TYPE_CHECKING:
    from ..delivery.deadline import Context
    from .runtime import Runtime


class OperatorFunctions:
    """What can be asked of `product` by hand."""

    def __init__(self, product: Runtime) -> None:
        self._product = product

    def call_provider(self, event: Any, context: Context) -> dict[str, Any]:
        """Make one provider call."""
        from ..delivery.deadline import Deadline
        from ..operators.provider_call import ProviderCalls

        product = self._product
        calls = ProviderCalls(product.settings.accounts, product.spec, product.provider, self._remember)
        return calls.handle(event, Deadline.of(context, product.effects.clock).seconds_left)

    def _remember(self, account: str, begun: CampaignFigures) -> None:
        from ..statistics.remember import remember

        product = self._product
        remember(product.stats, account, product.spec(account).name, begun, product.effects.clock())

    def report(self, context: Context) -> dict[str, Any]:
        """Count all deliveries."""
        from ..delivery.deadline import Deadline
        from ..operators.ledger_scan import LedgerScan
        from ..operators.report import Reports

        product = self._product
        clock = product.effects.clock
        reports = Reports(product.settings.accounts, LedgerScan(product.table), product.accounts.read, clock)
        return reports.make(Deadline.of(context, clock))

    def resend(self, event: Any, context: Context) -> dict[str, Any]:
        """Send parked or refused deliveries again."""
        from ..delivery.deadline import Deadline
        from ..operators.manual_resubscription import ManualResubscriptions
        from ..operators.resend import Resending

        product = self._product
        clock = product.effects.clock
        undone = ManualResubscriptions(product.capabilities, product.words, product.events)
        resending = Resending(
            product.settings.accounts, product.table, product.events, product.notifier, undone.of, clock
        )
        return resending.handle(event, Deadline.of(context, clock))

    def audit(self, event: Any, context: Context) -> dict[str, Any]:
        """Compare who left with what the providers say."""
        from ..delivery.deadline import Deadline
        from ..operators.audit import Audit

        return Audit(self._product.unsubscribe_import).handle(event, Deadline.of(context, self._product.effects.clock))

    def forget(self, event: Any, context: Context) -> dict[str, Any]:
        """Have a person leave everywhere, and erase what is held about them."""
        from ..delivery.deadline import Deadline
        from ..privacy.forget import Forgetting

        product = self._product
        clock = product.effects.clock
        forgetting = Forgetting(
            product.settings.accounts,
            product.table,
            product.events,
            product.words,
            product.claims,
            product.worker,
            product.new_id,
            clock,
        )
        return forgetting.handle(event, Deadline.of(context, clock))

    def export_person(self, event: Any, context: Context) -> dict[str, Any]:
        """All that is held about a person."""
        from ..delivery.deadline import Deadline
        from ..privacy.export import Exports

        product = self._product
        clock = product.effects.clock
        keep_days = product.settings.privacy.keep_events_days
        exports = Exports(product.table, product.events, product.words, keep_days, clock)
        return exports.handle(event, Deadline.of(context, clock))
