"""Final checks of a run: accepted events are compared with event status and with the data of the providers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from chalicelib.container import Container
from chalicelib.domain.events import Delivery
from chalicelib.domain.ids import suppression_lift_id
from chalicelib.providers import registry
from tests.chaos import model
from tests.chaos.faults import REFUSAL, REFUSED
from tests.chaos.model import Outcome
from tests.chaos.sent_events import SentEvent
from tests.chaos.world import Calls, ProviderData

_AT_MOST = 20
NO_LISTS = "lettre"
"""An account without lists: it has only an opt-out list, from which a resubscription elsewhere removes an address."""
CANNOT_LIFT = "paris"
"""An account whose provider keeps a permanent record of every unsubscribe."""


@dataclass
class Result:
    """Problems found, and the figures to print."""

    violations: list[str] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return not self.violations

    def __str__(self) -> str:
        more = len(self.violations) - _AT_MOST
        return "\n".join([*self.violations[:_AT_MOST], *([f"and {more} more"] if more > 0 else [])])


def outcomes_of(product: Container, sent_events: Sequence[SentEvent]) -> tuple[list[Outcome], list[str]]:
    """Event status of each accepted event at each of its accounts, and the events that are unknown."""
    stored_as = {sent.id: _stored_as(product, sent) for sent in sent_events if sent.id}
    known = {one.event.id: one for one in product.events.load(stored_as.values())}
    found: list[Outcome] = []
    missing: list[str] = []
    for sent in sent_events:
        event = known.get(stored_as.get(sent.id, ""))
        for account in sent.accounts:
            delivery = event.deliveries.get(account) if event else None
            if delivery is None:
                missing.append(f"{sent} is lost at {account}")
            else:
                found.append(_outcome(sent, delivery))
    return found, missing


def _stored_as(product: Container, sent: SentEvent) -> str:
    """The id under which an event is stored: an invalid one leaves its own id free."""
    refused = product.events.refused_under(sent.id or "") if sent.kind == "invalid" else []
    return refused[0] if len(refused) == 1 else sent.id or ""


def lifts_of(product: Container, sent_events: Sequence[SentEvent]) -> list[Outcome]:
    """Lifts made by the product itself: a resubscription elsewhere removes the address from the opt-out list."""
    causes = {
        suppression_lift_id(one.id or "", NO_LISTS): one
        for one in sent_events
        if one.type == "signup" and one.entry != "form"
    }
    return [
        _outcome(
            replace(causes[one.event.id], id=one.event.id, accounts=(NO_LISTS,), list=None), one.deliveries[NO_LISTS]
        )
        for one in product.events.load(causes)
    ]


def _outcome(sent: SentEvent, delivery: Delivery) -> Outcome:
    return Outcome(sent, delivery.account, delivery.status.value, delivery.reason or "", delivery.unknown_outcome)


def check(product: Container, sent_events: Sequence[SentEvent], data: ProviderData, calls: Calls) -> Result:
    """Check all promises."""
    found, missing = outcomes_of(product, sent_events)
    result = Result(violations=missing)
    people: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for one in [*found, *lifts_of(product, sent_events)]:
        people[one.account, one.sent.key].append(one)
    for (account, person), outcomes in people.items():
        result.violations += _of_person(account, person, outcomes, data, _lifts(product, account))
        result.violations += _of_unsubscribes(account, person, outcomes, calls)
    rows = _Rows(found, data, calls)
    for one in found:
        result.violations += rows.violations(one)
    result.figures = _figures(found, data, calls)
    return result


def counts(found: Sequence[Outcome]) -> Mapping[str, Counter[str]]:
    """Deliveries by account and status."""
    by_account: dict[str, Counter[str]] = defaultdict(Counter)
    for one in found:
        by_account[one.account][one.status] += 1
    return by_account


def _lifts(product: Container, account: str) -> bool:
    return registry.spec(product.settings.accounts[account].provider).capabilities.lifts_suppression


def _of_person(
    account: str, person: str, outcomes: Sequence[Outcome], data: ProviderData, lifts: bool
) -> Iterator[str]:
    """Checks the rules of order, and what the provider stores about the person."""
    usual = [one for one in outcomes if one.sent.kind == "usual"]
    yield from (f"{account}: {violation}" for violation in model.violations(usual, lifts))
    for one in outcomes:
        if one.status == "refused" and not _may_be_refused(one):
            yield f"{account}: {one} is refused without a reason"
    if not usual:
        return
    last, place = model.latest(usual), (account, person)
    subscribed = (account == NO_LISTS or place in data.members) and place not in data.unsubscribed
    if last.sent.type == "unsubscribe" and subscribed:
        yield f"{account}: {person} unsubscribed and still gets mail: {usual}"
    if last.sent.type == "signup" and last.status == "delivered" and not subscribed:
        yield f"{account}: {person} resubscribed and gets no mail: {usual}"
    unsubscribed = any(one.sent.type == "unsubscribe" and one.status == "delivered" for one in usual)
    if unsubscribed and account == CANNOT_LIFT and place not in data.unsubscribed:
        yield f"{account}: {person} was unsubscribed and still gets mail: {usual}"


def _may_be_refused(one: Outcome) -> bool:
    if one.sent.kind == "usual":
        refused = one.sent.email.startswith(REFUSED) and REFUSAL in one.reason
        return refused or (one.reason == "suppressed" and one.sent.type == "signup")
    return one.reason.startswith(one.sent.kind)


def _of_unsubscribes(account: str, person: str, outcomes: Sequence[Outcome], calls: Calls) -> Iterator[str]:
    """Checks that there are as many unsubscribe calls as unsubscribes, except for unknown outcomes."""
    unsubscribes = [one for one in outcomes if one.sent.type == "unsubscribe"]
    if any(one.unknown for one in unsubscribes):
        return
    wanted = sum(1 for one in unsubscribes if one.status == "delivered")
    for (at, address, list_id), number in calls.unsubscribes_of(account, person):
        if number > wanted:
            yield f"{at}: {address} was unsubscribed {number} times {list_id}: {unsubscribes}"


class _Rows:
    """The providers' rows by tag. A row of several signups has the tag of the latest."""

    def __init__(self, found: Sequence[Outcome], data: ProviderData, calls: Calls) -> None:
        self._data = data
        self._calls = calls
        self._latest: dict[tuple[object, ...], float] = {}
        """When the latest delivered signup that has a row of its own occurred, by what a row is of."""
        for one in found:
            if one.sent.type == "signup" and one.status == "delivered" and self._of(one):
                row = _row(one)
                self._latest[row] = max(self._latest.get(row, 0.0), model.at(one))

    def violations(self, one: Outcome) -> Iterator[str]:
        """Checks for one row of each delivered signup, its own or a later one's, and none of others.

        An unknown outcome may have left more.
        """
        if one.sent.type != "signup":
            return
        rows = self._of(one)
        merged = self._latest.get(_row(one), -1.0) >= model.at(one)
        fewer = one.status == "delivered" and rows == 0 and not merged
        if fewer or (rows > (one.status == "delivered") and not one.unknown):
            yield f"{one.account}: {one} has {rows} rows"

    def _of(self, one: Outcome) -> int:
        return (self._data.rows if one.account == "paris" else self._calls.upserts)[one.sent.tag]


def _row(one: Outcome) -> tuple[object, ...]:
    """What the signups of a row have in common: account, person, list and right to lift a suppression."""
    return one.account, one.sent.key, one.sent.list, one.sent.entry == "form"


def _figures(found: Sequence[Outcome], data: ProviderData, calls: Calls) -> dict[str, object]:
    twice = [
        one
        for one in found
        if one.sent.type == "signup" and (data.rows if one.account == "paris" else calls.upserts)[one.sent.tag] > 1
    ]
    return {
        "deliveries": {account: dict(sorted(some.items())) for account, some in sorted(counts(found).items())},
        "marked unknown": sum(1 for one in found if one.unknown),
        "rows twice or more, all marked": len(twice),
        "inserts": len(calls.rows),
        "calls": dict(calls.outcomes.most_common()),
    }
