"""What the world is asked for besides AWS and providers: the time, chance, names for things, patience. Passed in."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from .clock import Clock, system_clock


def _token() -> str:
    return os.urandom(9).hex()


@dataclass(frozen=True, slots=True)
class Effects:
    """`chance` gives a number from 0 to 1, `token` a name that nobody else has, `sleep` waits so many
    seconds, `random_bytes` gives so many bytes that nobody can guess.
    """

    clock: Clock = system_clock
    chance: Callable[[], float] = random.random
    token: Callable[[], str] = _token
    sleep: Callable[[float], None] = time.sleep
    random_bytes: Callable[[int], bytes] = os.urandom
