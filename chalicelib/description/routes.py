"""Answers `GET /openapi.json` and `GET /docs`."""

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

# Both change with a deployment or the configuration alone: caches may keep them, and ask each time whether they are
# still right.
_KEPT = {"cache-control": "no-cache"}


def show_document(request: Request, routes: Sequence[Route], settings: Callable[[], Settings]) -> Response:
    """Returns the OpenAPI document of these routes, or 304 for a client that has it.

    Pages of any site may read it, since it contains no data. Of `settings` it needs only the public URL, and does
    without it if they cannot be read.
    """
    return revalidated(request, _document(tuple(routes), _url(request, settings)))


def show_page(request: Request, routes: Sequence[Route], settings: Callable[[], Settings]) -> Response:
    """Returns the same document as a page for people, or 304 for a browser that has it."""
    return revalidated(request, _page(tuple(routes), _url(request, settings)))


def _url(request: Request, settings: Callable[[], Settings]) -> str | None:
    try:
        return public_url(settings(), request)
    except Exception:  # it is logged where it fails a request by itself
        return request.own_url


@lru_cache(maxsize=4)
def _document(routes: tuple[Route, ...], url: str | None) -> Response:
    """Returns the document, made once for each of a Relais' addresses."""
    text = json.dumps(openapi(routes, url), ensure_ascii=False, separators=(",", ":"))
    return Response(200, text, {"content-type": JSON, "access-control-allow-origin": "*", **_KEPT})


@lru_cache(maxsize=4)
def _page(routes: tuple[Route, ...], url: str | None) -> Response:
    from .page import docs_page

    return docs_page(openapi(routes, url), headers=_KEPT)
