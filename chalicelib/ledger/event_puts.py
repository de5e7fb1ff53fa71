"""Puts events that take several items: for several accounts with their deliveries, refused with a reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from ..domain.events import Event, Status
from ..domain.times import epoch_milliseconds as to_ms
from .event_items import delivery_fields, reference_item
from .keys import delivery_key
from .table import ConditionFailed, Table

Expiry = Callable[[datetime], int]
"""Returns when an event that is final then expires (seconds since 1970)."""


def put_whole(table: Table, event: Event, item: Mapping[str, Any], expiry: Expiry) -> None:
    """Puts an event for several accounts and its deliveries, or a refused message and the reference to it.

    An event that exists has all its deliveries. Raises ConditionFailed, with the existing item, if its id is taken.

    One transaction allows a request with a thousand unsubscribes to finish in time, and leaves no deliveries behind
    if the id is taken, which is worth the double price. If it is not possible, the deliveries are put before the event.
    """
    separate = event.accounts if len(event.accounts) > 1 else ()
    references = []
    if event.kept is not None:
        references = [reference_item(event, event.kept) | {"expires_at": expiry(event.accepted_at)}]
    deliveries = [_delivery_item(event, account, expiry) for account in separate]
    if table.put_new_together([item, *deliveries, *references]):
        return
    for reference in references:
        with suppress(ConditionFailed):  # an earlier attempt stored it
            table.put_new(reference)
    table.in_parallel(lambda account: put_delivery(table, event, account, expiry), separate)
    table.put_new(item)


def put_delivery(table: Table, event: Event, account: str, expiry: Expiry) -> None:
    """Puts a delivery of an event that is not stored yet. One that was given up since then is due again."""
    try:
        table.put_new(_delivery_item(event, account, expiry))
    except ConditionFailed as existing:  # an earlier attempt of the same request stored it
        if event.refused is None and "due_pk" not in existing.found:
            _restore_due(table, event, account, expiry)


def _restore_due(table: Table, event: Event, account: str, expiry: Expiry) -> None:
    """Returns a pending delivery to the `due` index if it was given up because its event was not stored."""
    fields = delivery_fields(event, account, expiry)
    table.try_update(  # else it is final: the event is or was stored
        delivery_key(event.id, account, event.accounts),
        "SET due_pk = :due_pk, due_sk = :due_sk REMOVE expires_at",
        {"due_pk": fields["due_pk"], "due_sk": fields["due_sk"], "pending": Status.PENDING.value},
        condition="#status = :pending AND attribute_not_exists(due_pk)",
        names={"status": "status"},
    )


def _delivery_item(event: Event, account: str, expiry: Expiry) -> dict[str, Any]:
    pk, sk = delivery_key(event.id, account, event.accounts)
    of_event = {"type": event.type.value, "form": event.form, "accepted": to_ms(event.accepted_at)}  # for the index
    return {"pk": pk, "sk": sk, **of_event, **delivery_fields(event, account, expiry)}
