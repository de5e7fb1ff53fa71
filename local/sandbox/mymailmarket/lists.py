"""myMailMarket's functions about lists, users and templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .context import Context, Done, Many, One, Outcome
from .models import Failure, Group

Args = Mapping[str, str]
_OWN_FIELDS = frozenset({"Id", "Name", "SiteId", "UserLastUpdate"})


def lists(at: Context, args: Args) -> Outcome:
    """Returns all lists of a site."""
    the_site(at, args)
    return Many([group.shown() for group in at.account.groups.values()])


def list_get(at: Context, args: Args) -> Outcome:
    """Returns one list; the vendor documents an array."""
    return One(at.account.the_group(args["id"]).shown(), as_array=True)


def list_persist(at: Context, args: Args) -> Outcome:
    """Creates a list, or changes the one of the given Id."""
    given = at.fields()
    more = {key: value for key, value in given.items() if key not in _OWN_FIELDS}
    if given.get("Id"):
        group = at.account.the_group(str(given["Id"]))
        group.name, group.updated = str(given.get("Name", group.name)), at.now
        group.more |= more
    else:
        if not given.get("Name"):
            raise Failure("Name is required")
        group = Group(at.new_id(), str(given["Name"]), at.account.site_id, at.now, more)
        at.account.groups[group.id] = group
    return Done(group.id, group.shown())


def list_delete(at: Context, args: Args) -> Outcome:
    """Deletes a list and everybody on it."""
    group = at.account.the_group(args["id"])
    del at.account.groups[group.id]
    for person in [each for each in at.account.subscribers.values() if each.group == group.id]:
        del at.account.subscribers[person.id]
        at.account.by_address.pop((person.group, person.address.lower()), None)
    return Done(group.id)


def user_persist(at: Context, args: Args) -> Outcome:
    """Creates a user, or changes the one of the given UserId."""
    given = at.fields()
    user_id = str(given.get("UserId") or "")
    if user_id and user_id not in at.account.users:
        raise Failure("user not found", 404)
    if not user_id and not given.get("UserName"):
        raise Failure("UserName is required")
    existing = at.account.users.get(user_id, {"UserId": user_id or at.new_id(), "Language": "FR", "EmailAddress": ""})
    user = {**existing, **given, "UserId": existing["UserId"]}
    at.account.users[user["UserId"]] = user
    return Done(user["UserId"], user)


def user(at: Context, args: Args) -> Outcome:
    """Returns one user with the password in clear, as M3User has it."""
    return One(_found(at.account.users.get(args["id"]), "user"))


def user_by_name(at: Context, args: Args) -> Outcome:
    """Returns one user by name and site."""
    named = (each for each in at.account.users.values() if each["UserName"] == args["username"])
    return One(_found(next(named, None) if args["sitename"] == at.account.credentials.site else None, "user"))


def templates(at: Context, args: Args) -> Outcome:
    """Returns all templates of a site."""
    the_site(at, args)
    return Many(list(at.account.templates.values()))


def template(at: Context, args: Args) -> Outcome:
    """Returns one template."""
    return One(_found(at.account.templates.get(args["id"]), "template"), as_array=True)


def the_site(at: Context, args: Args) -> None:
    """Raises `Failure` 404 unless the site is the account's."""
    if args["site"] != at.account.site_id:
        raise Failure("site not found", 404)


def _found(record: dict[str, Any] | None, what: str) -> dict[str, Any]:
    if record is None:
        raise Failure(f"{what} not found", 404)
    return record
