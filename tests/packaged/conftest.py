"""The artefact at work: every packaged function under Lambda's runtime client, an embedded AWS, the sandbox."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from local.lambdas.runtime_client import ClientUnavailable, client_folder
from local.poller import Poller
from local.sandbox import Control
from tests.e2e.world import Ediware
from tests.packaged.functions import PackagedFunction
from tests.support.aws import REGION, TestAws
from tests.support.packaging import SECRET, Packaged, interpreter

WINDOW_SECONDS = 0.3


class Artefact:
    """The packaged functions by their short names."""

    def __init__(self, packaged: Packaged, aws: TestAws, folder: Path) -> None:
        self.packaged = packaged
        self.aws = aws
        self.control = Control(packaged.sandbox.url)
        self.ediware = Ediware(packaged.sandbox.url)
        described = packaged.description
        path = _client_folder()
        self.functions = {
            each.short_name: PackagedFunction(each, packaged, path, aws, folder / f"{each.name}.log")
            for each in described.functions
        }
        self.triggers = {each.short_name: trigger for each in described.functions for trigger in each.queues}

    def __getitem__(self, name: str) -> PackagedFunction:
        return self.functions[name]

    def request(self, event: dict[str, Any]) -> tuple[int, Any]:
        """Status and JSON of the HTTP function's answer."""
        answer = self["api_handler"](event)
        return answer["statusCode"], json.loads(answer["body"])

    @property
    def logs(self) -> str:
        """Everything that the functions wrote."""
        return "".join(function.log for function in self.functions.values() if function.events)


def _client_folder() -> Path:
    try:
        return client_folder(interpreter())
    except ClientUnavailable as why:
        pytest.skip(str(why))


@pytest.fixture(scope="module")
def artefact(packaged: Packaged, aws_server: TestAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Artefact]:
    """All functions over an empty AWS and the sandbox's samples; started processes run to the end of the module."""
    aws_server.reset()
    aws_server.create_resources()
    secret = json.dumps({"api_key": packaged.api_key})
    aws_server.client("secretsmanager").create_secret(Name=SECRET, SecretString=secret)
    made = Artefact(packaged, aws_server, tmp_path_factory.mktemp("artefact"))
    made.control.clear_faults()
    made.control.reset()
    yield made
    for function in made.functions.values():
        function.stop()


@pytest.fixture
def poll(artefact: Artefact) -> Iterator[Callable[..., None]]:
    """`poll("signups", …)`: from now on the queue's trigger invokes the function, with the template's settings but
    sooner.
    """
    with ExitStack() as pollers:

        def start(*names: str) -> None:
            for name in names:
                trigger = dataclasses.replace(artefact.triggers[name], window_seconds=WINDOW_SECONDS)
                poller = Poller(trigger, artefact.aws.client("sqs"), REGION, artefact[name])
                poller.start()
                pollers.callback(poller.finish, 20)
                pollers.callback(poller.stop_collecting)

        yield start
