"""Health check: `GET /healthz`."""

from __future__ import annotations

from ..messages import Response


def healthz() -> Response:
    """Return 200: reaching this code means that it runs and the configuration could be read."""
    return Response(200, '{"status": "ok"}', {"content-type": "application/json"})
