"""Converts subscription states to ledger items and back, and builds the write that takes a lease."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from ..domain.consent import ConsentEvidence
from ..domain.events import Door, EventType
from ..domain.ordering import Lease, SubscriptionState
from .attributes import Attributes, Milliseconds

REMOVE_LEASE = "lease_event, lease_type, lease_at, lease_until, lease_token, lease_others, lease_consents"


class Change(NamedTuple):
    """A conditional update: its expression, its values and its condition."""

    expression: str
    values: dict[str, Any]
    condition: str


def state_from(item: Attributes) -> SubscriptionState:
    """Reads a subscription state from its item. Raises MalformedItem."""
    lease, token = None, item.optional("lease_token", str)
    if token is not None:
        others, consents = item.optional("lease_others", Attributes), item.optional("lease_consents", Attributes)
        lease = Lease(
            event=item.required("lease_event", str),
            type=item.required("lease_type", EventType),
            at=item.required("lease_at", Milliseconds),
            until=item.required("lease_until", Milliseconds),
            token=token,
            others={id: others.required(id, Milliseconds) for id in others.names()} if others else {},
            consents={id: _evidence_from(consents.required(id, Attributes)) for id in consents.names()}
            if consents
            else {},
        )
    first, latest = item.optional("first_consent", Attributes), item.optional("latest_consent", Attributes)
    first_consent = _evidence_from(first) if first else None
    return SubscriptionState(
        unsubscribed_at=item.optional("unsubscribed_at", Milliseconds),
        signed_up_at=item.optional("signed_up_at", Milliseconds),
        lease=lease,
        unsubscribed_by=item.optional("unsubscribed_by", str),
        provider_id=item.optional("provider_id", str),
        forgotten_at=item.optional("forgotten_at", Milliseconds),
        first_consent=first_consent,
        latest_consent=_evidence_from(latest) if latest else first_consent,
    )


def evidence_item(evidence: ConsentEvidence) -> dict[str, Any]:
    """Builds the map that is stored of one evidence."""
    values = asdict(evidence) | {"door": evidence.door.value if evidence.door else None}
    return {name: value for name, value in values.items() if value is not None}


def evidence_items(evidence: Mapping[str, ConsentEvidence]) -> dict[str, Any] | None:
    """Builds the map that is stored of the evidence of a lease, by event; None if there is none."""
    return {event_id: evidence_item(each) for event_id, each in evidence.items()} or None


def _evidence_from(part: Attributes) -> ConsentEvidence:
    return ConsentEvidence(
        at=part.required("at", Milliseconds),
        door=part.optional("door", Door),
        source=part.optional("source", str),
        ip=part.optional("ip", str),
        text=part.optional("text", str),
        wording_sha256=part.optional("wording_sha256", str),
        form=part.optional("form", str),
        list=part.optional("list", str),
        confirmed_at=part.optional("confirmed_at", Milliseconds),
        confirmed_ip=part.optional("confirmed_ip", str),
        mail_sha256=part.optional("mail_sha256", str),
        page_sha256=part.optional("page_sha256", str),
    )


def lease_change(
    seen: SubscriptionState, base: SubscriptionState, lease: Lease, unsubscribe_at: int | None = None
) -> Change:
    """Builds the write of `lease` if the state is still `seen`; `base` is the state without the previous lease.

    With `unsubscribe_at` the lease's event is recorded as the latest unsubscribe. Evidence of consent is written only
    where it changed: what was erased since `seen` was read must not come back.
    """
    values: dict[str, Any] = {
        "lease_event": lease.event,
        "lease_type": lease.type.value,
        "lease_at": lease.at,
        "lease_until": lease.until,
        "lease_token": lease.token,
        "lease_others": dict(lease.others) or None,
        "lease_consents": evidence_items(lease.consents),
        "signed_up_at": base.signed_up_at,
    }
    if unsubscribe_at is not None:
        values |= {"unsubscribed_at": unsubscribe_at, "unsubscribed_by": lease.event}
    if (base.first_consent, base.latest_consent) != (seen.first_consent, seen.latest_consent):
        first, latest = base.first_consent, base.latest_consent
        values["first_consent"] = evidence_item(first) if first else None
        values["latest_consent"] = evidence_item(latest) if latest and latest != first else None
    written = [name for name, value in values.items() if value is not None]
    removed = [name for name, value in values.items() if value is None and name != "signed_up_at"]
    expression = f"SET {', '.join(f'{name} = :{name}' for name in written)}"
    if removed:
        expression += f" REMOVE {', '.join(removed)}"
    conditions = ["attribute_not_exists(lease_token)"]
    if seen.lease is not None:
        conditions = ["lease_token = :seen_token"]
        values["seen_token"] = seen.lease.token
    for name, value in (("unsubscribed_at", seen.unsubscribed_at), ("signed_up_at", seen.signed_up_at)):
        conditions.append(f"attribute_not_exists({name})" if value is None else f"{name} = :seen_{name}")
        values[f"seen_{name}"] = value
    return Change(expression, values, " AND ".join(conditions))
