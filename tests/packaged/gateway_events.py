"""Requests in the form in which API Gateway passes them to the function: those of `events/`, with changes of a test."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode, urlsplit

from local.sandbox import SAMPLE_ADMIN_KEY
from tests.support.stack import ROOT


def form(verb: str, **fields: str) -> dict[str, Any]:
    """A browser's form post to `/forms/footer/{verb}`."""
    event = _sample(f"http_form_{verb}")
    for headers in ("headers", "multiValueHeaders"):
        del event[headers]["Idempotency-Key"]
    return {**event, "body": urlencode(fields)}


def event_of(event_id: str, key: str = SAMPLE_ADMIN_KEY) -> dict[str, Any]:
    """`GET /events/{id}` by an operator."""
    path = f"events/{event_id}"
    event = _sample("http_get_event")
    event["headers"]["Authorization"] = f"Bearer {key}"
    event["multiValueHeaders"]["Authorization"] = [f"Bearer {key}"]
    about = {**event["requestContext"], "path": f"/api/{path}"}
    return {**event, "path": f"/{path}", "pathParameters": {"id": event_id}, "requestContext": about}


def link(method: str, url: str) -> dict[str, Any]:
    """A request for an unsubscribe link, as a mail provider makes it."""
    path = urlsplit(url).path.removeprefix("/")
    event = _sample("http_unsubscribe_link")
    about = {**event["requestContext"], "httpMethod": method, "path": f"/api/{path}"}
    body = event["body"] if method == "POST" else None
    own = {"path": f"/{path}", "httpMethod": method, "pathParameters": {"token": path.rpartition("/")[2]}}
    return {**event, **own, "requestContext": about, "body": body}


def read(path: str, **headers: str) -> dict[str, Any]:
    """`GET` of a path without parameters, by anybody."""
    event = _sample("http_get_event")
    about = {**event["requestContext"], "resourcePath": path, "path": f"/api{path}"}
    several = {name.replace("_", "-"): [value] for name, value in headers.items()}
    own = {"path": path, "resource": path, "pathParameters": None, "multiValueHeaders": several}
    return {**event, **own, "requestContext": about}


def scheduled() -> dict[str, Any]:
    """EventBridge's scheduled event."""
    return _sample("schedule_collect_stats")


def _sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return found
