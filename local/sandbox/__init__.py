"""The provider sandbox simulates the vendors' APIs on this machine, with their quirks and outages.

Standard library only. `start()` runs it in threads of the calling process, `python -m local.sandbox` as a process.
README.md in this folder describes its control API.
"""

from __future__ import annotations

from .client import Control
from .samples import SAMPLE_ADMIN_KEY, SAMPLE_FILE, SAMPLE_WEBHOOK_SECRET, sample_config
from .server import Sandbox, start

__all__ = ["SAMPLE_ADMIN_KEY", "SAMPLE_FILE", "SAMPLE_WEBHOOK_SECRET", "Control", "Sandbox", "sample_config", "start"]
