"""Every number of the configuration has two bounds, every text a maximum length, Relais' own keys a minimum length."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib.config.checks import own_key
from chalicelib.config.model import Settings
from chalicelib.config.secret_cache import Vault
from chalicelib.config.secrets import Secret
from chalicelib.config.toml_table import TomlTable
from chalicelib.config.value_limits import NUMBERS, Number
from chalicelib.domain.backoff import paused_again, wait_seconds
from chalicelib.domain.errors import ConfigurationError, FieldError, Kind, ProviderError, SecretUnavailable
from chalicelib.domain.times import epoch_milliseconds, years_before
from tests.config.secrets_aws import SecretsAws

ErrorsIn = Callable[[str], tuple[FieldError, ...]]
LoadText = Callable[..., Settings]
ROOT = Path(__file__).resolve().parents[2]
PLACEHOLDER = "placeholder-of-32-characters-000"


def with_value(text: str, key: str, value: str) -> str:
    """`text` with the line of `key` replaced."""
    changed = re.sub(rf"^{key} = .*$", lambda _: f"{key} = {value}", text, flags=re.MULTILINE)
    assert changed != text
    return changed


# --- numbers ---


@pytest.mark.parametrize(
    ("key", "value", "ends"),
    [
        ("keep_events_days", "9999999", "from 1 to 3650"),
        ("keep_events_days", "3651", "from 1 to 3650"),
        ("keep_events_days", "1e3", "from 1 to 3650"),
        ("news_per_run", "1000000000", "from 1 to 1000000"),
        ("unsubscribes_per_hour", "1000000000", "from 0 to 1000000"),
        ("signups_per_hour", "1000001", "from 0 to 1000000"),
        ("signups_per_hour_per_network", "-1", "from 0 to 1000000"),
        ("first_retry_seconds", "1e-300", "from 0.001 to 2592000"),
        ("longest_retry_seconds", "315360000", "from 0.001 to 2592000"),
        ("give_up_after_hours", "1e300", "from 0.0001 to 87600"),
        ("give_up_after_hours", "9" * 400, "from 0.0001 to 87600"),
    ],
    ids=[f"hostile-7-{number}" for number in range(11)],
)
def test_numbers_outside_their_ends_are_refused_at_the_start(
    errors_in: ErrorsIn, whole: str, key: str, value: str, ends: str
) -> None:
    (error,) = errors_in(with_value(whole, key, value))
    line = whole[: whole.index(f"\n{key} = ") + 1].count("\n") + 1
    assert error.field.endswith(f".{key}")
    assert f"{ends}, without quotes" in error.message
    assert error.message.endswith(f"line {line})")


WRONG = ("nan", "inf", "-inf", "true", "false", '"5"', '"env:N"', "[5]", "{}", "2026-03-01", "-1", "9" * 400, "1e999")


def _place(number: Number[int] | Number[float]) -> str:
    return number.place.replace("NAME", "footer")


def _just_outside(number: Number[int] | Number[float]) -> list[str]:
    """The nearest values beyond both bounds, and for a whole number one with decimals."""
    if isinstance(number.default, int):
        return [str(number.lowest - 1), str(number.highest + 1), f"{number.lowest}.5", f"{number.highest}.0"]
    return [repr(math.nextafter(number.lowest, -math.inf)), repr(math.nextafter(number.highest, math.inf)), "0", "0.0"]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: f"hostile-7-{number.key}")
def test_every_number_is_refused_beyond_its_ends(
    errors_in: ErrorsIn, whole: str, number: Number[int] | Number[float]
) -> None:
    for value in (*WRONG, *_just_outside(number)):
        (error,) = errors_in(with_value(whole, number.key, value))
        assert error.field == _place(number), value
        assert number.remedy in error.message or "only secrets may be references" in error.message, value


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: f"hostile-7-{number.key}")
def test_every_number_is_taken_at_its_ends(
    load_text: LoadText, whole: str, number: Number[int] | Number[float]
) -> None:
    whole = with_value(with_value(whole, "first_retry_seconds", "0.001"), "longest_retry_seconds", "2592000")
    for value in (number.lowest, number.highest, number.default):
        taken = load_text(re.sub(rf"^{number.key} = .*$", f"{number.key} = {value}", whole, flags=re.MULTILINE))
        assert f"{number.key}={value!r}" in repr(taken)
        assert type(value) is type(number.default)


def test_every_number_that_is_read_is_in_the_table(
    load_text: LoadText, whole: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each number of the file is read through `TomlTable.number`, which takes its ends from the table."""
    read: set[str] = set()
    plain = TomlTable.number

    def noting(self: TomlTable, number: Number[int]) -> int:
        assert self.dotted(number.key) == _place(number), "the table names its place"
        read.add(number.key)
        return plain(self, number)

    monkeypatch.setattr(TomlTable, "number", noting)
    load_text(whole)
    assert read == {number.key for number in NUMBERS}
    written = {key for key, value in re.findall(r"^(\w+) = ([0-9.]+)$", whole, flags=re.MULTILINE)}
    assert written == read, "the whole configuration of the tests holds every number"


def test_hostile_7_the_longest_times_do_not_overflow(load_text: LoadText, whole: str) -> None:
    for number in NUMBERS:
        whole = re.sub(rf"^{number.key} = .*$", f"{number.key} = {number.highest}", whole, flags=re.MULTILINE)
    settings = load_text(whole)
    now = datetime(2999, 12, 31, tzinfo=UTC)
    assert now + timedelta(days=settings.privacy.keep_events_days)
    assert years_before(now, settings.privacy.keep_consent_years)
    assert now - timedelta(hours=settings.delivery.give_up_after_hours)
    policy = settings.delivery
    for failures in (0, 1, 40, 41, 10**9):
        wait = wait_seconds(failures, policy.first_retry_seconds, policy.longest_retry_seconds, 1.0)
        assert paused_again(None, epoch_milliseconds(now), wait, ProviderError(Kind.LATER, "down")).until < 2**63


