"""How a fault changes an answer that is still a whole HTTP answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .exchange import HTML_TYPE, JSON_TYPE, TEXT_TYPE, Reply
from .faults import Rule

_HTML = "<!DOCTYPE html><html><head><title>Maintenance</title></head><body><h1>Be back soon</h1></body></html>"


def spoil(reply: Reply, rule: Rule) -> Reply:
    """The answer as the fault leaves it; unchanged for faults of the connection."""
    change = _CHANGES.get(rule.kind)
    return change(reply, rule) if change else reply


def _status(reply: Reply, rule: Rule) -> Reply:
    status = rule.status or 500
    body = f"simulated status {status}" if rule.body is None else rule.body
    headers = {} if rule.retry_after is None else {"Retry-After": str(rule.retry_after)}
    return Reply(body.encode(), status, rule.content_type or TEXT_TYPE, headers)


def _html(reply: Reply, rule: Rule) -> Reply:
    return Reply((rule.body or _HTML).encode(), rule.status or 200, rule.content_type or HTML_TYPE)


def _empty(reply: Reply, rule: Rule) -> Reply:
    return replace(reply, body=b"", status=rule.status or reply.status)


def _truncated_json(reply: Reply, rule: Rule) -> Reply:
    return replace(reply, body=reply.body[: len(reply.body) // 2])


def _wrong_type(reply: Reply, rule: Rule) -> Reply:
    other = b'["unexpected"]' if reply.body.startswith(b"{") else b'{"unexpected": "type"}'
    return replace(reply, body=rule.body.encode() if rule.body is not None else other, content_type=JSON_TYPE)


def _wrong_charset(reply: Reply, rule: Rule) -> Reply:
    return replace(reply, body=_accented(reply.body.decode()).encode(rule.charset, "replace"))


def _accented(text: str) -> str:
    """`text` with accents in it for certain, so that another charset shows; JSON stays JSON of the same shape."""
    try:
        value: Any = json.loads(text)
    except ValueError:
        return text + "\nRéponse traitée"
    rows = value if isinstance(value, list) else [value]
    for row in rows:
        if isinstance(row, dict):
            row["remarque"] = "réponse traitée"
    if not any(isinstance(row, dict) for row in rows):
        rows.append("réponse traitée")
        value = rows
    return json.dumps(value, ensure_ascii=False)


def _redirect(reply: Reply, rule: Rule) -> Reply:
    return Reply(b"", rule.status or 302, HTML_TYPE, {"Location": rule.location})


_CHANGES: dict[str, Callable[[Reply, Rule], Reply]] = {
    "status": _status,
    "html": _html,
    "empty": _empty,
    "truncated_json": _truncated_json,
    "wrong_type": _wrong_type,
    "wrong_charset": _wrong_charset,
    "redirect": _redirect,
}
