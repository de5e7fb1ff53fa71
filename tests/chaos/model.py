"""The reference model: what may have become of one person's events at one account, by the contract's rules of order.

It knows what was sent, never how it was dealt with. Several ends are right where the order of arrival decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.chaos.letters import Letter


@dataclass(frozen=True)
class Told:
    """What the product says of one letter at one account."""

    letter: Letter
    account: str
    status: str
    reason: str
    unknown: bool


def mistakes(told: Sequence[Told], lifts: bool) -> Iterator[str]:
    """What cannot be, of all events of one person at one account; `lifts`: it can take an unsubscribe back."""
    for one in told:
        if one.status not in ("delivered", "superseded", "refused"):
            yield f"{one} is not final"
        elif one.letter.type == "signup":
            yield from _of_signup(one, [leave for leave in told if leave.letter.type == "unsubscribe"], lifts)
        else:
            yield from _of_unsubscribe(one, [join for join in told if join.letter.type == "signup"])


def _of_signup(join: Told, leaves: Sequence[Told], lifts: bool) -> Iterator[str]:
    if join.status == "superseded" and not any(_at(leave) >= _at(join) for leave in leaves):
        yield f"{join} is superseded by nobody"
    before = [leave for leave in leaves if _at(leave) < _at(join)]
    if join.reason == "suppressed" and not any(lifts or leave.status == "delivered" for leave in before):
        yield f"{join} is suppressed by nobody"


def _of_unsubscribe(leave: Told, joins: Sequence[Told]) -> Iterator[str]:
    later = [join for join in joins if _at(join) > _at(leave)]
    if leave.status == "superseded" and not any(join.status == "delivered" for join in later):
        yield f"{leave} is superseded by no signup that was delivered"
    if leave.status == "refused":
        yield f"{leave} is refused"


def last_word(told: Sequence[Told]) -> Told:
    """The last thing that the person said; at the same time it is the unsubscribe."""
    return max(told, key=lambda one: (_at(one), one.letter.type == "unsubscribe"))


def _at(one: Told) -> float:
    return one.letter.at.timestamp() if one.letter.at is not None else 0.0
