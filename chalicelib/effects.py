"""Side effects other than AWS and providers: time, randomness, tokens, sleep. Injected for tests."""

from __future__ import annotations

import os
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

Clock = Callable[[], datetime]

new_token: Callable[[], str] = partial(secrets.token_hex, 9)
"""Returns a unique token, 18 hexadecimal digits."""

system_clock: Clock = partial(datetime.now, UTC)
"""Returns the current time, aware, in UTC."""


def monotonic_and_wall() -> tuple[float, ...]:
    """Returns both clocks in seconds: the monotonic one may stop while an instance is frozen, the other may jump."""
    return time.monotonic(), time.time()


@dataclass(frozen=True, slots=True)
class Effects:
    """Groups injected side effects. `chance` returns a number from 0 to 1, `token` a unique text, `sleep` waits
    the given seconds, `random_bytes` returns that many cryptographically random bytes.
    """

    clock: Clock = system_clock
    chance: Callable[[], float] = random.random
    token: Callable[[], str] = new_token
    sleep: Callable[[float], None] = time.sleep
    random_bytes: Callable[[int], bytes] = os.urandom
