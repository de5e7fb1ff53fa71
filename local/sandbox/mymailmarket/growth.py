"""How a campaign's figures grow with the hours since it was sent."""

from __future__ import annotations

import math
from typing import Any

_FINAL_SHARES = {
    "TotalOpened": 0.46,
    "UniqueOpened": 0.33,
    "TotalClicked": 0.08,
    "UniqueClicked": 0.055,
    "HardBounced": 0.008,
    "SoftBounced": 0.007,
    "Unsubscribed": 0.005,
    "Forwarded": 0.002,
}


def figures(volume: int, hours: float) -> dict[str, Any]:
    """Figures under names that the vendor's documentation leaves open; some numbers are not counts."""
    reached = 1 - math.exp(-max(0.0, hours) / 20)
    counts = {name: int(volume * share * reached) for name, share in _FINAL_SHARES.items()}
    rate = counts["UniqueOpened"] / volume if volume else 0.0
    return {"TotalSent": volume if hours > 0 else 0, **counts, "OpenRate": round(rate, 4), "Version": 2}
