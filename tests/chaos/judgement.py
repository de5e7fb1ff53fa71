"""The end of a run: everything that was accepted is held against what the product says and what the providers hold."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from chalicelib.container import Container
from chalicelib.domain.events import Delivery
from chalicelib.domain.ids import suppression_lift_id
from chalicelib.providers import registry
from tests.chaos import model
from tests.chaos.letters import Letter
from tests.chaos.model import Told
from tests.chaos.trouble import REFUSAL, REFUSED
from tests.chaos.world import Calls, Held

_AT_MOST = 20
NO_LISTS = "lettre"
"""An account where one can only leave, and be taken back for having signed up elsewhere."""
NEVER_TAKES_BACK = "paris"
"""An account whose provider notes everybody who left, for ever."""


@dataclass
class Verdict:
    """What is wrong, and the figures to print."""

    mistakes: list[str] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return not self.mistakes

    def __str__(self) -> str:
        more = len(self.mistakes) - _AT_MOST
        return "\n".join([*self.mistakes[:_AT_MOST], *([f"and {more} more"] if more > 0 else [])])


def told(product: Container, letters: Sequence[Letter]) -> tuple[list[Told], list[str]]:
    """What the product says of each accepted letter at each of its accounts; and those it knows nothing of."""
    known = {one.event.id: one for one in product.events.load(letter.id for letter in letters if letter.id)}
    found: list[Told] = []
    missing: list[str] = []
    for letter in letters:
        event = known.get(letter.id or "")
        for account in letter.accounts:
            delivery = event.deliveries.get(account) if event else None
            if delivery is None:
                missing.append(f"{letter} is lost at {account}")
            else:
                found.append(_told(letter, delivery))
    return found, missing


def what_follows(product: Container, letters: Sequence[Letter]) -> list[Told]:
    """What the product made of signups by itself: who comes back elsewhere is taken off the opt-out list."""
    causes = {
        suppression_lift_id(one.id or "", NO_LISTS): one
        for one in letters
        if one.type == "signup" and one.door != "form"
    }
    return [
        _told(replace(causes[one.event.id], id=one.event.id, accounts=(NO_LISTS,), list=None), one.deliveries[NO_LISTS])
        for one in product.events.load(causes)
    ]


def _told(letter: Letter, delivery: Delivery) -> Told:
    return Told(letter, delivery.account, delivery.status.value, delivery.reason or "", delivery.unknown_outcome)


def judge(product: Container, letters: Sequence[Letter], held: Held, calls: Calls) -> Verdict:
    """All promises."""
    found, missing = told(product, letters)
    verdict = Verdict(mistakes=missing)
    people: dict[tuple[str, str], list[Told]] = defaultdict(list)
    for one in [*found, *what_follows(product, letters)]:
        people[one.account, one.letter.key].append(one)
    for (account, person), all_told in people.items():
        verdict.mistakes += _of_person(account, person, all_told, held, _lifts(product, account))
        verdict.mistakes += _of_leaving(account, person, all_told, calls)
    for one in found:
        verdict.mistakes += _of_signup(one, held, calls)
    verdict.figures = _figures(found, held, calls)
    return verdict


def counts(found: Sequence[Told]) -> Mapping[str, Counter[str]]:
    """Deliveries by account and status."""
    by_account: dict[str, Counter[str]] = defaultdict(Counter)
    for one in found:
        by_account[one.account][one.status] += 1
    return by_account


def _lifts(product: Container, account: str) -> bool:
    return registry.spec(product.settings.accounts[account].provider).capabilities.lifts_suppression


def _of_person(account: str, person: str, all_told: Sequence[Told], held: Held, lifts: bool) -> Iterator[str]:
    """The rules of order, and what the provider holds of the person."""
    usual = [one for one in all_told if one.letter.kind == "usual"]
    yield from (f"{account}: {mistake}" for mistake in model.mistakes(usual, lifts))
    for one in all_told:
        if one.status == "refused" and not _may_be_refused(one):
            yield f"{account}: {one} is refused without a reason"
    if not usual:
        return
    last, place = model.last_word(usual), (account, person)
    subscribed = (account == NO_LISTS or place in held.members) and place not in held.left
    if last.letter.type == "unsubscribe" and subscribed:
        yield f"{account}: {person} left and is subscribed: {usual}"
    if last.letter.type == "signup" and last.status == "delivered" and not subscribed:
        yield f"{account}: {person} came last and is not subscribed: {usual}"
    told_off = any(one.letter.type == "unsubscribe" and one.status == "delivered" for one in usual)
    if told_off and account == NEVER_TAKES_BACK and place not in held.left:
        yield f"{account}: {person} was told to have left and has not: {usual}"


def _may_be_refused(one: Told) -> bool:
    if one.letter.kind == "usual":
        refused = one.letter.email.startswith(REFUSED) and REFUSAL in one.reason
        return refused or (one.reason == "suppressed" and one.letter.type == "signup")
    return one.reason.startswith(one.letter.kind)


def _of_leaving(account: str, person: str, all_told: Sequence[Told], calls: Calls) -> Iterator[str]:
    """As many unsubscribe calls as unsubscribes, but for those whose outcome nobody knew."""
    leaves = [one for one in all_told if one.letter.type == "unsubscribe"]
    if any(one.unknown for one in leaves):
        return
    wanted = sum(1 for one in leaves if one.status == "delivered")
    for (at, address, list_id), number in calls.leaves_of(account, person):
        if number > wanted:
            yield f"{at}: {address} was unsubscribed {number} times {list_id}: {leaves}"


def _of_signup(one: Told, held: Held, calls: Calls) -> Iterator[str]:
    """Exactly one row for each delivered signup, none for any other, but where the outcome was unknown."""
    if one.letter.type != "signup":
        return
    rows = (held.rows if one.account == "paris" else calls.upserts)[one.letter.tag]
    wanted = 1 if one.status == "delivered" else 0
    if rows < wanted or (rows > wanted and not one.unknown):
        yield f"{one.account}: {one} has {rows} rows"


def _figures(found: Sequence[Told], held: Held, calls: Calls) -> dict[str, object]:
    twice = [
        one
        for one in found
        if one.letter.type == "signup" and (held.rows if one.account == "paris" else calls.upserts)[one.letter.tag] > 1
    ]
    return {
        "deliveries": {account: dict(sorted(some.items())) for account, some in sorted(counts(found).items())},
        "marked unknown": sum(1 for one in found if one.unknown),
        "rows twice or more, all marked": len(twice),
        "inserts": len(calls.rows),
        "calls": dict(calls.outcomes.most_common()),
    }
