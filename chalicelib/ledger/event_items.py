"""Converts events and deliveries to ledger items and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any, Literal

from ..domain.addresses import normal_forms
from ..domain.confirmation import Confirmation
from ..domain.errors import FieldError
from ..domain.events import UNCONFIRMED, Consent, Delivery, Door, Doubt, Event, EventType, KeptMessage, Status, Sync
from ..domain.reasons import ReasonCode
from ..domain.times import epoch_milliseconds as to_ms, from_epoch_milliseconds
from .attributes import Attributes
from .keys import attention_entry, due_entry, event_id_of, event_key, refused_partition, unconfirmed_entry

FIRST_DUE = timedelta(seconds=60)
FIRST_DUE_SPREAD_SECONDS = 30
_CONSENT = tuple(each.name for each in fields(Consent))
_KINDS: Mapping[str, Literal["contacts", "unsubscribes"]] = {"contacts": "contacts", "unsubscribes": "unsubscribes"}


def content_of(event: Event) -> bytes:
    """Returns the content by which two events of one id are compared, as bytes.

    It excludes the arrival time, the IP address, a defaulted `occurred_at`, and for a form's signup the account, which
    the configuration decides. Spellings of one address are the same.
    """
    by_form = event.type is EventType.SIGNUP and event.form is not None
    accounts = None if event.all_accounts or by_form else sorted({*event.accounts, *(event.accounts_as_sent or ())})
    values = [
        event.type.value,
        event.form,
        event.list,
        sorted(normal_forms(event.email)),
        dict(event.fields),
        accounts,
        event.scope,
        to_ms(event.occurred_at) if event.occurred_at_stated else None,
        *([_sync_item(event.sync)] if event.sync else []),
    ]
    return json.dumps(values, sort_keys=True, ensure_ascii=False).encode()


def event_item(event: Event) -> dict[str, Any]:
    """Builds the item of an event, without its delivery and the digest of its content."""
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
        "global_scope": True if event.scope == "global" else None,
        "all_accounts": event.all_accounts or None,
        "forget": event.forget or None,
        "door": event.door.value if event.door else None,
        "sender_account": event.sender_account,
        "may_not_lift_suppression": True if not event.may_lift_suppression else None,
        "consent": consent_item(event.consent),
        "sync": _sync_item(event.sync) if event.sync else None,
        "doubt": event.doubt.value if event.doubt else None,
        "notes": list(event.notes) or None,
        "errors": [asdict(error) for error in event.errors] or None,
        **(_kept_item(event.kept) if event.kept else {}),
        **(_confirmation_item(event.confirmation) if event.confirmation else {}),
    }


def consent_item(consent: Consent | None) -> dict[str, Any] | None:
    """Builds the part of an event's item for its consent; None for none."""
    if consent is None:
        return None
    values = {name: getattr(consent, name) for name in _CONSENT} | {
        "door": consent.door.value if consent.door else None
    }
    values |= {name: to_ms(at) for name in ("at", "confirmed_at") if (at := values[name]) is not None}
    return {name: value for name, value in values.items() if value is not None} or None


def _confirmation_item(confirmation: Confirmation) -> dict[str, Any]:
    """Builds the attributes of a new confirmation; `ConfirmationStore` adds the others."""
    return {"confirm_until": to_ms(confirmation.expires_at), "confirm_language": confirmation.language}


def _confirmation_from(item: Attributes) -> Confirmation | None:
    until = item.optional("confirm_until", datetime)
    if until is None:
        return None
    return Confirmation(
        until,
        item.required("confirm_language", str),
        attempts=item.optional("confirm_attempts", int) or 0,
        mails=item.optional("confirm_mails", int) or 0,
        sent_at=item.optional("confirm_sent", datetime),
        confirmed_at=item.optional("confirmed", datetime),
        words=item.optional("confirm_words", str),
    )


def reference_item(event: Event, kept: KeptMessage) -> dict[str, Any]:
    """Builds the item by which a refused message is found under the id of its event."""
    return {
        "pk": refused_partition(kept.event_id),
        "sk": f"{to_ms(kept.sent_at):015d}#{event.id}",
        "refused": event.id,
    }


def _kept_item(kept: KeptMessage) -> dict[str, Any]:
    message = {"id": kept.id, "queue": kept.queue, "sent": to_ms(kept.sent_at), "event_id": kept.event_id}
    return {"message": message, "body": kept.body}


def _kept_from(part: Attributes, item: Attributes) -> KeptMessage:
    expires = item.optional("expires_at", int)
    return KeptMessage(
        part.required("id", str),
        part.required("queue", str),
        part.required("sent", datetime),
        part.required("event_id", str),
        item.optional("body", str),
        None if expires is None else from_epoch_milliseconds(expires * 1000),
    )


