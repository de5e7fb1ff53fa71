"""`audit`: compares the unsubscribes of providers and ledger; returns counts and keyed hashes, repairs on request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from ..delivery.deadline import Deadline
from ..domain.errors import LedgerUnavailable, ProviderError, RelaisError
from ..domain.events import Door, Event, EventType, Status
from ..domain.ordering import SubscriptionState
from ..domain.times import epoch_milliseconds as to_ms, from_epoch_milliseconds as from_ms
from ..ingestion.accept import accept_all
from ..observability import log_context, logger, metrics, redact
from ..providers.spec import Capabilities, Provider
from ..services import Services
from ..unsubscribe_sync.list_reading import unsubscribed_address
from ..unsubscribe_sync.propagate import Candidate, Propagation, usable
from ..unsubscribe_sync.rules import Reading, UnsubscribedAddress
from .call_input import checked, failed, nearest, wrong
from .ledger_scan import OutOfTime, time_check
from .suppressed_addresses import Hashes, first_position, suppressed

KEYS = ("accounts", "repair")
SHOWN = 50
"""Hashes shown of each kind of difference."""
CHUNK = 250
DIFFERENCES = "audit_differences"
TIME_IS_UP = "the time ran out; give the function a longer timeout, or name fewer accounts"

T = TypeVar("T")


@dataclass(slots=True)
class Difference:
    """Addresses that differ, by keyed hash."""

    hashes: set[str] = field(default_factory=set)

    def add(self, hashed: str) -> bool:
        """Counts an address; False if it was counted already."""
        new = hashed not in self.hashes
        self.hashes.add(hashed)
        return new

    def as_json(self) -> dict[str, Any]:
        """Returns the count and the first hashes, for the answer."""
        return {"count": len(self.hashes), "hashes": sorted(self.hashes)[:SHOWN]}


@dataclass(slots=True)
class AuditOutcome:
    """The result of one account's audit."""

    read: int = 0
    known: int = 0
    pending: int = 0
    refused: int = 0
    repaired: int = 0
    unrepairable: int = 0
    missing_at_provider: Difference = field(default_factory=Difference)
    missing_in_ledger: Difference = field(default_factory=Difference)
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Returns the account's part of the answer."""
        figures = ("read", "known", "pending", "refused", "repaired", "unrepairable", "error")
        return {
            **{name: getattr(self, name) for name in figures},
            "missing_at_provider": self.missing_at_provider.as_json(),
            "missing_in_ledger": self.missing_in_ledger.as_json(),
        }


class Audit:
    """Compares ledger and providers, one account after another."""

    def __init__(
        self,
        services: Services,
        provider_of: Callable[[str], Provider],
        capabilities_of: Callable[[str], Capabilities | None],
    ) -> None:
        self.services = services
        self.provider_of = provider_of
        self.capabilities_of = capabilities_of

    def handle(self, event: Any, deadline: Deadline) -> dict[str, Any]:
        """Answers `{"accounts"?: […], "repair"?: true}` or a schedule's event by `{"accounts"}` or `{"error"}`."""
        capabilities = {name: self.capabilities_of(name) for name in self.services.settings.accounts}
        can_be_read = [name for name, one in capabilities.items() if one is not None and one.reads_unsubscribes]
        try:
            names, repair = _asked(event, can_be_read)
            missing = self.services.address_key_check.look().missing
            if missing is not None:
                logger.error("audit not made", extra={"reason": missing})
                return failed(f"{missing}; without it unsubscribes of the ledger would look as if they were missing")
            unsubscribed = suppressed(self.services.table, names, time_check(deadline))
        except ProviderError as error:
            return failed(error)
        except (OutOfTime, LedgerUnavailable) as error:
            return failed(str(error) or TIME_IS_UP)
        answer = {}
        for name in names:
            with log_context(account=name):
                audit = _AccountAudit(self, name, Hashes(unsubscribed.pop(name)), repair, deadline)
                answer[name] = audit.run().as_json()
        return {"accounts": answer}


