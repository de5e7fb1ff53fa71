"""`GET /healthz`: for machines that ask whether Relais answers."""

from __future__ import annotations

from ..messages import Response


def healthz() -> Response:
    """Always well: an answer at all means that the code runs and the configuration could be read."""
    return Response(200, '{"status": "ok"}', {"content-type": "application/json"})
