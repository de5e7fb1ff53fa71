"""Faults: rules that make matching calls fail, before or after their work was done."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from .exchange import HTML_TYPE, JSON_TYPE, TEXT_TYPE, Call, Reply
from .provider import SettingError

KINDS: dict[str, str] = {
    "status": "answers with `status` and `body` (Retry-After from `retry_after`)",
    "timeout": "sends nothing for `delay_seconds`, then closes the connection",
    "close": "closes the connection without an answer",
    "reset": "resets the connection (RST)",
    "truncated": "closes the connection in the middle of the answer",
    "drip": "sends the answer byte by byte, `delay_seconds` apart",
    "html": "answers with an HTML page",
    "empty": "answers with an empty body",
    "truncated_json": "answers with the first half of the body, as complete HTTP",
    "wrong_type": "answers with JSON of another type",
    "wrong_charset": "answers with accents in `charset` under a header that says UTF-8",
    "notice": "answers as usual, behind a notice as PHP prints it",
    "redirect": "answers 302 to another host (`location`)",
    "huge": "streams a body of `size_bytes`; `compressed` sends it as a small gzip that unpacks to that size",
    "refuse_rows": "refuses, in the provider's own way, calls with an address that contains `contains`; with "
    "`partial` the rows before it are inserted",
    "refuse_key": "answers as for a wrong key",
    "latency": "waits `delay_seconds`, then answers as usual",
    "pass": "lets the call through (a step of a script)",
}
_NEVER_WORKS_FIRST = frozenset({"refuse_rows", "refuse_key", "latency", "pass"})
# A client may read these answers as a success, so the work must be done.
_ALWAYS_WORKS_FIRST = frozenset({"drip", "wrong_charset", "notice"})


@dataclass
class Rule:
    """One fault. Rules are tried in order; the first that matches and is not used up applies."""

    kind: str
    provider: str = "*"
    function: str = "*"
    account: str = "*"
    """An account's name, as the sandbox's page shows it."""
    contains: str = ""
    """Only calls with an address that contains this."""
    when: str = "before"
    """`before`: nothing is done. `after`: the work is done, only the answer is affected."""
    rate: float = 1.0
    seed: int = 0
    skip: int = 0
    """Number of matching calls to let through first."""
    times: int | None = None
    """Maximum number of firings; None: no limit."""
    status: int | None = None
    body: str | None = None
    content_type: str | None = None
    retry_after: str | int | float | None = None
    delay_seconds: float = 0.0
    size_bytes: int = 100_000_000
    compressed: bool = False
    location: str = "http://redirected.invalid/"
    charset: str = "iso-8859-1"
    partial: bool = False
    number: int = 0
    seen: int = 0
    fired: int = 0

    @classmethod
    def from_json(cls, data: Mapping[str, Any], number: int) -> Rule:
        """Makes a rule from a control request. Raises `SettingError`."""
        known = {f.name for f in fields(cls)} - {"number", "seen", "fired"}
        unknown = sorted(set(data) - known)
        if unknown:
            raise SettingError(f"unknown keys {', '.join(unknown)}; known are {', '.join(sorted(known))}")
        if data.get("kind") not in KINDS:
            raise SettingError(f"kind must be one of {', '.join(KINDS)}")
        rule = cls(**{**data, "number": number})
        if rule.when not in ("before", "after"):
            raise SettingError("when must be before or after")
        if rule.kind == "refuse_rows" and not rule.contains:
            raise SettingError("refuse_rows needs contains")
        return rule

    def shown(self) -> dict[str, Any]:
        """Returns the rule as JSON values, with how often it matched (`seen`) and fired."""
        return asdict(self)

    def works_first(self) -> bool:
        """Returns whether the provider's work is done before the fault applies."""
        if self.kind in _ALWAYS_WORKS_FIRST:
            return True
        return self.when == "after" and self.kind not in _NEVER_WORKS_FIRST

    def bad_row(self, call: Call) -> int:
        """Returns the index of the first address in the call that contains `contains`."""
        return next((i for i, address in enumerate(call.addresses) if self.contains in address), 0)

    def applies(self, provider: str, call: Call) -> bool:
        """Returns whether the fault applies to this call. Counts the call."""
        if not self._matches(provider, call):
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.times is not None and self.fired >= self.times):
            return False
        if self._draw() >= self.rate:
            return False
        self.fired += 1
        return True

    def _draw(self) -> float:
        """Returns a number from 0 to 1 that depends only on the seed and on the number of matching calls so far."""
        digest = hashlib.sha256(f"{self.seed}:{self.seen}".encode()).digest()
        return int.from_bytes(digest[:6], "big") / 2**48

    def _matches(self, provider: str, call: Call) -> bool:
        return (
            self.provider in ("*", provider)
            and self.function in ("*", call.function)
            and self.account in ("*", call.account)
            and (not self.contains or any(self.contains in address for address in call.addresses))
        )


@dataclass(frozen=True, slots=True)
class Applied:
    """The faults of a call: seconds of latency, and at most one rule."""

    latency: float = 0.0
    rule: Rule | None = None


class Faults:
    """All active rules. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._number = 0

    def add(self, rules: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Appends rules, all or none. Raises `SettingError`."""
        with self._lock:
            made = [Rule.from_json(data, self._number + i) for i, data in enumerate(rules, start=1)]
            self._number += len(made)
            self._rules.extend(made)
            return [rule.shown() for rule in made]

    def clear(self, number: int | None = None) -> None:
        """Removes all rules, or the one of that number."""
        with self._lock:
            self._rules = [rule for rule in self._rules if number is not None and rule.number != number]

    def shown(self) -> list[dict[str, Any]]:
        """Returns the active rules as JSON values."""
        with self._lock:
            return [rule.shown() for rule in self._rules]

    def applied(self, provider: str, call: Call) -> Applied:
        """Returns the faults of this call. Latencies add up; of the other rules the first that matches is used."""
        latency = 0.0
        with self._lock:
            for rule in self._rules:
                if not rule.applies(provider, call):
                    continue
                if rule.kind != "latency":
                    return Applied(latency, None if rule.kind == "pass" else rule)
                latency += rule.delay_seconds
        return Applied(latency)


_HTML = "<!DOCTYPE html><html><head><title>Maintenance</title></head><body><h1>Be back soon</h1></body></html>"
_NOTICE = "<br />\n<b>Notice</b>:  Undefined index: prenom in <b>/var/www/api/insert.php</b> on line <b>12</b><br />\n"


def apply_fault(reply: Reply, rule: Rule) -> Reply:
    """Returns the answer changed by the fault; unchanged for faults of the connection."""
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


def _notice(reply: Reply, rule: Rule) -> Reply:
    return replace(reply, body=(rule.body or _NOTICE).encode() + reply.body, content_type=HTML_TYPE)


def _accented(text: str) -> str:
    """Adds accents to `text`, so that another charset is visible; JSON keeps its shape."""
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
    "notice": _notice,
    "redirect": _redirect,
}
