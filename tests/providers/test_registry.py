"""Providers are found by their packages; a new one needs its own package and nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib import providers
from chalicelib.config.secrets import Secret
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.providers import registry
from chalicelib.providers.account import Account
from chalicelib.providers.spec import Contact
from chalicelib.providers.transport.session import Transport
from tests.contract.scripted import Scripted, answer

TOY = '''
"""A provider of one function: all that a new one needs."""

from __future__ import annotations

from typing import Annotated, Any

from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.providers.spec import Capabilities, Implementation, Option, ProviderSpec
from chalicelib.providers.transport.exchange import Answer, Call
from chalicelib.providers.functions import Limits, declared, dispatch, function


class Client:
    def __init__(self, account, transport):
        self._account, self._transport = account, transport

    @function(changes=True)
    def join(self, email: Annotated[str, "who joins"], *, budget: float = 10.0) -> str:
        """Let somebody join."""
        Limits("join").address("email", email)
        url = f"{self._account.base_url}/join?key={self._account.reveal('key')}"
        call = Call(self._account.name, "join", "POST", url, True, budget, body=email.encode())
        return self._transport.exchange(call, self._read)

    def _read(self, answer: Answer) -> str:
        reply = answer.json()
        if "id" not in reply:
            raise answer.overload() or ProviderError(Kind.CONTACT, f"join: {reply.get('why')}")
        return str(reply["id"])


FUNCTIONS = declared(Client)


class Toy:
    def __init__(self, account, transport):
        self._client = Client(account, transport)

    def sign_up(self, list_id, contacts, *, budget):
        for contact in contacts:
            self._client.join(contact.email, budget=budget)

    def call(self, function, params, *, budget):
        return dispatch(self._client, FUNCTIONS, function, params, budget=budget)


SPEC = ProviderSpec(
    name="toy",
    title="Toy",
    base_url="https://toy.example.com",
    capabilities=Capabilities(has_lists=True, signup_batch=1),
    options=(Option("key", secret=True, help="the key"),),
    load=lambda: Implementation(FUNCTIONS, Toy),
)
'''


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "__init__.py").write_text(TOY)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "__init__.py").write_text("")
    (tmp_path / "stray.py").write_text("raise RuntimeError")
    monkeypatch.setattr(providers, "__path__", [*providers.__path__, str(tmp_path)])
    yield
    for name in ("toy", "empty"):
        sys.modules.pop(f"chalicelib.providers.{name}", None)
        vars(providers).pop(name, None)


def test_provider_names_match_the_packages() -> None:
    assert registry.names() == tuple(sorted(registry.names()))
    assert "ediware" in registry.names()
    assert not {"spec", "registry", "transport"} & set(registry.names())


@pytest.mark.server
def test_discovery_imports_no_provider_and_a_declaration_neither_client_nor_http_library() -> None:
    code = (
        "import sys; from chalicelib.providers import registry; names = registry.names();"
        "assert not [n for n in names if f'chalicelib.providers.{n}' in sys.modules];"
        "[registry.spec(n) for n in names];"
        "assert not {'requests', 'urllib3', 'boto3', 'chalicelib.providers.functions'} & set(sys.modules);"
        "assert not [n for n in sys.modules if n.startswith('chalicelib.providers.transport')];"
        "assert all(registry.spec(n).load().connect for n in names);"
        "assert 'chalicelib.providers.functions' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).resolve().parents[2])


@pytest.mark.parametrize("name", ["nonesuch", "spec", "transport", "ediware.client", "", "../ediware"])
def test_an_unknown_name_is_rejected_with_the_known_ones(name: str) -> None:
    with pytest.raises(LookupError, match=r"there are: .*ediware"):
        registry.spec(name)


@pytest.mark.usefixtures("toy")
class TestToy:
    def test_a_new_provider_is_found(self) -> None:
        assert {"toy", "ediware"} < set(registry.names())
        assert registry.spec("toy").title == "Toy"

    def test_a_package_without_a_declaration_is_not_a_provider(self) -> None:
        with pytest.raises(LookupError, match="SPEC"):
            registry.spec("empty")

    @pytest.mark.server
    def test_a_new_provider_works_with_the_shared_code(self) -> None:
        with Scripted([answer({"id": 7}), answer({"why": "no"}), answer({"id": 8})]) as server:
            account = Account("paris", "toy", server.url, None, {}, {"key": Secret.plain("placeholder")})
            client = registry.spec("toy").connect(account, Transport())
            client.sign_up("", [Contact("a@example.com")], budget=5)
            with pytest.raises(ProviderError) as caught:
                client.call("join", {"email": "b@example.com"}, budget=5)
            assert caught.value.kind is Kind.CONTACT
            assert client.call("join", {"email": "c@example.com"}, budget=5) == "8"
            assert [request.body for request in server.received] == [
                b"a@example.com",
                b"b@example.com",
                b"c@example.com",
            ]
