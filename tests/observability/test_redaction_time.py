"""Redaction takes time in proportion to a text, whatever it holds (hostile case 11)."""

from __future__ import annotations

import time

import pytest

from chalicelib.domain.errors import without_addresses
from chalicelib.domain.secret_masking import without_secrets
from chalicelib.observability import hide, redact

SHORT, LONG = 2_000, 40_000
GENEROUS = 100
"""Times as long as for the short text; in proportion it is 20, by the square 400."""
SOON = 0.05
"""Seconds for the long text that need no comparison with the short one."""
PARTS = {
    "backslashes": "\\",
    "quotes": '"',
    "escaped quotes": '\\"',
    "backslashes before a name": '\\\\"key',
    "ats": "@",
    "letters": "a",
    "letters and ats": "a@",
    "spaced ats": "a @ ",
    "ats in brackets": "a (at",
    "dots": ".",
    "percents": "%25",
    "zeros of an entity": "&#0",
    "entities": "&commat",
    "amps": "&amp;",
    "words of secrets": "password",
    "names of headers": "authorization ",
    "names and spaces": "authorization:   ",
    "bearers": "bearer ",
    "links": "/unsubscribe\\",
    "spaces": " ",
    "brackets": "(at) ",
    "escapes": "\\x4",
    "a quoted local part": '"a',
    "names with dots": "a.b-c_",
    "colons": '":"',
    "dots in words": " (dot) ",
}


def once(work: object, text: str) -> float:
    """Seconds of this process."""
    started = time.process_time()
    work(text)  # type: ignore[operator]
    return time.process_time() - started


def seconds(work: object, text: str) -> float:
    """The best of three."""
    return min(once(work, text) for _ in range(3))


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("work", [redact, without_addresses, lambda text: without_secrets(text, "Placeholder-Key")])
@pytest.mark.timeout(60)
def test_hostile_11_the_time_is_in_proportion_to_the_text(work: object, part: str) -> None:
    hide("Placeholder-Key/é+7f3a")
    short, long = (PARTS[part] * (size // len(PARTS[part]) + 1) for size in (SHORT, LONG))
    assert once(work, long) < SOON or seconds(work, long) < GENEROUS * max(seconds(work, short), SOON / GENEROUS)
