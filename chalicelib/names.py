"""Names of all AWS resources of Relais, derived here from the stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

QueueKind = Literal["signups", "unsubscribes", "syncs"]
TableKind = Literal["ledger", "stats"]

DUE_INDEX = "due"
METRICS = "Relais"
"""The namespace of the product's own metrics."""


def stage(environ: Mapping[str, str]) -> str:
    """Returns the stage of this process: `RELAIS_STAGE`, `local` when it is not set."""
    return environ.get("RELAIS_STAGE") or "local"


def queue(stage: str, kind: QueueKind) -> str:
    """Returns the name of a queue; its dead-letter queue has the same name with `-dlq` appended."""
    return f"relais-{stage}-{kind}"


def table(stage: str, kind: TableKind) -> str:
    """Returns the name of a table."""
    return f"relais-{stage}-{kind}"
