"""Files and values that look right but are not: each gives a message with place and remedy, never a traceback."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib.config.load import load
from chalicelib.config.model import Settings
from chalicelib.config.secret_cache import Vault
from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import ConfigurationError, FieldError, SecretUnavailable
from chalicelib.providers.spec import ProviderSpec

ErrorsIn = Callable[[str], tuple[FieldError, ...]]
LoadText = Callable[..., Settings]
KEY = "placeholder-admin-key-of-more-than-32-characters"
HIDDEN = "hidden-value-of-some-length"


def _errors(path: Path) -> tuple[FieldError, ...]:
    with pytest.raises(ConfigurationError) as caught:
        load(path, {})
    assert not isinstance(caught.value.__context__, ValueError), "an inner error may carry the whole file"
    return caught.value.field_errors


# --- the file as a whole ---

DEEP = {
    "arrays": "a = " + "[" * 5000 + "]" * 5000,
    "inline tables": "a = " + "{a = " * 5000 + "1" + "}" * 5000,
    "dotted key": ".".join("a" * 5000) + " = 1",
    "dotted section": "[" + ".".join("a" * 5000) + "]",
    "section and dotted key": "[accounts]\n" + ".".join("a" * 2500) + " = " + "[" * 2500 + "]" * 2500,
    "unclosed": "a = " + "[" * 100_000,
}


@pytest.mark.seconds
@pytest.mark.parametrize("text", DEEP.values(), ids=[f"hostile-18-{name}" for name in DEEP])
def test_deep_nesting_is_an_error_of_the_configuration(tmp_path: Path, text: str) -> None:
    path = tmp_path / "relais.toml"
    path.write_text(f'secret_thing = "{HIDDEN}"\n{text}\n', "utf-8")
    errors = _errors(path)
    assert errors
    assert all(str(path) in error.field + error.message for error in errors)
    assert HIDDEN not in str(errors)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b" \r\n\t\n# only words\n", "the file is empty"),
        ("[api]\n".encode("utf-16"), "the file is not UTF-8"),
        ("[api]\n".encode("utf-16-le"), "the file is not UTF-8"),
        ("[api]\n".encode("utf-16-be"), "the file is not UTF-8"),
        ("[api]\n".encode("utf-32"), "the file is not UTF-8"),
        (b"[api]\n" + b"\0" * 20, "the file is not UTF-8"),
        ("# Zoé".encode("latin-1"), "the file is not UTF-8"),
        (b"[api]\n[api]\n", "a key or section stands there twice (at line 2"),
        (b"a = 1\na = 2\n", "a key or section stands there twice (at line 2"),
        (b"a = 1\n[a]\n", "stands there twice (at line 2"),
        (b"[[a]]\n[a]\n", "stands there twice (at line 2"),
        (b"a = {b = 1, b = 2}\n", "stands there twice"),
        (b"a = " + b"9" * 5000, "a number has too many digits"),
        (b"a = 0x" + b"f" * 5000, "is missing"),
        (b"a = 1e999999999\n", "is missing"),
        (b"a = 9999-12-31T23:59:59-23:59\n", "is missing"),
        (b"a = 2026-13-45\n", "not valid TOML"),
        (b"#" * 1_100_000, "the file is larger than 1024 KB"),
    ],
    ids=[f"hostile-18-{number}" for number in range(20)],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "relais.toml"
    path.write_bytes(data)
    messages = [error.message for error in _errors(path)]
    assert any(says in message for message in messages), messages


@pytest.mark.parametrize("kind", ["directory", "fifo", "device", "loop", "nothing", "dangling"])
def test_hostile_18_what_is_no_file_is_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "relais.toml"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "dangling":
        path.symlink_to(tmp_path / "none")
    (error,) = _errors(path)
    assert error.field == str(path)
    says = {
        "directory": "it is a directory: name the file in it",
        "fifo": "it is no ordinary file",
        "device": "it is no ordinary file",
        "loop": "the file cannot be read",
    }
    assert says.get(kind, "there is no such file") in error.message


def test_hostile_18_an_unreadable_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "relais.toml"
    path.write_text("", "utf-8")

    def denied(self: Path, *args: object) -> object:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", denied)
    monkeypatch.setattr(Path, "read_bytes", denied)
    (error,) = _errors(path)
    assert error.message == "the file cannot be read: Permission denied"


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\xef\xbb\xbf" * 2])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_byte_order_marks_and_windows_line_ends_change_nothing(
    tmp_path: Path, specs: dict[str, ProviderSpec], whole: str, start: bytes, end: bytes
) -> None:
    path = tmp_path / "relais.toml"
    wrong = whole.replace("keep_events_days = 30", "keep_events_days = 0")
    path.write_bytes(start + whole.encode().replace(b"\n", end))
    assert load(path, {}, specs=specs).forms["footer"].list == "4781"
    path.write_bytes(start + wrong.encode().replace(b"\n", end))
    with pytest.raises(ConfigurationError) as caught:
        load(path, {}, specs=specs)
    line = whole[: whole.index("keep_events_days")].count("\n") + 1
    assert f"line {line})" in str(caught.value)


# --- references where none is resolved ---


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ("turbo = true", 'site = "env:SITE_ID"', "accounts.paris.site"),
        ("turbo = true", 'site = "secret:relais/paris#site"', "accounts.paris.site"),
        ("turbo = true", 'site = "ssm:/relais/site"', "accounts.paris.site"),
        ("turbo = true", 'site = " env:SITE_ID "', "accounts.paris.site"),
        ("turbo = true", 'site = "env:"', "accounts.paris.site"),
        ("turbo = true", 'turbo = "env:TURBO"', "accounts.paris.turbo"),
        ('list = "4781"\norigins', 'list = "env:LIST"\norigins', "forms.footer.list"),
        ('origins = ["https://www.example.com"]', 'origins = ["env:SITE"]', "forms.footer.origins"),
        ('"https://www.example.com/merci"', '"env:THANKS"', "forms.footer.redirect"),
        ('trap = "website"', 'trap = "env:TRAP"', "forms.footer.trap"),
        (
            'account = "paris"\nlist = "4781"\norigins',
            'account = "env:A"\nlist = "4781"\norigins',
            "forms.footer.account",
        ),
        ('"https://crm.example.com/export.csv?format=csv"', '"secret:relais/crm#url"', "sources.crm.url"),
        ("keep_events_days = 30", 'keep_events_days = "env:DAYS"', "privacy.keep_events_days"),
        ('"https://relais.example.com/api/"', '"ssm:/relais/url"', "api.public_url"),
        ('types = ["signup", "unsubscribe"]', 'types = ["env:TYPES"]', "webhooks.shop.types"),
    ],
    ids=[f"hostile-18-{number}" for number in range(15)],
)
def test_a_reference_in_a_key_that_is_no_secret_is_refused(
    errors_in: ErrorsIn, whole: str, before: str, after: str, key: str
) -> None:
    assert before in whole
    (error,) = errors_in(whole.replace(before, after, 1))
    assert error.field == key
    assert "only secrets may be references: write the value itself" in error.message


# --- white space round secrets ---


@pytest.mark.parametrize(
    "value", [f" {KEY}", f"{KEY} ", f"{KEY}\n", f"{KEY}\r\n", f"\t{KEY}\n\n", f"\u00a0{KEY}\u3000", f"\ufeff{KEY}"]
)
@pytest.mark.parametrize("key", ["admin_key", "address_keys", "keys"])
def test_hostile_18_white_space_round_own_keys_is_dropped(
    load_text: LoadText, whole: str, key: str, value: str
) -> None:
    reference = '"env:OWN"' if key == "admin_key" else '["env:OWN"]'
    before = {
        "admin_key": '"secret:relais/admin#key"',
        "address_keys": '["secret:relais/privacy#k2", "secret:relais/privacy#k1"]',
        "keys": '["ssm:/relais/unsubscribe"]',
    }[key]
    settings = load_text(whole.replace(before, reference), {"OWN": value})
    secrets = {
        "admin_key": (settings.api.admin_key,),
        "address_keys": settings.privacy.address_keys,
        "keys": settings.unsubscribe_keys,
    }[key]
    assert [secret.reveal() for secret in secrets if secret] == [KEY]


@pytest.mark.parametrize("inside", ["\n", "\r\n", "\0", "\x1b", "\u2028", "é", "\u200b", "👍"])
def test_hostile_18_an_admin_key_that_no_header_can_carry_is_refused(
    load_text: LoadText, whole: str, inside: str
) -> None:
    text = whole.replace('"secret:relais/admin#key"', '"env:OWN"')
    with pytest.raises(ConfigurationError) as caught:
        load_text(text, {"OWN": KEY + inside + KEY})
    assert "api.admin_key: env:OWN: must be" in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("text", ["env:KEY ", " env:KEY", "\tenv:KEY"])
def test_hostile_18_white_space_round_a_reference_is_dropped(text: str) -> None:
    assert Secret(text, vault=Vault({"KEY": "placeholder"})).reveal() == "placeholder"


@pytest.mark.parametrize(
    ("held", "used"),
    [
        ("pw\n", "pw"),
        ("pw\r\n", "pw"),
        ("\npw", "pw"),
        (" pw ", " pw "),
        ("p w", "p w"),
        ("pw \n", "pw "),
        ("é ", "é "),
    ],
)
def test_hostile_18_a_providers_secret_keeps_its_spaces(
    held: str, used: str, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = Secret("env:KEY", key="accounts.paris.api_key", vault=Vault({"KEY": held}))
    assert [secret.reveal(), secret.reveal()] == [used, used]
    warned = capsys.readouterr().out.count("secret begins or ends with white space")
    assert warned == (1 if used != used.strip() else 0)


@pytest.mark.parametrize("held", [" ", "\n", "\t \r\n", "\u200b"])
def test_hostile_18_a_variable_of_white_space_stops_the_start(load_text: LoadText, whole: str, held: str) -> None:
    with pytest.raises(ConfigurationError, match=r"accounts\.lettre\.api_key: env:LETTRE_KEY: it is empty"):
        load_text(whole, {"LETTRE_KEY": held})


@pytest.mark.parametrize("held", ["", " ", "\n", "\t \r\n"])
def test_hostile_18_a_secret_of_white_space_is_empty(held: str) -> None:
    with pytest.raises(SecretUnavailable, match="is empty"):
        Secret("env:KEY", key="accounts.paris.api_key", vault=Vault({"KEY": held})).reveal()
