"""The tenth of all provider calls that goes wrong: before or after the work was done, in every way a provider can."""

from __future__ import annotations

import random
from typing import Any

SHARE = 0.1
REFUSED = "nobody-"
"""Ediware refuses addresses with this in them, for good."""
REFUSAL = "Error no such mailbox"

_BEFORE: tuple[dict[str, Any], ...] = (
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 503},
    {"kind": "status", "status": 429, "retry_after": 1},
    {"kind": "close"},
    {"kind": "reset"},
    {"kind": "html"},
    {"kind": "refuse_key"},
)
_AFTER: tuple[dict[str, Any], ...] = (
    {"kind": "status", "status": 502},
    {"kind": "close"},
    {"kind": "reset"},
    {"kind": "truncated"},
    {"kind": "truncated_json"},
    {"kind": "html"},
    {"kind": "empty"},
    {"kind": "wrong_type"},
    {"kind": "timeout", "delay_seconds": 0.1},
)
_HARMLESS: tuple[dict[str, Any], ...] = (
    {"kind": "latency", "delay_seconds": 0.05},
    {"kind": "drip", "delay_seconds": 0.002},
    {"kind": "wrong_charset"},
    {"kind": "notice"},
)


_KINDS: tuple[dict[str, Any], ...] = (*_BEFORE, *({**kind, "when": "after"} for kind in _AFTER), *_HARMLESS)
_CERTAIN = 40
"""Among how many calls each fault is met once, where that is asked for."""


def name(rule: dict[str, Any]) -> str:
    """What a fault is called in the figures."""
    status = f" {rule['status']}" if rule.get("status") else ""
    return f"{rule['kind']}{status}, {rule.get('when', 'before')}"


NAMES = frozenset([*map(name, _KINDS), "refuse_rows, before"])


def rules(chance: random.Random) -> list[dict[str, Any]]:
    """Rules for the sandbox, by which so large a share of all calls meets one of all these kinds."""
    kinds = [*_KINDS, *_HARMLESS]
    rate = 1 - (1 - SHARE) ** (1 / len(kinds))
    drawn = [{**kind, "rate": rate, "seed": chance.randrange(10**9)} for kind in kinds]
    return [{"kind": "refuse_rows", "provider": "ediware", "contains": REFUSED, "body": REFUSAL}, *drawn]


def each_once(chance: random.Random) -> list[dict[str, Any]]:
    """Rules by which each kind is met by one of the next calls, and a signup's outcome is unknown for certain."""
    once = [{**kind, "skip": chance.randrange(_CERTAIN), "times": 1} for kind in _KINDS]
    return [*once, {"kind": "close", "when": "after", "function": "list_insert", "times": 1}]
