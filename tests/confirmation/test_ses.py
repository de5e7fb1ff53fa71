"""Mails by Amazon SES: sent through the embedded AWS, and who must act when SES refuses."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from chalicelib import aws as clients
from chalicelib.config.model import MailSettings
from chalicelib.confirmation.ses import CLIENT, SesSender, sender_faults
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.providers.spec import Mail
from tests.support.aws import TestAws

SENDER = "La Lettre <lettre@example.com>"
MAIL = Mail("zoe@example.com", "Confirmez", "Bonjour", "<p>Bonjour</p>", "contact@example.com")


@pytest.mark.seconds
def test_a_mail_is_sent_once_with_both_parts(resources: TestAws) -> None:
    client = clients.client("sesv2", **CLIENT)
    client.create_email_identity(EmailIdentity="lettre@example.com")
    before = len(_sent())
    SesSender(client, MailSettings(SENDER)).send_mail(MAIL, budget=10)
    [message] = _sent()[before:]
    assert (message.source, message.subject, message.body) == (SENDER, "Confirmez", "<p>Bonjour</p>")
    assert message.destinations["ToAddresses"] == ["zoe@example.com"]


@pytest.mark.parametrize(
    ("account", "said"),
    [
        ({"SendingEnabled": False, "ProductionAccessEnabled": True}, "has paused"),
        ({"SendingEnabled": True, "ProductionAccessEnabled": False}, "to verified addresses only"),
    ],
)
def test_an_ses_account_that_may_not_write_to_everybody_is_a_fault(account: dict[str, bool], said: str) -> None:
    client: Any = SimpleNamespace(
        get_email_identity=lambda **asked: {"VerifiedForSendingStatus": True}, get_account=lambda: account
    )
    [(fault, do)], unchecked = sender_faults(client, MailSettings(SENDER))
    assert said in fault and "SES console" in do and unchecked == []


@pytest.mark.parametrize(
    ("configured", "told"),
    [
        ("Société d’été <lettre@example.com>", "=?utf-8?b?U29jacOpdMOpIGTigJnDqXTDqQ==?= <lettre@example.com>"),
        ("lettre@bücher.example", "lettre@xn--bcher-kva.example"),
        ('"Lettre, la" <Lettre@example.com>', '"Lettre, la" <Lettre@example.com>'),
        ("<lettre@example.com>", "lettre@example.com"),
    ],
)
def test_sender_and_reply_address_are_told_in_ascii(configured: str, told: str) -> None:
    """SES refuses anything else as a wrong address: every signup would end refused."""
    client: Any = Refusing(refusal("SendingPausedException"))
    with pytest.raises(ProviderError):
        SesSender(client, MailSettings(configured)).send_mail(replace(MAIL, reply_to=configured), budget=10)
    assert client.asked["FromEmailAddress"] == told
    assert client.asked["ReplyToAddresses"] == [told]


def _sent() -> list[Any]:
    from moto.ses.models import ses_backends

    return [
        message for account in ses_backends.values() for region in account.values() for message in region.sent_messages
    ]


class Refusing:
    """A client that answers with an error."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.asked: dict[str, Any] = {}

    def send_email(self, **request: Any) -> None:
        self.asked = request
        raise self.error


def refusal(code: str, message: str = "", status: int = 400) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "SendEmail")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refusal("TooManyRequestsException", status=429), Kind.LATER),
        (refusal("LimitExceededException"), Kind.LATER),
        (refusal("SendingPausedException"), Kind.ACCOUNT),
        (refusal("AccountSuspendedException"), Kind.ACCOUNT),
        (refusal("MailFromDomainNotVerifiedException"), Kind.ACCOUNT),
        (refusal("AccessDeniedException", status=403), Kind.ACCOUNT),
        (refusal("MessageRejected", "Email address is not verified: zoe@example.com"), Kind.ACCOUNT),
        (refusal("MessageRejected", "Email address is on the suppression list"), Kind.CONTACT),
        (refusal("BadRequestException", "Illegal address"), Kind.CONTACT),
        (refusal("BadRequestException", "Configuration set <news> does not exist."), Kind.ACCOUNT),
        (refusal("SomethingNew"), Kind.ACCOUNT),
        (refusal("InternalServiceError", status=500), Kind.UNKNOWN),
        (ReadTimeoutError(endpoint_url="https://email.example.com"), Kind.UNKNOWN),
        (ConnectTimeoutError(endpoint_url="https://email.example.com"), Kind.LATER),
    ],
)
def test_each_refusal_says_who_must_act(error: Exception, kind: Kind) -> None:
    client: Any = Refusing(error)
    with pytest.raises(ProviderError) as caught:
        SesSender(client, MailSettings(SENDER)).send_mail(MAIL, budget=10)
    assert caught.value.kind is kind
    assert "zoe" not in str(caught.value) and caught.value.__context__ is None
    assert client.asked["FromEmailAddress"] == SENDER
    assert client.asked["ReplyToAddresses"] == ["contact@example.com"]