def event_from(item: Attributes) -> Event:
    """Reads an event from its item; an erased event has an empty address. Raises MalformedItem."""
    consent, sync = item.optional("consent", Attributes), item.optional("sync", Attributes)
    message = item.optional("message", Attributes)
    return Event(
        id=event_id_of(item.required("pk", str)),
        type=item.required("type", EventType),
        email=item.optional("email", str) or "",
        accounts=tuple(item.required("accounts", list[str])),
        occurred_at=item.required("occurred", datetime),
        accepted_at=item.required("accepted", datetime),
        list=item.optional("list", str),
        form=item.optional("form", str),
        fields=item.optional("fields", dict[str, str]) or {},
        scope="global" if item.optional("global_scope", bool) else "account",
        all_accounts=item.optional("all_accounts", bool) or False,
        forget=item.optional("forget", bool) or False,
        may_lift_suppression=not item.optional("may_not_lift_suppression", bool),
        consent=_consent_from(consent) if consent else None,
        sync=_sync_from(sync) if sync else None,
        notes=tuple(item.optional("notes", list[str]) or ()),
        errors=tuple(
            FieldError(one.required("field", str), one.required("message", str))
            for one in item.optional("errors", list[Attributes]) or ()
        ),
        kept=_kept_from(message, item) if message else None,
        doubt=item.optional("doubt", Doubt),
        confirmation=_confirmation_from(item),
        door=item.optional("door", Door),
        sender_account=item.optional("sender_account", str),
    )


def _consent_from(part: Attributes) -> Consent:
    return Consent(
        source=part.optional("source", str),
        text=part.optional("text", str),
        ip=part.optional("ip", str),
        at=part.optional("at", datetime),
        wording_sha256=part.optional("wording_sha256", str),
        door=part.optional("door", Door),
        confirmed_at=part.optional("confirmed_at", datetime),
        confirmed_ip=part.optional("confirmed_ip", str),
        mail_sha256=part.optional("mail_sha256", str),
        page_sha256=part.optional("page_sha256", str),
    )


def _sync_item(sync: Sync) -> dict[str, Any]:
    """Builds the part of an event's item for a sync; contacts are one JSON text, which is smaller than maps."""
    contacts = [dict(contact) for contact in sync.contacts]
    values = {
        "kind": sync.kind,
        "source": sync.source,
        "propagate_to": list(sync.propagate_to) or None,
        "contacts": json.dumps(contacts, ensure_ascii=False, separators=(",", ":")) if contacts else None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _sync_from(part: Attributes) -> Sync:
    """Reads a sync from the part of an item. Raises MalformedItem."""
    kind = _KINDS.get(part.required("kind", str))
    if kind is None:
        raise part.malformed("kind", "is none of the known names")
    propagate_to = tuple(part.optional("propagate_to", list[str]) or ())
    return Sync(kind, part.optional("source", str), _contacts_from(part), propagate_to)


def _contacts_from(part: Attributes) -> tuple[Mapping[str, str], ...]:
    try:
        contacts = json.loads(part.optional("contacts", str) or "[]")
    except ValueError:
        raise part.malformed("contacts", "is not JSON") from None
    if not isinstance(contacts, list) or not all(isinstance(contact, dict) for contact in contacts):
        raise part.malformed("contacts", "is not a list of contacts")
    return tuple(contacts)


def delivery_from(account: str, item: Attributes) -> Delivery:
    """Reads the delivery to `account` from its item. Raises MalformedItem."""
    return Delivery(
        account=account,
        status=item.required("status", Status),
        attempts=item.optional("attempts", int) or 0,
        reason=item.optional("reason", str),
        reason_code=ReasonCode.parse(item.optional("reason_code", str)),
        unknown_outcome=item.optional("unknown_outcome", bool) or False,
        unknown_attempts=item.optional("unknown_attempts", int) or 0,
        next_attempt_at=item.optional("next_at", datetime),
        updated_at=item.optional("updated", datetime),
        resent_at=item.optional("resent", datetime),
        quarantined=item.optional("quarantined", bool) or False,
        released=item.optional("released", bool) or False,
        reverted_unsubscribe_at=item.optional("reverted_unsubscribe_at", datetime),
    )


def delivery_fields(event: Event, account: str, expiry: Callable[[datetime], int]) -> dict[str, Any]:
    """Builds the attributes of a new delivery; `expiry` returns when what is final at a time expires."""
    accepted = event.accepted_at
    fields: dict[str, Any] = {"attempts": 0, "updated": to_ms(accepted)}
    if event.refused is not None:
        refused = Delivery(account, Status.REFUSED, reason=event.refused, reason_code=event.refused_code)
        return {
            **fields,
            "status": Status.REFUSED.value,
            "reason": event.refused,
            "reason_code": event.refused_code.value,
            "expires_at": expiry(accepted),
            **(attention_entry(account, Status.REFUSED, accepted) if refused.needs_attention else {}),
        }
    # Spread, so that the events of a batch are not all due at once.
    spread = timedelta(milliseconds=sum(event.id.encode()) * 7919 % (FIRST_DUE_SPREAD_SECONDS * 1000))
    pending = {
        **fields,
        "status": Status.PENDING.value,
        **due_entry(account, event.type, accepted + FIRST_DUE + spread),
    }
    if event.awaits_confirmation:
        code = ReasonCode.UNCONFIRMED.value
        pending |= {**unconfirmed_entry(accepted + FIRST_DUE + spread), "reason": UNCONFIRMED, "reason_code": code}
    return pending
