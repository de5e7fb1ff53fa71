"""The configuration of `make run`: the sample world, `sandbox = true`, secrets that this machine cannot read."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given, strategies as st

from chalicelib.config.load import load
from chalicelib.domain.errors import ConfigurationError
from local import package
from local.configuration import Configuration, ignored_file, read_configuration
from local.options import StartFailed
from local.sandbox.samples import SAMPLE_ADMIN_KEY, SAMPLE_FILE
from local.toml_writer import write_toml
from tests.support.aws import TestAws
from tests.support.stack import ROOT, StackNotStarted, StackStarter

SAMPLE = SAMPLE_FILE.read_text(encoding="utf-8")
MINE = """\
sandbox = true

[accounts.paris]
provider = "ediware"
api_key = "sample-ediware-key-not-a-secret"

[accounts.elsewhere]
provider = "mailpartner"
api_key = "placeholder-key"
base_url = "http://127.0.0.1:9/v1"

[forms.membres]
account = "paris"
list = "4782"
[forms.membres.fields]
courriel = "@email"
prenom = "PRENOM"

[privacy]
address_keys = ["placeholder-address-key-0123456789abcdef"]

[api]
admin_key = "placeholder-admin-key-0123456789abcdefgh"
"""
Read = Callable[..., Configuration]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads a text as `make run` reads a named file, at a sandbox if it asks for one."""

    def read_it(text: str) -> Configuration:
        path = tmp_path / "my.toml"
        path.write_text(text, encoding="utf-8")
        configured = read_configuration(path)
        return configured.at_sandbox("http://127.0.0.1:8025", "http://127.0.0.1:8000")

    return read_it


def test_an_account_at_the_sandbox_is_told_its_keys_and_one_with_the_sandboxs_key_where_to_go(
    read: Read, tmp_path: Path
) -> None:
    assert read(MINE).account_hints() == {"paris": 'The sandbox accepts api_key = "sample-ediware-key-not-a-secret".'}
    path = tmp_path / "real.toml"
    path.write_text(MINE.replace("sandbox = true", ""), encoding="utf-8")
    assert read_configuration(path).account_hints() == {
        "paris": "This is the sandbox's key: write the account's own, or `sandbox = true` at the top of the file."
    }


