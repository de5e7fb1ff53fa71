"""Events and deliveries to the ledger's items and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..core.events import Consent, Delivery, Event, EventType, HeldEvent, Status
from ..core.times import epoch_milliseconds as to_ms, from_epoch_milliseconds as from_ms
from .keys import delivery_key, event_id_of, event_key
from .syncs import sync_from, sync_item


def content_of(event: Event) -> bytes:
    """What makes two events with one id the same: never arrival time, IP or a defaulted `occurred_at`."""
    values = [
        event.type.value,
        event.form,
        event.list,
        event.email,
        dict(event.fields),
        None if event.all_accounts else sorted(event.accounts),
        event.scope,
        to_ms(event.occurred_at) if event.occurred_at_stated else None,
        *([sync_item(event.sync)] if event.sync else []),
    ]
    return json.dumps(values, sort_keys=True, ensure_ascii=False).encode()


def event_item(event: Event) -> dict[str, Any]:
    """The item of an event, without its delivery and the digest of its content."""
    pk, sk = event_key(event.id)
    return {
        "pk": pk,
        "sk": sk,
        "type": event.type.value,
        "email": event.email,
        "accounts": list(event.accounts),
        "occurred": to_ms(event.occurred_at),
        "accepted": to_ms(event.accepted_at),
        "list": event.list,
        "form": event.form,
        "fields": dict(event.fields) or None,
        "everywhere": True if event.scope == "global" else None,
        "all_accounts": event.all_accounts or None,
        "forget": event.forget or None,
        "may_not_lift": True if not event.may_lift else None,
        "consent": _consent_item(event.consent) if event.consent else None,
        "sync": sync_item(event.sync) if event.sync else None,
    }


def _consent_item(consent: Consent) -> dict[str, Any]:
    values = {
        "source": consent.source,
        "text": consent.text,
        "ip": consent.ip,
        "at": to_ms(consent.at) if consent.at else None,
        "wording_sha256": consent.wording_sha256,
    }
    return {name: value for name, value in values.items() if value is not None}


def event_from(item: Mapping[str, Any]) -> Event:
    """The event of an item; one whose personal data was erased has an empty address."""
    consent = item.get("consent")
    return Event(
        id=event_id_of(item["pk"]),
        type=EventType(item["type"]),
        email=item.get("email", ""),
        accounts=tuple(item["accounts"]),
        occurred_at=from_ms(item["occurred"]),
        accepted_at=from_ms(item["accepted"]),
        list=item.get("list"),
        form=item.get("form"),
        fields=item.get("fields", {}),
        scope="global" if item.get("everywhere") else "account",
        all_accounts=bool(item.get("all_accounts")),
        forget=bool(item.get("forget")),
        may_lift=not item.get("may_not_lift"),
        consent=Consent(
            source=consent.get("source"),
            text=consent.get("text"),
            ip=consent.get("ip"),
            at=from_ms(consent["at"]) if "at" in consent else None,
            wording_sha256=consent.get("wording_sha256"),
        )
        if consent
        else None,
        sync=sync_from(item["sync"]) if "sync" in item else None,
    )


def with_deliveries(event: Event, items: Mapping[tuple[str, str], Mapping[str, Any]]) -> HeldEvent:
    """An event with those of its deliveries that are among `items`, which are by their keys."""
    deliveries = {}
    for account in event.accounts:
        item = items.get(delivery_key(event.id, account, event.accounts))
        if item is not None:
            deliveries[account] = delivery_from(account, item)
    return HeldEvent(event, deliveries)


def delivery_from(account: str, item: Mapping[str, Any]) -> Delivery:
    """The delivery to `account` that an item holds."""
    updated, upcoming, resent = item.get("updated"), item.get("next_at"), item.get("resent")
    taken_back = item.get("taken_back")
    return Delivery(
        account=account,
        status=Status(item["status"]),
        attempts=item.get("attempts", 0),
        reason=item.get("reason"),
        unknown_outcome=bool(item.get("unknown_outcome")),
        next_attempt_at=from_ms(upcoming) if upcoming else None,
        updated_at=from_ms(updated) if updated else None,
        resent_at=from_ms(resent) if resent else None,
        held_back=bool(item.get("held_back")),
        taken_back=from_ms(taken_back) if taken_back else None,
    )
