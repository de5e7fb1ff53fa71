"""Reads MailPartner's data under its own names in snake_case: ids as text, times aware, in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..results import address, count, first, paris_time, text
from ..spec import Unsubscribed

Row = Mapping[str, Any]
_FIRST_YEAR = 2000


@dataclass(frozen=True, slots=True)
class User:
    """The owner of the key."""

    username: str


@dataclass(frozen=True, slots=True)
class Credits:
    """The credit left: `balance` in `currency`, as MailPartner writes it; `credit_mail` is how many mails it buys."""

    credit_mail: int | None
    currency: str
    balance: str


@dataclass(frozen=True, slots=True)
class Me:
    """The account of the key."""

    user: User
    credits: Credits


@dataclass(frozen=True, slots=True)
class Sent:
    """An accepted message: `nb_mail` mails for `cost` in `currency`."""

    message_id: str
    nb_mail: int | None
    cost: float | None
    currency: str
    scheduled_delivery_date: datetime | None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """MailPartner's message about a cancelled mail."""

    message: str


@dataclass(frozen=True, slots=True)
class Status:
    """The status of one recipient's mail. `stop_mail`: the recipient has unsubscribed."""

    email: str
    token: str
    status: str
    cost: float | None
    stop_mail: bool
    date: datetime | None


@dataclass(frozen=True, slots=True)
class BulkStatus:
    """The status of a message."""

    message_id: str
    statut_response_list: tuple[Status, ...]


@dataclass(frozen=True, slots=True)
class OptOut:
    """A row of the opt-out list."""

    id: str
    email: str
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class OptOutList:
    """The opt-out list: `nb_data` rows as MailPartner states, `skipped` of them without an address."""

    nb_data: int | None
    data: tuple[OptOut, ...]
    skipped: int


@dataclass(frozen=True, slots=True)
class OptedOut:
    """An address that is on the opt-out list now; `stop_id` is None when it was there before."""

    stop_id: str | None


@dataclass(frozen=True, slots=True)
class NewSubaccount:
    """Identifies a sub-account in the credit calls."""

    email: str
    token: str


@dataclass(frozen=True, slots=True)
class SubaccountCreated:
    """A new sub-account and who was notified."""

    subaccount: NewSubaccount
    send_confirm_mail_to: str
    parent_email: str


@dataclass(frozen=True, slots=True)
class Balance:
    """The credit of a sub-account."""

    balance: str
    currency: str


@dataclass(frozen=True, slots=True)
class Subaccount:
    """A sub-account."""

    id: str
    email: str
    type: str
    token: str
    api_key: str
    created_at: datetime | None
    credits: Balance


@dataclass(frozen=True, slots=True)
class SubaccountPage:
    """A page of sub-accounts, counted from 1; `total` of them on all pages."""

    total: int | None
    nb_per_page: int | None
    page: int | None
    data: tuple[Subaccount, ...]


@dataclass(frozen=True, slots=True)
class Transfer:
    """The credit of the account and of the sub-account after a transfer."""

    credit: float | None
    subaccount_credit: float | None
    currency: str


def me(reply: Row) -> Me | None:
    """Reads the answer of `me`."""
    user, credits = _object(reply.get("user")), _object(reply.get("credits"))
    if not user and not credits:
        return None
    left = Credits(count(credits.get("creditMail")), text(credits.get("currency")), _amount(credits.get("balance")))
    return Me(User(text(user.get("username"))), left)


def sent(reply: Row) -> Sent | None:
    """Reads the answer of `send`; None without the id by which the message is found again."""
    message_id = text(reply.get("messageId"))
    due = paris_time(reply.get("scheduledDeliveryDate"))
    if not message_id:
        return None
    return Sent(message_id, count(reply.get("nbMail")), number(reply.get("cost")), text(reply.get("currency")), due)


def cancelled(reply: Row) -> Cancelled:
    """Reads the answer of `message-cancel`."""
    return Cancelled(text(reply.get("message")))


def bulk_status(reply: Row) -> BulkStatus | None:
    """Reads the answer of `bulk-status`."""
    rows = _rows(reply.get("StatutResponseList"))
    return None if rows is None else BulkStatus(text(reply.get("messageId")), tuple(_status(row) for row in rows))


