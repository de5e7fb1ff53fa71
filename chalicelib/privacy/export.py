"""Implements `export_person`: exports all data stored about an address, with readable times."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any, assert_never

from ..delivery.deadline import Deadline
from ..domain.addresses import normal_forms
from ..domain.consent import ConsentEvidence
from ..domain.erasure import contacts_of
from ..domain.errors import LedgerUnavailable, ProviderError
from ..domain.events import Consent, Delivery, Event, EventType, KeptMessage, StoredEvent
from ..domain.kept_bodies import only_entries_of
from ..domain.ordering import SubscriptionState, all_settled
from ..domain.times import format_time, from_epoch_milliseconds
from ..ledger.keys import EVERY_ACCOUNT, event_key
from ..ledger.table import Key
from ..observability import logger
from ..operators.call_input import TOO_LARGE, address, failed
from ..operators.ledger_scan import CheckTime, OutOfTime, batches, time_check
from ..services import Services
from .person_search import PersonSearch


def export_person(services: Services, event: Any, deadline: Deadline) -> dict[str, Any]:
    """Answers `{"email"}` with the stored data, or with `{"error"}`; does not raise, and logs no address.

    An export is complete or absent: if the time runs out or the ledger is unavailable, only `error` is returned.
    """
    try:
        return _export(services, address(event), time_check(deadline))
    except ProviderError as error:
        return failed(error)
    except OutOfTime:
        return failed(TOO_LARGE)
    except LedgerUnavailable as error:
        return failed(str(error))


def _export(services: Services, email: str, check_time: CheckTime) -> dict[str, Any]:
    now, missing = services.effects.clock(), services.address_key_check.look().missing
    if missing is not None:
        return failed(f"{missing}; without it the export would not be complete")
    states = services.subscriptions.of(email)
    found = PersonSearch(services.table).find(email, now, check_time)
    exported: list[dict[str, Any]] = []
    for event_ids in batches([*found.events, *found.syncs, *found.messages], check_time):
        exported += _described_events(services, event_ids, normal_forms(email))
    logger.info("person data exported", extra={"exported": len(exported)})
    keep = services.settings.privacy
    return {
        "email": email,
        "made_at": format_time(now),
        "subscription_states": [_state(services, account, known) for account, known in sorted(states.items())],
        "events": sorted(exported, key=lambda one: (one["accepted_at"], one["id"])),
        "retention": {
            "subscription_states": "without end, under a keyed hash of the address, so that nobody signs the person up"
            " again",
            "first_consent, latest_consent": "as long as the person is signed up, and until the night"
            f" {keep.keep_consent_years} years after they left",
            "events": f"until kept_until; while that is null, until {keep.keep_events_days} days after they are final",
            "erased": "of an erased event only the subscription state remains; nothing else leads to the person",
        },
    }


_CONFIRMED = ("confirmed_at", "confirmed_ip", "mail_sha256", "page_sha256")
"""What is known of a confirmation; left out where there was none."""


def _state(services: Services, account: str, known: Sequence[SubscriptionState]) -> dict[str, Any]:
    state = all_settled(known, partial(services.events.status, account=account))
    return {
        "account": "all accounts" if account == EVERY_ACCOUNT else account,
        "unsubscribed_at": _milliseconds(state.unsubscribed_at),
        "unsubscribed_by_event": state.unsubscribed_by,
        "signed_up_at": _milliseconds(state.signed_up_at),
        "forgotten_at": _milliseconds(state.forgotten_at),
        "last_event": next((one.lease.event for one in known if one.lease), None),
        "provider_id": state.provider_id,
        "first_consent": _evidence(state.first_consent),
        "latest_consent": _evidence(state.latest_consent),
    }


def _evidence(evidence: ConsentEvidence | None) -> dict[str, Any] | None:
    if evidence is None:
        return None
    values = asdict(evidence)
    confirmed = {name: values.pop(name) for name in _CONFIRMED}
    confirmed["confirmed_at"] = _milliseconds(evidence.confirmed_at)
    return {**values, "at": _milliseconds(evidence.at), **(confirmed if evidence.confirmed_at else {})}


def _described_events(services: Services, event_ids: Sequence[str], wanted: frozenset[str]) -> Iterator[dict[str, Any]]:
    items = services.table.get_many(event_key(event_id) for event_id in event_ids)
    for stored in services.events.load(event_ids):
        yield {**_described(stored, wanted), "kept_until": _kept_until(items, stored)}


def _described(stored: StoredEvent, wanted: frozenset[str]) -> dict[str, Any]:
    if stored.event.kept is not None:
        return _message(stored, stored.event.kept, wanted)
    match stored.event.type:
        case EventType.SIGNUP | EventType.UNSUBSCRIBE:
            return _event(stored)
        case EventType.SYNC:
            return _sync(stored, wanted)
        case _:
            assert_never(stored.event.type)


def _event(stored: StoredEvent) -> dict[str, Any]:
    event = stored.event
    return {
        **_common(stored),
        "email": event.email,
        "form": event.form,
        "door": event.door.value if event.door else None,
        "list": event.list,
        "fields": dict(event.fields),
        "scope": event.scope,
        "all_accounts": event.all_accounts,
        "forget_request": event.forget,
        "may_lift_suppression": event.may_lift_suppression,
        "consent": _consent(event.consent) if event.consent else None,
    }


def _sync(stored: StoredEvent, wanted: frozenset[str]) -> dict[str, Any]:
    """Describes a sync, with only the person's own contacts."""
    contacts = stored.event.sync.contacts if stored.event.sync else ()
    theirs = zip(contacts, contacts_of(contacts, wanted), strict=True)
    return {
        **_common(stored),
        "list": stored.event.list,
        "contacts": [dict(contact) for contact, mine in theirs if mine],
    }


