"""A valid file is read into `Settings`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import chalicelib
from chalicelib import names
from chalicelib.config.load import find_path, load
from chalicelib.config.model import Organisation, RetryPolicy, Settings
from chalicelib.config.toml_table import TomlTable
from chalicelib.domain.errors import ConfigurationError
from chalicelib.domain.languages import LANGUAGES
from chalicelib.providers import registry

LoadText = Callable[..., Settings]
ROOT = Path(chalicelib.__file__).parent.parent
EXAMPLE = ROOT / "chalicelib" / "relais.example.toml"
MINIMAL = """\
[accounts.paris]
provider = "bulk"
api_key = "env:PARIS_KEY"
[privacy]
address_keys = ["env:K1"]
"""


def test_every_key_is_read_into_its_setting(load_text: LoadText, whole: str) -> None:
    settings = load_text(whole)
    paris, lettre = settings.accounts["paris"], settings.accounts["lettre"]
    assert (paris.provider, paris.base_url, paris.open_base_url) == (
        "bulk",
        "https://bulk.example.com/api",
        "https://bulk.example.com/api_open",
    )
    assert paris.options == {"mode": "fast", "turbo": True}
    assert (lettre.provider, lettre.base_url, lettre.open_base_url, lettre.options) == ("optout", None, None, {})
    footer = settings.forms["footer"]
    assert (footer.account, footer.list, footer.email_field) == ("paris", "4781", "email")
    assert footer.fields == {"prenom": "prenom"}
    assert footer.unsubscribe_url_field == "lien_desabo"
    assert footer.redirect == "https://www.example.com/merci"
    assert footer.redirect_unsubscribe == "https://www.example.com/au-revoir"
    assert footer.language == "nl"
    shop = settings.webhooks["shop"]
    assert (shop.types, shop.accounts) == (frozenset({"signup", "unsubscribe"}), frozenset({"paris"}))
    sync = settings.sync_unsubscribes
    assert sync is not None
    assert (sync.read_from, sync.propagate_to, sync.baseline, sync.news_per_run) == (
        ("lettre",),
        ("paris", "lettre"),
        "known",
        10,
    )
    crm = settings.sources["crm"]
    assert (crm.url, crm.account, crm.list, crm.allow_private, crm.fetch) == (
        "https://crm.example.com/export.csv?format=csv",
        "paris",
        "4781",
        False,
        "provider",
    )
    assert settings.delivery == RetryPolicy(0.5, 2.0, 1.5, 5)
    assert (len(settings.privacy.address_keys), settings.privacy.keep_events_days) == (2, 30)
    assert settings.privacy.keep_consent_years == 5
    assert len(settings.unsubscribe_keys) == 1
    assert settings.organisation == Organisation(
        "Association Exemple", "https://www.example.com/%C3%A9", "https://www.example.com/vie-privee"
    )
    assert settings.timezone == "America/Martinique"
    assert settings.api.public_url == "https://relais.example.com/api"


def test_omitted_keys_are_off_or_default(load_text: LoadText) -> None:
    settings = load_text(MINIMAL)
    assert (settings.forms, settings.webhooks, settings.sources) == ({}, {}, {})
    assert settings.sync_unsubscribes is None
    assert settings.unsubscribe_keys == ()
    assert (settings.organisation, settings.api.admin_key, settings.api.public_url) == (None, None, None)
    assert settings.timezone == "Europe/Paris"
    assert settings.delivery == RetryPolicy(30.0, 3600.0, 168.0)
    assert (settings.privacy.keep_events_days, settings.privacy.keep_consent_years) == (90, 3)
    assert settings.accounts["paris"].options == {"mode": "slow", "turbo": False}


def test_a_forms_field_with_an_accent_is_the_same_in_both_unicode_forms(load_text: LoadText) -> None:
    form = '[forms.f]\naccount = "paris"\nlist = "1"\nlink_fields = ["pre\u0301nom"]\n'
    settings = load_text(f'{MINIMAL}{form}[forms.f.fields]\nmail = "@email"\n"pre\u0301nom" = "PRENOM"\n')
    assert settings.forms["f"].fields == {"prénom": "PRENOM"}
    assert settings.forms["f"].link_fields == {"prénom"}


def test_two_fields_of_one_name_and_the_usual_trap_as_a_field_are_mistakes(load_text: LoadText) -> None:
    form = '[forms.f]\naccount = "paris"\nlist = "1"\n[forms.f.fields]\nmail = "@email"\nwebsite = "SITE"\n'
    with pytest.raises(ConfigurationError) as caught:
        load_text(MINIMAL + form + '"prénom" = "A"\n"pre\u0301nom" = "B"\n')
    said = [error.message.partition(" (/")[0] for error in caught.value.field_errors]
    assert said == [
        'is also a field of the form (the trap is "website" unless this key names another one): choose a name that '
        "people leave empty",
        "stands there twice, with its accents written in two ways",
    ]


@pytest.mark.parametrize(("written", "read"), [('"auto"', "auto"), ('"never"', "never"), ("6", 6.0), ("1.5", 1.5)])
def test_a_form_is_silent_by_its_past_or_after_hours_or_never(load_text: LoadText, written: str, read: object) -> None:
    form = '[forms.f]\naccount = "paris"\nlist = "1"\nfields = {mail = "@email"}\n'
    assert load_text(MINIMAL + form).forms["f"].silent_after == "auto"
    assert load_text(f"{MINIMAL}{form}silent_after = {written}\n").forms["f"].silent_after == read


def test_a_form_and_a_webhook_have_the_stated_defaults(load_text: LoadText) -> None:
    text = MINIMAL + (
        '[forms.f]\naccount = "paris"\nlist = "1"\nfields = {mail = "@email"}\n'
        '[webhooks.w]\nsecret = ["secret:a", "secret:b"]\n'
    )
    settings = load_text(text)
    form, webhook = settings.forms["f"], settings.webhooks["w"]
    assert (form.origins, form.redirect, form.trap, form.lifts_suppression, form.unsubscribes_per_hour) == (
        frozenset(),
        None,
        "website",
        False,
        200,
    )
    assert (form.redirect_unsubscribe, form.language) == (None, None)
    assert (form.signups_per_hour, form.signups_per_hour_per_network) == (500, 0)
    assert (form.email_field, form.fields, form.unsubscribe_url_field) == ("mail", {}, None)
    assert (len(webhook.secrets), webhook.types, webhook.accounts) == (
        2,
        frozenset({"signup", "unsubscribe"}),
        None,
    )


def test_links_are_off_without_their_section(load_text: LoadText, whole: str) -> None:
    text = whole.replace('[unsubscribe]\nkeys = ["ssm:/relais/unsubscribe"]\n', "")
    text = text.replace('altcha = true\nconfirm = "lettre"\n', "")
    settings = load_text(text)
    assert settings.unsubscribe_keys == ()
    assert settings.forms["footer"].unsubscribe_url_field is None
    assert settings.forms["footer"].fields == {"prenom": "prenom"}


@pytest.mark.parametrize("slashes", ["", "/", "//"])
def test_base_urls_lose_their_trailing_slash(load_text: LoadText, slashes: str) -> None:
    text = MINIMAL.replace("[privacy]", f'base_url = "http://127.0.0.1:9000/api{slashes}"\n[privacy]')
    paris = load_text(text).accounts["paris"]
    assert paris.base_url == "http://127.0.0.1:9000/api"
    assert paris.open_base_url == "http://127.0.0.1:9000/api_open"


def test_the_open_base_url_is_configurable_with_or_without_the_other(load_text: LoadText) -> None:
    stated = 'open_base_url = "https://open.example.com/o/"\n[privacy]'
    alone = load_text(MINIMAL.replace("[privacy]", stated)).accounts["paris"]
    both = load_text(MINIMAL.replace("[privacy]", 'base_url = "https://a.example.com"\n' + stated)).accounts["paris"]
    assert (alone.base_url, alone.open_base_url) == (None, "https://open.example.com/o")
    assert (both.base_url, both.open_base_url) == ("https://a.example.com", "https://open.example.com/o")


@pytest.mark.parametrize(
    "host", ["localhost", "app.localhost", "LOCALHOST", "127.0.0.1", "127.8.9.1:81", "[::1]", "[::1]:8000"]
)
def test_plain_http_is_allowed_on_the_loopback(load_text: LoadText, host: str) -> None:
    text = MINIMAL.replace("[privacy]", f'base_url = "http://{host}/api"\n[privacy]')
    assert load_text(text).accounts["paris"].base_url == f"http://{host}/api"


def test_plain_http_is_allowed_for_a_source_on_a_private_network(load_text: LoadText, whole: str) -> None:
    text = whole.replace('url = "https://crm', 'url = "http://crm').replace(
        "allow_private = false", "allow_private = true"
    )
    assert load_text(text).sources["crm"].allow_private


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://www.example.com", "https://www.example.com"),
        ("HTTPS://WWW.Example.COM", "https://www.example.com"),
        ("https://www.example.com:443", "https://www.example.com"),
        ("http://www.example.com:80", "http://www.example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://www.example.com:80", "https://www.example.com:80"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_origins_are_normalised_as_browsers_send_them(load_text: LoadText, whole: str, written: str, kept: str) -> None:
    assert load_text(whole.replace('["https://www.example.com"]', f'["{written}"]')).forms["footer"].origins == {kept}


def test_one_configured_retry_time_adjusts_the_default_of_the_other(load_text: LoadText) -> None:
    assert load_text(MINIMAL + "[delivery]\nlongest_retry_seconds = 5\n").delivery == RetryPolicy(5.0, 5.0)
    assert load_text(MINIMAL + "[delivery]\nfirst_retry_seconds = 4000.5\n").delivery == RetryPolicy(4000.5, 4000.5)


def test_a_provider_without_lists_needs_none(load_text: LoadText) -> None:
    text = MINIMAL.replace('"bulk"', '"flat"').replace('api_key = "env:PARIS_KEY"', 'site = "acme"') + (
        '[forms.f]\naccount = "paris"\nfields = {mail = "@email"}\n'
    )
    settings = load_text(text)
    assert settings.forms["f"].list == ""
    assert settings.accounts["paris"].options == {"site": "acme"}


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "relais.toml"
    path.write_bytes(b"\xef\xbb\xbf" + EXAMPLE.read_bytes())
    assert load(path, {}).accounts


def test_env_references_read_the_given_environment(load_text: LoadText) -> None:
    settings = load_text(MINIMAL, {"PARIS_KEY": "key-for-tests"})
    assert settings.accounts["paris"].secrets["api_key"].reveal() == "key-for-tests"


def test_the_file_is_found_in_the_documented_order() -> None:
    assert find_path({"RELAIS_CONFIG": "/elsewhere/r.toml"}) == Path("/elsewhere/r.toml")
    assert find_path({}) == find_path({"RELAIS_CONFIG": ""}) == ROOT / "chalicelib" / "relais.toml"


def test_the_example_is_valid() -> None:
    settings = load(EXAMPLE, os.environ)
    assert settings.forms["footer"].account in settings.accounts


def test_the_commented_lines_of_the_example_are_valid(tmp_path: Path, whole: str) -> None:
    """Each `#key = value` line is switched on."""
    text = EXAMPLE.read_text("utf-8")
    path = tmp_path / "relais.toml"
    path.write_text(re.sub(r"^#(?=[\[a-z])", "", text, flags=re.MULTILINE), "utf-8")
    settings = load(path, {})
    assert settings.sources["crm"].fetch == "provider"
    assert settings.accounts["paris"].base_url == "http://127.0.0.1:9000/api_http"


def test_every_key_is_documented(load_text: LoadText, whole: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys are collected from loading, so a new one cannot be missed."""
    asked: set[str] = set()
    finish = TomlTable.finish

    def noting(self: TomlTable, **options: bool) -> None:
        asked.update(self._known if len(self.place) != 1 else {f"{self.name}.{key}" for key in self._known})
        finish(self, **options)

    monkeypatch.setattr(TomlTable, "finish", noting)
    load_text(whole)
    made_up = {"mode", "site", "turbo"}
    documented = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    keys = {key.rsplit(".", 1)[-1] for key in asked} - made_up - set(LANGUAGES)
    assert {"accounts", "from", "admin_key", "fields", "first_retry_seconds"} <= keys, "the hook works"
    missing = [
        key for key in keys if f"| `{key}` |" not in documented and not re.search(rf"^## .*\b{key}\b", documented, re.M)
    ]
    assert missing == ["fields"]  # has a table of its own
    assert "`[forms.NAME.fields]`" in documented


