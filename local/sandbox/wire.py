"""Sends answers: whole in one write, or changed by a fault of the connection."""

from __future__ import annotations

import http
import select
import socket
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache

from .exchange import Reply
from .faults import Rule

_BLOCK = b"x" * 65_536
_STEP_SECONDS = 0.1
"""Interval of checks whether the client of a silent connection has disconnected."""


def head(reply: Reply, length: int | None, *, encoding: str = "", close: bool = False, chunked: bool = False) -> bytes:
    """Returns status line and headers; `length` None omits Content-Length."""
    try:
        phrase = http.HTTPStatus(reply.status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {reply.status} {phrase}", f"Content-Type: {reply.content_type}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    if encoding:
        lines.append(f"Content-Encoding: {encoding}")
    if chunked:
        lines.append("Transfer-Encoding: chunked")
    if close:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def send_whole(connection: socket.socket, reply: Reply, *, with_body: bool = True) -> None:
    """Sends head and body in one write (two cost 40 ms without TCP_NODELAY), or chunk by chunk."""
    if reply.parts is None:
        connection.sendall(head(reply, len(reply.body)) + (reply.body if with_body else b""))
        return
    connection.sendall(head(reply, None, chunked=True))
    for part in reply.parts if with_body else ():
        connection.sendall(b"%x\r\n%b\r\n" % (len(part), part))
    connection.sendall(b"0\r\n\r\n" if with_body else b"")


def send_half(connection: socket.socket, reply: Reply) -> None:
    """Sends the head and half of the body; the caller closes the connection."""
    body = reply.body or b" "
    connection.sendall(head(reply, len(body)) + body[: len(body) // 2])


def drip(connection: socket.socket, reply: Reply, rule: Rule, pause: Callable[[float], bool]) -> None:
    """Sends the answer byte by byte: no single read of the client waits long, but the whole answer does."""
    connection.sendall(head(reply, len(reply.body)))
    for place in range(len(reply.body)):
        if pause(rule.delay_seconds or 0.5):
            return
        connection.sendall(reply.body[place : place + 1])


def send_huge(connection: socket.socket, reply: Reply, rule: Rule) -> None:
    """Sends a body of `size_bytes`: the beginning of a JSON string without an end."""
    if rule.compressed:
        body = _huge_packed(rule.size_bytes)
        connection.sendall(head(reply, len(body), encoding="gzip", close=True) + body)
        return
    connection.sendall(head(reply, rule.size_bytes, close=True))
    for block in _huge(rule.size_bytes):
        connection.sendall(block)


@lru_cache(maxsize=4)
def _huge_packed(size: int) -> bytes:
    packer = zlib.compressobj(1, wbits=31)  # 31: a gzip container
    return b"".join([*map(packer.compress, _huge(size)), packer.flush()])


def _huge(size: int) -> Iterator[bytes]:
    if size > 0:
        yield b'"'
    left = size - 1
    while left > 0:
        yield _BLOCK[: min(left, len(_BLOCK))]
        left -= len(_BLOCK)


def stay_silent(connection: socket.socket, seconds: float, pause: Callable[[float], bool]) -> None:
    """Sends nothing until the time is over, the client disconnects, or the sandbox stops."""
    left = seconds
    while left > 0 and not _disconnected(connection):
        step = min(left, _STEP_SECONDS)
        if pause(step):
            return
        left -= step


def _disconnected(connection: socket.socket) -> bool:
    readable, _, _ = select.select([connection], [], [], 0)
    return bool(readable) and not connection.recv(1, socket.MSG_PEEK)
