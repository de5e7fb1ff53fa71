"""The words of confirmation mails: in three languages or configured, with nothing that the visitor typed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.config.model import Form, HostedPage, MailSettings, MailText, Organisation, Settings
from chalicelib.confirmation.mails import compose
from tests.support.product import settings

LINK = "https://relais.example.com/confirm/token"
FORM = Form("footer", "paris", "4781", "email", {}, page=HostedPage("La <Lettre> & {link}"))


def configured(**texts: MailText) -> Settings:
    return settings(
        organisation=Organisation("Les Amis & Cie"),
        mail=MailSettings("lettre@example.com", "a@example.com", None, texts),
    )


@pytest.mark.parametrize("language", ["fr", "nl", "en"])
def test_the_link_stands_once_in_the_text_and_as_a_link_in_the_html(language: str) -> None:
    mail = compose(configured(), FORM, language, "zoe@example.com", LINK).mail
    assert mail.text.count(LINK) == 1
    assert mail.html.count(f'<a href="{LINK}">{LINK}</a>') == 1
    assert f'<html lang="{language}">' in mail.html
    assert "word-break:break-word" in mail.html, "the link is longer than a telephone is wide"
    assert "Les Amis & Cie" in mail.text and "Les Amis &amp; Cie" in mail.html and "Les Amis & Cie" in mail.subject
    assert "La <Lettre> & {link}" in mail.text and "La &lt;Lettre&gt; &amp; {link}" in mail.html, "no placeholder"
    assert (mail.to, mail.reply_to) == ("zoe@example.com", "a@example.com")
    assert "<img" not in mail.html and "zoe" not in mail.text + mail.html


def test_own_words_replace_those_of_their_language_alone() -> None:
    own = MailText("Hallo {organisation}", "Klik {link}\n\nnu <b>")
    mail = compose(configured(nl=own), FORM, "nl", "zoe@example.com", LINK).mail
    assert (mail.subject, mail.text) == ("Hallo Les Amis & Cie", f"Klik {LINK}\n\nnu <b>")
    assert "nu &lt;b&gt;" in mail.html and mail.html.count("<p ") == 2
    assert "Bonjour" in compose(configured(nl=own), FORM, "fr", "zoe@example.com", LINK).mail.text


def test_the_words_have_one_digest_whoever_gets_them() -> None:
    first = compose(configured(), FORM, "fr", "zoe@example.com", LINK).words
    assert first == compose(configured(), FORM, "fr", "ana@example.com", LINK + "2").words
    assert first != compose(configured(), FORM, "nl", "zoe@example.com", LINK).words
    assert first != compose(configured(), replace(FORM, page=HostedPage("Autre")), "fr", "z@example.com", LINK).words


def test_without_an_organisation_or_a_title_the_forms_name_stands_for_them() -> None:
    bare = replace(FORM, page=HostedPage())
    mail = compose(settings(), bare, "fr", "zoe@example.com", LINK).mail
    assert "footer" in mail.text and mail.subject == "Confirmez votre inscription"
