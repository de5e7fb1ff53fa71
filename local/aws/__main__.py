"""`python -m local.aws --port N`: the embedded AWS alone, in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

from local.aws.server import serve


def main(arguments: list[str] | None = None, now: Callable[[], float] = time.time) -> int:
    """Serves until SIGINT or SIGTERM; with `--with-parent` until standard input closes. `now` is the clock of SQS."""
    parser = argparse.ArgumentParser(prog="python -m local aws", description="The embedded DynamoDB and SQS alone.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4566, help="0 takes a free one (default 4566)")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(_serve(options.host, options.port, options.with_parent, now))
    except OSError as error:
        message = f"The embedded AWS cannot listen at {options.host}:{options.port}: {os.strerror(error.errno or 0)}."
        print(message, file=sys.stdout if options.with_parent else sys.stderr, flush=True)
        return 1
    return 0


async def _serve(host: str, port: int, with_parent: bool, now: Callable[[], float]) -> None:
    server, port = await serve(host, port, now)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # An interrupted parent still needs AWS to release its messages; it closes our input later.
        loop.add_signal_handler(number, (lambda: None) if with_parent else ended.set)
    if with_parent:
        threading.Thread(target=_wait_for_eof, args=(loop, ended), daemon=True).start()
    print(f"aws: http://{host}:{port}", flush=True)
    await ended.wait()
    server.close()


def _wait_for_eof(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    """Waits until the pipe from the parent closes: however the parent ends, also by SIGKILL."""
    while sys.stdin.buffer.read(4096):
        pass
    loop.call_soon_threadsafe(ended.set)


if __name__ == "__main__":
    sys.exit(main())
