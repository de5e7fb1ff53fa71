"""EventBridge's schedules: `rate(…)` and `cron(…)`, each first due after one whole period.

Grammar: "Schedule expressions" in the EventBridge user guide. Times are UTC.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from local.lambdas import events
from local.lambdas.functions import FunctionFailed, NoEnvironment
from local.template_reader import Function

_log = logging.getLogger(__name__)

_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FAR = timedelta(days=4 * 366)


class UnknownSchedule(ValueError):
    """An expression that is neither a rate nor a supported cron expression."""


def next_due(expression: str, after: datetime) -> datetime:
    """Returns when a schedule that last fired or was created at `after` is due. Raises UnknownSchedule."""
    kind, _, inside = expression.removesuffix(")").partition("(")
    if kind == "rate" and (rate := re.fullmatch(r"(\d+) (minute|hour|day)s?", inside)):
        return after + int(rate[1]) * _UNITS[rate[2]]
    if kind == "cron":
        return _next_cron(expression, inside.split(), after)
    raise UnknownSchedule(expression)


def _next_cron(expression: str, fields: list[str], after: datetime) -> datetime:
    if len(fields) != 6:
        raise UnknownSchedule(expression)
    try:
        minutes = _values(fields[0], 0, 59)
        hours = _values(fields[1], 0, 23)
        days = _values(fields[2], 1, 31)
        months = _values(fields[3], 1, 12, _MONTHS)
        weekdays = _values(fields[4], 1, 7, _WEEKDAYS)
        years = _values(fields[5], 1970, 2199)
    except ValueError as error:
        raise UnknownSchedule(expression) from error
    due = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while due < after + _FAR:
        if not (due.month in months and due.day in days and due.isoweekday() % 7 + 1 in weekdays and due.year in years):
            due = due.replace(hour=0, minute=0) + timedelta(days=1)
        elif due.hour not in hours:
            due = due.replace(minute=0) + timedelta(hours=1)
        elif due.minute not in minutes:
            due += timedelta(minutes=1)
        else:
            return due
    raise UnknownSchedule(f"{expression} is never due")


def _values(field: str, low: int, high: int, names: tuple[str, ...] = ()) -> set[int]:
    """Returns the numbers of a field of a cron expression. Raises ValueError."""
    values: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if span in ("*", "?"):
            start, end = low, high
        else:
            start = _number(first, low, names)
            end = _number(last, low, names) if last else (high if step else start)
        if not low <= start <= end <= high:
            raise ValueError(field)
        values.update(range(start, end + 1, int(step or 1)))
    return values


def _number(text: str, low: int, names: tuple[str, ...]) -> int:
    return names.index(text.upper()) + low if text.upper() in names else int(text)


class Schedules:
    """Fires the schedules of `functions`; a slow run does not delay the next one."""

    def __init__(
        self,
        functions: Iterable[Function],
        region: str,
        invoke: Callable[[str, Any], Any],
        clock: Callable[[], datetime],
    ) -> None:
        now = clock()
        self._region = region
        self._invoke = invoke
        self._clock = clock
        self._due = {
            (function.name, expression): next_due(expression, now)
            for function in functions
            for expression in function.schedules
        }
        self._firing = threading.Lock()
        self._stopping = threading.Event()

    def start(self) -> None:
        """Checks the clock in a background thread, twice a second."""
        threading.Thread(target=self._fire_until_stopped, name="schedules", daemon=True).start()

    def stop(self) -> None:
        """Stops firing."""
        self._stopping.set()

    def fire_due(self) -> list[threading.Thread]:
        """Starts what is due now, each in a thread. A schedule that was missed for several periods fires once."""
        started = []
        for function, due in self._take_due():
            event = events.scheduled(function, due, self._region)
            thread = threading.Thread(target=self._run, args=(function, event), name=f"run {function}", daemon=True)
            thread.start()
            started.append(thread)
        return started

    def _take_due(self) -> list[tuple[str, datetime]]:
        """Returns the due functions with their due times, and advances their schedules."""
        with self._firing:
            now = self._clock()
            found = [(place, due) for place, due in self._due.items() if due <= now]
            for (function, expression), due in found:
                following = next_due(expression, due)
                self._due[function, expression] = following if following > now else next_due(expression, now)
            return [(function, due) for (function, _), due in found]

    def _fire_until_stopped(self) -> None:
        while not self._stopping.wait(0.5):
            self.fire_due()

    def _run(self, function: str, event: dict[str, Any]) -> None:
        try:
            self._invoke(function, event)
        except FunctionFailed as failure:
            _log.error("scheduled run of %s failed: %s", function, failure.document["errorType"])
        except NoEnvironment as error:
            _log.error("scheduled run of %s not started: %s", function, error)
