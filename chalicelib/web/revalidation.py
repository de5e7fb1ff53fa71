"""Answers a client that has an answer already with 304 (RFC 9110, §13.1.2)."""

from __future__ import annotations

import hashlib

from .http_messages import Request, Response


def revalidated(request: Request, made: Response) -> Response:
    """Returns an answer with an `etag`, a digest of its body; or 304 for a client that has it, or anything (`*`)."""
    tag = f'"{hashlib.sha256(made.body.encode("utf-8", "surrogatepass")).hexdigest()[:32]}"'
    headers = {**made.headers, "etag": tag}
    known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    if known.isdisjoint({tag, "*"}):
        return Response(made.status, made.body, headers)
    return Response(304, "", {name: value for name, value in headers.items() if name != "content-type"})
