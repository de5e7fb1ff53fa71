"""The embedded AWS inside the test's own process: boto3 as ever, but no server and no socket.

Requests are built, signed and parsed by botocore as if they went over the network; only the sending is replaced. What
another process must reach, too, uses the fixture `aws_server` instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, cached_property
from threading import Lock
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from local.aws.moto_app import Answer, Request
from local.aws.server import Aws
from tests.support.aws import TestAws

Sent = tuple[str, str, dict[str, str], bytes]
"""A request: method, target, headers and body."""
ENDPOINT = "http://aws.in-process.invalid"
RECEIVE = "AmazonSQS.ReceiveMessage"


class InProcessAws(TestAws):
    """An embedded AWS that boto3 reaches in this process while `session` is its default session."""

    @cached_property
    def session(self) -> boto3.Session:
        """A session whose clients are answered in this process; requests to another endpoint are sent there."""
        session = SharingSession("local", "local", region_name=self.region)
        session.events.register("before-send", _embedded().answer)
        return session

    def _forget_everything(self) -> None:
        _embedded().ask("POST", "/moto-api/reset")

    def create_resources(self) -> None:
        """Make the queues and tables of the stage `local`, by requests that boto3 has built once.

        Some thousand tests begin with it, and building them takes three quarters of the time.
        """
        if self.dynamodb_endpoint or not all(_embedded().ask(*sent).status_code == 200 for sent in _creation()):
            super().create_resources()  # another DynamoDB, or some were there already


class SharingSession(boto3.Session):
    """Makes a client once for each service and configuration: a new one for each test would take most of its time."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._clients: dict[str, Any] = {}
        self._making = Lock()

    def client(self, *args: Any, **options: Any) -> Any:
        config = options.get("config")
        named = {**options, "config": getattr(config, "_user_provided_options", None)}
        with self._making:
            key = repr((args, sorted(named.items())))
            if key not in self._clients:
                self._clients[key] = super().client(*args, **options)
            return self._clients[key]


@cache
def in_process_aws() -> InProcessAws:
    """Return the embedded AWS of this process."""
    return InProcessAws(ENDPOINT)


@cache
def _creation() -> Sequence[Sent]:
    """Return the requests that make the queues and tables of the stage `local`, and make them."""
    aws, requests = in_process_aws(), list[Sent]()

    def note(request: AWSPreparedRequest, **_: Any) -> None:
        requests.append(_sent(request))

    emitters = [aws.sqs.meta.events, aws.dynamodb.meta.events]
    for each in emitters:
        each.register_first("before-send", note)
    try:
        TestAws.create_resources(aws)
    finally:
        for each in emitters:
            each.unregister("before-send", note)
    return requests


def load() -> None:
    """Load moto and boto3's clients, which takes a second: before workers are forked, it is done once for all."""
    _embedded().load()
    in_process_aws().create_resources()
    in_process_aws().reset()


class _Embedded:
    """The embedded AWS without its HTTP server, one request at a time as in the server. Receives do not wait."""

    def __init__(self) -> None:
        self._aws = Aws()
        self._lock = Lock()

    def load(self) -> None:
        """Load what the first request that is not DynamoDB's would load."""
        self._aws.load()

    def answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        """Return the response to a request for `ENDPOINT`; None for others, which botocore then sends itself."""
        if not request.url.startswith(ENDPOINT):
            return None
        return self.ask(*_sent(request))

    def ask(self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b"") -> AWSResponse:
        """Return the response to a request without its host."""
        request = Request(method, target, {"host": ENDPOINT.removeprefix("http://"), **(headers or {})}, body)
        with self._lock:
            answer = self._receive(request) if request.action == RECEIVE else self._at_once(request)
        response = AWSResponse(ENDPOINT + target, answer.status, dict(answer.headers), None)
        response._content = answer.body
        return response

    def _at_once(self, request: Request) -> Answer:
        """Answer anything but a long poll without a step of the event loop."""
        try:
            self._aws.answer(request, gone=lambda: False).send(None)
        except StopIteration as ended:
            answer: Answer = ended.value
            return answer
        raise AssertionError(f"{request.action or request.target} waits for something")

    def _receive(self, request: Request) -> Answer:
        return self._aws.load().answer(request)  # moto never waits: that is the server's business


@cache
def _embedded() -> _Embedded:
    return _Embedded()


def _sent(request: AWSPreparedRequest) -> Sent:
    headers = {name.lower(): _text(value) for name, value in request.headers.items()}
    return request.method, request.url.removeprefix(ENDPOINT) or "/", headers, _bytes(request.body)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    if hasattr(body, "read"):
        body = body.read()
    return body.encode() if isinstance(body, str) else bytes(body)
