"""The mails that SES of the embedded AWS has sent, as a page for people, and what SES needs to send them."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from html import escape
from http import HTTPStatus
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.config.model import MailSettings
from chalicelib.confirmation.ses import in_ascii
from local.aws.moto_app import Answer

_log = logging.getLogger("local")

PATH = "/mails"

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;color:#1d2430;background:#f5f6f8;margin:0 auto;padding:1.5rem;"
    "max-width:60rem}h1{font-size:1.5rem;margin:0}.quiet{color:#5b6675}ul{list-style:none;padding:0}"
    "li{background:#fff;border:1px solid #dde2e9;border-radius:6px;padding:.6rem 1rem;margin:.6rem 0}"
)


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail that SES has taken."""

    to: str
    sender: str
    subject: str
    html: str


def verify_sender(mail: MailSettings, endpoint: str, region: str) -> bool:
    """Verifies the sender of confirmation mails at an emulated AWS of this machine, which refuses it otherwise.

    False for another AWS, where that is its owner's to do, and for an emulator without SES.
    """
    if not _is_on_this_machine(endpoint):
        return False
    address = parseaddr(in_ascii(mail.sender))[1]
    try:
        client = boto3.client("sesv2", region_name=mail.ses_region or region, endpoint_url=endpoint)
        client.create_email_identity(EmailIdentity=address)
    except (BotoCoreError, ClientError) as error:
        _log.warning("SES of %s does not take the sender of mails: %s", endpoint, error)
        return False
    return True


def _is_on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_asked(target: str) -> bool:
    """Returns whether a request is for the mailbox."""
    path = target.partition("?")[0]
    return path == PATH or path.startswith(f"{PATH}/")


def answer(target: str, mails: Sequence[SentMail]) -> Answer:
    """Returns the page of all mails, the newest first, or by `/mails/NUMBER` one of them as its recipient sees it."""
    number = target.partition("?")[0].removeprefix(PATH).strip("/")
    if not number:
        return _html(HTTPStatus.OK, _page(mails))
    if number.isascii() and number.isdecimal() and 1 <= int(number) <= len(mails):
        return _html(HTTPStatus.OK, mails[int(number) - 1].html)
    return _html(HTTPStatus.NOT_FOUND, "<!doctype html><title>No such mail</title><p>There is no such mail.")


def sent_mails() -> list[SentMail]:
    """Returns what moto's SES has sent, in every region, the oldest first of each."""
    from moto.ses.models import ses_backends

    return list(_sent(region.sent_messages for account in ses_backends.values() for region in account.values()))


def _sent(boxes: Iterator[list[object]]) -> Iterator[SentMail]:
    for box in boxes:
        for message in box:
            subject, body = getattr(message, "subject", None), getattr(message, "body", None)
            if isinstance(subject, str) and isinstance(body, str):  # raw mails have neither, and Relais sends none
                destinations = getattr(message, "destinations", {})
                to = ", ".join(destinations.get("ToAddresses", ()))
                yield SentMail(to, str(getattr(message, "source", "")), subject, body)


def _page(mails: Sequence[SentMail]) -> str:
    rows = "".join(
        f"<li><a href='{PATH}/{number}'>{escape(mail.subject)}</a><br>to {escape(mail.to)}"
        f" <span class=quiet>from {escape(mail.sender)}</span></li>"
        for number, mail in reversed(list(enumerate(mails, 1)))
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Mails</title>"
        f"<meta name=viewport content='width=device-width'><style>{_STYLE}</style><h1>Mails</h1>"
        "<p class=quiet>What Amazon SES would have sent, the newest first. Nothing leaves this machine. "
        f"<a href='{PATH}'>Reload</a></p>{f'<ul>{rows}</ul>' if rows else '<p>None yet.</p>'}"
    )


def _html(status: HTTPStatus, page: str) -> Answer:
    return Answer(int(status), [("Content-Type", "text/html; charset=utf-8")], page.encode())
