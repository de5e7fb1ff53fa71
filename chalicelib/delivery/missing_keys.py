"""Lets signups and syncs wait while an address key is missing; unsubscribes go on.

Without the key it is not known who unsubscribed under it, so a signup could resubscribe such a person. An unsubscribe
is right whatever the earlier state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ..domain.errors import LedgerUnavailable
from ..domain.events import EventType
from ..domain.reasons import ReasonCode
from ..observability import event_log, logger
from ..services import Services
from .batching import Task
from .claims import waiting_since
from .form_targets import next_check_at


def without_waiting(services: Services, tasks: Sequence[Task]) -> list[Task]:
    """Returns the tasks that may be tried now; the others stay pending, with the reason and without a counted attempt.

    Once the key is back, the time until a signup is given up counts from then. Raises LedgerUnavailable.
    """
    if not tasks:
        return []
    findings, now = services.address_key_check.look_and_record(), services.effects.clock()
    if findings.missing is None:
        since = findings.waits_count_from
        return list(tasks) if since is None else [_waiting_from(task, since) for task in tasks]
    waiting = [task for task in tasks if task.event.type is not EventType.UNSUBSCRIBE]
    due = [task for task in waiting if task.delivery.has_waited(now) and not task.delivery.waits_for_release(now)]
    code = ReasonCode.ADDRESS_KEY_MISSING

    def defer(task: Task) -> None:
        until = next_check_at(services, task, now)
        delivery = replace(task.delivery, reason=findings.missing, reason_code=code, next_attempt_at=until)
        services.events.defer(task.event, delivery, until)

    try:
        services.table.in_parallel(defer, due)
    except LedgerUnavailable as error:  # they wait all the same, without the reason
        event_log.deferred(error)
    if due:
        logger.error("address key missing", extra={"reason": findings.missing, "events": len(due)})
    return [task for task in tasks if task.event.type is EventType.UNSUBSCRIBE]


def _waiting_from(task: Task, since: datetime) -> Task:
    """Returns a task whose wait counts from `since`, if it began earlier."""
    return replace(task, delivery=replace(task.delivery, resent_at=max(waiting_since(task), since)))
