"""Sends mail by Amazon SES (API version 2), and decides who must act when it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parseaddr
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
_NOT_THE_RECIPIENT = ("not verified", "onfiguration set")
"""Parts of messages that say nothing of the recipient: the sender is not verified, or the SES account may only write to
verified addresses yet; the configuration set that the sender has by default is not there any more."""
_UNVERIFIED = "Amazon SES sends no confirmation mail: the sender, from of [mail], is not verified there, in {}"
_VERIFY = (
    "In the SES console of that region, under Identities, verify the sender's domain or the address itself; or name "
    "the region where it is verified as ses_region of [mail]."
)
_IN_SANDBOX = "Amazon SES sends confirmation mails to verified addresses only: this AWS account is in its sandbox"
_ASK_FOR_PRODUCTION = "In the SES console of that region, request production access; AWS answers within a day."
_ASK_AWS = "Look at the SES console of that region: it says why, and how to ask for a review."

CLIENT: Mapping[str, Any] = {
    "connect_timeout": 3,
    "read_timeout": 10,
    "retries": {"mode": "standard", "total_max_attempts": 1},
    "max_pool_connections": 10,
    "user_agent": "relais",
}
"""Options of the client: one attempt, since failed mails are retried later, within the time that a mail may take."""


class SesSender:
    """Sends by one SES client, which must not retry: failed mails are retried later."""

    def __init__(self, client: SESV2Client, settings: MailSettings) -> None:
        self._client = client
        self._settings = settings

    def send_mail(self, mail: Mail, *, budget: float) -> None:
        """Sends one mail. Raises ProviderError; `budget` is kept by the client's own timeouts."""
        try:
            self._client.send_email(
                FromEmailAddress=in_ascii(self._settings.sender),
                Destination={"ToAddresses": [mail.to]},
                ReplyToAddresses=[in_ascii(mail.reply_to)] if mail.reply_to else [],
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


def sender_faults(client: SESV2Client, settings: MailSettings) -> tuple[list[tuple[str, str]], list[str]]:
    """Asks SES whether it would send, and to anybody; changes nothing.

    Returns each fault with what to do about it, and what could not be asked.
    """
    address = parseaddr(in_ascii(settings.sender))[1]
    faults: list[tuple[str, str]] = []
    try:
        verified = any(_is_verified(client, identity) for identity in (address, address.rpartition("@")[2]))
        account = client.get_account() if verified else None
    except (BotoCoreError, ClientError) as error:
        return [], [f"the sender of its confirmation mails: Amazon SES does not tell ({type(error).__name__})"]
    if account is None:
        faults.append((_UNVERIFIED.format(client.meta.region_name), _VERIFY))
    elif not account.get("SendingEnabled", True):
        faults.append(("Amazon SES has paused this AWS account's sending", _ASK_AWS))
    elif not account.get("ProductionAccessEnabled", True):
        faults.append((_IN_SANDBOX, _ASK_FOR_PRODUCTION))
    return faults, []


def _is_verified(client: SESV2Client, identity: str) -> bool:
    try:
        return client.get_email_identity(EmailIdentity=identity).get("VerifiedForSendingStatus", False)
    except client.exceptions.NotFoundException:
        return False


def in_ascii(mailbox: str) -> str:
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
    if any(part in message for part in _NOT_THE_RECIPIENT):
        kind = Kind.ACCOUNT
    return ProviderError(kind, f"SES: {message or code}", provider_code=code or None)
