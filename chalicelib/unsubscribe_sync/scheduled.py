"""The schedule's run: every account whose list is read, side by side."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..delivery.deadline import Deadline
from ..domain.errors import RelaisError
from ..domain.times import epoch_milliseconds
from ..observability import bound, logger, metrics, redact
from ..observability.threads import until_time_is_up
from .importer import BUSY, Outcome, Tools, UnsubscribeImport

OUT_OF_TIME = "the time of this run was up; the next one goes on"
AGE = "unsubscribes_read_age_seconds"


def sync_unsubscribes(tools: Tools, deadline: Deadline) -> dict[str, Any]:
    """Read every account of the section and tell the others, until `deadline`.

    Gives `{"accounts": {name: {"read", "written", "skipped", "backlog", "error"}}}`: rows read, events made, rows
    without an address, new rows that are left to the next run, and what went wrong (no address, no secret). An account
    in trouble touches no other. Raises nothing of a provider or of AWS.
    """
    sources = tools.rules.read_from
    outcomes = {name: Outcome(error=OUT_OF_TIME) for name in sources}

    def one(name: str) -> None:
        with bound(account=name):
            outcome = _outcome_of(tools, name, deadline)
            _measure(tools, name, outcome)
            outcomes[name] = outcome

    until_time_is_up([partial(one, name) for name in sources], lambda: deadline.seconds_left)
    if not sources:
        metrics.seconds(AGE, 0.0)  # the alarm is for a schedule that does not run any more
    return {"accounts": {name: _as_json(outcome) for name, outcome in outcomes.items()}}


def _outcome_of(tools: Tools, name: str, deadline: Deadline) -> Outcome:
    try:
        outcome = UnsubscribeImport(tools, name, tools.rules.tell, deadline).run()
    except RelaisError as error:
        logger.error("unsubscribes not told", extra={"reason": str(error)})
        return Outcome(error=redact(str(error)))
    except Exception as error:  # A fault in one provider's code must not cost the other accounts their unsubscribes.
        logger.exception("unsubscribes not told")
        return Outcome(error=f"unexpected: {type(error).__name__}")
    if outcome.busy:
        outcome.error = BUSY
    return outcome


def _measure(tools: Tools, name: str, outcome: Outcome) -> None:
    metrics.count("unsubscribes_read", outcome.read, name)
    metrics.count("unsubscribes_told", outcome.written, name)
    if outcome.busy:
        return
    metrics.count("unsubscribes_backlog", outcome.backlog, name)
    metrics.count("unsubscribe_sync_failures", outcome.error is not None, name)
    try:
        metrics.seconds(AGE, _age(tools, name, outcome), name)
    except RelaisError as error:
        logger.warning("how long the list could not be read is not known", extra={"reason": str(error)})


def _age(tools: Tools, name: str, outcome: Outcome) -> float:
    """Seconds since the list cannot be read to its end; a run that finds all well, as ever, writes nothing."""
    if outcome.error is None:
        if outcome.was_failing:
            tools.store.record_read(name)
        return 0.0
    now = tools.ledger.effects.clock()
    return max(0.0, (epoch_milliseconds(now) - tools.store.record_failing(name, now)) / 1000)


def _as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "read": outcome.read,
        "written": outcome.written,
        "skipped": outcome.skipped,
        "backlog": outcome.backlog,
        "error": redact(outcome.error) if outcome.error else None,
    }
