"""Prepares an execution environment before its first event, which would otherwise wait for it.

Lambda gives an environment whole processors until its first event, and from then on a share by its memory: at 512 MB
the same work takes more than three times as long. So what every event of a function needs is imported, built and
connected when Lambda starts the function.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .container import Container

SECONDS = 3.0
"""Longest time for the preparation: Lambda restarts an initialisation that takes ten seconds."""


def initialise(
    make_container: Callable[[], Container], environ: Mapping[str, str] = os.environ, seconds: float = SECONDS
) -> None:
    """Prepares the container for the function that Lambda starts, for at most `seconds`; elsewhere does nothing.

    Never raises: what fails here fails again, with its log line, in the event that needs it. Calls that AWS has not
    answered in time continue in the background.
    """
    if "AWS_LAMBDA_INITIALIZATION_TYPE" not in environ:
        return
    function = environ.get("_HANDLER", "").rpartition(".")[2]

    def prepare() -> None:
        with suppress(Exception):
            make_container().prepare(function)

    gc.disable()  # what is loaded now stays in memory; collecting it again and again would take a tenth of the time
    try:
        preparing = Thread(target=prepare, name="initialisation", daemon=True)
        preparing.start()
        preparing.join(seconds)
    finally:
        gc.freeze()
        gc.enable()
