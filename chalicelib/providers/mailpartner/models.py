"""MailPartner's data under its own names in snake_case: ids as text, times aware and in UTC."""

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
    """Whose key it is."""

    username: str


@dataclass(frozen=True, slots=True)
class Credits:
    """What is left: `balance` in `currency`, as MailPartner writes it; `credit_mail` is how many mails that is."""

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
    """A message that was taken: `nb_mail` mails for `cost` in `currency`."""

    message_id: str
    nb_mail: int | None
    cost: float | None
    currency: str
    scheduled_delivery_date: datetime | None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What MailPartner says of a message that was called back."""

    message: str


@dataclass(frozen=True, slots=True)
class Status:
    """What became of one recipient's mail. `stop_mail`: the recipient has unsubscribed."""

    email: str
    token: str
    status: str
    cost: float | None
    stop_mail: bool
    date: datetime | None


@dataclass(frozen=True, slots=True)
class BulkStatus:
    """What became of a message."""

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
    """The opt-out list: `nb_data` is how many rows MailPartner says there are, `skipped` how many hold no address."""

    nb_data: int | None
    data: tuple[OptOut, ...]
    skipped: int


@dataclass(frozen=True, slots=True)
class OptedOut:
    """An address that is on the opt-out list now; `stop_id` is not told when it was there before."""

    stop_id: str | None


@dataclass(frozen=True, slots=True)
class NewSubaccount:
    """What names a sub-account in the credit calls."""

    email: str
    token: str


@dataclass(frozen=True, slots=True)
class SubaccountCreated:
    """A new sub-account and who was told."""

    subaccount: NewSubaccount
    send_confirm_mail_to: str
    parent_email: str


@dataclass(frozen=True, slots=True)
class Balance:
    """What a sub-account has."""

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
    """What the account and the sub-account have after credit was moved."""

    credit: float | None
    subaccount_credit: float | None
    currency: str


def me(reply: Row) -> Me | None:
    """The answer of `me`."""
    user, credits = _object(reply.get("user")), _object(reply.get("credits"))
    if not user and not credits:
        return None
    left = Credits(count(credits.get("creditMail")), text(credits.get("currency")), _amount(credits.get("balance")))
    return Me(User(text(user.get("username"))), left)


def sent(reply: Row) -> Sent | None:
    """The answer of `send`; None without the id by which the message is found again."""
    message_id = text(reply.get("messageId"))
    due = paris_time(reply.get("scheduledDeliveryDate"))
    if not message_id:
        return None
    return Sent(message_id, count(reply.get("nbMail")), number(reply.get("cost")), text(reply.get("currency")), due)


def cancelled(reply: Row) -> Cancelled:
    """The answer of `message-cancel`."""
    return Cancelled(text(reply.get("message")))


def bulk_status(reply: Row) -> BulkStatus | None:
    """The answer of `bulk-status`."""
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
    """A row of the opt-out list, an object of the JSON or the XML's texts in order; None if it holds no address."""
    number, email, stated = _listed(row)
    return None if email is None else OptOut(number, email, paris_time(stated))


def unsubscribed(row: Any) -> Unsubscribed | None:
    """The same row as all providers tell it."""
    number, email, stated = _listed(row)
    return None if email is None else Unsubscribed(email, _latest(stated), number or None)


def _latest(stated: Any) -> datetime | None:
    """The time of a row of the opt-out list, as late as it may be meant; None for one before there was MailPartner.

    Nobody says whether it is of Paris or UTC. An unsubscribe must not seem older than a signup that it followed, so it
    is read as the later moment: that is always UTC, for clocks in Paris are ahead.
    """
    try:
        moment = datetime.fromisoformat(text(stated).strip())
        late = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return late if late.year >= _FIRST_YEAR else None


def _listed(row: Any) -> tuple[str, str | None, Any]:
    """Id, address and time of a row of the opt-out list."""
    if isinstance(row, dict):
        number, email, stated = row.get("id"), row.get("email"), row.get("createdAt")
    else:
        number, email, stated = [*row, None, None, None][:3] if isinstance(row, tuple) else (None, None, None)
    # Half a character can be written in JSON and kept nowhere.
    return text(number).encode("utf-8", "replace").decode(), address(email), stated


def opt_out_list(nb_data: int | None, rows: Iterable[Any]) -> OptOutList:
    """The list as an operator sees it."""
    found = [opt_out(row) for row in rows]
    kept = tuple(row for row in found if row is not None)
    return OptOutList(nb_data, kept, len(found) - len(kept))


def opted_out(reply: Row) -> OptedOut:
    """The answer of `unsubscribe/add`."""
    return OptedOut(text(reply.get("stopId")) or None)


def created(reply: Row) -> SubaccountCreated | None:
    """The answer of `subaccount/create`."""
    made = _object(reply.get("subaccount"))
    if not made:
        return None
    names = NewSubaccount(text(made.get("email")), text(made.get("token")))
    return SubaccountCreated(names, text(reply.get("sendConfirmMailTo")), text(reply.get("parent_email")))


def subaccounts(reply: Row) -> SubaccountPage | None:
    """The answer of `subaccount/list`."""
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
    """The answer of `subaccount/credit/add` and `/remove`."""
    return Transfer(number(reply.get("credit")), number(reply.get("subaccountCredit")), text(reply.get("currency")))


def number(value: Any) -> float | None:
    """An amount that came as a number or as text; None for whatever is neither."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = float(value)
    except (ValueError, OverflowError):
        return None
    return amount if abs(amount) < 1e15 else None


def _amount(value: Any) -> str:
    """A balance as text, also where it came as a number."""
    return str(value) if isinstance(value, float) else text(value)


def _object(value: Any) -> Row:
    return value if isinstance(value, Mapping) else {}


def _rows(value: Any) -> list[Row] | None:
    """The objects of an array; None if it is none. A row that is no object is passed over."""
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else None


def _epoch(value: Any) -> datetime | None:
    seconds = count(value)
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (ValueError, OverflowError, OSError):
        return None
