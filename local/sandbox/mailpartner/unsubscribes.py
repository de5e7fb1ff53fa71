"""MailPartner's opt-out list."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .models import Context, Refused
from .opt_out_list import OptOut

ADDRESS = re.compile(r"[^@\s\x00-\x1f,;]+@[^@\s\x00-\x1f,;]+\.[^@\s\x00-\x1f,;.]+")


def unsubscribe_list(at: Context, params: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the whole list in one answer; ids are unordered."""
    return {"nbData": len(at.account.optouts), "data": at.account.optouts.snapshot()}


def unsubscribe_add(at: Context, params: Mapping[str, Any]) -> dict[str, Any]:
    """Adds an address to the list; one that is already there is refused with code 3."""
    address = str(params.get("email") or "")
    if not address:
        raise Refused(2, "L'adresse email est requise")
    if not ADDRESS.fullmatch(address) or len(address) > 254:
        raise Refused(9, "L'adresse email est invalide")
    if address in at.account.optouts:
        raise Refused(3, "Cette adresse est déjà dans la liste des désabonnés")
    row = OptOut(at.new_id(), address, at.now)
    at.account.optouts.put(row)
    return {"stopId": row.id}


def unsubscribe_delete(at: Context, params: Mapping[str, Any]) -> dict[str, Any]:
    """Deletes a row by its id, from the query of a GET or the body of a POST."""
    given = str(params.get("id") or "")
    if not given:
        raise Refused(3, "L'identifiant de l'adresse est requis")
    if not given.isdecimal() or not at.account.optouts.delete(int(given)):
        raise Refused(4, "L'identifiant de l'adresse est introuvable")
    return {}
