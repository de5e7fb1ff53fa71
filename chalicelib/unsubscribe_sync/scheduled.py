"""Runs the scheduled import of unsubscribes: every configured account, concurrently."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..delivery.deadline import Deadline
from ..domain.errors import RelaisError
from ..domain.times import epoch_milliseconds
from ..observability import log_context, logger, metrics, redact, until_time_is_up
from .importer import BUSY, ImportDependencies, ImportOutcome, UnsubscribeImport
from .sync_state import SyncStateStore

OUT_OF_TIME = "the time of this run was up; the next one goes on"
AGE = "unsubscribes_read_age_seconds"


def sync_unsubscribes(dependencies: ImportDependencies, deadline: Deadline) -> dict[str, Any]:
    """Reads every account of the section and propagates its unsubscribes, until `deadline`.

    Returns `{"accounts": {name: {"read", "written", "skipped", "backlog", "error"}}}`: rows read, events made, rows
    without an address, new rows left to the next run, and the error (without addresses or secrets). A failing account
    does not affect the others. Raises no errors of a provider or of AWS.
    """
    sources = dependencies.section.read_from
    outcomes = {name: ImportOutcome(error=OUT_OF_TIME) for name in sources}

    def one(name: str) -> None:
        with log_context(account=name):
            outcome = _outcome_of(dependencies, name, deadline)
            _measure(dependencies, name, outcome)
            outcomes[name] = outcome

    until_time_is_up([partial(one, name) for name in sources], lambda: deadline.seconds_left)
    if not sources:
        metrics.seconds(AGE, 0.0)  # the alarm watches for a schedule that no longer runs
    return {"accounts": {name: _as_json(outcome) for name, outcome in outcomes.items()}}


def _outcome_of(dependencies: ImportDependencies, name: str, deadline: Deadline) -> ImportOutcome:
    try:
        outcome = UnsubscribeImport(dependencies, name, dependencies.section.propagate_to, deadline).run()
    except RelaisError as error:
        logger.error("unsubscribe import failed", extra={"reason": str(error)})
        return ImportOutcome(error=str(error))
    except Exception as error:  # A fault in one provider's code must not stop the other accounts.
        logger.exception("unsubscribe import failed")
        return ImportOutcome(error=f"unexpected: {type(error).__name__}")
    if outcome.busy:
        outcome.error = BUSY
    return outcome


def _measure(dependencies: ImportDependencies, name: str, outcome: ImportOutcome) -> None:
    """Counts the outcome, and measures for how long the list could not be read."""
    metrics.count("unsubscribes_read", outcome.read, name)
    metrics.count("unsubscribes_propagated", outcome.written, name)
    if outcome.busy:
        return
    metrics.count("unsubscribes_backlog", outcome.backlog, name)
    metrics.count("unsubscribe_sync_failures", outcome.error is not None, name)
    store, now, age = SyncStateStore(dependencies.services.table), dependencies.services.effects.clock(), 0.0
    try:
        if outcome.error is not None:
            age = max(0.0, (epoch_milliseconds(now) - store.record_failing(name, now)) / 1000)
        elif outcome.was_failing:  # a success after a success writes nothing
            store.record_read(name)
        metrics.seconds(AGE, age, name)
    except RelaisError as error:
        logger.warning("age of the last unsubscribe import unknown", extra={"reason": str(error)})


def _as_json(outcome: ImportOutcome) -> dict[str, Any]:
    return {
        "read": outcome.read,
        "written": outcome.written,
        "skipped": outcome.skipped,
        "backlog": outcome.backlog,
        "error": redact(outcome.error) if outcome.error else None,
    }
