"""Parses the members of a sync: contacts for a list, or unsubscribes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..config.model import Settings
from ..domain.events import Sync
from ..domain.limits import CONTACTS_A_SYNC
from ..providers import registry
from .json_object import JsonObject

KINDS = ("contacts", "unsubscribes")


def is_contacts_sync(data: Any) -> bool:
    """Returns True if `data` is a sync of contacts, for which a larger size limit applies."""
    return isinstance(data, Mapping) and data.get("type") == "sync" and data.get("kind") == "contacts"


def read_sync(members: JsonObject, settings: Settings) -> dict[str, Any]:
    """Reads the accounts, list and `Sync` of a sync event. Errors are recorded in `members`.

    Contacts' addresses are not checked here: an invalid one is refused alone when the sync runs, without effect on the
    other contacts.
    """
    kind = members.choice("kind", KINDS, required=True)
    if kind == "unsubscribes":
        return _unsubscribes(members, settings)
    if kind != "contacts":
        return {"accounts": ()}
    if members.has("source"):
        return _from_source(members, settings)
    if not any(members.has(name) for name in ("account", "list", "contacts")):
        members.add_error("source", "is required, or account, list and contacts instead")
        return {"accounts": ()}
    account, list_id = members.text("account", required=True), members.name("list")
    if not members.has("list"):
        members.add_error("list", "is required without source")
    if account is not None and account not in settings.accounts:
        members.add_error("account", "is not a configured account")
    elif account is not None and not registry.takes_signups(settings.accounts[account].provider):
        members.add_error("account", "names an account whose provider takes no signups")
    contacts = tuple(members.objects("contacts", CONTACTS_A_SYNC))
    return {"accounts": (account,), "list": list_id, "sync": Sync("contacts", contacts=contacts)}


def _unsubscribes(members: JsonObject, settings: Settings) -> dict[str, Any]:
    """Reads the accounts to read from and to propagate to; defaults are those of the configuration."""
    rules = settings.sync_unsubscribes
    read_from = _accounts(members, "from", rules.read_from if rules else None, settings)
    propagate_to = _accounts(members, "to", rules.propagate_to if rules else None, settings)
    specs = [registry.spec(settings.accounts[name].provider) for name in read_from]
    if not all(spec.capabilities.reads_unsubscribes for spec in specs):
        members.add_error("from", "names an account whose provider cannot say who left")
    return {"accounts": read_from, "sync": Sync("unsubscribes", propagate_to=propagate_to)}


def _accounts(members: JsonObject, name: str, default: Sequence[str] | None, settings: Settings) -> tuple[str, ...]:
    """Reads accounts in the order of the configuration; none if the event names them incorrectly."""
    if not members.has(name) and default is None:
        members.add_error(name, "is required where the configuration has no [sync.unsubscribes]")
    named = members.texts(name) if members.has(name) else list(default or ())
    if named is not None and not settings.accounts.keys() >= set(named):
        members.add_error(name, "must name configured accounts only")
    return tuple(account for account in settings.accounts if account in (named or ()))


def _from_source(members: JsonObject, settings: Settings) -> dict[str, Any]:
    name = members.text("source")
    source = settings.sources.get(name or "")
    if name is not None and source is None:
        members.add_error("source", "is not a configured source")
    if members.has("contacts"):
        members.add_error("contacts", "must not be given with source")
    if source is None:
        return {"accounts": ()}
    if (members.text("account") or source.account, members.name("list") or source.list) != (
        source.account,
        source.list,
    ):
        members.add_error("source", "is for another account or list: leave these out")
    return {"accounts": (source.account,), "list": source.list, "sync": Sync("contacts", source.name)}
