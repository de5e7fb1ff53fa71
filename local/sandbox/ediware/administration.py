"""Ediware's functions about sub-accounts, IP pools, lists, and campaigns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .contacts import the_list
from .context import Context, Refused
from .models import ContactList, User, campaign_row, shown_campaigns

_OK = {"result": "ok"}
_PROTECTED = "Error this list protected against delete, go to the dashboard"


def user_list(at: Context, params: Mapping[str, Any]) -> Any:
    """Sub-accounts; French and English keys alternate, and not every row has the password."""
    rows = []
    for place, user in enumerate(at.account.users.values()):
        english = place % 2 == 1
        row = {"id": user.id, "log": user.log}
        if english:
            row["pass"] = user.password
        row |= {"name" if english else "nom": user.name, "email": user.email, "quota": str(user.quota)}
        row["class_domains" if english else "classe_domaines"] = user.pool
        rows.append(row)
    return rows


def pools_list(at: Context, params: Mapping[str, Any]) -> Any:
    """Pools of sending IPs; French and English keys alternate."""
    rows = []
    for place, pool in enumerate(at.account.pools.values()):
        english = place % 2 == 1
        rows.append(
            {
                "id": pool.id,
                "name" if english else "nom": pool.name,
                "sender_domain" if english else "domaine_expediteur": pool.sender_domain,
                "domain_tracking" if english else "domaine_tracking": pool.sender_domain,
                "ip_range": pool.ip_range,
                "nb_ip": str(pool.nb_ip),
                "tracking_ssl": "1" if pool.tracking_ssl else "0",
            }
        )
    return rows


def user_create(at: Context, params: Mapping[str, Any]) -> Any:
    """Creates a sub-account; the quota must be below the main account's."""
    log = str(params.get("log", ""))
    if not re.fullmatch(r"[A-Za-z0-9_.-]{7,}", log):
        raise Refused("Error log invalid")
    if log in {user.log for user in at.account.users.values()}:
        raise Refused("Error log already exists")
    user = User(id=at.new_id(), log=log, password="", quota=0)
    _set_user(at, user, {"pass": "", "quota": "", **params})
    at.account.users[user.id] = user
    answer = {"user_id": user.id}
    return [answer] if at.options.creation_as_array else answer


def user_update(at: Context, params: Mapping[str, Any]) -> Any:
    """Changes a sub-account; absent fields stay."""
    _set_user(at, _the_user(at, params), params)
    return _OK


def user_delete(at: Context, params: Mapping[str, Any]) -> Any:
    """Deletes a sub-account, unless it has sent a campaign."""
    user = _the_user(at, params)
    if any(campaign.user_id == user.id for campaign in at.account.campaigns):
        raise Refused("Error this user has sent campaigns")
    del at.account.users[user.id]
    return _OK


def list_list(at: Context, params: Mapping[str, Any]) -> Any:
    """Lists of the main account or of a sub-account; French and English keys alternate."""
    owner = _owner(at, params)
    rows = []
    for place, found in enumerate(each for each in at.account.lists.values() if each.owner == owner):
        english = place % 2 == 1
        rows.append(
            {
                "id": found.id,
                "name" if english else "nom": found.name,
                "field_email": found.field_email,
                "field_sms": "",
                "total_lines" if english else "total_lignes": str(len(found.rows)),
            }
        )
    return rows


def list_create(at: Context, params: Mapping[str, Any]) -> Any:
    """Creates a list. The text says `name`, the sample posts `nom`: both are accepted."""
    name = str(params.get("nom") or params.get("name") or "")
    fields = _names(params, "field_list", 50)
    index = _names(params, "field_index", 20)
    field_email = str(params.get("field_email", ""))
    if not name or not fields:
        raise Refused("Error name or field_list missing")
    if not all(re.fullmatch(r"[A-Za-z_]+", field) for field in fields) or len(set(fields)) < len(fields):
        raise Refused("Error field_list invalid")
    if not set(index) <= set(fields):
        raise Refused("Error field_index invalid")
    if field_email not in fields:
        raise Refused("Error field_email invalid")
    if str(params.get("email_crypt", "0")) not in ("0", "1"):
        raise Refused("Error email_crypt invalid")
    crypt = str(params.get("email_crypt", "0")) == "1"
    made = ContactList(at.new_id(), name, field_email, fields, index, _owner(at, params), email_crypt=crypt)
    at.account.lists[made.id] = made
    answer = {"list_id": made.id}
    return [answer] if at.options.creation_as_array else answer


def list_delete(at: Context, params: Mapping[str, Any]) -> Any:
    """Deletes a list, unless it is protected; the vendor documents that refusal as bare text."""
    found = the_list(at, params)
    if found.protected:
        raise Refused(_PROTECTED, bare=not at.options.protected_as_json)
    del at.account.lists[found.id]
    return _OK


def campaigns_stats(at: Context, params: Mapping[str, Any]) -> Any:
    """Returns every campaign of the last 30 days, the account's and all its sub-accounts'."""
    shown = shown_campaigns(at.account, at.now)
    return [campaign_row(campaign, at.figures_at, place) for place, campaign in enumerate(shown)]


def _names(params: Mapping[str, Any], key: str, most: int) -> tuple[str, ...]:
    names = tuple(part.strip() for part in str(params.get(key) or "").split(",") if part.strip())
    if len(names) > most:
        raise Refused(f"Error {key} is limited to {most} fields")
    return names


def _owner(at: Context, params: Mapping[str, Any]) -> str:
    user_id = str(params.get("user_id") or "")
    if user_id in ("", at.account.user_id):
        return ""
    return _the_user(at, params).id


def _the_user(at: Context, params: Mapping[str, Any]) -> User:
    user = at.account.users.get(str(params.get("user_id", "")))
    if user is None:
        raise Refused("Error user_id invalid")
    return user


def _set_user(at: Context, user: User, params: Mapping[str, Any]) -> None:
    password = str(params["pass"]) if "pass" in params else user.password
    quota = str(params["quota"]) if "quota" in params else str(user.quota)
    pool = str(params["pool_ip"]) if params.get("pool_ip") else user.pool
    if len(password) <= 8:
        raise Refused("Error pass invalid")
    if not quota.isdecimal() or int(quota) >= at.account.quota:
        raise Refused("Error quota invalid")
    if pool not in at.account.pools:
        raise Refused("Error pool_ip invalid")
    user.password, user.quota, user.pool = password, int(quota), pool
    user.name = str(params.get("name", user.name))
    user.email = str(params.get("email", user.email))
