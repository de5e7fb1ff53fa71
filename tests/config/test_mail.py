"""Double opt-in and the section [mail]: what is read; errors name the key."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.config.model import MailText, Settings
from chalicelib.domain.errors import FieldError

BASE = """
[accounts.paris]
provider = "flat"
site = "x"
[accounts.lettre]
provider = "optout"
api_key = "env:KEY"
[privacy]
address_keys = ["placeholder-address-key-of-32-characters"]
[unsubscribe]
keys = ["placeholder-unsubscribe-key-of-32-characters"]
[api]
public_url = "https://relais.example.com"
[mail]
from = "La Lettre <lettre@example.com>"
[forms.footer]
account = "paris"
confirm = "ses"
[forms.footer.fields]
email = "@email"
"""


def test_it_is_read(load_text: Callable[..., Settings]) -> None:
    texts = '[mail.texts.nl]\nsubject = "Hallo {form}"\nbody = """\nKlik\n\n{link}"""\n'
    settings = load_text(BASE + texts)
    form, mail = settings.forms["footer"], settings.mail
    assert (form.confirm, form.confirm_within_hours) == ("ses", 72)
    assert mail is not None
    assert (mail.sender, mail.reply_to, mail.ses_region) == ("La Lettre <lettre@example.com>", None, None)
    assert mail.texts == {"nl": MailText("Hallo {form}", "Klik\n\n{link}")}
    assert load_text(BASE.replace('"ses"', '"lettre"')).forms["footer"].confirm == "lettre"


@pytest.mark.parametrize(
    ("before", "after", "wrong", "said"),
    [
        ('confirm = "ses"', 'confirm = "paris"', "forms.footer.confirm", 'cannot send a confirmation mail: name "ses"'),
        ('confirm = "ses"', 'confirm = "letre"', "forms.footer.confirm", 'did you mean "lettre"?'),
        ('[mail]\nfrom = "La Lettre <lettre@example.com>"\n', "", "forms.footer.confirm", "add [mail] with from"),
        ("[unsubscribe]\nkeys", "[organisation]\nname", "forms.footer.confirm", "add [unsubscribe]"),
        ('public_url = "https://relais.example.com"', "", "forms.footer.confirm", "add public_url"),
        ("[accounts.lettre]", "[accounts.ses]", "accounts.ses.provider", "stands for Amazon SES"),
        ("La Lettre <lettre@example.com>", "La Lettre", "mail.from", "must be an e-mail address"),
        ("[forms.footer]\n", '[mail.texts.fr]\nbody = "x"\n[forms.footer]\n', "mail.texts.fr.body", "must hold {link}"),
        (
            "[forms.footer]\n",
            '[mail.texts.fr]\nsubject = "{name}"\n[forms.footer]\n',
            "mail.texts.fr.subject",
            "none of",
        ),
        ("[forms.footer]\n", '[mail.texts.de]\nsubject = "x"\n[forms.footer]\n', "mail.texts.de", "no section"),
        ("[forms.footer]\n", 'ses_region = "Paris"\n[forms.footer]\n', "mail.ses_region", "region of AWS"),
        ("[forms.footer]\n", 'reply_to = "a <b@example.com>"\n[forms.footer]\n', "mail.reply_to", "e-mail address"),
    ],
)
def test_mistakes_are_named(
    errors_in: Callable[[str], tuple[FieldError, ...]], before: str, after: str, wrong: str, said: str
) -> None:
    assert before in BASE
    text = BASE.replace(before, after)
    text = text.replace('name = ["placeholder-unsubscribe-key-of-32-characters"]', 'name = "x"')
    found = {error.field: error.message for error in errors_in(text)}
    assert said in found.get(wrong, ""), found
    assert len(found) == 1


@pytest.mark.parametrize("key", ["confirm", "altcha"])
def test_of_a_form_with_unsubscribe_links_all_that_is_missing_is_named(
    errors_in: Callable[[str], tuple[FieldError, ...]], key: str
) -> None:
    keys = '[unsubscribe]\nkeys = ["placeholder-unsubscribe-key-of-32-characters"]\n'
    text = BASE.replace('[api]\npublic_url = "https://relais.example.com"\n', "").replace(keys, "")
    text = text.replace('confirm = "ses"', 'confirm = "ses"' if key == "confirm" else "altcha = true")
    text += '"@unsubscribe_url" = "link"\n'
    said = [(error.field, error.message.partition(": ")[2].split(" ")[1]) for error in errors_in(text)]
    assert said == [(f"forms.footer.{key}", "[unsubscribe]"), (f"forms.footer.{key}", "public_url")]
    linked = [(error.field, "public_url" in error.message) for error in errors_in(text + keys)]
    assert linked == [('forms.footer.fields."@unsubscribe_url"', True)]
