"""The embedded SES: it takes the sender of confirmation mails, and shows what it has sent in a browser."""

from __future__ import annotations

import urllib.request

from chalicelib import aws as clients
from chalicelib.config.model import MailSettings
from chalicelib.confirmation.ses import CLIENT, SesSender, sender_faults
from chalicelib.providers.spec import Mail
from local.aws import mailbox
from tests.support.aws import TestAws

MAIL = Mail("ana@example.com", "Confirmez <vite>", "Bonjour", "<p>Bonjour</p>", None)


def test_at_the_embedded_ses_the_sender_is_verified_and_mails_are_read_in_a_browser(aws: TestAws) -> None:
    mail = MailSettings("Société d’été <lettre@bücher.example>")
    assert mailbox.verify_sender(mail, aws.endpoint, aws.region)
    assert not mailbox.verify_sender(mail, "https://email.eu-west-3.amazonaws.com", aws.region), "not ours to do"
    client = clients.client("sesv2", **CLIENT)
    assert sender_faults(client, mail) == ([], [])
    SesSender(client, mail).send_mail(MAIL, budget=10)
    with urllib.request.urlopen(f"{aws.endpoint}{mailbox.PATH}") as page:
        listed = page.read().decode()
    newest = listed.partition("<li>")[2].partition("</li>")[0]
    assert "Confirmez &lt;vite&gt;" in newest and "to ana@example.com" in newest
    link = newest.partition("href='")[2].partition("'")[0]
    with urllib.request.urlopen(f"{aws.endpoint}{link}") as page:
        assert (page.read().decode(), page.headers["content-type"]) == ("<p>Bonjour</p>", "text/html; charset=utf-8")
