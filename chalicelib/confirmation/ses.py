"""Sends mail by Amazon SES (API version 2), and says who must act when it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
)

from ..config.model import MailSettings
from ..domain.addresses import a_labels
from ..domain.errors import Kind, ProviderError
from ..providers.spec import Mail

if TYPE_CHECKING:
    from types_boto3_sesv2 import SESV2Client

# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
_KINDS = {
    "TooManyRequestsException": Kind.LATER,
    "LimitExceededException": Kind.LATER,
    "ThrottlingException": Kind.LATER,
    "ServiceUnavailable": Kind.LATER,
    "SendingPausedException": Kind.ACCOUNT,
    "AccountSuspendedException": Kind.ACCOUNT,
    "MailFromDomainNotVerifiedException": Kind.ACCOUNT,
    "AccessDeniedException": Kind.ACCOUNT,
    "NotFoundException": Kind.ACCOUNT,
    "BadRequestException": Kind.CONTACT,
    "MessageRejected": Kind.CONTACT,
}
_NOT_SENT = (ConnectTimeoutError, EndpointConnectionError, NoCredentialsError)
_NOT_VERIFIED = "not verified"
"""Part of the message where the sender is not, or the SES account may only write to verified addresses yet."""


CLIENT: Mapping[str, Any] = {
    "connect_timeout": 3,
    "read_timeout": 10,
    "retries": {"mode": "standard", "total_max_attempts": 1},
    "max_pool_connections": 10,
    "user_agent": "relais",
}
"""Options of the client: one attempt, since the delivery retries, within the time that a mail may take."""


class SesSender:
    """Sends by one SES client, which must not retry: the delivery does."""

    def __init__(self, client: SESV2Client, settings: MailSettings) -> None:
        self._client = client
        self._settings = settings

    def send_mail(self, mail: Mail, *, budget: float) -> None:
        """Send one mail. Raises ProviderError; `budget` is kept by the client's own timeouts."""
        try:
            self._client.send_email(
                FromEmailAddress=_in_ascii(self._settings.sender),
                Destination={"ToAddresses": [mail.to]},
                ReplyToAddresses=[_in_ascii(mail.reply_to)] if mail.reply_to else [],
                Content={
                    "Simple": {
                        "Subject": {"Data": mail.subject, "Charset": "UTF-8"},
                        "Body": {
                            "Text": {"Data": mail.text, "Charset": "UTF-8"},
                            "Html": {"Data": mail.html, "Charset": "UTF-8"},
                        },
                    }
                },
            )
        except ClientError as error:
            failure = _refused(error)
        except BotoCoreError as error:
            kind = Kind.LATER if isinstance(error, _NOT_SENT) else Kind.UNKNOWN
            failure = ProviderError(kind, f"SES: {type(error).__name__}")
        else:
            return
        raise failure  # outside of the handler: the library's error may hold the address


def _in_ascii(mailbox: str) -> str:
    """Returns an address of the configuration, with or without a name, as SES takes it: 7-bit ASCII.

    A name with accents becomes encoded words (RFC 2047), a domain A-labels. SES refuses anything else, as if it were
    the recipient's fault.
    """
    from email.utils import formataddr

    before, bracket, inside = mailbox.strip().partition("<")
    name, address = (before.strip().strip('"'), inside.rstrip("> ")) if bracket else ("", before)
    local, _, domain = address.strip().rpartition("@")
    ascii_address = f"{local}@{a_labels(domain) or domain}"
    try:
        return formataddr((name, ascii_address))
    except UnicodeError:  # accents before the @: SES sends from no such address, and says so
        return mailbox


def _refused(error: ClientError) -> ProviderError:
    details = error.response.get("Error", {})
    code, message = details.get("Code", ""), details.get("Message", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    kind = _KINDS.get(code, Kind.UNKNOWN if status >= 500 else Kind.ACCOUNT)
    if _NOT_VERIFIED in message:
        kind = Kind.ACCOUNT
    return ProviderError(kind, f"SES: {message or code}", provider_code=code or None)
