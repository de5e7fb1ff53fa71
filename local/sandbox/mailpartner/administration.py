"""MailPartner's functions about credit and sub-accounts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .models import Context, Refused, SubAccount
from .opt_out_list import stamp
from .unsubscribes import ADDRESS

_PAGE = 20


def me(at: Context, params: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the key's owner and credit: the balance as a string, the number of mails as an integer."""
    balance = at.account.balance
    credits = {"creditMail": int(balance * 1000), "currency": "EUR", "balance": f"{balance:.2f}"}
    return {"user": {"username": at.account.username}, "credits": credits}


def subaccount_create(at: Context, params: Mapping[str, Any]) -> dict[str, Any]:
    """Creates a sub-account; its credit is taken from the main account."""
    given = params.get("parameters")
    given = given if isinstance(given, Mapping) else {}
    email, kind = str(given.get("email") or ""), str(params.get("type") or "")
    if kind not in ("simple", "advanced"):
        raise Refused(2, "Le type de sous-compte est invalide")
    if not ADDRESS.fullmatch(email):
        raise Refused(3, "L'adresse email est invalide")
    credit = _amount(given.get("creditToAttribute") or 0)
    if credit > at.account.balance:
        raise Refused(8, "Crédits insuffisants")
    number = at.new_id()
    token, key = f"sample-subaccount-token-{number}", f"sample-subaccount-key-{number}"
    made = SubAccount(number, email, kind, token, key, at.now, credit)
    at.account.subaccounts[made.token] = made
    at.account.balance -= credit
    return {
        "subaccount": {"email": made.email, "token": made.token},
        "sendConfirmMailTo": made.email,
        "parent_email": at.account.username,
    }


def subaccount_list(at: Context, params: Mapping[str, Any]) -> dict[str, Any]:
    """Sub-accounts in pages of 20, numbered from 1."""
    page = str(params.get("page") or "1")
    number = max(1, int(page)) if page.isdecimal() else 1
    rows = list(at.account.subaccounts.values())
    return {
        "total": len(rows),
        "nb_per_page": _PAGE,
        "page": number,
        "data": [_row(one) for one in rows[(number - 1) * _PAGE : number * _PAGE]],
    }


def credit_add(at: Context, params: Mapping[str, Any]) -> dict[str, Any]:
    """Moves credit (EUR) from the main account to a sub-account."""
    credit, sub = _transfer(at, params)
    if credit > at.account.balance:
        raise Refused(8, "Crédits insuffisants")
    return _move(at, sub, credit)


def credit_remove(at: Context, params: Mapping[str, Any]) -> dict[str, Any]:
    """Moves credit (EUR) back from a sub-account."""
    credit, sub = _transfer(at, params)
    if credit > sub.balance:
        raise Refused(8, "Crédits insuffisants")
    return _move(at, sub, -credit)


def _move(at: Context, sub: SubAccount, credit: float) -> dict[str, Any]:
    at.account.balance = round(at.account.balance - credit, 4)
    sub.balance = round(sub.balance + credit, 4)
    return {"credit": at.account.balance, "subaccountCredit": sub.balance, "currency": "EUR"}


def _transfer(at: Context, params: Mapping[str, Any]) -> tuple[float, SubAccount]:
    if params.get("credit") in (None, ""):
        raise Refused(2, "Le crédit est requis")
    if not params.get("tokenSubaccount"):
        raise Refused(3, "L'identifiant du sous-compte est requis")
    credit = _amount(params["credit"])
    if credit <= 0:
        raise Refused(5, "Le crédit doit être supérieur à 0")
    sub = at.account.subaccounts.get(str(params["tokenSubaccount"]))
    if sub is None:
        raise Refused(7, "Le sous-compte n'existe pas")
    return credit, sub


def _amount(value: Any) -> float:
    try:
        amount = float(value)
    except (TypeError, ValueError):
        return 0.0
    return amount if math.isfinite(amount) else 0.0


def _row(sub: SubAccount) -> dict[str, Any]:
    return {
        "id": sub.id,
        "email": sub.email,
        "type": sub.type,
        "token": sub.token,
        "apiKey": sub.api_key,
        "createdAt": stamp(sub.created),
        "credits": {"balance": f"{sub.balance:.2f}", "currency": "EUR"},
    }
