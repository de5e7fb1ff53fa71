"""Parses events from queues and webhooks, and checks them against the contract and the configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, assert_never

from ..config.model import Form, Settings
from ..domain.addresses import Checked, signup_address, unsubscribe_address
from ..domain.errors import FieldError, InvalidEvent, without_addresses
from ..domain.events import Consent, Door, Event, EventType
from ..domain.limits import CONTACTS_SYNC_KB, EVENT_KB
from ..domain.names_alike import composed
from ..domain.texts import safe_name, wording_digest
from ..domain.times import to_milliseconds
from ..providers import registry
from .json_object import JsonObject
from .parse_sync import is_contacts_sync, read_sync

_TYPES = tuple(kind.value for kind in EventType)
SCOPES = ("account", "global")
INVALID = "invalid"
"""Prefix of the reason of an event that is refused because it is invalid."""
ERRORS_AN_EVENT = 10
"""Errors that are stored or answered of one event; it can have thousands of invalid fields."""
_MOST_NOTED = 10


def parse_event(
    data: Any,
    settings: Settings,
    *,
    default_id: str,
    default_occurred_at: datetime,
    accepted_at: datetime,
    door: Door | None = None,
) -> Event:
    """Parses one event of the contract (§4) from its JSON value. Unknown keys are ignored; null counts as absent.

    `default_id` and `default_occurred_at` (from the message that carried the event) are used if it states none.

    Raises:
        InvalidEvent: With all field errors; no message quotes a value.
    """
    members = JsonObject(data)
    members.check_size(CONTACTS_SYNC_KB if is_contacts_sync(data) else EVENT_KB)
    kind = members.choice("type", _TYPES, required=True)
    common = _common(members, default_id, default_occurred_at, accepted_at)
    if kind is None:
        raise InvalidEvent(members.errors)
    type = EventType(kind)
    email, specific = "", dict[str, Any]()
    match type:
        case EventType.SIGNUP:
            email = _email(members, signup_address)
            specific = _signup(members, settings, common["occurred_at"], door)
        case EventType.UNSUBSCRIBE:
            email = _email(members, unsubscribe_address)
            specific = _unsubscribe(members, settings)
        case EventType.SYNC:
            specific = read_sync(members, settings)
        case _:
            assert_never(type)
    if members.errors:
        raise InvalidEvent(members.errors)
    return Event(type=type, email=email, notes=tuple(members.notes), door=door, **common, **specific)


def refused_event(
    data: Any,
    error: InvalidEvent,
    settings: Settings,
    *,
    default_type: EventType,
    default_id: str,
    default_occurred_at: datetime,
    accepted_at: datetime,
) -> Event:
    """Builds the event to store as refused after `parse_event` raised `error`, without any address.

    `default_type` (of the queue) is used for data without a valid type. The event has the accounts that it named, or
    all accounts if it named none that exists, so that it is visible.
    """
    members = JsonObject(data)
    common = _common(members, default_id, default_occurred_at, accepted_at)
    form = settings.forms.get(members.text("form") or "")
    source = settings.sources.get(members.text("source") or "")
    targets = {target.account for target in (form, source) if target is not None}
    named = {members.text("account"), *targets, *(members.texts("accounts") or ()), *(members.texts("from") or ())}
    return Event(
        type=EventType(members.choice("type", _TYPES) or default_type),
        email="",
        accounts=tuple(name for name in settings.accounts if name in named) or tuple(settings.accounts),
        refused=without_addresses(f"{INVALID}: {error}"),
        errors=at_most(error.field_errors, ERRORS_AN_EVENT),
        **common,
    )


def at_most(errors: Sequence[FieldError], limit: int) -> tuple[FieldError, ...]:
    """Returns the first `limit` errors, and one that states how many more there are."""
    if len(errors) <= limit:
        return tuple(errors)
    return (*errors[:limit], FieldError("", f"and {len(errors) - limit} more mistakes"))


def _common(
    members: JsonObject, default_id: str, default_occurred_at: datetime, accepted_at: datetime
) -> dict[str, Any]:
    """Reads the attributes common to all types: id and times."""
    stated = members.time("occurred_at", now=accepted_at)
    return {
        "id": members.id("id") or default_id,
        "occurred_at": stated or to_milliseconds(default_occurred_at),
        "occurred_at_stated": stated is not None,
        "accepted_at": to_milliseconds(accepted_at),
    }


def _email(members: JsonObject, check: Callable[[str], Checked]) -> str:
    """Reads, cleans and checks the address; "" if there is none."""
    given = members.text("email", required=True)
    if given is None:
        return ""
    address, error = check(given)
    if error is not None:
        members.add_error("email", error)
    return address


def _signup(members: JsonObject, settings: Settings, occurred_at: datetime, door: Door | None) -> dict[str, Any]:
    """Reads a signup's target, fields and consent. Fields are the form's if it names one, else the provider's.

    With a form the event has no list: it is the form's when the event is delivered. Fields that the form does not map
    are left out and noted.
    """
    form, account, list_name = _target(members, settings)
    configured = settings.accounts.get(account or "")
    if configured is not None and not registry.takes_signups(configured.provider):
        members.add_error("account" if form is None else "form", "names an account whose provider takes no signups")
    given = members.object("fields")
    fields = given.fields(form.fields if form is not None else None) if given is not None else {}
    if given is not None and form is not None:
        unknown = [name for name in given.stated() if composed(name) not in form.fields]
        if len(unknown) > _MOST_NOTED:
            members.notes.append(f"fields: {len(unknown)} are no fields of form {form.name}; left out")
        else:
            left_out = f"is no field of form {form.name}; left out"
            members.notes += (f"fields.{safe_name(name)}: {left_out}" for name in unknown)
    return {
        "accounts": (account,) if form is None else form.accounts,
        "list": list_name,
        "form": form.name if form is not None else None,
        "fields": fields,
        "consent": _consent(members, occurred_at, door),
    }


def _target(members: JsonObject, settings: Settings) -> tuple[Form | None, str | None, str | None]:
    """Reads the form and account of a signup, or its account and list, as far as they are valid."""
    account, list_name = members.text("account"), members.name("list")
    if account is not None and account not in settings.accounts:
        members.add_error("account", "is not a configured account")
    if members.has("form"):
        name = members.text("form")
        form = settings.forms.get(name or "")
        if name is not None and form is None:
            members.add_error("form", "is not a configured form")
        if form is not None and (account or form.account, list_name or form.list) != (form.account, form.list):
            members.add_error("form", "is for another account or list: name the form, or the account and the list")
        return form, form.account if form else None, None
    if not members.has("account") and not members.has("list"):
        members.add_error("form", "is required, or account and list instead")
    elif not members.has("account") or not members.has("list"):
        members.add_error("list" if members.has("account") else "account", "is required without form")
    return None, account, list_name


def _consent(members: JsonObject, occurred_at: datetime, door: Door | None) -> Consent | None:
    """Reads the stated consent; without a time of its own it counts as given when the event occurred.

    What is invalid in it is left out and noted: the person signed up all the same.
    """
    flaws: list[FieldError] = []
    stated = members.object("consent", flaws)
    if stated is None:
        return None
    if flaws:  # it is no object
        members.notes += map(_left_out, flaws)
        return None
    at = stated.time("at", now=occurred_at)
    digest, problem = wording_digest(stated.text("wording"), stated.text("wording_sha256"))
    if problem:
        stated.add_error("wording_sha256", problem)
    source, text = (stated.text(name, drop_controls=True) for name in ("source", "text"))
    consent = Consent(source, text, stated.ip("ip"), at or occurred_at, digest, door)
    members.notes += map(_left_out, flaws)
    return consent


def _left_out(flaw: FieldError) -> str:
    return f"{flaw.field}: {flaw.message}; left out"


def _unsubscribe(members: JsonObject, settings: Settings) -> dict[str, Any]:
    """Reads an unsubscribe's accounts, in the configuration's order (all if none is named), and its scope.

    Unknown accounts beside known ones are left out and noted.
    """
    named = members.names("accounts")
    unknown = [name for name in dict.fromkeys(named or ()) if name not in settings.accounts]
    accounts = tuple(name for name in settings.accounts if named is None or name in named)
    if unknown and not accounts:
        members.add_error("accounts", "must name configured accounts")
    if len(unknown) > _MOST_NOTED:
        members.notes.append(f"accounts: {len(unknown)} are not configured; left out")
    else:
        members.notes += (f"accounts: '{safe_name(name)}' is not a configured account; left out" for name in unknown)
    return {
        "accounts": accounts,
        "all_accounts": named is None,
        "accounts_as_sent": tuple(named) if named and unknown else None,
        "scope": members.choice("scope", SCOPES) or "account",
    }
