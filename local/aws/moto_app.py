"""Answers AWS requests with moto, without its web framework where speed matters."""

from __future__ import annotations

import functools
import io
import json
import logging
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any

from local.aws import ses, sqs

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """A received HTTP request; header names in lower case, `target` with its query."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def action(self) -> str:
        """The AWS JSON protocol's operation, such as `AmazonSQS.ReceiveMessage`; empty for other protocols."""
        return self.headers.get("x-amz-target", "")


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer to send; `headers` without Content-Length."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


class MotoApp:
    """moto with its patches. One instance a process; `answer` must not be called by two threads at once.

    `now` is the clock of its SQS, in epoch seconds.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        from moto.sqs.responses import SQSResponse

        self._direct = {"AmazonSQS": SQSResponse}
        _patch_requests()
        sqs.patch(now)
        ses.patch()

    @cached_property
    def _anything(self) -> Any:
        """All other services, behind moto's own Flask server."""
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        return DomainDispatcherApplication(create_backend_app)

    def reset(self) -> None:
        """Forgets every queue, secret and parameter."""
        from moto.moto_api._internal.models import moto_api_backend

        moto_api_backend.reset()

    def answer(self, request: Request) -> Answer:
        """Returns moto's answer; a failure inside moto is logged and answered 500, as AWS would."""
        if request.target == ses.ACCOUNT and request.method == "GET":
            return Answer(200, [("Content-Type", "application/json")], ses.ACCOUNT_ANSWER)
        try:
            handler = self._direct.get(request.action.partition(".")[0])
            return _direct(handler, request) if handler else self._through_wsgi(request)
        except Exception as error:  # moto may raise anything, and one bad request must not end the server
            _log.exception("moto failed at %s", request.action or request.target)
            message = json.dumps(
                {"__type": "InternalFailure", "message": f"{type(error).__name__} in the embedded AWS"}
            )
            return Answer(500, [("Content-Type", "application/x-amz-json-1.0")], message.encode())

    def _through_wsgi(self, request: Request) -> Answer:
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
            started[:] = [int(status.split()[0]), headers]

        chunks = self._anything(_environ(request), start_response)
        try:
            body = b"".join(chunks)
        finally:
            getattr(chunks, "close", lambda: None)()
        headers = [(name, value) for name, value in started[1] if name.lower() != "content-length"]
        return Answer(started[0], headers, body)


def _direct(handler: Any, request: Request) -> Answer:
    from botocore.exceptions import ClientError
    from moto.core.request import Request as MotoRequest

    try:
        status, headers, body = handler.dispatch(MotoRequest(_environ(request)))
    except ClientError as error:  # as moto's own server does
        status, headers, body = 400, {}, error.response["Error"]["Message"]
    sent = [(name, str(value)) for name, value in headers.items() if name.lower() != "content-length"]
    return Answer(int(status), sent, body.encode() if isinstance(body, str) else body)


def _patch_requests() -> None:
    """Speed up what moto does for each request: it inspects the handler's class and draws 52 random letters."""
    responses: Any = import_module("moto.core.responses")
    headers_module: Any = import_module("moto.utilities.aws_headers")

    def request_id(headers: dict[str, Any] | None = None) -> str:
        drawn = uuid.uuid4().hex.upper()
        if headers is not None:
            headers["x-amzn-requestid"] = drawn
        return drawn

    responses.method_names_from_class = functools.lru_cache(maxsize=64)(responses.method_names_from_class)
    responses.gen_amzn_requestid_long = request_id
    headers_module.gen_amzn_requestid_long = request_id


def _environ(request: Request) -> dict[str, Any]:
    """Returns the request as a WSGI environment."""
    from urllib.parse import unquote_to_bytes

    path, _, query = request.target.partition("?")
    host = request.headers.get("host", "127.0.0.1")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "RAW_URI": request.target,
        "REQUEST_URI": request.target,
        "QUERY_STRING": query,
        "SCRIPT_NAME": "",
        "SERVER_NAME": host.rpartition(":")[0] or host,
        "SERVER_PORT": host.rpartition(":")[2] if ":" in host else "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    environ.update(_header_variables(request.headers.items()))
    environ["CONTENT_LENGTH"] = str(len(request.body))
    return environ


def _header_variables(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    named = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers if "_" not in name}
    if "HTTP_CONTENT_TYPE" in named:
        named["CONTENT_TYPE"] = named.pop("HTTP_CONTENT_TYPE")
    named.pop("HTTP_CONTENT_LENGTH", None)
    named.pop("HTTP_TRANSFER_ENCODING", None)
    return named
