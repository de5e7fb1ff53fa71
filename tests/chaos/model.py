"""The reference model: permitted final states of one person's events at one account.

It knows what was sent, not how it was processed. By the rules of order of the contract several final
states are permitted where the order of arrival decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.chaos.sent_events import SentEvent


@dataclass(frozen=True)
class Outcome:
    """Event status of one sent event at one account."""

    sent: SentEvent
    account: str
    status: str
    reason: str
    unknown: bool


def violations(outcomes: Sequence[Outcome], lifts: bool) -> Iterator[str]:
    """Yield forbidden states of the events of one person at one account; `lifts`: it can lift suppressions."""
    for one in outcomes:
        if one.status not in ("delivered", "superseded", "refused"):
            yield f"{one} is not final"
        elif one.sent.type == "signup":
            yield from _of_signup(one, [leave for leave in outcomes if leave.sent.type == "unsubscribe"], lifts)
        else:
            yield from _of_unsubscribe(one, [join for join in outcomes if join.sent.type == "signup"])


def _of_signup(join: Outcome, unsubscribes: Sequence[Outcome], lifts: bool) -> Iterator[str]:
    if join.status == "superseded" and not any(at(leave) >= at(join) for leave in unsubscribes):
        yield f"{join} is superseded without a reason"
    before = [leave for leave in unsubscribes if at(leave) < at(join)]
    if join.reason == "suppressed" and not any(lifts or leave.status == "delivered" for leave in before):
        yield f"{join} is suppressed without a reason"


def _of_unsubscribe(leave: Outcome, joins: Sequence[Outcome]) -> Iterator[str]:
    later = [join for join in joins if at(join) > at(leave)]
    if leave.status == "superseded" and not any(join.status == "delivered" for join in later):
        yield f"{leave} is superseded by no signup that was delivered"
    if leave.status == "refused":
        yield f"{leave} is refused"


def latest(outcomes: Sequence[Outcome]) -> Outcome:
    """The latest event of the person; at the same time the unsubscribe counts."""
    return max(outcomes, key=lambda one: (at(one), one.sent.type == "unsubscribe"))


def at(one: Outcome) -> float:
    """When it occurred; 0 where that is not stated."""
    return one.sent.at.timestamp() if one.sent.at is not None else 0.0
