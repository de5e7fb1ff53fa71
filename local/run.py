"""`python -m local run`: the whole product on this machine, until SIGINT or SIGTERM."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from types import FrameType

from local import make_watch, startup_check
from local.configuration import ignored_file
from local.options import StartFailed, read_options
from local.stack import STOP_SECONDS, Stack


def main(arguments: list[str]) -> int:
    """Starts, prints the addresses, waits, stops. Returns 1, with the reason on standard error, if it cannot start."""
    if arguments:
        print("`run` takes its options from the environment: PORT, AWS_PORT, HOST, RELAIS_CONFIG.", file=sys.stderr)
        return 2
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    asked_to_stop = _on_signals()
    make_watch.watch(asked_to_stop.set)
    stack = None
    try:
        options = read_options(os.environ)
        if note := ignored_file(options.config):
            print(note, file=sys.stderr)
        stack = Stack(replace(options, sample_past=True), os.environ)
        stack.start(asked_to_stop, partial(_print_lines, stack))
        startup_check.begin(stack.invoke, asked_to_stop, stack.account_hints())
        asked_to_stop.wait()
    except StartFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    finally:
        _exit_after(STOP_SECONDS)
        if stack:
            stack.stop()
    return 0


def _print_lines(stack: Stack) -> None:
    for name, value in stack.lines().items():
        print(f"{name}: {value}", flush=True)


def _on_signals() -> threading.Event:
    """Sets the event at the first SIGINT, SIGTERM or SIGHUP; another one, a second later or more, ends the process.

    (A signal to the whole group arrives twice, since make forwards a SIGTERM.)
    """
    asked = threading.Event()
    first = 0.0

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal first
        if asked.is_set() and time.monotonic() - first >= 1:
            os._exit(128 + number)
        if not asked.is_set():
            first = time.monotonic()
            asked.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    return asked


def _exit_after(seconds: float) -> None:
    """Ends the process in case something hangs; the processes of the stack end with it."""
    timer = threading.Timer(seconds, os._exit, (1,))
    timer.daemon = True
    timer.start()
