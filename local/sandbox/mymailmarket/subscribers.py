"""myMailMarket's functions about subscribers and unsubscribes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .context import Context, Done, One, Outcome, page
from .models import STATUSES, Failure, Subscriber

Args = Mapping[str, str]
_ADDRESS = re.compile(r"[^@\s\x00-\x1f,;]+@[^@\s\x00-\x1f,;]+\.[^@\s\x00-\x1f,;.]+")
_SHOWN = frozenset({"SubscriberId", "Status", "Groepid", "MailDomain", "UserLastUpdate", "MailAddress"})


def subscriber(at: Context, args: Args) -> Outcome:
    """Returns one person by id."""
    return One(at.account.the_subscriber(args["subscriber"]).shown())


def subscriber_by_address(at: Context, args: Args) -> Outcome:
    """Returns one person by address and list."""
    return One(_by_address(at, args["list"], args["emailaddress"]).shown())


def profile(at: Context, args: Args) -> Outcome:
    """Returns one person with the profile's fields, by id."""
    return One(at.account.the_subscriber(args["id"]).shown_profile())


def profile_by_address(at: Context, args: Args) -> Outcome:
    """Returns one profile by address and list."""
    return One(_by_address(at, args["list"], args["emailaddress"]).shown_profile(), as_array=True)


def subscribers(at: Context, args: Args) -> Outcome:
    """Returns a page of everybody on a list who is not deleted."""
    return page([person for person in _ordered(at, args["list"]) if person.status != "deleted"], args)


def subscribers_in_status(at: Context, args: Args) -> Outcome:
    """Returns a page of everybody on a list in one status."""
    status = _status(args["status"])
    return page([person for person in _ordered(at, args["list"]) if person.status == status], args)


def subscriber_persist(at: Context, args: Args) -> Outcome:
    """Creates a person, or changes the one of the given id; an address already on the list is a business failure."""
    given = at.fields()
    number = str(given.get("SubscriberId") or given.get("Id") or given.get("id") or "")
    if number:
        person = at.account.the_subscriber(number)
    else:
        group, address = _target(at, given)
        existing = at.account.find(group, address)
        if existing is not None and existing.status != "deleted":
            raise Failure("email address already exists in this list")
        person = _person(at, group, address)
    _fill(at, person, given)
    return Done(person.id, person.shown(), documented="object")


def profile_persist(at: Context, args: Args) -> Outcome:
    """Creates or changes a profile; the status of an address already on the list never changes."""
    given = at.fields()
    group, address = _target(at, given)
    person = _person(at, group, address)
    _fill(at, person, given)
    return Done(person.id, person.shown_profile())


def address_update(at: Context, args: Args) -> Outcome:
    """Changes an address; fails when the new one is already on the list."""
    person = _by_address(at, args["group"], args["oldemail"])
    if not _ADDRESS.fullmatch(args["newemail"]):
        raise Failure("email address is not valid")
    if at.account.find(args["group"], args["newemail"]) not in (None, person):
        raise Failure("email address already exists in this list")
    at.account.rename(person, args["newemail"])
    person.updated = at.now
    return Done(person.id)


def status_update(at: Context, args: Args) -> Outcome:
    """Sets a person's status, also back to active."""
    person = at.account.the_subscriber(args["id"])
    return _put(at, person, _status(args["status"]))


def subscriber_delete(at: Context, args: Args) -> Outcome:
    """Deletes by id: the person remains readable in the status `deleted`."""
    return _put(at, at.account.the_subscriber(args["id"]), "deleted")


def subscriber_delete_by_address(at: Context, args: Args) -> Outcome:
    """Deletes by address and list."""
    return _put(at, _by_address(at, args["list"], args["address"]), "deleted")


def subscriber_delete_by_mobile(at: Context, args: Args) -> Outcome:
    """Deletes by telephone number and list."""
    return _put(at, _by_mobile(at, args["list"], args["mobile"], 15), "deleted")


def unsubscribe(at: Context, args: Args) -> Outcome:
    """Unsubscribes by id."""
    return _put(at, at.account.the_subscriber(args["id"]), "unsubscribed")


def unsubscribe_by_address(at: Context, args: Args) -> Outcome:
    """Unsubscribes by address and list; 404 when the address is not on it."""
    return _put(at, _by_address(at, args["groupid"], args["address"]), "unsubscribed", "array")


def unsubscribe_by_mobile(at: Context, args: Args) -> Outcome:
    """Unsubscribes by telephone number and list."""
    return _put(at, _by_mobile(at, args["groupid"], args["gsm"], 11), "unsubscribed", "array")


def campaign_unsubscribes(at: Context, args: Args) -> Outcome:
    """Returns a page of the people who unsubscribed through a campaign."""
    unsubscribed = at.account.the_campaign(args["id"]).unsubscribed
    return page([at.account.subscribers[number] for number in unsubscribed if number in at.account.subscribers], args)


def _put(at: Context, person: Subscriber, status: str, documented: str = "feedback") -> Outcome:
    if person.status != status:
        person.status, person.updated = status, at.now
    return Done(person.id, documented=documented)


def _ordered(at: Context, group: str) -> list[Subscriber]:
    at.account.the_group(group)
    people = [person for person in at.account.subscribers.values() if person.group == group]
    if at.options.newest_first:
        people.sort(key=lambda person: person.updated, reverse=True)
    return people


def _status(name: str) -> str:
    if name not in STATUSES:
        raise Failure("status invalid", 400)
    return name


def _by_address(at: Context, group: str, address: str) -> Subscriber:
    at.account.the_group(group)
    if len(address) > 255:
        raise Failure("email address too long", 400)
    person = at.account.find(group, address)
    if person is None or person.status == "deleted":
        raise Failure("subscriber not found", 404)
    return person


def _by_mobile(at: Context, group: str, mobile: str, max_length: int) -> Subscriber:
    at.account.the_group(group)
    if len(mobile) > max_length:
        raise Failure("mobile number too long", 400)
    for person in at.account.subscribers.values():
        if person.group == group and person.mobile == mobile and person.status != "deleted":
            return person
    raise Failure("subscriber not found", 404)


def _target(at: Context, given: Mapping[str, Any]) -> tuple[str, str]:
    """Returns the list and address of a body."""
    address = str(given.get("MailAddress") or "")
    if not _ADDRESS.fullmatch(address) or len(address) > 255:
        raise Failure("email address is not valid")
    return at.account.the_group(str(given.get("Groepid") or "")).id, address


def _person(at: Context, group: str, address: str) -> Subscriber:
    """Returns the person of the address on the list: existing, restored from `deleted`, or new."""
    person = at.account.find(group, address)
    if person is None:
        person = Subscriber(at.new_id(), group, address, at.now)
        at.account.put(person)
    elif person.status == "deleted":
        person.status = "active"
    return person


def _fill(at: Context, person: Subscriber, given: Mapping[str, Any]) -> None:
    person.updated = at.now
    person.mobile = str(given.get("MobileNumber") or person.mobile)
    person.language = str(given.get("Language") or person.language)
    known = _SHOWN | {"MobileNumber", "Language", "Id", "id"}
    person.profile |= {key: value for key, value in given.items() if key not in known}
