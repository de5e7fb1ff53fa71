"""A wrong AWS endpoint in the environment stops the start of every process in one line, as `make run` does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib import container as containers
from chalicelib.domain.errors import ConfigurationError

WRONG = (
    "nonsense",
    "127.0.0.1:4566",
    "http://",
    "http:///x",
    "ftp://127.0.0.1",
    "//127.0.0.1",
    "http://h:port",
    "http://h:0",
    "http://h:99999",
    "http://[::1",
    "http://a b",
    "http://h\n",
    " http://h",
    "http://é.example",
)
CONFIG = """\
[accounts.lettre]
provider = "mailpartner"
api_key = "env:LETTRE_KEY"
[privacy]
address_keys = ["placeholder-of-at-least-32-characters"]
"""


@pytest.fixture(autouse=True)
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A configuration of this process, and no container from before."""
    path = tmp_path / "relais.toml"
    path.write_text(CONFIG, "utf-8")
    monkeypatch.setenv("RELAIS_CONFIG", str(path))
    containers.container.cache_clear()
    yield
    containers.container.cache_clear()


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SECRETS_MANAGER"])
@pytest.mark.parametrize("url", WRONG, ids=[f"hostile-18-{number}" for number in range(len(WRONG))])
def test_a_wrong_endpoint_is_named_at_the_start(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    monkeypatch.setenv(name, url)
    with pytest.raises(ConfigurationError) as caught:
        containers.container()
    (error,) = caught.value.field_errors
    assert error.field == f"environment variable {name}"
    assert "must be a URL such as http://127.0.0.1:4566" in error.message
    assert repr(url) in error.message


@pytest.mark.parametrize(
    "url", ["", "http://127.0.0.1:4566", "https://vpce-1.sqs.eu-west-3.vpce.amazonaws.com", "http://[::1]:1/"]
)
def test_a_usable_endpoint_is_taken(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    assert containers.container().settings.accounts


def test_hostile_18_a_password_in_an_endpoint_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://user:hidden-password@h:port")
    with pytest.raises(ConfigurationError) as caught:
        containers.container()
    assert "hidden-password" not in str(caught.value)