@pytest.mark.parametrize("name", registry.names())
def test_every_provider_key_is_documented(name: str) -> None:
    documented = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    assert f"`{name}`" in documented
    for option in registry.spec(name).options:
        assert f"| `{option.name}` |" in documented, f"{name}: {option.name}"


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"RELAIS_DOMAIN_1": "a.example.com"}, "https://a.example.com"),
        ({"RELAIS_DOMAIN_1": "a.example.com", "RELAIS_PUBLIC_DOMAIN": "1"}, "https://a.example.com"),
        (
            {"RELAIS_DOMAIN_1": "a.example.com", "RELAIS_DOMAIN_2": "b.example.com", "RELAIS_PUBLIC_DOMAIN": "2"},
            "https://b.example.com",
        ),
        ({"RELAIS_DOMAIN_1": "", "RELAIS_DOMAIN_2": "", "RELAIS_PUBLIC_DOMAIN": "1", "RELAIS_API_URL": ""}, None),
        ({"RELAIS_DOMAIN_1": "", "RELAIS_API_URL": "https://a1.example.com/api"}, "https://a1.example.com/api"),
        ({"RELAIS_DOMAIN_1": "a.example.com", "RELAIS_API_URL": "https://a1.example.com/api"}, "https://a.example.com"),
        ({"RELAIS_DOMAIN_1": "a.example.com", "RELAIS_API_URL": names.FROM_REQUEST}, "https://a.example.com"),
        ({"RELAIS_DOMAIN_1": "", "RELAIS_API_URL": names.FROM_REQUEST}, None),
    ],
)
def test_the_public_url_of_the_file_wins_over_the_domain_of_the_stack(
    load_text: LoadText, environ: dict[str, str], url: str | None
) -> None:
    in_the_file = '[api]\npublic_url = "https://in-the-file.example.com"\n'
    assert load_text(MINIMAL + in_the_file, environ).api.public_url == "https://in-the-file.example.com"
    assert load_text(MINIMAL, environ).api.public_url == url


@pytest.mark.parametrize("url", ["https://a1.example.com/api", names.FROM_REQUEST, None])
def test_links_need_no_public_url_where_the_stack_has_one(load_text: LoadText, whole: str, url: str | None) -> None:
    """A deployed function has at least that of API Gateway; the HTTP function learns it from each request."""
    linked = whole.replace('public_url = "https://relais.example.com/api/"', "")
    assert "@unsubscribe_url" in linked
    environ = {"LETTRE_KEY": "key", "RELAIS_STAGE": "prod"}
    if url is None:
        with pytest.raises(ConfigurationError, match="no unsubscribe link can be made"):
            load_text(linked, environ)
        return
    settings = load_text(linked, {**environ, "RELAIS_API_URL": url})
    assert settings.forms["footer"].unsubscribe_url_field
    assert settings.api.public_url == (None if url == names.FROM_REQUEST else url)
