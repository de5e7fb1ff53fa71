"""An HTTP/1.1 server for the gateway: h11 reads what comes, asyncio keeps connections, threads wait for the function.

A connection costs no thread until it has sent a whole request, so silent clients do not block others.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from typing import cast

import h11

from local.http.gateway import MAX_BODY_BYTES, Gateway
from local.http.proxy import HttpAnswer, HttpRequest

_log = logging.getLogger(__name__)

MOST_CONNECTIONS = 500
"""Above it the connection that has waited longest for a request is closed: some machines allow few open files."""
_IDLE_SECONDS = 60.0
_DRAIN_SECONDS = 0.5
# What is read and discarded of a body that is too large, so that its sender gets to read the answer.
_DRAIN_BYTES = 64 * 1024 * 1024
_BETWEEN_REQUESTS = (h11.IDLE, h11.DONE)


class _TooLarge(Exception):
    """The body is above the gateway's limit."""


class _Unreadable(Exception):
    """The bytes received are no HTTP request, or one that only a proxy answers."""


class _Closed(Exception):
    """The client closed the connection, or sent nothing for too long."""


class HttpServer:
    """Listens from construction, answers from `start`. Raises OSError when the port is taken."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=1024
        )
        self._loop = asyncio.new_event_loop()
        self._waiting: dict[asyncio.Task[None], None] = {}
        self._connections: set[asyncio.Task[None]] = set()
        self._thread: threading.Thread | None = None

    @property
    def server_address(self) -> tuple[str, int]:
        """Host and port that it listens at."""
        host, port = self._socket.getsockname()[:2]
        return str(host), int(port)

    @property
    def port(self) -> int:
        """Port that it listens at."""
        return self.server_address[1]

    def start(self, gateway: Gateway) -> None:
        """Answers through `gateway`, in threads of its own."""
        self._thread = threading.Thread(target=self._run, args=(gateway,), name="http", daemon=True)
        self._thread.start()

    def shutdown(self) -> None:
        """Stops answering. Requests under way are dropped."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._thread = None

    def server_close(self) -> None:
        """Free the port."""
        self._socket.close()

    def _run(self, gateway: Gateway) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(partial(self._serve, gateway), sock=self._socket))
        self._loop.run_forever()
        server.close()
        for task in self._connections:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._connections, return_exceptions=True))
        self._loop.close()

    async def _serve(self, gateway: Gateway, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())  # a callback of start_server runs as a task
        self._connections.add(task)
        if len(self._connections) > MOST_CONNECTIONS and self._waiting:
            next(iter(self._waiting)).cancel()
        connection = _Connection(gateway, reader, writer)
        try:
            self._waiting[task] = None
            while await connection.starts_request():
                self._waiting.pop(task, None)
                if not await connection.answer():
                    break
                self._waiting[task] = None
        except (_Closed, OSError, asyncio.CancelledError):
            pass  # a client that leaves in the middle is no failure of the server's
        except Exception:
            _log.exception("the HTTP server failed on a request")
        finally:
            self._waiting.pop(task, None)
            self._connections.discard(task)
            writer.close()


class _Connection:
    def __init__(self, gateway: Gateway, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._gateway = gateway
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=65536)
        self._source_ip = str(writer.get_extra_info("peername")[0])
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def starts_request(self) -> bool:
        """Waits for the head of the next request; False if the client has no more of them."""
        self._head: h11.Request | None = None
        try:
            event = await self._next_event()
        except _Unreadable:
            return True  # to be answered with 400
        if isinstance(event, h11.Request):
            self._head = event
            return True
        return False

    async def answer(self) -> bool:
        """Answers the request; False if the connection ends with it."""
        try:
            request = await self._read()
        except _TooLarge:
            await self._write(self._gateway.refuse("REQUEST_TOO_LARGE", self._accept()), last=True)
            await self._drain()
            return False
        except _Unreadable:
            await self._write(self._gateway.refuse("BAD_REQUEST"), last=True)
            return False
        await self._write(await _in_thread(partial(self._gateway.handle, request)), last=False)
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    def _accept(self) -> str:
        headers = self._head.headers if self._head is not None else ()
        return ", ".join(value.decode("latin-1") for name, value in headers if name == b"accept")

    async def _read(self) -> HttpRequest:
        head = self._head
        # An absolute target or a CONNECT is for proxies.
        if head is None or head.http_version not in (b"1.0", b"1.1") or not head.target.startswith(b"/"):
            raise _Unreadable
        lengths = [value for name, value in head.headers if name == b"content-length"]
        if lengths and int(lengths[0]) > MAX_BODY_BYTES:
            raise _TooLarge
        if self._http.they_are_waiting_for_100_continue:
            await self._send(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))
        body = bytearray()
        while isinstance(event := await self._next_event(), h11.Data):
            body += event.data
            if len(body) > MAX_BODY_BYTES:
                raise _TooLarge
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers.raw_items())
        return HttpRequest(head.method.decode(), head.target.decode(), headers, bytes(body), self._source_ip)

    async def _next_event(self) -> object:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                if self._http.trailing_data[1] and not self._http.trailing_data[0]:
                    raise _Closed from error  # it ended in the middle of a message
                raise _Unreadable from error
            if event is not h11.NEED_DATA:
                return event
            try:
                data = await asyncio.wait_for(self._reader.read(65536), _IDLE_SECONDS)
            except TimeoutError:
                raise _Closed from None
            if not data and self._http.their_state not in _BETWEEN_REQUESTS:
                raise _Closed
            self._http.receive_data(data)

    async def _drain(self) -> None:
        remaining = _DRAIN_BYTES
        try:
            while remaining > 0 and (data := await asyncio.wait_for(self._reader.read(65536), _DRAIN_SECONDS)):
                remaining -= len(data)
        except TimeoutError:
            pass

    async def _write(self, answer: HttpAnswer, last: bool) -> None:
        """Sends an answer in one packet where it fits."""
        bodiless = answer.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
        headers = [("Date", formatdate(usegmt=True))]
        names = {name.lower() for name, _ in answer.headers}
        for name, value in answer.headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date"):
                headers.append((name, value))
        if "content-type" not in names and answer.body:
            headers.append(("Content-Type", "application/json"))  # as the gateway does
        if not bodiless:
            headers.append(("Content-Length", str(len(answer.body))))
        if last:
            headers.append(("Connection", "close"))
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        response = h11.Response(status_code=answer.status, headers=encoded, reason=_reason(answer.status))
        shown = not bodiless and (self._head is None or self._head.method != b"HEAD")
        await self._send(response, *([h11.Data(answer.body)] if shown else []), h11.EndOfMessage())

    async def _send(self, *events: h11.Event) -> None:
        self._writer.write(b"".join(self._http.send(event) or b"" for event in events))
        await self._writer.drain()


def _reason(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""


async def _in_thread(work: partial[HttpAnswer]) -> HttpAnswer:
    """Runs `work` in a thread that does not keep the process alive, as an executor's would for as long as it waits."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[HttpAnswer] = loop.create_future()

    def run() -> None:
        try:
            value = work()
        except Exception as error:
            deliver = partial(_fail, result, error)
        else:
            deliver = partial(_succeed, result, value)
        if not loop.is_closed():
            loop.call_soon_threadsafe(deliver)

    threading.Thread(target=run, name="request", daemon=True).start()
    return await result


def _succeed(result: asyncio.Future[HttpAnswer], value: HttpAnswer) -> None:
    if not result.done():
        result.set_result(value)


def _fail(result: asyncio.Future[HttpAnswer], error: Exception) -> None:
    if not result.done():
        result.set_exception(error)
