"""What the contract tests share: a sandbox, a scripted server, a transport, one time for all of them, and providers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import pytest

from chalicelib.providers import registry
from chalicelib.providers.spec import Provider, ProviderSpec
from chalicelib.providers.transport.session import Transport
from local.sandbox import Control, Sandbox, start
from local.sandbox.control import control as answer_control
from local.sandbox.exchange import Request
from local.sandbox.provider import SettingError
from local.sandbox.simulation import Simulation
from tests.contract.ediware import account as ediware_account
from tests.contract.mailpartner import account as mailpartner_account, connect as connect_mailpartner
from tests.contract.provider_kits import KITS, MAILPARTNER, MYMAILMARKET, Kit
from tests.contract.scripted import Scripted
from tests.support import waiting
from tests.support.controlled_time import OwnTime


@pytest.fixture
def own_time() -> OwnTime:
    """The time of this test's servers and transport, which passes only where a server is slow."""
    return OwnTime()


@pytest.fixture
def sandbox(own_time: OwnTime) -> Iterator[Sandbox]:
    """A new sandbox with its sample accounts; starting one takes less than a millisecond."""
    with start(simulation=Simulation(pause=own_time.pause)) as running:
        yield running


class DirectControl(Control):
    """The control API of a sandbox of this process, without HTTP in between."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox.url)
        self._world = sandbox.simulation

    def _ask(self, method: str, name: str, query: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        named = {key: str(value) for key, value in (query or {}).items()}
        content = b"" if body is None else json.dumps(body).encode()
        answer = answer_control(self._world, Request(method, f"/{name}", named, {}, content))
        if answer.status >= 400:
            raise SettingError(answer.body.decode())
        return json.loads(answer.body)


@pytest.fixture
def control(sandbox: Sandbox) -> Control:
    """The control API of that sandbox."""
    return DirectControl(sandbox)


@pytest.fixture
def server(own_time: OwnTime) -> Iterator[Scripted]:
    """A server that plays a script; see `scripted`."""
    with Scripted(time=own_time) as running:
        yield running


@pytest.fixture
def transport(own_time: OwnTime) -> Transport:
    """The transport of a process that has just started."""
    return Transport(timing=own_time.timing)


@pytest.fixture
def wait_for() -> Callable[..., Any]:
    """`wait_for` for threads of this process, which is reached quickly."""
    return partial(waiting.wait_for, every_seconds=0.002)


@pytest.fixture
def ediware(server: Scripted, transport: Transport) -> Provider:
    return registry.spec("ediware").connect(ediware_account(server), transport)


@pytest.fixture
def mailpartner(server: Scripted, transport: Transport) -> Provider:
    return connect_mailpartner(mailpartner_account(server.url), transport)


@pytest.fixture
def played(sandbox: Sandbox, transport: Transport) -> Provider:
    """A client of MailPartner's sample account in the sandbox."""
    return MAILPARTNER.connect(sandbox.url, transport)


@pytest.fixture(params=KITS.values(), ids=KITS.keys())
def kit(request: pytest.FixtureRequest) -> Kit:
    found: Kit = request.param
    return found


@pytest.fixture
def spec(kit: Kit) -> ProviderSpec:
    return registry.spec(kit.provider)


@pytest.fixture
def provider(kit: Kit, sandbox: Sandbox, transport: Transport) -> Provider:
    return kit.connect(sandbox.url, transport)


@pytest.fixture
def real(sandbox: Sandbox, transport: Transport) -> Provider:
    return MYMAILMARKET.connect(sandbox.url, transport)