class _AccountAudit:
    """Compares one account. `unsubscribed` are the addresses that the ledger suppresses for it."""

    def __init__(self, audit: Audit, name: str, unsubscribed: Hashes, repair: bool, deadline: Deadline) -> None:
        capabilities = audit.capabilities_of(name)
        self._services = audit.services
        self._provider = partial(audit.provider_of, name)
        self._has_lists = capabilities is not None and capabilities.has_lists
        self._name = name
        self._unsubscribed = unsubscribed
        self._seen = bytearray(len(unsubscribed))
        self._repair = repair
        self._deadline = deadline
        self._check_time = time_check(deadline)
        self._outcome = AuditOutcome()

    def run(self) -> AuditOutcome:
        """Compares to the end, or as far as provider, ledger and time allow."""
        outcome = self._outcome
        try:
            for chunk in _chunks(self._unknown()):
                self._record_missing_in_ledger(chunk)
            missing = self._still_mailed() if self._has_lists else self._not_listed()
            for hashes in _chunks(missing):
                self._record_missing_at_provider(hashes)
        except OutOfTime:
            outcome.error = TIME_IS_UP
        except RelaisError as error:
            outcome.error = redact(str(error))
        differences = len(outcome.missing_at_provider.hashes) + len(outcome.missing_in_ledger.hashes)
        metrics.count(DIFFERENCES, differences, self._name)
        counts = {"differences": differences, "repaired": outcome.repaired, "error": outcome.error}
        logger.info("audit finished", extra=counts)
        return outcome

    def _unknown(self) -> Iterator[UnsubscribedAddress]:
        """Yields the provider's rows that the ledger scan did not find; marks the others as seen."""
        rows = self._provider().unsubscribed(budget=self._deadline.seconds_left)
        for row in rows:
            self._check_time()
            self._outcome.read += 1
            unsubscribed = unsubscribed_address(row)
            if not usable(unsubscribed):
                continue
            position = first_position(self._unsubscribed, self._services.address_keys.hashes(row.email))
            if position is None:
                yield unsubscribed
            else:
                self._seen[position] = True
                self._outcome.known += 1

    def _record_missing_in_ledger(self, rows: Sequence[UnsubscribedAddress]) -> None:
        """Checks unknown rows again and, with `repair`, propagates them as a sync does."""
        propagation = self._propagation()
        candidates = [Candidate(0, b"", row, frozenset(propagation.targets)) for row in rows]
        missing = propagation.unpropagated(candidates)
        self._outcome.known += len(rows) - len(missing)
        for one in missing:
            self._outcome.missing_in_ledger.add(self._services.address_keys.hashes(one.row.email)[0])
        if self._repair and missing:
            self._outcome.repaired += propagation.propagate(missing)[1]

    def _propagation(self) -> Propagation:
        """Propagation that takes everything ever propagated as seen: a person resubscribed to one list may still be
        unsubscribed on others.
        """
        settings = self._services.settings
        section = settings.sync_unsubscribes
        targets = section.propagate_to if section is not None else tuple(settings.accounts)
        names = tuple(name for name in settings.accounts if name in targets and (name != self._name or self._has_lists))
        reading = Reading(started=to_ms(self._services.effects.clock()), seen_before=0)
        all_accounts = set(settings.accounts) == {*names, self._name}
        return Propagation(self._services, self._name, names, all_accounts, reading)

    def _still_mailed(self) -> Iterator[tuple[str, str | None]]:
        """Yields hashes of unsubscribed persons who are on a list all the same, with their addresses."""
        for email in self._provider().subscribed(budget=self._deadline.seconds_left):
            self._check_time()
            position = first_position(self._unsubscribed, self._services.address_keys.hashes(email))
            if position is not None:
                yield self._unsubscribed.text(position), email

    def _not_listed(self) -> Iterator[tuple[str, str | None]]:
        """Yields hashes of unsubscribed persons that the provider does not list; their address is not known."""
        for position in range(len(self._unsubscribed)):
            if not self._seen[position]:
                yield self._unsubscribed.text(position), None

    def _record_missing_at_provider(self, found: Sequence[tuple[str, str | None]]) -> None:
        """Checks each person that the provider may still mail again; with `repair`, stores unsubscribes for it."""
        self._check_time()
        repairs = []
        for hashed, email in dict(found).items():
            state = self._state(hashed, email)
            if not state.is_suppressed or not self._is_difference(state):
                continue
            if self._outcome.missing_at_provider.add(hashed) and self._repair:
                repairs += self._unsubscribe(hashed, email, state)
        if repairs:
            accept_all(self._services, repairs)
            self._outcome.repaired += len(repairs)

    def _state(self, hashed: str, email: str | None) -> SubscriptionState:
        states = self._services.subscriptions
        if email is not None:
            return states.look(email, self._name, self._status)
        return states.look_by_hash(hashed, self._name, self._status)

    def _status(self, event_id: str) -> Status | None:
        return self._services.events.status(event_id, self._name)

    def _is_difference(self, state: SubscriptionState) -> bool:
        """Returns False while the unsubscribe is pending at the provider, and where the provider refused it."""
        status = self._status(state.unsubscribed_by) if state.unsubscribed_by is not None else None
        self._outcome.pending += status is Status.PENDING
        self._outcome.refused += status is Status.REFUSED
        return status not in (Status.PENDING, Status.REFUSED)

    def _unsubscribe(self, hashed: str, email: str | None, state: SubscriptionState) -> list[Event]:
        """Returns the repairing event, its id stable within a day; none where the address is no longer known."""
        address, unsubscribed_at = email or self._address(hashed, state), state.unsubscribed_at
        if address is None or unsubscribed_at is None:
            self._outcome.unrepairable += 1
            return []
        now = self._services.effects.clock()
        identity = json.dumps(["audit", self._name, hashed, unsubscribed_at, now.date().isoformat()]).encode()
        return [
            Event(
                id=f"audit-{self._services.address_keys.digest(identity)}",
                type=EventType.UNSUBSCRIBE,
                email=address,
                accounts=(self._name,),
                occurred_at=from_ms(unsubscribed_at),
                accepted_at=now,
                occurred_at_stated=False,
                door=Door.OPERATOR,
            )
        ]

    def _address(self, hashed: str, state: SubscriptionState) -> str | None:
        """Returns the address from the event of the unsubscribe, while that event is stored."""
        for stored in self._services.events.load([state.unsubscribed_by] if state.unsubscribed_by else []):
            if stored.event.email and hashed in self._services.address_keys.hashes(stored.event.email):
                return stored.event.email
        return None


def _asked(event: Any, can_be_read: Sequence[str]) -> tuple[list[str], bool]:
    """Parses the accounts and whether to repair. Raises `ProviderError` (caller) with the correction."""
    if isinstance(event, Mapping) and event.get("source") == "aws.events":
        return list(can_be_read), False
    event = checked(event, (*KEYS, "time"))
    repair = event.get("repair", False)
    if not isinstance(repair, bool):
        raise wrong("repair must be true or false", "true stores the unsubscribes that are missing")
    return _accounts(event.get("accounts"), can_be_read), repair


def _accounts(given: Any, can_be_read: Sequence[str]) -> list[str]:
    if given is None:
        return list(can_be_read)
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise wrong("accounts must be a list", f"of {', '.join(can_be_read)}")
    for name in given:
        if name not in can_be_read:
            raise wrong(f"the unsubscribes of {name[:60]!r} cannot be read", nearest(name, can_be_read))
    return list(dict.fromkeys(given))


def _chunks(values: Iterable[T]) -> Iterator[list[T]]:
    source = iter(values)
    while chunk := list(islice(source, CHUNK)):
        yield chunk
