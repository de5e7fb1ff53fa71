"""What the function processes of the suite load in place of `app`: the same `app`, in a world where things go wrong.

Three things are put in from outside, and nothing of the product is replaced:

- the clock, so that the suite can let days pass (`Effects.clock`; waiting for AWS and for addresses is short, too);
- trouble with AWS, at the last place before the wire, where boto3 still believes in it and repeats by its own rules: a
  proxy would do the same and cost as much again as moto itself, which is what limits how many events there can be;
- death by SIGKILL at a moment that is drawn: right before a provider gets a request, right after it has answered, and
  likewise for each write to the ledger.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError

from chalicelib import names, runtime as product
from chalicelib.config.load import find_path, load
from chalicelib.effects import Effects
from chalicelib.runtime import Runtime
from tests.chaos.dials import Dials

_HURRY = 0.1
"""What is left of every wait but a provider's: how long things take is not what is looked at here."""
_dials = Dials(Path(os.environ["CHAOS_DIALS"]))
_chance = random.Random(f"{os.environ['CHAOS_SEED']} process {_dials.next_process()}")
_lock = threading.Lock()
_DYNAMODB_ERRORS = (
    (400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"),
    (400, "com.amazon.coral.availability#ThrottlingException"),
    (500, "com.amazonaws.dynamodb.v20120810#InternalServerError"),
    (503, "com.amazonaws.dynamodb.v20120810#ServiceUnavailable"),
)
_SQS_ERRORS = ((400, "com.amazonaws.sqs#RequestThrottled"), (500, "com.amazonaws.sqs#InternalError"))


def __getattr__(handler: str) -> Any:
    """A handler of `app`, by the name that the template gives it."""
    import app

    return getattr(app, handler)


@cache
def _runtime() -> Runtime:
    effects = Effects(clock=_dials.now, sleep=lambda seconds: time.sleep(seconds * _HURRY))
    made = Runtime(load(find_path(os.environ), os.environ), names.stage(os.environ), effects)
    _trouble(made._dynamodb, "dynamodb", _DYNAMODB_ERRORS)
    _trouble(made._sqs, "sqs", _SQS_ERRORS)
    session = made._transport._session
    send = session.send

    def send_or_die(*args: Any, **options: Any) -> Any:
        _die(_dials.death_rate)
        answer = send(*args, **options)
        _die(_dials.death_rate)
        return answer

    session.send = send_or_die
    return made


def _draw() -> float:
    with _lock:
        return _chance.random()


def _die(rate: float) -> None:
    if rate and _draw() < rate:
        os.kill(os.getpid(), signal.SIGKILL)


def _trouble(client: Any, service: str, errors: tuple[tuple[int, str], ...]) -> None:
    """Let some requests of `client` be refused, break off after they did their work, or be the last of the process."""

    def before_send(request: Any, event_name: str, **_: Any) -> AWSResponse | None:
        writes = event_name.endswith(("PutItem", "UpdateItem", "TransactWriteItems"))
        _die(_dials.death_rate / 20 if writes else 0.0)
        if _draw() >= _dials.aws_rate:
            return None
        kind = int(_draw() * (len(errors) + 2))
        if kind < len(errors):
            status, code = errors[kind]
            body = json.dumps({"__type": code, "message": "simulated"}).encode()
            return AWSResponse(request.url, status, {"x-amzn-RequestId": "simulated"}, _Raw(body))
        if kind > len(errors):
            client._endpoint.http_session.send(request)
        raise ConnectionClosedError(endpoint_url=request.url)

    client.meta.events.register(f"before-send.{service}", before_send)


class _Raw:
    """A body as botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self._body


botocore.endpoint.time = SimpleNamespace(sleep=lambda seconds: time.sleep(seconds * _HURRY))
product.runtime = _runtime
