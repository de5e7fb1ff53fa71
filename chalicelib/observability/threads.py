"""Work on several accounts at once, none of which may hold up the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Thread

from . import with_log_context


def until_time_is_up(jobs: Iterable[Callable[[], None]], seconds_left: Callable[[], float]) -> None:
    """Run every job in a thread of its own until all have ended or no seconds are left.

    The threads are daemons: a provider that ignores its budget delays neither the others' answer nor the process's end.
    """
    threads = [Thread(target=with_log_context(job), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=max(0.0, seconds_left()))
