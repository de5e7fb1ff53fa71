"""Operators' calls that a client gives up and makes again, as `aws lambda invoke` does, over the whole stack."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError

from local import invoke, running_stacks
from tests.e2e.world import Ediware
from tests.support.lambda_api import LambdaApi, serving
from tests.support.stack import RunningStack
from tests.support.waiting import wait_for

PATIENCE_SECONDS = 1.0
LATENCY_SECONDS = 2.0
CREATE = {
    "account": "paris",
    "function": "list_create",
    "params": {"name": "twice", "field_list": ["email"], "field_email": "email"},
    "confirm": True,
}


@pytest.fixture
def api(stack: RunningStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[LambdaApi]:
    """Lambda's API before the running stack, for clients of this process."""
    known = running_stacks.find({"PORT": stack.port})

    def answer(name: str, event: Any) -> Mapping[str, Any]:
        return invoke.ask(known, name.replace("relais-prod-", "relais-local-"), event)

    with serving(answer) as running:
        for name, value in running.environ().items():
            monkeypatch.setenv(name, value)
        yield running


def call(event: Mapping[str, Any], attempts: int) -> Any:
    """The answer to a client that waits for a second and tries again, as the CLI does after sixty; None without one."""
    config = Config(read_timeout=PATIENCE_SECONDS, retries={"total_max_attempts": 1})
    client = boto3.client("lambda", config=config)
    for _ in range(attempts):
        try:
            found = client.invoke(FunctionName="relais-prod-call_provider", Payload=json.dumps(event).encode())
            return json.loads(found["Payload"].read())
        except ReadTimeoutError:
            pass
    return None


def test_a_slow_call_is_made_again_and_again_without_a_key_and_once_with_one(
    stack: RunningStack, api: LambdaApi
) -> None:
    ediware = Ediware(stack.sandbox)
    ediware.control.fault(kind="latency", delay_seconds=LATENCY_SECONDS)
    assert call(CREATE, attempts=2) is None
    wait_for(lambda: ediware.calls("list_create") == 2)

    keyed = {**CREATE, "idempotency_key": "one-call"}
    answered = call(keyed, attempts=10)
    assert len(api.asked) > 3, "it was repeated"
    assert ediware.calls("list_create") == 3
    assert answered == call(keyed, attempts=10)
    lists = {name: one["name"] for name, one in ediware.account()["lists"].items()}
    assert answered == {"result": [name for name, title in lists.items() if title == "twice"][-1]}
    assert ediware.calls("list_create") == 3
