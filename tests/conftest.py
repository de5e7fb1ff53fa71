"""Fixtures that every kind of test shares: an embedded AWS, a running stack, waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from chalicelib.ledger.events import EventStore
from chalicelib.observability import metrics, redaction
from local.aws import process
from local.dynamodb_local import Unavailable, start as start_dynamodb_local
from local.sandbox import start as start_sandbox
from tests.support import examples, packaging, waiting
from tests.support.aws import TestAws, with_dynamodb
from tests.support.documents import Documented
from tests.support.dynamodb_backends import BACKENDS
from tests.support.product import Product
from tests.support.required_tools import missing
from tests.support.stack import MovableStack, SharedStack, StackStarter, starting_stacks

pytest_plugins = ["tests.runner.plugin"]

examples.load_profile()

ELSEWHERE = ("browser", "e2e", "local", "packaged", "sandbox", "template")
"""Folders whose tests run the product in processes of its own, if at all: coverage finds nothing there."""
SERVED = (*ELSEWHERE, "chaos", "conformance")
"""Folders whose tests start processes that need AWS, so that it is a server; elsewhere it is in the test's process."""


PASSED = pytest.StashKey[bool]()
"""Of a test that has ended: whether it passed."""
LOG_SHOWN = 6000
"""Characters of a running stack's log that are shown with a failure."""

SERVERS = frozenset(
    [
        *("aws_server", "browser", "dynamodb_local", "host", "packaged", "real_server", "sandbox", "server"),
        *("shared_stack", "stack", "start_stack"),
    ]
)
"""Fixtures that start a server or another process."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server; measure coverage where there is some to measure: it slows everything down.

    What draws examples is slow as well where many are drawn: `make test-all` runs it a second time.
    """
    for item in items:
        if _folder(item.path) in ELSEWHERE:
            item.add_marker(pytest.mark.no_cover)
        served = _uses_aws(item) and _folder(item.path) in SERVED
        if served or not SERVERS.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.server)
        if examples.THOROUGH and getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.slow)


def _uses_aws(item: pytest.Item) -> bool:
    return "aws" in getattr(item, "fixturenames", ())


def pytest_collection_finish(session: pytest.Session) -> None:
    """Before workers are forked, load once for all what the tests of most folders use."""
    used = any(
        "aws" in getattr(item, "fixturenames", ()) and _folder(item.path) not in SERVED for item in session.items
    )
    if used and session.config.option.processes > 1:
        from tests.support import in_process

        in_process.load()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show the end of the running stack's log with a failure: the next test begins a new one."""
    report: Any = yield
    item.stash[PASSED] = report.when == "call" and report.passed
    stack = getattr(item, "funcargs", {}).get("shared_stack")
    if report.failed and stack is not None:
        report.sections.append(("The running stack's log ends with", stack.logs[-LOG_SHOWN:]))
    return report


@cache
def _folder(path: Path) -> str:
    return path.relative_to(Path(__file__).parent).parts[0]


@pytest.fixture(autouse=True)
def forgotten_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test reveals as a secret, such as the word "second", is not to be masked in the next one's log."""
    monkeypatch.setattr(redaction, "_hidden", set(redaction._hidden))
    monkeypatch.setattr(redaction, "_known", redaction._known)


@pytest.fixture(autouse=True)
def own_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test has measured and not flushed is not to be written by the flush of the next."""
    monkeypatch.setattr(metrics, "_stored", {})


@pytest.fixture(scope="session")
def aws_server() -> Iterator[TestAws]:
    """One embedded AWS for the whole run; use `aws`, which empties it first."""
    running = process.start()
    yield TestAws(running.endpoint)
    running.stop()


@pytest.fixture(scope="session")
def dynamodb_local() -> Iterator[str]:
    """The endpoint of one DynamoDB Local for the whole run; use `aws` with `on_both`, which empties it first."""
    with ExitStack() as running:
        try:
            endpoint = running.enter_context(start_dynamodb_local())
        except Unavailable as reason:
            missing(str(reason))
        yield endpoint


@pytest.fixture
def dynamodb(request: pytest.FixtureRequest) -> str | None:
    """The endpoint of another DynamoDB than the embedded one, where a test is run over several."""
    backend = getattr(request, "param", BACKENDS[0])
    return None if backend == BACKENDS[0] else request.getfixturevalue("dynamodb_local")


@pytest.fixture
def aws(request: pytest.FixtureRequest, dynamodb: str | None, monkeypatch: pytest.MonkeyPatch) -> TestAws:
    """An empty AWS that boto3 in this process reaches by itself: `.endpoint`, `.environ`, `.sqs`, `.dynamodb`."""
    if _folder(request.path) in SERVED:
        return _emptied(with_dynamodb(request.getfixturevalue("aws_server"), dynamodb), monkeypatch)
    from tests.support.in_process import in_process_aws

    return _emptied(with_dynamodb(in_process_aws(), dynamodb), monkeypatch)


def _emptied(aws: TestAws, monkeypatch: pytest.MonkeyPatch) -> TestAws:
    """`aws` as the one and only AWS of this process for the time of a test, and empty."""
    monkeypatch.setattr("boto3.DEFAULT_SESSION", aws.session)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for name, value in aws.environ.items():
        monkeypatch.setenv(name, value)
    aws.reset()
    return aws


@pytest.fixture
def resources(aws: TestAws) -> TestAws:
    """`aws` with the empty queues and tables of the stage `local`."""
    aws.create_resources()
    return aws


@pytest.fixture
def product(resources: TestAws) -> Product:
    """The product over the empty AWS, with a provider in memory and a clock that the test moves."""
    return Product()


@pytest.fixture
def events(product: Product) -> EventStore:
    """The events of the product's ledger."""
    return product.container.events


@pytest.fixture
def wait_for() -> Callable[..., Any]:
    """`wait_for(condition, deadline_seconds=30)`: the first true result, or an AssertionError with the last one."""
    return waiting.wait_for


@pytest.fixture
def documented(request: pytest.FixtureRequest) -> Iterator[Documented]:
    """The commands of the documents that the test runs, by `documented_commands.toml`: it has to take all of them."""
    given = Documented(request.node.nodeid.partition("[")[0])
    yield given
    if request.node.stash.get(PASSED, False):
        assert not given.left(), "these commands are its own, and it does not run them"


@pytest.fixture
def start_stack(tmp_path: Path) -> Iterator[StackStarter]:
    """`start_stack(config_text=None, env=None)`: a stack of this test's own, stopped with it."""
    with starting_stacks(tmp_path) as starter:
        yield starter


@pytest.fixture(scope="session")
def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedStack]:
    """The one stack of this process, for fixtures that reset it before tests and leave it idle after them."""
    shared = SharedStack(tmp_path_factory.mktemp("stack"))
    yield shared
    shared.stop()


@pytest.fixture(scope="module")
def stack(shared_stack: SharedStack) -> Iterator[MovableStack]:
    """A stack with the sandbox for all tests of a module."""
    yield shared_stack.reset()
    shared_stack.idle()


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[packaging.Packaged]:
    """The deployment package, unpacked, and the sandbox that its configuration names."""
    sandbox = start_sandbox()
    try:
        yield packaging.make(tmp_path_factory.mktemp("package"), sandbox)
    finally:
        sandbox.stop()
