"""Answers `GET /openapi.json`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache

from ..config.model import Settings
from ..web.access import public_url
from ..web.gateway import Route
from ..web.http_messages import Request, Response
from ..web.revalidation import revalidated
from .document import openapi
from .responses import JSON

# It changes with a deployment or the configuration alone: caches may keep it, and ask each time whether it is still
# right. Pages of any site may read it, since it holds nothing of anybody.
_HEADERS = {"content-type": JSON, "cache-control": "no-cache", "access-control-allow-origin": "*"}


def show_document(request: Request, routes: Sequence[Route], settings: Callable[[], Settings]) -> Response:
    """Return the OpenAPI document of these routes, or 304 for a client that has it.

    Of `settings` it needs the public URL alone, and does without where they cannot be read.
    """
    try:
        url = public_url(settings(), request)
    except Exception:  # it is logged where it fails a request by itself
        url = request.own_url
    return revalidated(request, Response(200, _document(tuple(routes), url), _HEADERS))


@lru_cache(maxsize=4)
def _document(routes: tuple[Route, ...], url: str | None) -> str:
    """Return the document's text, made once for each of a Relais' addresses."""
    return json.dumps(openapi(routes, url), ensure_ascii=False, separators=(",", ":"))
