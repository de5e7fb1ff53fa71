"""How an answer goes onto the connection: whole in one write, or as a fault would have it."""

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
"""How soon it is noticed that the client of a held connection has hung up."""


def head(reply: Reply, length: int | None, *, encoding: str = "", close: bool = False, chunked: bool = False) -> bytes:
    """Status line and headers; `length` None leaves Content-Length out."""
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
    """Head and body in one write: two would cost 40 ms on a connection without TCP_NODELAY. Or chunk by chunk."""
    if reply.parts is None:
        connection.sendall(head(reply, len(reply.body)) + (reply.body if with_body else b""))
        return
    connection.sendall(head(reply, None, chunked=True))
    for part in reply.parts if with_body else ():
        connection.sendall(b"%x\r\n%b\r\n" % (len(part), part))
    connection.sendall(b"0\r\n\r\n" if with_body else b"")


def send_half(connection: socket.socket, reply: Reply) -> None:
    """Announce the whole body and send half of it; the caller closes the connection."""
    body = reply.body or b" "
    connection.sendall(head(reply, len(body)) + body[: len(body) // 2])


def drip(connection: socket.socket, reply: Reply, rule: Rule, pause: Callable[[float], bool]) -> None:
    """The answer byte by byte, so that no single read of the client waits long and the whole one does."""
    connection.sendall(head(reply, len(reply.body)))
    for place in range(len(reply.body)):
        if pause(rule.delay_seconds or 0.5):
            return
        connection.sendall(reply.body[place : place + 1])


def send_huge(connection: socket.socket, reply: Reply, rule: Rule) -> None:
    """A body of `size_bytes`: the beginning of a JSON string that goes on and on."""
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


def hold(connection: socket.socket, seconds: float, pause: Callable[[float], bool]) -> None:
    """Wait without a word until the time is over, the client hangs up, or the sandbox stops."""
    left = seconds
    while left > 0 and not _hung_up(connection):
        step = min(left, _STEP_SECONDS)
        if pause(step):
            return
        left -= step


def _hung_up(connection: socket.socket) -> bool:
    readable, _, _ = select.select([connection], [], [], 0)
    return bool(readable) and not connection.recv(1, socket.MSG_PEEK)
