"""Limits processes to a share of a processor by a cgroup quota, as Lambda limits a function by its memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FULL_MEMORY_MB = 1769
"""The memory at which Lambda gives one whole processor; below, the share is in proportion."""
_PERIOD_MICROSECONDS = 20_000
_ROOT = Path("/sys/fs/cgroup")
Limit = Callable[[int], None]
"""Moves a process, with all its threads, into the group."""


class NoQuota(Exception):
    """This machine gives no right to set a quota; the text says why."""


@contextmanager
def limited(share: float) -> Iterator[Limit]:
    """Yields a function that limits a process to `share` of a processor from now on. Raises NoQuota.

    Works with the version of cgroups that the machine has. Processes must have ended when the context is left.
    """
    of_version_1 = (_ROOT / "cpu" / "cpu.cfs_quota_us").exists()
    group = (_ROOT / "cpu" if of_version_1 else _ROOT) / f"relais-bench-{os.getpid()}-{share:.3f}"
    quota = int(_PERIOD_MICROSECONDS * share)
    try:
        group.mkdir()
    except OSError as error:
        raise NoQuota(f"no cgroup can be made in {group.parent} ({error.strerror})") from None
    try:
        try:
            if of_version_1:
                (group / "cpu.cfs_period_us").write_text(str(_PERIOD_MICROSECONDS))
                (group / "cpu.cfs_quota_us").write_text(str(quota))
            else:
                (group / "cpu.max").write_text(f"{quota} {_PERIOD_MICROSECONDS}")
        except OSError as error:
            raise NoQuota(f"{group.parent} gives no quota of processor time ({error.strerror})") from None
        yield lambda pid: _add(group, pid)
    finally:
        with suppress(OSError):
            group.rmdir()


def _add(group: Path, pid: int) -> None:
    (group / "cgroup.procs").write_text(str(pid))