def _status(row: Row) -> Status:
    return Status(
        email=text(row.get("email")),
        token=text(row.get("token")),
        status=text(first(row, "status", "statut")),
        cost=number(row.get("cost")),
        stop_mail=row.get("stopMail") is True or text(row.get("stopMail")).lower() in ("1", "true"),
        date=_epoch(row.get("date")),
    )


def opt_out(row: Any) -> OptOut | None:
    """Reads a row of the opt-out list, a JSON object or the XML's texts in order; None if it holds no address."""
    number, email, stated = _listed(row)
    return None if email is None else OptOut(number, email, paris_time(stated))


def unsubscribed(row: Any) -> Unsubscribed | None:
    """Reads the same row in the form that all providers share."""
    number, email, stated = _listed(row)
    return None if email is None else Unsubscribed(email, _latest(stated), number or None)


def _latest(stated: Any) -> datetime | None:
    """Reads the time of an opt-out as the latest moment it may mean; None for a time before MailPartner existed.

    Its zone, Paris or UTC, is not documented. An unsubscribe must not seem older than a signup that it followed, so it
    is read as the later moment: always UTC, since clocks in Paris are ahead.
    """
    try:
        moment = datetime.fromisoformat(text(stated).strip())
        late = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return late if late.year >= _FIRST_YEAR else None


def _listed(row: Any) -> tuple[str, str | None, Any]:
    """Returns id, address and time of a row of the opt-out list."""
    if isinstance(row, dict):
        number, email, stated = row.get("id"), row.get("email"), row.get("createdAt")
    else:
        number, email, stated = [*row, None, None, None][:3] if isinstance(row, tuple) else (None, None, None)
    # JSON can hold a lone surrogate, which cannot be stored.
    return text(number).encode("utf-8", "replace").decode(), address(email), stated


def opt_out_list(nb_data: int | None, rows: Iterable[Any]) -> OptOutList:
    """Makes the list for an operator."""
    read = [opt_out(row) for row in rows]
    data = tuple(row for row in read if row is not None)
    return OptOutList(nb_data, data, len(read) - len(data))


def opted_out(reply: Row) -> OptedOut:
    """Reads the answer of `unsubscribe/add`."""
    return OptedOut(text(reply.get("stopId")) or None)


def created(reply: Row) -> SubaccountCreated | None:
    """Reads the answer of `subaccount/create`."""
    made = _object(reply.get("subaccount"))
    if not made:
        return None
    names = NewSubaccount(text(made.get("email")), text(made.get("token")))
    return SubaccountCreated(names, text(reply.get("sendConfirmMailTo")), text(reply.get("parent_email")))


def subaccounts(reply: Row) -> SubaccountPage | None:
    """Reads the answer of `subaccount/list`."""
    rows = _rows(reply.get("data"))
    if rows is None:
        return None
    figures = (count(reply.get("total")), count(reply.get("nb_per_page")), count(reply.get("page")))
    return SubaccountPage(*figures, tuple(_subaccount(row) for row in rows))


def _subaccount(row: Row) -> Subaccount:
    credits = _object(row.get("credits"))
    return Subaccount(
        id=text(row.get("id")),
        email=text(row.get("email")),
        type=text(row.get("type")),
        token=text(row.get("token")),
        api_key=text(row.get("apiKey")),
        created_at=paris_time(row.get("createdAt")),
        credits=Balance(_amount(credits.get("balance")), text(credits.get("currency"))),
    )


def transfer(reply: Row) -> Transfer:
    """Reads the answer of `subaccount/credit/add` and `/remove`."""
    return Transfer(number(reply.get("credit")), number(reply.get("subaccountCredit")), text(reply.get("currency")))


def number(value: Any) -> float | None:
    """Reads an amount given as a number or as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = float(value)
    except (ValueError, OverflowError):
        return None
    return amount if abs(amount) < 1e15 else None


def _amount(value: Any) -> str:
    """Returns a balance as text, also where it came as a number."""
    return str(value) if isinstance(value, float) else text(value)


def _object(value: Any) -> Row:
    return value if isinstance(value, Mapping) else {}


def _rows(value: Any) -> list[Row] | None:
    """Returns the objects of an array, skipping other items; None if it is no array."""
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else None


def _epoch(value: Any) -> datetime | None:
    seconds = count(value)
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (ValueError, OverflowError, OSError):
        return None
