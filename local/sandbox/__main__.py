"""`python -m local.sandbox [--port N]`: runs the sandbox until it is interrupted."""

from __future__ import annotations

import argparse
import signal
import threading

from .server import start


def main() -> None:
    """Runs until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m local.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    asked_to_stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked_to_stop.set())
    with start(parser.parse_args().port) as sandbox:
        print(f"sandbox: {sandbox.url}", flush=True)
        asked_to_stop.wait()


if __name__ == "__main__":
    main()
