"""Answers `GET /openapi.json`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import lru_cache

from ..config.model import Settings
from ..web.access import public_url
from ..web.gateway import Route
from ..web.http_messages import Request, Response
from .document import openapi
from .responses import JSON

_ANY_SITE = {"access-control-allow-origin": "*"}


def show_document(request: Request, routes: Sequence[Route], settings: Callable[[], Settings]) -> Response:
    """Return the OpenAPI document of these routes, or 304 for a client that has it.

    Pages of any site may read it: it holds nothing of anybody. Of `settings` it needs the public URL alone, and does
    without where they cannot be read.
    """
    try:
        url = public_url(settings(), request)
    except Exception:  # it is logged where it fails a request by itself
        url = request.own_url
    text, tag = _document(tuple(routes), url)
    return unless_known(request, Response(200, text, {"content-type": JSON, "etag": tag, **_ANY_SITE}))


@lru_cache(maxsize=4)
def _document(routes: tuple[Route, ...], url: str | None) -> tuple[str, str]:
    """Return the document's text, made once for each of a Relais' addresses, and its tag."""
    text = json.dumps(openapi(routes, url), ensure_ascii=False, separators=(",", ":"))
    return text, f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def unless_known(request: Request, made: Response) -> Response:
    """Return 304 instead of an answer whose `etag` the client has."""
    known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    if known.isdisjoint({made.headers["etag"], "*"}):
        return made
    return Response(304, "", {name: value for name, value in made.headers.items() if name != "content-type"})
