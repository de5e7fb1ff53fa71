"""Accounts of back ends: their URL, their secret, and where they may be named."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.config.load import load
from chalicelib.config.model import Settings
from chalicelib.domain.errors import ConfigurationError

SECRET = "whsec_cGxhY2Vob2xkZXItb2YtYS1iYWNrLWVuZA=="
CRM = f'[accounts.crm]\nprovider = "webhook"\nurl = "URL"\nsecret = "{SECRET}"\n'
REST = """
[accounts.paris]
provider = "ediware"
api_key = "x"
[privacy]
address_keys = ["placeholder-address-key-of-32-characters"]
[forms.footer]
account = "ACCOUNT"
FORM
[forms.footer.fields]
email = "@email"
[webhooks.shop]
secret = "whsec_cGxhY2Vob2xkZXItb2YtYW5vdGhlci1zaG9w"
SHOP
"""


def read(
    tmp_path: Path,
    url: str = "https://crm.example.com/relais",
    *,
    account: str = "paris",
    form: str = 'list = "1"',
    shop: str = "",
    more: str = "",
    stage: str = "local",
) -> Settings:
    text = CRM.replace("URL", url) + more + REST.replace("ACCOUNT", account).replace("FORM", form).replace("SHOP", shop)
    (tmp_path / "relais.toml").write_text(text, encoding="utf-8")
    return load(tmp_path / "relais.toml", {"RELAIS_STAGE": stage})


def mistake(tmp_path: Path, **changes: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, **changes)
    return str(caught.value)


def test_an_account_is_read(tmp_path: Path) -> None:
    account = read(tmp_path, "https://crm.example.com/relais?site=é", more="allow_private = true\n").accounts["crm"]
    assert account.options == {"url": "https://crm.example.com/relais?site=%C3%A9", "allow_private": True}
    assert account.reveal("secret") == SECRET and "crm.example.com" not in repr(account)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/relais", "http://[::1]:9000/", "http://127.1.2.3/"])
def test_http_is_for_a_loopback_address_on_this_machine(url: str, tmp_path: Path) -> None:
    assert read(tmp_path, url).accounts["crm"].options["url"] == url
    assert "must begin with https://" in mistake(tmp_path, url=url, stage="prod")


@pytest.mark.parametrize(
    "url", ["http://localhost:9000/", "http://10.0.0.1/", "http://crm.example.com/", "ftp://crm.example.com/", "crm"]
)
def test_other_urls_are_mistakes(url: str, tmp_path: Path) -> None:
    assert "accounts.crm.url" in mistake(tmp_path, url=url)
    assert "accounts.crm.url" in mistake(tmp_path, url=url, more="allow_private = true\n")


def test_a_secret_of_another_form_and_a_base_url_are_mistakes(tmp_path: Path) -> None:
    assert "accounts.crm.base_url" in mistake(tmp_path, more='base_url = "https://crm.example.com"\n')
    (tmp_path / "wrong.toml").write_text(CRM.replace(SECRET, "hunter2-of-32-characters-or-more-here"))
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "wrong.toml", {})
    assert "accounts.crm.secret" in str(caught.value) and "hunter2" not in str(caught.value)


def test_a_form_may_name_it_with_a_list_or_without(tmp_path: Path) -> None:
    assert read(tmp_path, account="crm", form="").forms["footer"].list == ""
    assert read(tmp_path, account="crm", form='list = "vip"').forms["footer"].list == "vip"


def test_copies_and_senders_are_back_ends(tmp_path: Path) -> None:
    made = read(tmp_path, form='list = "1"\ncopy_to = ["crm", "crm"]', shop='account = "crm"')
    assert made.forms["footer"].accounts == ("paris", "crm") and made.webhooks["shop"].account == "crm"
    for name in ("paris", "nonesuch"):
        assert "forms.footer.copy_to" in mistake(tmp_path, form=f'list = "1"\ncopy_to = ["{name}"]')
        assert "webhooks.shop.account" in mistake(tmp_path, shop=f'account = "{name}"')
    assert "which gets each signup already" in mistake(tmp_path, account="crm", form='copy_to = ["crm"]')
