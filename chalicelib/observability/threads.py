"""Runs jobs for several accounts concurrently, so that none delays the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Thread

from . import with_log_context


def until_time_is_up(jobs: Iterable[Callable[[], None]], seconds_left: Callable[[], float]) -> None:
    """Run every job in its own thread until all have ended or no time is left.

    The threads are daemons: a provider that ignores its budget delays neither the answer nor the end of the process.
    """
    threads = [Thread(target=with_log_context(job), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=max(0.0, seconds_left()))