def refused(configured: Configuration, endpoint: str | None = None, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(StartFailed) as error:
        configured.check_secrets(environ or {}, endpoint)
    return str(error.value)


def test_the_sample_world_is_a_file_with_a_sandbox() -> None:
    sample = read_configuration(None)
    assert sample.path == SAMPLE_FILE
    assert sample.has_sandbox
    assert sample.at_sandbox("http://127.0.0.1:8025", "http://127.0.0.1:8000").check({}).forms["footer"].list == "4781"


def test_accounts_without_a_base_url_are_at_the_sandbox_the_others_where_they_say(read: Read) -> None:
    settings = read(MINE).check({})
    assert settings.accounts["paris"].base_url == "http://127.0.0.1:8025/ediware/api_http"
    assert settings.accounts["paris"].open_base_url == "http://127.0.0.1:8025/ediware/api_http_open"
    assert settings.accounts["elsewhere"].base_url == "http://127.0.0.1:9/v1"
    assert settings.api.public_url == "http://127.0.0.1:8000"


def test_a_public_url_of_the_file_wins(read: Read) -> None:
    own = read(MINE + 'public_url = "http://127.0.0.1:7777"\n')
    assert own.check({}).api.public_url == "http://127.0.0.1:7777"


def test_errors_name_the_lines_of_the_users_own_file(read: Read) -> None:
    with pytest.raises(StartFailed) as error:
        read(MINE.replace('account = "paris"', 'account = "pari"')).check({})
    line = MINE[: MINE.index('account = "paris"')].count("\n") + 1
    assert f"my.toml, line {line})" in str(error.value)


@pytest.mark.parametrize("wrong", ['sandbox = "true"\n', "sandbox = 1\n", 'sandbox = "yes"\n'])
def test_a_sandbox_that_is_no_boolean_is_named(read: Read, tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE.replace("sandbox = true\n", wrong))
    configured = read_configuration(path)
    assert not configured.has_sandbox
    with pytest.raises(StartFailed, match="sandbox: must be true or false, without quotes"):
        configured.check({})


def test_the_product_itself_refuses_a_sandbox_and_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "relais.toml"
    path.write_text(SAMPLE, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"^sandbox: only `make run` has a provider sandbox.*delete this line"):
        load(path, {})
    path.write_text(MINE.replace("sandbox = true", "sandbox = false"))
    assert load(path, {}).accounts["paris"].base_url is None


@pytest.mark.server
@pytest.mark.parametrize("stage", ["prod", "dev", "local"])
def test_make_package_refuses_a_sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str], stage: str) -> None:
    environ = {"STAGE": stage, "RELAIS_CONFIG": str(SAMPLE_FILE)}
    assert package.main(environ, tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert "sandbox: only `make run` has a provider sandbox" in said
    assert not (tmp_path / "out").exists()


# --- secrets ---


def test_every_secret_that_cannot_be_read_is_named_with_what_to_write(read: Read) -> None:
    text = MINE.replace('"sample-ediware-key-not-a-secret"', '"secret:relais/paris#api_key"')
    text = text.replace('"placeholder-key"', '"ssm:/relais/elsewhere"')
    text = text.replace('"placeholder-address-key-0123456789abcdef"', '"secret:relais/privacy#k1"')
    text = text.replace('"placeholder-admin-key-0123456789abcdefgh"', '"env:ADMIN_KEY"')
    title, *lines = refused(read(text)).splitlines()
    assert title == "Secrets cannot be read on this machine:"
    assert [line.partition(": ")[0] for line in lines] == [
        "accounts.paris.api_key",
        "accounts.elsewhere.api_key",
        "privacy.address_keys",
        "api.admin_key",
    ]
    paris, elsewhere, privacy, admin = lines
    assert "secret:relais/paris#api_key is a secret in AWS, and the AWS of make run begins empty" in paris
    assert 'The sandbox accepts "sample-ediware-key-not-a-secret"' in paris and "line 5)" in paris
    assert '"env:ELSEWHERE_API_KEY" and start with ELSEWHERE_API_KEY=… make run' in elsewhere
    assert "any text of at least 32 characters" in privacy
    assert "env:ADMIN_KEY: the environment variable is not set" in admin


def test_secrets_of_the_environment_are_read(read: Read) -> None:
    text = MINE.replace('"placeholder-key"', '"env:ELSEWHERE_KEY"')
    read(text).check_secrets({"ELSEWHERE_KEY": "placeholder"}, None)
    assert "Start with ELSEWHERE_KEY=… make run" in refused(read(text))


def test_no_value_of_a_secret_is_shown(read: Read) -> None:
    said = refused(read(MINE.replace('"placeholder-key"', '"env:ELSEWHERE_KEY"')))
    assert "placeholder" not in said


def test_with_an_aws_of_ones_own_its_secrets_are_read(
    read: Read, aws: TestAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.environ.items():
        monkeypatch.setenv(name, value)
    secrets = boto3.client("secretsmanager")
    secrets.create_secret(Name="relais/here", SecretString='{"key": "placeholder-of-the-provider"}')
    text = MINE.replace('"placeholder-key"', '"secret:relais/here#key"')
    read(text).check_secrets({}, aws.endpoint)
    said = refused(read(text.replace("relais/here#key", "relais/gone#key")), aws.endpoint)
    assert f"there is no such secret in this region's Secrets Manager at {aws.endpoint}" in said


@pytest.mark.server
def test_an_unreadable_secret_stops_the_start_at_once(start_stack: StackStarter) -> None:
    with pytest.raises(StackNotStarted) as stopped:
        start_stack(MINE.replace('"placeholder-admin-key-0123456789abcdefgh"', '"secret:relais/admin#key"'))
    assert stopped.value.code == 1
    assert len(stopped.value.errors.splitlines()) == 2
    assert "api.admin_key: secret:relais/admin#key" in stopped.value.errors


# --- the lines of the start ---


@pytest.mark.server
def test_a_form_of_ones_own_reaches_the_sandbox(start_stack: StackStarter) -> None:
    stack = start_stack(MINE)
    assert list(stack.lines) == ["version", "configuration", "http", "aws", "sandbox", "dashboard", "admin key"]
    assert stack.lines["configuration"].endswith("/relais-0.toml")
    assert stack.lines["admin key"] == f"the admin_key of {stack.lines['configuration']}"
    answer = stack.request(
        "POST",
        "/forms/membres/signup",
        "courriel=zoe%40example.com&prenom=Zo%C3%A9",
        {"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status == 202
    code, answer_of_provider = stack.invoke("call_provider", {"account": "paris", "function": "list_list"})
    assert code == 0
    assert "4782" in [found["id"] for found in answer_of_provider["result"]], "the account is at the sandbox"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (SAMPLE, SAMPLE_ADMIN_KEY),
        (MINE, "the admin_key of "),
        (MINE.partition("[api]")[0], "none: add admin_key to [api] in "),
    ],
)
def test_an_admin_key_of_ones_own_is_not_printed(read: Read, text: str, says: str) -> None:
    assert read(text).admin_key.startswith(says)
    assert "placeholder" not in read(text).admin_key


def test_a_configuration_for_deployment_is_named_as_not_used(tmp_path: Path) -> None:
    deployed = tmp_path / "relais.toml"
    assert ignored_file(None, deployed) is None
    deployed.write_text(MINE)
    assert ignored_file(None, deployed) == (
        f"{deployed} is not used: without RELAIS_CONFIG the sample world runs. "
        f"RELAIS_CONFIG={deployed} make run uses it."
    )
    assert ignored_file(tmp_path / "my.toml", deployed) is None


# --- the file for the functions ---

keys = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
scalars = st.text(st.characters(codec="utf-8"), max_size=8) | st.booleans() | st.integers(-(2**60), 2**60)
values = scalars | st.floats(allow_nan=False, allow_infinity=False) | st.lists(scalars, max_size=3)
tables = st.recursive(
    st.dictionaries(keys, values, max_size=3), lambda inner: st.dictionaries(keys, inner | values, max_size=3)
)


@given(tables)
def test_what_is_written_is_read_back(table: dict[str, Any]) -> None:
    assert tomllib.loads(write_toml(table)) == table, json.dumps(table)


def test_the_written_file_is_for_its_user_alone(read: Read) -> None:
    written = read(MINE).write("test-configuration")
    try:
        assert written.stat().st_mode & 0o077 == 0
        assert load(written, {}).accounts["paris"].base_url == "http://127.0.0.1:8025/ediware/api_http"
        assert written.is_relative_to(ROOT / ".local")
    finally:
        written.unlink()
