"""A call through the transport, and answers that break it."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from chalicelib.domain.errors import ProviderError
from chalicelib.providers.transport.exchange import MEGABYTE, Answer, Call
from chalicelib.providers.transport.session import Transport
from tests.contract.scripted import Line, Reply, answer, dripping, endless, message, raw, silence

SECRET = "placeholder-secret-in-the-url"
OK = message({"result": "ok"})
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
GZIP = {"Content-Encoding": "gzip"}


def a_call(url: str, *, changes: bool = True, budget: float = 10.0, **more: Any) -> Call:
    secret_url = f"{url}/path?key={SECRET}"
    return Call("paris", "list_insert", "POST", secret_url, changes, budget, body=b'{"rows": 1}', **more)


def send(transport: Transport, call: Call) -> Answer:
    """The answer to a call, regardless of its status."""
    return transport.exchange(call, lambda answer: answer)


def failure(ask: Callable[[], object]) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask()
    return caught.value


# What a call that changes something becomes, and what a read becomes. A call may be sent and bring nothing usable in
# many ways; they all leave its outcome unknown.
BROKEN: dict[str, Reply] = {
    "silence": silence(30),
    "closed without an answer": raw(b""),
    "reset without an answer": raw(b"", reset=True),
    "closed in the status line": raw(b"HTTP/1."),
    "closed in the headers": raw(OK[:30]),
    "closed in the body": raw(OK[:-3]),
    "closed in a chunk": raw(CHUNKED + b"20\r\n" + b'{"result'),
    "closed before the last chunk": raw(CHUNKED + b'f\r\n{"result":"ok"}\r\n'),
    "a chunk of nonsense length": raw(CHUNKED + b"zz\r\n"),
    "not HTTP": raw(b"220 mail.example.com ESMTP\r\n"),
    "an endless header line": endless(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65536, 100),
    "endless headers": endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000, 100),
    "dripping headers": dripping(OK, 4),
    "a dripping body": lambda line: (line.send(OK[:-12]), dripping(OK[-12:], 4)(line))[0],
    "gzip cut short": raw(message(gzip.compress(b'{"result":"ok"}')[:-9], headers=GZIP)),
    "gzip of nonsense": raw(message(b"\x1f\x8b\x08nonsense", headers=GZIP)),
    "another packing": answer(b"?", headers={"Content-Encoding": "br"}),
    "redirect 302": answer(b"", 302, {"Location": "http://127.0.0.1:1/elsewhere"}),
    "redirect 307": answer(b"", 307, {"Location": "/elsewhere"}),
    "status 500": answer({"result": "ok"}, 500),
    "status 502": answer(b"<html>", 502),
    "an HTML page": answer(b"<!doctype html><p>Maintenance", headers={"Content-Type": "text/html"}),
    "an empty body": answer(b""),
    "a blank body": answer(b" \r\n "),
    "truncated JSON": answer(b'{"result": "o'),
    "two JSON values": answer(b'{"result": "ok"}{}'),
    "NaN": answer(b'{"result": NaN}'),
    "deep nesting": answer(b"[" * 200_000),
    "an endless number": answer(b"9" * 10_000),
    "Latin-1": answer('{"result": "réussi"}'.encode("latin-1")),
    "UTF-16": answer('{"result": "ok"}'.encode("utf-16")),
}


TOO_SLOW = {"silence", "dripping headers", "a dripping body"}


def read_strictly(got: Answer) -> Any:
    """What a provider's client does: the body, and the status where the body does not settle it."""
    value = got.json()
    if got.status >= 400:
        raise got.unusable("an error")
    return value


def bomb(line: Line) -> None:
    """A small gzip that unpacks to a hundred megabytes."""
    line.send(message(_bomb(), headers=GZIP))


@cache
def _bomb() -> bytes:
    pack = zlib.compressobj(level=1, wbits=31)
    return b"".join([*(pack.compress(b" " * MEGABYTE) for _ in range(100)), pack.flush()])
