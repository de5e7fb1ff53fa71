"""Declares which functions operators may call, and which of them change something: those take an idempotency key."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

KEY = "idempotency_key"
"""The member of a call by which its repeats are recognised."""


class Effect(StrEnum):
    """What a function changes, and what a repeat of it does."""

    NONE = "none"
    """It only reads, or a repeat does no harm: `canary` signs its test address up. So it takes no key."""
    CONTINUED = "continued"
    """What is done already is not done again: a repeat after a crash goes on with the rest."""
    REPEATED = "repeated"
    """A repeat does everything again, so it must not follow a call whose result is unknown."""


EFFECTS: Mapping[str, Effect] = {
    "report": Effect.NONE,
    "check": Effect.NONE,
    "export_person": Effect.NONE,
    "resend": Effect.CONTINUED,
    "resume": Effect.CONTINUED,
    "forget": Effect.CONTINUED,
    "audit": Effect.CONTINUED,
    "sweep": Effect.CONTINUED,
    "collect_stats": Effect.CONTINUED,
    "sync_unsubscribes": Effect.CONTINUED,
    "canary": Effect.NONE,
    "call_provider": Effect.REPEATED,
}
"""The functions that operators call. The others are called by queues and HTTP, and their events have ids."""
_SWITCHES = {"call_provider": "confirm", "audit": "repair"}
"""The members without which a call of these functions only reads."""


def changes(function: str, event: Mapping[str, Any]) -> bool:
    """Returns whether a call of a function with this event may change something, and so takes an idempotency key."""
    if EFFECTS.get(function, Effect.NONE) is Effect.NONE:
        return False
    switch = _SWITCHES.get(function)
    return switch is None or event.get(switch) is True