def _message(stored: StoredEvent, kept: KeptMessage, wanted: frozenset[str]) -> dict[str, Any]:
    """Describes a refused message with its kept body; of its lists of contacts and events only the person's entries."""
    value = None if kept.body is None else only_entries_of(json.loads(kept.body), wanted)
    return {
        **_common(stored),
        "message": {"id": kept.id, "queue": kept.queue, "sent_at": format_time(kept.sent_at), "body": value},
    }


def _common(stored: StoredEvent) -> dict[str, Any]:
    event: Event = stored.event
    return {
        "id": event.id,
        "type": event.type.value,
        "occurred_at": format_time(event.occurred_at),
        "accepted_at": format_time(event.accepted_at),
        "deliveries": [_delivery(delivery) for delivery in stored.deliveries.values()],
    }


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "account": delivery.account,
        "status": delivery.status.value,
        "attempts": delivery.attempts,
        "reason": delivery.reason,
        "reason_code": delivery.reason_code.value if delivery.reason_code else None,
        "unknown_outcome": delivery.unknown_outcome,
        "next_attempt_at": _time(delivery.next_attempt_at),
        "updated_at": _time(delivery.updated_at),
        "resent_at": _time(delivery.resent_at),
    }


def _consent(consent: Consent) -> dict[str, Any]:
    return {
        "at": _time(consent.at),
        "source": consent.source,
        "ip": consent.ip,
        "text": consent.text,
        "wording_sha256": consent.wording_sha256,
        "door": consent.door,
        **(
            {name: getattr(consent, name) for name in _CONFIRMED} | {"confirmed_at": _time(consent.confirmed_at)}
            if consent.confirmed_at
            else {}
        ),
    }


def _kept_until(items: Mapping[Key, Mapping[str, Any]], stored: StoredEvent) -> str | None:
    expires: int | None = items.get(event_key(stored.event.id), {}).get("expires_at")
    return None if expires is None else _milliseconds(expires * 1000)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)


def _milliseconds(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else format_time(from_epoch_milliseconds(milliseconds))
