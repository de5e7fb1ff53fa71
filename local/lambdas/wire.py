"""Frames on a socket between the stack and its processes: four bytes of length, then JSON."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

_LENGTH = struct.Struct(">I")


def send(connection: socket.socket, message: Any) -> None:
    """Sends one message. Raises OSError when the other side is gone, TypeError or ValueError for what is not JSON."""
    body = json.dumps(message).encode()
    connection.sendall(_LENGTH.pack(len(body)) + body)


def receive(connection: socket.socket) -> Any:
    """Receives the next message. Raises EOFError when the other side is gone, TimeoutError as the socket does."""
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    return json.loads(_exactly(connection, length))


def _exactly(connection: socket.socket, length: int) -> bytes:
    received = bytearray()
    while len(received) < length:
        chunk = connection.recv(min(length - len(received), 1 << 20))
        if not chunk:
            raise EOFError("the other side is gone")
        received += chunk
    return bytes(received)
