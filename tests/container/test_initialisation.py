"""What is done before the first event of a function: counted and bounded, whatever AWS does; never a failed start."""

from __future__ import annotations

import gc
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient

from chalicelib import initialisation
from chalicelib.container import Container
from chalicelib.domain.errors import ConfigurationError, FieldError
from chalicelib.initialisation import SECONDS, initialise
from tests.support.aws import TestAws
from tests.support.product import Product, settings
from tests.support.waiting import wait_for

STARTED = {"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand"}
CALLS = {
    "app": {"GetItem": 1, "GetQueueUrl": 1},
    "signups": {"GetItem": 1},
    "unsubscribes": {"GetItem": 1},
    "syncs": {"GetItem": 1},
    "sweep": {"GetItem": 1},
    "collect_stats": {},
    "sync_unsubscribes": {"GetItem": 1},
    "report": {},
    "call_provider": {},
}
"""Calls of AWS by function: the keys are compared with the ledger's, and a queue is looked up."""


def started(function: str) -> dict[str, str]:
    return {**STARTED, "_HANDLER": f"app.{function}"}


@pytest.fixture(autouse=True)
def unfrozen() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The calls of AWS by operation."""
    counted: Counter[str] = Counter()
    call: Any = BaseClient._make_api_call  # type: ignore[attr-defined]

    def count(client: BaseClient, operation: str, params: Any) -> Any:
        counted[operation] += 1
        return call(client, operation, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", count)
    return counted


@pytest.mark.parametrize("function", CALLS)
def test_each_function_makes_its_own_first_calls(product: Product, calls: Counter[str], function: str) -> None:
    product.container.address_key_check.look()  # another instance has recorded the keys
    product.restart()
    calls.clear()
    initialise(lambda: product.container, started(function))
    assert calls == CALLS[function]
    assert gc.isenabled()
    assert "_dynamodb" in vars(product.container), "the client that every function needs"


def test_an_accept_after_the_initialisation_makes_its_own_calls_alone(product: Product, calls: Counter[str]) -> None:
    initialise(lambda: product.container, started("app"))
    calls.clear()
    event = product.signup("a@example.com")
    product.store(event)
    product.container.notifier.notify(event.type, [event.id])
    assert calls == {"PutItem": 1, "SendMessage": 1}


def test_outside_of_lambda_nothing_is_initialised() -> None:
    initialise(lambda: pytest.fail("made"), {"_HANDLER": "app.app"})


def test_a_wrong_configuration_neither_fails_the_start_nor_shows_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, shown = [], []
    monkeypatch.setattr(threading, "excepthook", shown.append)

    def make() -> Container:
        asked.append(True)
        raise ConfigurationError([FieldError("accounts", "is missing")])

    initialise(make, started("app"))
    assert asked and not shown


def test_a_ledger_that_is_not_there_does_not_fail_the_start(aws: TestAws, calls: Counter[str]) -> None:
    initialise(lambda: Container(settings(), "local"), started("signups"))
    assert calls["GetItem"] == 1


class SilentAws:
    """Accepts connections at `endpoint` and never answers."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.accepted: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self.accepted.append(self._socket.accept()[0])

    def stop(self) -> None:
        """Refuse connections from now on."""
        for each in (self._socket, *self.accepted):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@contextmanager
def silent_aws() -> Iterator[SilentAws]:
    aws = SilentAws()
    try:
        yield aws
    finally:
        aws.stop()


@pytest.mark.server
@pytest.mark.parametrize("function", [name for name, calls in CALLS.items() if calls])
def test_an_aws_that_accepts_and_never_answers_is_waited_for_three_seconds_in_all(
    monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    waited: list[float | None] = []
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", boto3.Session("local", "local", region_name="eu-west-3"))
    with silent_aws() as aws:

        class Observed(threading.Thread):
            def join(self, timeout: float | None = None) -> None:
                waited.append(timeout)
                wait_for(lambda: aws.accepted)  # instead of so many seconds: until AWS has been asked

        monkeypatch.setattr(initialisation, "Thread", Observed)
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
        initialise(lambda: Container(settings(), "local"), started(function))
        asking = [each for each in threading.enumerate() if isinstance(each, Observed)]
        assert waited == [SECONDS]
        assert len(asking) == 1 and asking[0].daemon, "AWS has not answered, and the start is over"
    assert SECONDS <= 3
