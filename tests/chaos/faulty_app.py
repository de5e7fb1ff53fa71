"""The app that function processes of the suite load in place of `app`: the same `app` with injected faults.

Three things are injected, and nothing of the product is replaced:
- the clock, so that the suite can move time (`Effects.clock`; waits for AWS and for addresses are short, too);
- faults of AWS, below boto3, so that boto3 retries by its own rules: a proxy would do the same and cost much more;
- SIGKILL at a random point: right before a provider gets a request, right after it has answered, and likewise for each
  write to the ledger.

All three are put below the product, where it calls botocore and requests, so that this module also serves an earlier
release (`tests.chaos.releases`).

Every process is forked from one that has imported this module, the product and its AWS clients. State of a process of
its own, its number and its random draws, begins with its first handler.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session
from requests.adapters import HTTPAdapter

from chalicelib import container as product, names
from chalicelib.config.load import find_path, load
from chalicelib.container import Container
from chalicelib.effects import Effects
from tests.chaos.live_settings import AWS_FAULTS, DEATHS, Dials
from tests.support import rights
from tests.support.preload import import_product
from tests.support.shifted_clock import VARIABLE

_WAIT_FRACTION = 0.1
"""Fraction of every wait that remains, except for providers: durations are not tested here."""
EARLIER = "CHAOS_EARLIER_RELEASE"
"""Set where the product is an earlier release's."""
_SEED = os.environ["CHAOS_SEED"]
_CERTAIN = {"dynamodb": 400, "sqs": 40}
"""Each fault is met once among as many first requests to a service, whatever is drawn for the others."""
_CERTAIN_DEATH = (20, 20, 200)
"""Among how many first chances to die a process does die, for each of the places."""
_lock = threading.Lock()
_STATUS = {
    "ProvisionedThroughputExceededException": (400, "com.amazonaws.dynamodb.v20120810#"),
    "ThrottlingException": (400, "com.amazon.coral.availability#"),
    "InternalServerError": (500, "com.amazonaws.dynamodb.v20120810#"),
    "ServiceUnavailable": (503, "com.amazonaws.dynamodb.v20120810#"),
    "RequestThrottled": (400, "com.amazonaws.sqs#"),
    "InternalError": (500, "com.amazonaws.sqs#"),
}


def _certain_faults(service: str) -> dict[int, str]:
    chance, kinds = random.Random(f"{_SEED} {service}"), AWS_FAULTS[service]
    return dict(zip(chance.sample(range(2, _CERTAIN[service]), len(kinds)), kinds, strict=True))


_CERTAIN_FAULTS = {service: _certain_faults(service) for service in AWS_FAULTS}
_chance = random.Random(f"{_SEED} deaths")
_DEATHS = {place: _chance.randrange(1, most) for place, most in zip(DEATHS, _CERTAIN_DEATH, strict=True)}


class _Own:
    """What each process has for itself."""

    def __init__(self) -> None:
        self.dials = Dials(Path(os.environ[VARIABLE]))
        self.chance = random.Random(f"{_SEED} process {self.dials.count('processes')}")

    def draw(self) -> float:
        """A number from 0 to 1."""
        with _lock:
            return self.chance.random()


@cache
def _own() -> _Own:
    return _Own()


def _now() -> datetime:
    return _own().dials.now()


def _die(place: str, share: float = 1.0) -> None:
    """Perhaps; `share` of how likely it is at a provider's call."""
    own = _own()
    rate = own.dials.death_rate * share
    if rate and (own.dials.count(f"chances to die {place}") == _DEATHS[place] or own.draw() < rate):
        own.dials.count(f"died {place}")
        os.kill(os.getpid(), signal.SIGKILL)


def _fault_of(service: str) -> str | None:
    """How the next request to a service fails, if it does."""
    own, kinds = _own(), AWS_FAULTS[service]
    rate = own.dials.aws_rate
    if not rate:
        return None
    kind = _CERTAIN_FAULTS[service].get(own.dials.count(f"{service} requests"))
    if kind is None and own.draw() < rate:
        kind = kinds[int(own.draw() * len(kinds))]
    if kind is not None:
        own.dials.count(f"{service}: {kind}")
    return kind


def _inject_faults() -> None:
    """Let some requests to AWS be refused, break off after they did their work, or be the last of the process."""
    send = URLLib3Session.send

    def send_or_fail(session: URLLib3Session, request: Any) -> AWSResponse:
        target = request.headers.get("X-Amz-Target", b"")
        target = target if isinstance(target, str) else target.decode()
        service = "dynamodb" if target.startswith("DynamoDB") else "sqs"
        if target.endswith(("PutItem", "UpdateItem", "TransactWriteItems")):
            _die(DEATHS[2], 1 / 20)
        kind = _fault_of(service) if target else None
        if kind is None:
            return send(session, request)
        if kind in _STATUS:
            status, prefix = _STATUS[kind]
            body = json.dumps({"__type": prefix + kind, "message": "simulated"}).encode()
            return AWSResponse(request.url, status, {"x-amzn-RequestId": "simulated"}, _Raw(body))
        if kind == "done, not answered":
            send(session, request)
        raise ConnectionClosedError(endpoint_url=request.url)

    URLLib3Session.send = send_or_fail


def _inject_deaths() -> None:
    """Let some calls of providers be the last of the process."""
    send = HTTPAdapter.send

    def send_or_die(*args: Any, **options: Any) -> Any:
        _die(DEATHS[0])
        answer = send(*args, **options)
        _die(DEATHS[1])
        return answer

    HTTPAdapter.send = send_or_die  # type: ignore[method-assign]


class _Raw:
    """A body as botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self._body


def _make_container() -> Container:
    effects = Effects(clock=_now, sleep=lambda seconds: time.sleep(seconds * _WAIT_FRACTION))
    return Container(load(find_path(os.environ), os.environ), names.stage(os.environ), effects)


def __getattr__(handler: str) -> Any:
    """A handler of `app`, by the name that the template gives it."""
    return getattr(_app, handler)


botocore.endpoint.time = SimpleNamespace(sleep=lambda seconds: time.sleep(seconds * _WAIT_FRACTION))
if not os.environ.get(EARLIER):  # which has the roles of its own template
    rights.enforce(Path(os.environ[VARIABLE]).parent)
import_product()
_inject_faults()
_inject_deaths()
_container = _make_container()
product.container = lambda: _container
_app = importlib.import_module("app")
