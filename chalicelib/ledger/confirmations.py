"""Stores the confirmations of signups (double opt-in) in the items of their events, and the mails of each mailbox.

Until it is confirmed, such a signup has one account, so the item of its event also has the delivery, and one
conditional write changes both. Copies are added when it is confirmed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from ..domain.confirmation import FORGOTTEN_PAUSE
from ..domain.errors import LedgerUnavailable
from ..domain.events import UNCONFIRMED, Consent, Delivery, Event, EventType, Status
from ..domain.reasons import ReasonCode
from ..domain.times import epoch_milliseconds as to_ms, from_epoch_milliseconds
from .day_counts import TOUCH, TOUCHED, DayCounts
from .erasing import PERSONAL
from .event_items import consent_item
from .events import PENDING, STATUS_NAME, EventStore
from .keys import (
    AddressKeys,
    attention_entry,
    delivery_key,
    due_entry,
    event_key,
    mailbox_key,
    unconfirmed_entry,
)
from .table import ConditionFailed, Table, Write

_WAITS = f"{PENDING} AND attribute_exists(confirm_until) AND attribute_not_exists(confirmed)"
TRIES = 3
"""Attempts at a transaction that fails when another worker has written first."""
_OF_DELIVERY = ("touched", "released", "resent")
"""Attributes of the delivery in the event's item that move with it to an item of its own."""


class Confirmed(Enum):
    """The result of a click on the confirmation button."""

    NOW = auto()
    BEFORE = auto()
    """It was confirmed already."""
    ENDED = auto()
    """The signup has ended, or does not exist any more."""


