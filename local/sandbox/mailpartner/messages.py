"""MailPartner's functions about messages: send, cancel, status."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ..clock import paris
from .models import Context, Message, Refused, delivered_by
from .opt_out_list import stamp
from .unsubscribes import ADDRESS

_COST_EACH = 0.001
_RECIPIENTS = 500
_ATTACHMENT_BYTES = 5_000_000


def send(at: Context, params: Mapping[str, Any]) -> dict[str, Any]:
    """Sends a message now or later, to at most 500 people."""
    if at.account.refuse_send_with is not None:
        raise Refused(at.account.refuse_send_with, "Envoi refusé")
    if not params.get("subject") or not params.get("htmlContent"):
        raise Refused(2, "Le contenu du message est requis")
    recipients = _recipients(at, params)
    _check_extras(params)
    due = _due(at, params)
    cost = 0.0 if str(params.get("sandbox", 0)) == "1" else round(_COST_EACH * len(recipients), 4)
    if cost > at.account.balance:
        raise Refused(11, "Vous n'avez pas assez de crédits")
    at.account.balance = round(at.account.balance - cost, 4)
    message = Message(at.new_id(), str(params["subject"]), recipients, due, cost, html=str(params["htmlContent"]))
    at.account.messages[message.id] = message
    return {
        "messageId": message.id,
        "nbMail": len(recipients),
        "cost": cost,
        "currency": "EUR",
        "scheduledDeliveryDate": stamp(due),
    }


def message_cancel(at: Context, params: Mapping[str, Any]) -> dict[str, Any]:
    """Cancels a scheduled message, up to 5 minutes before its time."""
    message = _the_message(at, params)
    if message.cancelled:
        raise Refused(5, "Le message est déjà annulé")
    if at.now >= message.due:
        raise Refused(7, "Le message a déjà été envoyé")
    if message.due - at.now < timedelta(minutes=5):
        raise Refused(6, "Il est impossible d'annuler un message moins de 5 minutes avant son envoi")
    message.cancelled = True
    at.account.balance = round(at.account.balance + message.cost, 4)
    return {"message": "Le message a bien été annulé"}


def bulk_status(at: Context, params: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the status of each recipient's copy; reports are complete a minute after sending."""
    message = _the_message(at, params)
    key = "statut" if at.options.statut else "status"
    rows = [
        {
            "email": address,
            "token": f"sample-token-{message.id}-{place}",
            key: _status(message, address, at.now),
            "cost": message.cost / len(message.recipients),
            "stopMail": address in at.account.optouts,
            "date": str(int(delivered_by(message).timestamp())),
        }
        for place, address in enumerate(message.recipients)
    ]
    return {"messageId": message.id, "StatutResponseList": rows}


def _status(message: Message, address: str, now: datetime) -> str:
    if message.cancelled or now < delivered_by(message):
        return "Waiting"
    return "Not delivered" if "bounce" in address else "Delivered"


def _the_message(at: Context, params: Mapping[str, Any]) -> Message:
    given = str(params.get("messageId") or "")
    if not given:
        raise Refused(3, "L'identifiant du message est requis")
    if not given.isdecimal() or int(given) not in at.account.messages:
        raise Refused(4, "Le message est introuvable")
    return at.account.messages[int(given)]


def _recipients(at: Context, params: Mapping[str, Any]) -> list[str]:
    inner = params.get("params")
    rows = inner.get("to") if isinstance(inner, Mapping) else None
    if not isinstance(rows, list) or not rows:
        raise Refused(18, "Les destinataires sont requis")
    if len(rows) > _RECIPIENTS:
        raise Refused(17, "Le nombre de destinataires est limité à 500")
    addresses = [_address(row, 19, "Un destinataire est invalide") for row in rows]
    if len({address.lower() for address in addresses}) < len(addresses):
        raise Refused(15, "Un destinataire est en double")
    if any(address in at.account.optouts for address in addresses):
        raise Refused(14, "Un destinataire est désabonné")
    return addresses


def _address(row: Any, code: int, message: str) -> str:
    address = str(row.get("email") or "") if isinstance(row, Mapping) else ""
    if not ADDRESS.fullmatch(address):
        raise Refused(code, message)
    return address


def _check_extras(params: Mapping[str, Any]) -> None:
    if "replyTo" in params:
        _address(params["replyTo"], 25, "L'adresse de réponse est invalide")
    variables = params.get("variables") or {}
    if not isinstance(variables, Mapping) or len(variables) > 8:
        raise Refused(2, "Le nombre de variables est limité à 8")
    tag = params.get("tag")
    if tag is not None and not re.fullmatch(r"[a-z]{3,20}", str(tag)):
        raise Refused(2, "Le tag est invalide")
    _check_attachments(params.get("attachments") or [])


def _check_attachments(attachments: Any) -> None:
    if not isinstance(attachments, list):
        raise Refused(16, "Les pièces jointes sont invalides")
    if len(attachments) > 3:
        raise Refused(8, "Le nombre de pièces jointes est limité à 3")
    for attachment in attachments:
        if not isinstance(attachment, Mapping) or not {"base64Content", "contentType", "filename"} <= set(attachment):
            raise Refused(16, "Une pièce jointe est incomplète")
        try:
            content = base64.b64decode(str(attachment["base64Content"]), validate=True)
        except binascii.Error as error:
            raise Refused(16, "Une pièce jointe est invalide") from error
        if len(content) > _ATTACHMENT_BYTES:
            raise Refused(9, "Une pièce jointe dépasse 5 Mo")


def _due(at: Context, params: Mapping[str, Any]) -> datetime:
    """Returns the time of date, hour and minute in Paris; now without a date."""
    date = params.get("scheduledDeliveryDate")
    if date is None:
        return at.now
    try:
        day = datetime.strptime(str(date), "%d/%m/%Y").replace(tzinfo=UTC)
    except ValueError as error:
        raise Refused(45, "La date d'envoi est invalide") from error
    hour, minute = str(params.get("time", "")), str(params.get("minute", ""))
    if not hour.isdecimal() or int(hour) > 24:
        raise Refused(47, "L'heure d'envoi est invalide")
    if not minute.isdecimal() or int(minute) > 55 or int(minute) % 5:
        raise Refused(48, "La minute d'envoi est invalide")
    local = day + timedelta(hours=int(hour), minutes=int(minute))
    due = local - (paris(local).replace(tzinfo=UTC) - local)
    if due < at.now:
        raise Refused(46, "La date d'envoi est passée")
    return due
