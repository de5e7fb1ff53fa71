"""Names the AWS resources of Relais by the stage; the tables may have other names after a restore."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

QueueKind = Literal["signups", "unsubscribes", "syncs"]
TableKind = Literal["ledger", "stats"]

DUE_INDEX = "due"
METRICS = "Relais"
"""The namespace of the product's own metrics."""
FROM_REQUEST = "https://from-each-request.invalid"
"""The value of `RELAIS_API_URL` for the HTTP function, which takes the URL from each request."""


def stage(environ: Mapping[str, str]) -> str:
    """Returns the stage of this process: `RELAIS_STAGE`, `local` when it is not set."""
    return environ.get("RELAIS_STAGE") or "local"


def queue(stage: str, kind: QueueKind) -> str:
    """Returns the name of a queue; its dead-letter queue has the same name with `-dlq` appended."""
    return f"relais-{stage}-{kind}"


def table(stage: str, kind: TableKind, environ: Mapping[str, str] = os.environ) -> str:
    """Returns the name of a table: `RELAIS_LEDGER_TABLE`, `RELAIS_STATS_TABLE`, or the stage's own.

    The template sets these variables from `LedgerTableName` and `StatsTableName`, which name a restored table.
    """
    return environ.get(f"RELAIS_{kind.upper()}_TABLE") or f"relais-{stage}-{kind}"


def public_url(environ: Mapping[str, str]) -> str | None:
    """Returns the URL that links begin with: that of the domain in the template's parameters, else API Gateway's own.

    The template passes API Gateway's URL to all functions except the HTTP function, which is made before API Gateway
    and gets `FROM_REQUEST`. None where neither is set, as on a developer's machine.
    """
    number = environ.get("RELAIS_PUBLIC_DOMAIN") or "1"
    domain = environ.get(f"RELAIS_DOMAIN_{number}")
    return f"https://{domain}" if domain else environ.get("RELAIS_API_URL") or None