class ConfirmationStore:
    """Writes confirmations. Every method may raise LedgerUnavailable and may be repeated."""

    def __init__(self, table: Table, keys: AddressKeys, events: EventStore, counts: DayCounts) -> None:
        self._table = table
        self._keys = keys
        self._events = events
        self._counts = counts

    def begin(self, signup: Event, until: datetime, now: datetime) -> bool:
        """Takes a lease on sending a signup's mail until `until`; counts the attempt, and the mail before it is sent.

        Returns False if another worker has the lease, or the signup needs no mail any more.
        """
        seen = signup.confirmation.mails if signup.confirmation else 0
        item = self._table.changed(
            event_key(signup.id),
            "SET confirm_lease = :until, due_pk = :due_pk, due_sk = :due_sk, confirm_mails = :mails, "
            "reason = :reason, reason_code = :code, updated = :now, confirm_until = :expires "
            f"REMOVE next_at, quarantined ADD confirm_attempts :one, {TOUCH}",
            {
                "until": to_ms(until),
                **unconfirmed_entry(until),
                "mails": seen + 1,
                "expires": to_ms(signup.confirmation.expires_at) if signup.confirmation else None,
                "seen": seen or None,
                "reason": UNCONFIRMED,
                "code": ReasonCode.UNCONFIRMED.value,
                "now": to_ms(now),
                "one": 1,
                "pending": Status.PENDING.value,
                **TOUCHED,
            },
            condition=f"{_WAITS} AND attribute_not_exists(confirm_sent)"
            " AND (attribute_not_exists(confirm_lease) OR confirm_lease <= :now)"
            f" AND {'confirm_mails = :seen' if seen else 'attribute_not_exists(confirm_mails)'}",
            names=STATUS_NAME,
        )
        self._counts.record_touch(signup, signup.accounts[0], item)
        return item is not None

    def mailed(self, signup: Event, words: str | None, now: datetime) -> None:
        """Records that the mail was sent, or that no other one will be; the signup waits for its person from then on.

        `words`: the SHA-256 of the mail's words, None if not known.
        """
        expires = signup.confirmation.expires_at if signup.confirmation else now
        self._table.try_update(
            event_key(signup.id),
            "SET confirm_sent = :now, due_pk = :due_pk, due_sk = :due_sk"
            + (", confirm_words = :words" if words else "")
            + " REMOVE confirm_lease",
            {
                "now": to_ms(now),
                **unconfirmed_entry(expires),
                "words": words,
                "pending": Status.PENDING.value,
            },
            condition=_WAITS,
            names=STATUS_NAME,
        )

    def retry(self, signup: Event, due: datetime, *, unknown: bool) -> None:
        """Records that the mail was not sent, or that this is not known (`unknown`), and is due again at `due`."""
        mails = signup.confirmation.mails if signup.confirmation else 0
        self._table.try_update(
            event_key(signup.id),
            "SET due_pk = :due_pk, due_sk = :due_sk"
            + ("" if unknown or not mails else ", confirm_mails = :mails")
            + " REMOVE confirm_lease"
            + ("" if unknown or mails else ", confirm_mails"),
            {
                **unconfirmed_entry(due),
                "mails": None if unknown or not mails else mails,
                "pending": Status.PENDING.value,
            },
            condition=_WAITS,
            names=STATUS_NAME,
        )

    def refuse(self, signup: Event, delivery: Delivery, reason: str, code: ReasonCode, now: datetime) -> bool:
        """Ends a signup whose mail was refused; it keeps its data, so that an operator can send it again.

        False if it was confirmed meanwhile: an earlier mail, whose outcome is not known, has arrived.
        """
        ended = replace(delivery, status=Status.REFUSED, reason=reason, reason_code=code)
        return self._end(signup, ended, now, "", ["confirm_mails"])

    def end(self, signup: Event, delivery: Delivery, now: datetime) -> bool:
        """Ends a signup that was not confirmed, and erases its personal data; False if it was confirmed meanwhile."""
        ended = replace(delivery, status=Status.REFUSED, reason=UNCONFIRMED, reason_code=ReasonCode.UNCONFIRMED)
        return self._end(signup, ended, now, "erased = :now, ", PERSONAL)

    def _end(self, signup: Event, ended: Delivery, now: datetime, change: str, removed: Sequence[str]) -> bool:
        changed = self._table.try_update(
            event_key(signup.id),
            f"SET {change}#status = :refused, reason = :reason, reason_code = :code, updated = :now, "
            "expires_at = :expires, due_pk = :due_pk, due_sk = :due_sk "
            f"REMOVE next_at, confirm_lease, {', '.join(f'#{name}' for name in removed)}",
            {
                "refused": Status.REFUSED.value,
                "pending": Status.PENDING.value,
                "reason": ended.reason,
                "code": ended.reason_code.value if ended.reason_code else None,
                "now": to_ms(now),
                "expires": self._events.expiry(now),
                **attention_entry(ended.account, Status.REFUSED, signup.accepted_at),
            },
            condition=_WAITS,
            names=STATUS_NAME | {name: name for name in removed},
        )
        if changed:
            self._counts.record_final(signup, ended)
        return changed

    def confirm(
        self, signup: Event, page_words: str, ip: str | None, now: datetime, copy_to: Sequence[str] = ()
    ) -> Confirmed:
        """Confirms a signup, which is due from now on and occurred now; keeps the evidence.

        A confirmed signup may lift a suppression. `page_words`: the SHA-256 of the words of the page. `copy_to`:
        accounts that get a copy.
        """
        confirmation = signup.confirmation
        if confirmation is None or confirmation.expires_at <= now:
            return Confirmed.ENDED
        consent = replace(
            signup.consent or Consent(),
            confirmed_at=now,
            confirmed_ip=ip,
            mail_sha256=confirmation.words,
            page_sha256=page_words,
        )
        copies = tuple(name for name in copy_to if name not in signup.accounts)
        if copies:
            return self._confirm_with_copies(signup, consent, now, copies)
        try:
            self._table.update(
                event_key(signup.id),
                "SET confirmed = :now, occurred = :now, consent = :consent, due_pk = :due_pk, due_sk = :due_sk "
                "REMOVE next_at, reason, reason_code, may_not_lift_suppression, confirm_lease",
                {
                    "now": to_ms(now),
                    "consent": consent_item(consent),
                    **due_entry(signup.accounts[0], EventType.SIGNUP, now),
                    "pending": Status.PENDING.value,
                },
                condition=_WAITS,
                names=STATUS_NAME,
            )
        except ConditionFailed as found:
            return Confirmed.BEFORE if "confirmed" in found.found else Confirmed.ENDED
        return Confirmed.NOW

    def _confirm_with_copies(self, signup: Event, consent: Consent, now: datetime, copies: Sequence[str]) -> Confirmed:
        """Confirms a signup, and makes its deliveries items of their own, in one transaction."""
        key, accounts = event_key(signup.id), [signup.accounts[0], *copies]
        for _ in range(TRIES):
            item = self._table.get(key) or {}
            if "confirmed" in item:
                return Confirmed.BEFORE
            kept = {name: item[name] for name in _OF_DELIVERY if name in item}
            values = {
                "now": to_ms(now),
                "consent": consent_item(consent),
                "accounts": accounts,
                "old": list(signup.accounts),
                "pending": Status.PENDING.value,
                "touched": item.get("touched"),
            }
            same = "touched = :touched" if "touched" in item else "attribute_not_exists(touched)"
            whole = Write(
                key,
                f"{_WAITS} AND accounts = :old AND {same}",
                values,
                "SET confirmed = :now, occurred = :now, consent = :consent, accounts = :accounts REMOVE #status, "
                "next_at, reason, reason_code, may_not_lift_suppression, confirm_lease, due_pk, due_sk, "
                "attempts, updated, " + ", ".join(_OF_DELIVERY),
                STATUS_NAME,
            )
            deliveries = [_due_delivery(signup, accounts[0], accounts, now, kept)]
            deliveries += [_due_delivery(signup, name, accounts, now, {}) for name in copies]
            if self._table.write_together([whole, *deliveries]):
                return Confirmed.NOW
            if item.get("status") != Status.PENDING.value:
                return Confirmed.ENDED
        raise LedgerUnavailable("other workers write to the same signup")

    def mails_to(self, mailbox: str) -> tuple[datetime, ...]:
        """Reads when a mailbox (its address without `+tag`) got confirmation mails."""
        item = self._table.get(mailbox_key(self._keys.lasting_hash(mailbox))) or {}
        return tuple(from_epoch_milliseconds(at) for at in item.get("sent", ()))

    def withdraw_mail(self, mailbox: str, at: datetime) -> None:
        """Takes back the record of a mail that was not sent; if other workers write at the same time, it stays."""
        sent = self.mails_to(mailbox)
        if at in sent:
            left = [to_ms(one) for one in sent if one != at] + [to_ms(at)] * (sent.count(at) - 1)
            self._table.try_update(
                mailbox_key(self._keys.lasting_hash(mailbox)),
                "SET sent = :left",
                {"left": sorted(left), "seen": [to_ms(one) for one in sent]},
                condition="sent = :seen",
            )

    def record_mail(self, mailbox: str, seen: Sequence[datetime], now: datetime) -> bool:
        """Records one more mail to a mailbox; False if it got another one since `seen` was read."""
        key = mailbox_key(self._keys.lasting_hash(mailbox))
        kept = [to_ms(at) for at in seen if now - at < FORGOTTEN_PAUSE]
        values = {
            "sent": [*kept, to_ms(now)],
            "seen": [to_ms(at) for at in seen],
            "expires": int((now + FORGOTTEN_PAUSE + timedelta(days=1)).timestamp()),
        }
        condition = "sent = :seen" if seen else "attribute_not_exists(sent) OR sent = :seen"
        return self._table.try_update(key, "SET sent = :sent, expires_at = :expires", values, condition=condition)


def _due_delivery(
    signup: Event, account: str, accounts: Sequence[str], now: datetime, kept: Mapping[str, Any]
) -> Write:
    """Returns the write of a new delivery that is due now, with what is `kept` of it."""
    values = {
        "status": Status.PENDING.value,
        "attempts": 0,
        "updated": to_ms(now),
        "type": signup.type.value,
        "form": signup.form,
        "accepted": to_ms(signup.accepted_at),
        **due_entry(account, signup.type, now),
        **kept,
    }
    return Write(
        delivery_key(signup.id, account, accounts),
        "attribute_not_exists(pk)",
        values,
        f"SET {', '.join(f'#{name} = :{name}' for name in values)}",
        {name: name for name in values},
    )
