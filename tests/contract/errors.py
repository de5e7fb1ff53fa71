"""The errors that every call of every provider meets, and what it makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from chalicelib.domain.errors import Kind, ProviderError

BUDGET = 10.0
"""Budget in seconds of a call that meets an error. They pass in the test's own time without waiting; see `own_time`."""
# Each error, and its kind for a call that changes data and for one that reads.
ERRORS: Mapping[str, tuple[Mapping[str, Any], Kind, Kind]] = {
    "status 500": ({"kind": "status", "status": 500}, Kind.UNKNOWN, Kind.LATER),
    "status 502 after the work": ({"kind": "status", "status": 502, "when": "after"}, Kind.UNKNOWN, Kind.LATER),
    "status 503": ({"kind": "status", "status": 503}, Kind.LATER, Kind.LATER),
    "status 429": ({"kind": "status", "status": 429, "retry_after": 9}, Kind.LATER, Kind.LATER),
    "status 401": ({"kind": "status", "status": 401}, Kind.ACCOUNT, Kind.ACCOUNT),
    "status 403": ({"kind": "status", "status": 403}, Kind.ACCOUNT, Kind.ACCOUNT),
    "timeout": ({"kind": "timeout", "delay_seconds": 30}, Kind.UNKNOWN, Kind.LATER),
    "timeout after the work": ({"kind": "timeout", "delay_seconds": 30, "when": "after"}, Kind.UNKNOWN, Kind.LATER),
    "close": ({"kind": "close"}, Kind.UNKNOWN, Kind.LATER),
    "reset before the work": ({"kind": "reset"}, Kind.UNKNOWN, Kind.LATER),
    "reset after the work": ({"kind": "reset", "when": "after"}, Kind.UNKNOWN, Kind.LATER),
    "truncated": ({"kind": "truncated"}, Kind.UNKNOWN, Kind.LATER),
    "drip": ({"kind": "drip", "delay_seconds": 11}, Kind.UNKNOWN, Kind.LATER),
    "HTML": ({"kind": "html"}, Kind.UNKNOWN, Kind.LATER),
    "empty": ({"kind": "empty"}, Kind.UNKNOWN, Kind.LATER),
    "truncated JSON": ({"kind": "truncated_json"}, Kind.UNKNOWN, Kind.LATER),
    "wrong type": ({"kind": "wrong_type"}, Kind.UNKNOWN, Kind.LATER),
    "null": ({"kind": "wrong_type", "body": "null"}, Kind.UNKNOWN, Kind.LATER),
    "wrong charset": ({"kind": "wrong_charset"}, Kind.UNKNOWN, Kind.LATER),
    "redirect": ({"kind": "redirect"}, Kind.UNKNOWN, Kind.LATER),
    "100 MB": ({"kind": "huge"}, Kind.UNKNOWN, Kind.LATER),
    "100 MB in a small gzip": ({"kind": "huge", "compressed": True}, Kind.UNKNOWN, Kind.LATER),
    "wrong key": ({"kind": "refuse_key"}, Kind.ACCOUNT, Kind.ACCOUNT),
}


def failure(ask: Callable[[], object]) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask()
    return caught.value
