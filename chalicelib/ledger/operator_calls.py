"""Records operators' calls by their idempotency keys, so that a repeat gets the answer of the first call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ..domain.times import epoch_milliseconds
from .attributes import Attributes, strictly
from .keys import operator_call_key
from .table import ConditionFailed, Table

KEPT = timedelta(days=1)


class _Status(StrEnum):
    RUNNING = "running"
    ANSWERED = "answered"
    FREE = "free"
    """The call has changed nothing: the key may be used again, also for another call."""


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call that is about to be made. `digest` is of its content, `ends_at` when its invocation ends at the latest."""

    function: str
    key: str
    digest: str
    token: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class EarlierCall:
    """What is known of an earlier call. Without an `answer` it runs, or was cut off if `ends_at` has passed."""

    digest: str
    ends_at: datetime
    answer: str | None


class OperatorCallStore:
    """One item for each function and idempotency key, for a day. Every method raises LedgerUnavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def begin(self, call: NewCall, now: datetime, *, takes_over: bool) -> EarlierCall | None:
        """Records that a call runs, and returns None; if an earlier call prevents it, returns that one.

        `takes_over`: also instead of an earlier call of the same content that was cut off.
        """
        condition = "attribute_not_exists(pk) OR expires_at < :second OR #status = :free"
        values = {
            "digest": call.digest,
            "token": call.token,
            "ends": epoch_milliseconds(call.ends_at),
            "running": _Status.RUNNING.value,
            "free": _Status.FREE.value,
            "second": int(now.timestamp()),
            "expires": int((now + KEPT).timestamp()),
        }
        if takes_over:
            condition += " OR (#status = :running AND ends_at < :now AND digest = :digest)"
            values["now"] = epoch_milliseconds(now)
        try:
            self._table.update(
                operator_call_key(call.function, call.key),
                "SET digest = :digest, #token = :token, ends_at = :ends, #status = :running, expires_at = :expires "
                "REMOVE answer",
                values,
                condition=condition,
                names={"status": "status", "token": "token"},
            )
        except ConditionFailed as failed:
            if failed.found.get("token") == call.token:
                return None  # the first attempt of this very write, whose answer was lost
            return strictly(_earlier, failed.found)
        return None

    def end(self, call: NewCall, answer: str | None) -> None:
        """Records the answer of a call; None if the key is free again. Does nothing if another has taken it over."""
        status = _Status.FREE if answer is None else _Status.ANSWERED
        self._finish(call, "SET #status = :status, answer = :answer", {"status": status.value, "answer": answer or ""})

    def cut_off(self, call: NewCall, now: datetime) -> None:
        """Records that a call has ended with an unknown result."""
        self._finish(call, "SET ends_at = :ended", {"ended": epoch_milliseconds(now) - 1})

    def _finish(self, call: NewCall, change: str, values: dict[str, str | int]) -> None:
        names = {"token": "token", **({"status": "status"} if "status" in values else {})}
        key = operator_call_key(call.function, call.key)
        self._table.try_update(key, change, {**values, "token": call.token}, condition="#token = :token", names=names)


def _earlier(item: Attributes) -> EarlierCall:
    answered = item.required("status", _Status) is _Status.ANSWERED
    return EarlierCall(
        item.required("digest", str),
        item.required("ends_at", datetime),
        item.required("answer", str) if answered else None,
    )
