"""A server that plays a script over bare sockets: exactly the bytes, pauses and breaks that a test asks for."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from chalicelib.providers.transport.exchange import SYSTEM_TIMING, Timing
from tests.support.controlled_time import OwnTime
from tests.support.waiting import wait_for


@dataclass(frozen=True)
class Received:
    """A request as it came, and the number of the connection (from 1) that it came on."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int

    def json(self) -> Any:
        return json.loads(self.body)


Reply = Callable[["Line"], None]
"""Answers one request on the line; closing the line ends the connection."""


@dataclass
class Line:
    """One connection of a client. `waits` pauses it; true when the server ends, so that no reply outlives the test."""

    sock: socket.socket
    waits: Callable[[float], bool]
    open: bool = True

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the server's end."""
        if self.waits(seconds):
            raise ConnectionError

    def hang_up(self, *, reset: bool = False) -> None:
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.open = False


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A whole answer: bytes as they are, anything else as JSON."""
    return lambda line: line.send(message(body, status, headers))


def message(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a whole HTTP answer."""
    content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    every = {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in every.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def raw(data: bytes, *, reset: bool = False) -> Reply:
    """These bytes, then the end of the connection."""

    def play(line: Line) -> None:
        line.send(data)
        line.hang_up(reset=reset)

    return play


def dripping(data: bytes, pause: float) -> Reply:
    """These bytes, one at a time."""

    def play(line: Line) -> None:
        for number in range(len(data)):
            line.send(data[number : number + 1])
            line.pause(pause)

    return play


def stalled(data: bytes) -> Reply:
    """These bytes, then nothing more until the server ends."""

    def play(line: Line) -> None:
        line.send(data)
        line.pause(threading.TIMEOUT_MAX)

    return play


def silence(seconds: float) -> Reply:
    """Nothing for a while, then the end of the connection."""

    def play(line: Line) -> None:
        line.pause(seconds)
        line.hang_up()

    return play


@dataclass
class Endless:
    """A reply of a head and then the same part again and again."""

    head: bytes
    part: bytes
    times: int
    sent: int = 0
    """How many parts the last client let it send."""

    def __call__(self, line: Line) -> None:
        self.sent = 0
        line.send(self.head)
        for _ in range(self.times):
            line.send(self.part)
            self.sent += 1
        line.hang_up()


def endless(head: bytes, part: bytes, times: int) -> Endless:
    """A head and then the same part again and again."""
    return Endless(head, part, times)


def after(seconds: float, reply: Reply) -> Reply:
    """A reply that comes so late."""

    def play(line: Line) -> None:
        line.pause(seconds)
        reply(line)

    return play


def once(condition: Callable[[], object], reply: Reply) -> Reply:
    """A reply that is delayed until the condition is true."""

    def play(line: Line) -> None:
        wait_for(condition, every_seconds=0.002)
        reply(line)

    return play


@dataclass
class Scripted:
    """The server: plays `script` reply by reply, then `otherwise`. Use it as a context manager."""

    script: list[Reply] = field(default_factory=list)
    otherwise: Reply = field(default_factory=lambda: answer({"result": "ok"}))
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    ended: int = 0
    """Connections that this server has closed."""
    time: OwnTime | None = None
    """The time in which replies pause, if not the real one."""

    def __enter__(self) -> Self:
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._lines: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        # A thread in accept or recv wakes when its socket is shut down, not when it is closed.
        for sock in [self._listener, *self._lines]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(5)

    @property
    def timing(self) -> Timing:
        """For transports that are to live in the same time."""
        return self.time.timing if self.time else SYSTEM_TIMING

    def _pause(self, seconds: float) -> bool:
        if self.time is None:
            return self._stopped.wait(seconds)
        return self.time.pause(seconds) or self._stopped.is_set()

    def _listen(self) -> None:
        while not self._stopped.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._lines.append(sock)
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(sock, self.connections), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        line = Line(sock, self._pause)
        reader = sock.makefile("rb")
        try:
            while line.open:
                request = _read(reader, number)
                if request is None:
                    break
                with self._lock:
                    self.received.append(request)
                    reply = self.script.pop(0) if self.script else self.otherwise
                reply(line)
        except (OSError, ValueError):
            pass
        finally:
            reader.close()
            sock.close()
            self.ended += 1


def _read(reader: Any, connection: int) -> Received | None:
    head = reader.readline().decode().split()
    if not head:
        return None
    headers: dict[str, str] = {}
    while (text := reader.readline().decode().strip()) != "":
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    body = reader.read(int(headers.get("content-length", "0")))
    return Received(head[0], head[1], headers, body, connection)