# --- the documents ---


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.key)
def test_the_documents_name_both_ends(number: Number[int] | Number[float]) -> None:
    default = f"{number.default:g}"
    section = number.place.rpartition(".")[0]
    documented = (ROOT / "docs" / "configuration.md").read_text("utf-8").partition(f"`[{section}]`")[2]
    (row,) = re.findall(rf"^\| `{number.key}` \|.*$", documented, flags=re.MULTILINE)
    assert f"{number.ends} | `{default}` |" in row
    example = (ROOT / "chalicelib" / "relais.example.toml").read_text("utf-8")
    assert re.search(rf"^#? ?{number.key} = {default} +# {number.ends}\b", example, flags=re.MULTILINE)


# --- Relais' own keys ---

OWN_KEYS = (("address_keys", "[{}]"), ("keys", "[{}]"), ("admin_key", "{}"))


@pytest.mark.parametrize(
    "value", ["x", "x" * 31, "  " + "x" * 31 + "  ", "é" * 31, "👍" * 31, "change-me"], ids=range(6)
)
@pytest.mark.parametrize(("key", "shape"), OWN_KEYS, ids=[f"hostile-8-{key}" for key, _ in OWN_KEYS])
def test_own_keys_have_at_least_32_characters(
    errors_in: ErrorsIn, whole: str, key: str, shape: str, value: str
) -> None:
    (error,) = errors_in(with_value(whole, key, shape.format(f'"{value}"')))
    assert error.field.endswith(key)
    assert "at least 32 characters" in error.message
    assert "openssl rand -base64 32" in error.message, "says how to make one"
    assert value == "x" or value not in error.message


@pytest.mark.parametrize(("key", "shape"), OWN_KEYS, ids=[f"hostile-8-{key}" for key, _ in OWN_KEYS])
def test_own_keys_of_the_environment_are_checked_at_the_start(
    load_text: LoadText, whole: str, key: str, shape: str
) -> None:
    text = with_value(whole, key, shape.format('"env:OWN"'))
    with pytest.raises(ConfigurationError, match="at least 32 characters") as caught:
        load_text(text, {"OWN": "short-of-it"})
    assert "env:OWN" in str(caught.value)
    assert "short-of-it" not in str(caught.value)
    assert load_text(text, {"OWN": PLACEHOLDER})
    assert load_text(text, {}), "a variable may be set later, where the function runs"


@pytest.mark.parametrize("value", ["x", "short-of-it", "x" * 31, " " * 40 + "short-of-it\n"])
def test_hostile_8_own_keys_kept_at_aws_are_checked_when_read(vault: Vault, aws: SecretsAws, value: str) -> None:
    aws.secrets["relais/own"] = json.dumps({"k1": value})
    aws.parameters["/relais/own"] = value
    for reference in ("secret:relais/own#k1", "ssm:/relais/own"):
        secret = Secret(reference, key="unsubscribe.keys (item 1)", rule=own_key, trim=True, vault=vault)
        assert secret.known_problem() is None, "AWS is not asked at the start"
        with pytest.raises(SecretUnavailable, match="at least 32 characters") as caught:
            secret.reveal()
        assert str(caught.value).startswith(f"unsubscribe.keys (item 1): {reference} cannot be used: ")
        assert value == "x" or value.strip() not in str(caught.value)
    aws.secrets["relais/rotated"] = json.dumps({"k1": f" {PLACEHOLDER}\n"})
    rotated = Secret("secret:relais/rotated#k1", rule=own_key, trim=True, vault=vault)
    assert rotated.reveal() == PLACEHOLDER


@pytest.mark.parametrize("value", ["x", "pw", "0", "12345678"])
def test_hostile_8_what_a_provider_gave_may_be_short(load_text: LoadText, whole: str, value: str) -> None:
    settings = load_text(with_value(whole, "api_key", f'"{value}"'))
    assert settings.accounts["paris"].secrets["api_key"].reveal() == value


# --- texts ---


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("list", "4" * 201),
        ("trap", "t" * 201),
        ("prenom", "p" * 201),
        ("redirect", "https://www.example.com/" + "m" * 2048),
        ("public_url", "https://www.example.com/" + "m" * 2048),
        ("base_url", "https://www.example.com/" + "m" * 2048),
        ("url", "https://www.example.com/?" + "m" * 2048),
        ("api_key", "k" * 4097),
        ("admin_key", "k" * 4097),
        ("mode", "f" * 2049),
    ],
    ids=["list", "trap", "target", "redirect", "public", "base", "url", "key", "admin", "mode"],
)
def test_every_text_has_a_length(errors_in: ErrorsIn, whole: str, key: str, value: str) -> None:
    for error in errors_in(with_value(whole, key, f'"{value}"')):
        assert re.search(r"has more than [0-9]+ characters", error.message), error.message
        assert value[-500:] not in error.message


def test_a_form_fields_name_has_a_length(errors_in: ErrorsIn, whole: str) -> None:
    (error,) = errors_in(whole.replace("\nprenom = ", f"\n{'p' * 201} = "))
    assert "a form field's name has at most 200 characters" in error.message
