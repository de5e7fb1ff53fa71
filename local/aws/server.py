"""The embedded AWS's HTTP server: one thread, an event loop, HTTP/1.1 with keep-alive.

moto is not thread-safe (its SQS races), so requests are answered one at a time; Python runs one at a time anyway.
Only SQS long polls wait, outside moto: a waiting poll has taken no message, and ends with its connection, so a killed
worker takes no message with it.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus

from local.aws import mailbox, sqs
from local.aws.dynamodb.wire import PREFIX as DYNAMODB, Wire
from local.aws.moto_app import Answer, MotoApp, Request

_MAX_HEAD = 64 * 1024
_MAX_BODY = 64 * 1024 * 1024
# How often a waiting poll checks: nothing signals that a message becomes visible again (a timeout, a delay).
_POLL_AGAIN_SECONDS = 0.15
# Actions that may make messages visible to a waiting poll, or delete its queue.
_CHANGES = ("AmazonSQS.Send", "AmazonSQS.Change", "AmazonSQS.Set", "AmazonSQS.Purge", "AmazonSQS.DeleteQueue")
_RESET = "/moto-api/reset"


class Aws:
    """DynamoDB of our own and moto's answers for the rest, with long polls that wait in the event loop."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._dynamodb = Wire()
        self._changed = asyncio.Event()
        self._loading = threading.Lock()
        self._loaded: MotoApp | None = None

    def load(self) -> MotoApp:
        """Loads moto once, which takes half a second; the first request that is not DynamoDB's loads it, too."""
        with self._loading:
            if self._loaded is None:
                self._loaded = MotoApp(self._now)
            return self._loaded

    async def answer(self, request: Request, gone: Callable[[], bool]) -> Answer:
        """Answers `request`; a long poll waits for messages until `gone` says that its client has disconnected."""
        if request.action.startswith(DYNAMODB):
            return Answer(*self._dynamodb.answer(request.action, _region(request), request.body))
        if request.target == _RESET:
            return self._reset()
        if request.action == "AmazonSQS.ReceiveMessage":
            return await self._receive(request, gone)
        if mailbox.is_asked(request.target):
            self.load()
            return mailbox.answer(request.target, mailbox.sent_mails())
        answer = self.load().answer(request)
        if request.action.startswith(_CHANGES):
            self._wake_polls()
        return answer

    def _reset(self) -> Answer:
        """Deletes all data."""
        self._dynamodb.reset()
        with self._loading:
            if self._loaded is not None:
                self._loaded.reset()
        self._wake_polls()
        return Answer(HTTPStatus.OK, [("Content-Type", "application/json")], b'{"status": "ok"}')

    def _wake_polls(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _receive(self, request: Request, gone: Callable[[], bool]) -> Answer:
        parameters = _parameters(request.body)
        queue = str(parameters.get("QueueUrl", "")).rpartition("/")[2]
        loop = asyncio.get_running_loop()
        wait = parameters.get("WaitTimeSeconds", sqs.default_wait(_region(request), queue))
        if not isinstance(wait, int) or not 0 <= wait <= 20:
            return self.load().answer(request)  # moto answers the error
        deadline = loop.time() + wait
        body = json.dumps({**parameters, "WaitTimeSeconds": 0}).encode()
        at_once = Request(request.method, request.target, request.headers, body)
        while True:
            if gone():
                raise ConnectionAbortedError("the client disconnected during a long poll")
            answer = self.load().answer(at_once)
            remaining = deadline - loop.time()
            if answer.status != HTTPStatus.OK or b'"Messages"' in answer.body or remaining <= 0:
                return answer
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), min(remaining, _POLL_AGAIN_SECONDS))


def _region(request: Request) -> str:
    """Returns the region of the signature: `AWS4-HMAC-SHA256 Credential=key/date/region/service/aws4_request, ...`."""
    scope = request.headers.get("authorization", "").split("/")
    return scope[2] if len(scope) > 2 else "us-east-1"


def _parameters(body: bytes) -> dict[str, object]:
    try:
        parameters = json.loads(body)
    except ValueError:
        return {}
    return parameters if isinstance(parameters, dict) else {}


class Connection:
    """One client's connection: requests one after the other until it closes or asks to."""

    def __init__(self, aws: Aws, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._aws = aws
        self._reader = reader
        self._writer = writer

    async def serve(self) -> None:
        """Answers requests until the client disconnects, or sends what is not HTTP."""
        try:
            while await self._one_request():
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            self._writer.close()

    async def _one_request(self) -> bool:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        method, target, _version = first.split(" ")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if headers.get("expect", "").lower() == "100-continue":
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await self._body(headers)
        answer = await self._aws.answer(Request(method, target, headers, body), gone=self._reader.at_eof)
        self._writer.write(_encoded(answer, head_only=method == "HEAD"))
        await self._writer.drain()
        return headers.get("connection", "").lower() != "close"

    async def _body(self, headers: dict[str, str]) -> bytes:
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return await self._chunks()
        length = int(headers.get("content-length") or 0)
        if not 0 <= length <= _MAX_BODY:
            raise ValueError("body too large")
        return await self._reader.readexactly(length) if length else b""

    async def _chunks(self) -> bytes:
        body = bytearray()
        while size := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
            if len(body) + size > _MAX_BODY:
                raise ValueError("body too large")
            body += await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        while await self._reader.readuntil(b"\r\n") != b"\r\n":
            pass
        return bytes(body)


def _encoded(answer: Answer, head_only: bool) -> bytes:
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {answer.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers if name.lower() != "transfer-encoding"]
    if not head_only:
        lines.append(f"Content-Length: {len(answer.body)}")
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
    return head if head_only else head + answer.body


async def serve(host: str, port: int, now: Callable[[], float] = time.time) -> tuple[asyncio.Server, int]:
    """Listens at `host`:`port` (0: a free one); returns the port in use. `now` is the clock of SQS, in epoch seconds.

    Raises OSError when the port is taken.
    """
    aws = Aws(now)
    threading.Thread(target=aws.load, daemon=True).start()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await Connection(aws, reader, writer).serve()
        except asyncio.CancelledError:  # the server ends
            writer.close()

    server = await asyncio.start_server(connected, host, port, limit=_MAX_HEAD)
    return server, int(server.sockets[0].getsockname()[1])
