"""Looks up the account, list and provider fields of forms' signups in the configuration in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ..config.model import Form
from ..domain.errors import LedgerUnavailable
from ..domain.events import EventType, Status
from ..domain.reasons import ReasonCode
from ..ledger.moves import DeliveryMoves
from ..observability import event_log, logger, metrics
from ..services import Services
from .batching import Task
from .claims import Claims, is_overdue, waiting_since
from .deadline import Deadline


def with_targets(services: Services, claims: Claims, tasks: Sequence[Task], deadline: Deadline) -> list[Task]:
    """Returns the tasks that can be delivered; a form's signup gets the list and the provider fields of its form.

    A signup whose form has another account now is moved there first. One whose form is not in the configuration waits
    until it is, and is parked when it is overdue. A copy goes to its account whatever the form's is.
    """
    forms = services.settings.forms
    ready: list[Task] = []
    elsewhere: list[Task] = []
    formless: dict[str, list[Task]] = {}
    for task in tasks:
        event = task.event
        form = forms.get(event.form or "")
        if event.type is not EventType.SIGNUP or event.form is None:
            ready.append(task)
        elif form is None:
            formless.setdefault(event.form, []).append(task)
        elif (target := _target(form, task)) is None:
            elsewhere.append(task)
        else:
            ready.append(target)
    try:
        if elsewhere:
            ready += _moved(services, elsewhere, deadline)
        for name, waiting in formless.items():
            _wait(services, claims, name, waiting, deadline)
    except LedgerUnavailable as error:
        event_log.deferred(error)
    return ready


def _target(form: Form, task: Task) -> Task | None:
    """Returns a task with the list and the fields that its form has now; None if the form has another account now."""
    if task.event.is_copy(task.account):
        return replace(task, event=form.copied(task.event))
    return replace(task, event=form.mapped(task.event)) if form.account == task.account else None


def next_check_at(services: Services, task: Task, now: datetime) -> datetime:
    """Returns when a delivery that waits for the configuration is due again: after as long as it has waited so far.

    The shortest and the longest wait are those of other retries.
    """
    policy = services.settings.delivery
    shortest, longest = (timedelta(seconds=each) for each in (policy.first_retry_seconds, policy.longest_retry_seconds))
    return now + min(max(now - waiting_since(task), shortest), longest)


def _moved(services: Services, tasks: Sequence[Task], deadline: Deadline) -> list[Task]:
    """Moves deliveries to the accounts that their forms have now; returns those that were moved, ready to be made."""
    forms, now = services.settings.forms, services.effects.clock()
    moves = DeliveryMoves(
        services.table, services.address_keys, services.events, services.subscriptions, services.counts
    )

    def move(task: Task) -> bool:
        return deadline.seconds_left > 0 and moves.move(task.event, forms[task.event.form or ""].account, now)

    done = services.table.in_parallel(move, tasks)
    ids = [task.event.id for task, moved in zip(tasks, done, strict=True) if moved]
    logger.info("moved to the account of the form", extra={"event_ids": ids, "waiting": len(tasks) - len(ids)})
    return [
        Task(forms[one.event.form or ""].mapped(one.event), delivery)
        for one in services.events.load_well_formed(ids).stored
        for delivery in one.deliveries.values()
        if not one.event.is_copy(delivery.account) and delivery.status is Status.PENDING
    ]


def _wait(services: Services, claims: Claims, form: str, tasks: Sequence[Task], deadline: Deadline) -> None:
    """Lets signups of a form that is not in the configuration wait, and parks those that have waited too long.

    Each is due again after as long as it has waited, within the limits of other retries. When forms change, sweep
    enqueues it before.
    """
    policy, now = services.settings.delivery, services.effects.clock()
    reason, code = services.settings.missing_form(tasks[0].event) or "", ReasonCode.FORM_REMOVED
    overdue = [task for task in tasks if is_overdue(task, now, timedelta(hours=policy.give_up_after_hours))]
    for account in {task.account for task in overdue}:
        claims.park([task for task in overdue if task.account == account], reason, code, deadline)
    waiting: list[tuple[Task, datetime]] = []
    for task in tasks:
        if task not in overdue and (task.delivery.reason_code is not code or task.delivery.has_waited(now)):
            due = next_check_at(services, task, now)
            delivery = replace(task.delivery, reason=reason, reason_code=code, next_attempt_at=due)
            waiting.append((replace(task, delivery=delivery), due))
    if waiting:
        claims.defer(waiting)
        logger.error("form not in configuration", extra={"form": form, "events": len(waiting)})
    for account in {task.account for task, _ in waiting}:
        metrics.count("owner_must_act", account=account)
