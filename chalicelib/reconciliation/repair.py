"""What the nightly pass does about what it finds: a method for each kind of thing that may be left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ..domain.backoff import AccountState
from ..domain.events import EventType, Status, StoredEvent
from ..domain.times import epoch_milliseconds
from ..ledger.events import EventStore, Loaded
from ..ledger.keys import due_partitions
from ..ledger.table import Table
from ..notification.notifier import Notifier
from ..observability import event_log, logger, metrics
from .findings import FindingStore, Left
from .rules import LONG_PAST, NEVER_HELD_AFTER, Found, Place, found

Held = Mapping[str, StoredEvent]


@dataclass(slots=True)
class Repairs:
    """Mends one page of the ledger after another. Everything raises LedgerUnavailable.

    `account_names` are the configured accounts; `state_of` reads an account's state.
    """

    account_names: frozenset[str]
    table: Table
    events: EventStore
    finding_store: FindingStore
    state_of: Callable[[str], AccountState]
    notifier: Notifier

    def repair(self, left: Sequence[Left], now: datetime) -> int:
        """Put right what needs it; how many deliveries were rung for."""
        loaded = self._loaded(left)
        held = _by_id(loaded.held)
        left = [one for one in left if one.event_id not in loaded.malformed]  # malformed is not gone
        pending = [one for one in left if one.status is Status.PENDING]
        ended = [one for one in left if one.status is not Status.PENDING]
        enqueued = self._put_back(pending, held, now)
        enqueued += self._retire([one for one in pending if not _is_of(one, held)], now)
        self._let_expire([one for one in ended if not _expires_as_a_whole(one, held)], now)
        self._let_expire_as_a_whole([one for one in ended if _expires_as_a_whole(one, held)], held, now)
        return enqueued

    def _put_back(self, pending: Sequence[Left], held: Held, now: datetime) -> int:
        """Pending deliveries that nothing will ring for go back to where sweep finds them, and are rung for."""
        states = {name: self.state_of(name) for name in {one.account for one in pending if one.account is not None}}

        def put_back(one: Left) -> bool:
            event, account = held[one.event_id].event, one.account or ""
            delivery = held[one.event_id].deliveries[account]
            waits = event.type.waits_for_account and _is_paused(states[account], event.list)
            what = found(one.place, due_partitions(account, event.type), paused=waits, now=now)
            if what is Found.OVERDUE:
                # Of an account that is gone sweep knows only if it ever saw it configured.
                what = (
                    Found.LOST if account not in self.account_names or not self.finding_store.is_in_index(one) else what
                )
            return (
                what is Found.LOST
                and delivery.status is Status.PENDING
                and self.finding_store.put_back(event, delivery, one, now)
            )

        of_held = [one for one in pending if _is_of(one, held)]
        repaired = [one for one, done in zip(of_held, self.table.in_parallel(put_back, of_held), strict=True) if done]
        _tell("repaired_pending", repaired)
        return self._notify(repaired, held)

    def _retire(self, orphans: Sequence[Left], now: datetime) -> int:
        """Deliveries of an event that was never held, its sender having given up, are rung for no more, and expire.

        The event may be held just now. Then either its holder finds the delivery retired and puts it back, or it is
        found held here once more, and put back.
        """
        before = epoch_milliseconds(now - NEVER_HELD_AFTER)
        old = [one for one in orphans if one.place.expires_at is None and one.updated < before]
        done = self.table.in_parallel(lambda one: self.finding_store.let_expire(one, now), old)
        retired = [one for one, yes in zip(old, done, strict=True) if yes]
        _tell("repaired_orphans", retired)
        as_retired = [replace(one, place=Place(None, None)) for one in retired]
        held = _by_id(self._loaded(as_retired).held)
        return self._put_back([one for one in as_retired if _is_of(one, held)], held, now)

    def _let_expire(self, ended: Sequence[Left], now: datetime) -> None:
        """What is final expires; so does what remains of an event that has expired."""
        done = self.table.in_parallel(
            lambda one: one.status is not None and self.finding_store.let_expire(one, now), ended
        )
        _tell("repaired_expiry", [one for one, yes in zip(ended, done, strict=True) if yes])

    def _let_expire_as_a_whole(self, ended: Sequence[Left], held: Held, now: datetime) -> None:
        """An event whose last worker died after the last delivery, before the event's expiry.

        If its person asked to be forgotten, that worker was to take their data out, too; that is done here.
        """
        of_event = {one.event_id: one for one in ended}
        whole = [one for one in of_event.values() if _is_over(held[one.event_id], now)]
        self.table.in_parallel(lambda one: self.events.expire_when_whole(held[one.event_id].event, now), whole)
        _tell("repaired_expiry", whole)

    def _loaded(self, left: Iterable[Left]) -> Loaded:
        return self.events.load_well_formed(dict.fromkeys(one.event_id for one in left))

    def _notify(self, repaired: Sequence[Left], held: Held) -> int:
        ringing: dict[EventType, list[str]] = {}
        for one in repaired:
            ringing.setdefault(held[one.event_id].event.type, []).append(one.event_id)
        enqueued = sum(
            len(ids) for verb, ids in ringing.items() if self.notifier.notify(verb, list(dict.fromkeys(ids)))
        )
        metrics.count("enqueued", enqueued)
        return enqueued


def _by_id(held: Iterable[StoredEvent]) -> Held:
    return {one.event.id: one for one in held}


def _is_of(one: Left, held: Held) -> bool:
    """Is it a delivery of an event that is held?"""
    return one.event_id in held and one.account in held[one.event_id].deliveries


def _expires_as_a_whole(one: Left, held: Held) -> bool:
    """True for a part of an event for several accounts, and for a wish to be forgotten, which erases others first."""
    return one.event_id in held and (not one.is_single or held[one.event_id].event.forget)


def _is_over(one: StoredEvent, now: datetime) -> bool:
    """Is every delivery final, and that not just now, when its worker may be about to say so?"""
    pending = any(delivery.status is Status.PENDING for delivery in one.deliveries.values())
    return not pending and one.event.accepted_at <= now - LONG_PAST


def _is_paused(state: AccountState, list_id: str | None) -> bool:
    return state.pause is not None or (list_id is not None and list_id in state.lists)


def _tell(what: str, repaired: Sequence[Left]) -> None:
    if not repaired:
        return
    metrics.count(what, len(repaired))
    ids = list(dict.fromkeys(one.event_id for one in repaired))
    for start in range(0, len(ids), event_log.IDS_A_LINE):
        logger.warning(
            "the nightly pass mended what was left behind",
            extra={"what": what, "deliveries": len(repaired), "event_ids": ids[start : start + event_log.IDS_A_LINE]},
        )
