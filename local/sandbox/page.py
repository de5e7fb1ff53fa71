"""The sandbox's page for people: the contents of each account, the newest first."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from .simulation import Simulation

_NEWEST = 20
_CALLS = 25

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1d2430;background:#f5f6f8;margin:0 auto;padding:1.5rem;max-width:75rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.2rem;margin:2rem 0 .5rem;border-bottom:2px solid #c9d1dc}
h3{font-size:1rem;margin:1.2rem 0 .4rem}p{margin:.3rem 0}.quiet{color:#5b6675}
section{background:#fff;border:1px solid #dde2e9;border-radius:6px;padding:.4rem 1rem 1rem;margin:.8rem 0;
overflow-x:auto}
table{border-collapse:collapse;font-size:.87rem}th,td{text-align:left;padding:.2rem .9rem .2rem 0;
border-bottom:1px solid #e8ebf0;white-space:nowrap}th{font-weight:600;color:#5b6675}
.number{text-align:right;font-variant-numeric:tabular-nums}.fault{background:#fff3e6;border-color:#f0b878}
"""


def page(simulation: Simulation, query: Mapping[str, str]) -> str:
    """Returns the page as HTML. `?refresh=SECONDS` reloads it automatically."""
    state = simulation.state(_NEWEST)
    refresh = query.get("refresh", "")
    meta = f'<meta http-equiv="refresh" content="{int(refresh)}">' if refresh.isdecimal() else ""
    parts = [
        "<!DOCTYPE html><html lang=en><head><meta charset=utf-8><title>Provider sandbox</title>",
        f"<meta name=viewport content='width=device-width'>{meta}<style>{_STYLE}</style></head><body>",
        "<h1>Provider sandbox</h1>",
        f"<p class=quiet>Simulated providers on this machine; nothing leaves it. Sandbox time {escape(_clock(state))}.",
        "<a href='/'>Reload</a> · <a href='/?refresh=5'>every 5 seconds</a></p>",
        _faults(state["faults"]),
    ]
    for name, provider in state["providers"].items():
        parts.append(f"<h2>{escape(name)}</h2>{_counts(provider)}")
        parts += [_account(account, contents) for account, contents in provider["accounts"].items()]
    parts.append(_calls(simulation.call_log.entries(newest=_CALLS)))
    return "\n".join([*parts, "</body></html>"])


def mail(simulation: Simulation, number: str) -> str | None:
    """Returns the HTML of a mail that an account has sent, as its recipients see it; None if there is none."""
    for provider in simulation.state()["providers"].values():
        for account in provider["accounts"].values():
            for message in account.get("messages", ()):
                if str(message["id"]) == number and message["html"]:
                    return str(message["html"])
    return None


def _clock(state: Mapping[str, Any]) -> str:
    stopped = " (stopped)" if state["clock"]["frozen"] else ""
    return f"{state['clock']['now'][:19].replace('T', ' ')} UTC{stopped}"


def _faults(rules: Sequence[Mapping[str, Any]]) -> str:
    if not rules:
        return "<p class=quiet>No faults.</p>"
    names = ("number", "kind", "provider", "function", "account", "contains", "when", "rate", "times", "fired")
    return f"<section class=fault><h3>Faults in force</h3>{_table(names, rules)}</section>"


def _counts(provider: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{escape(name)} {n}" for name, n in sorted(provider["calls"].items()) if name)
    return f"<p class=quiet>Calls so far: {counts or 'none'} · connections: {provider['connections']}</p>"


def _account(name: str, contents: Mapping[str, Any]) -> str:
    parts = [f"<section><h3>Account {escape(name)}</h3>"]
    parts += [_list(list_id, found) for list_id, found in contents.get("lists", {}).items()]
    if "messages" in contents:
        parts.append(_messages(contents["messages"]))
    for title in ("unsubscribed", "delisted", "optouts", "users", "triggers_sent"):
        if title in contents:
            parts.append(_plain(title, contents[title]))
    if "campaigns" in contents:
        rows = contents["campaigns"]
        parts.append(f"<h3>Campaigns</h3>{_table(list(rows[0]) if rows else [], rows)}")
    return "".join([*parts, "</section>"])


def _list(list_id: str, found: Mapping[str, Any]) -> str:
    total, rows = found["total"], list(reversed(found["rows"]))
    title = f"List {escape(list_id)} · {escape(found['name'])} · {total} contact{'' if total == 1 else 's'}"
    newest = f" <span class=quiet>(newest {len(rows)} first)</span>" if rows else ""
    return f"<h3>{title}{newest}</h3>{_table(found['fields'], rows)}"


def _plain(title: str, rows: Sequence[Any]) -> str:
    heading = f"<h3>{title.replace('_', ' ').capitalize()}</h3>"
    if rows and isinstance(rows[0], Mapping):
        return heading + _table(list(rows[0]), list(reversed(rows)))
    return heading + (f"<p>{escape(', '.join(map(str, reversed(rows))))}</p>" if rows else "<p class=quiet>none</p>")


def _messages(rows: Sequence[Mapping[str, Any]]) -> str:
    names = [name for name in (rows[0] if rows else ()) if name != "html"]
    shown = [{**row, "": f"/mail/{row['id']}" if row["html"] else ""} for row in reversed(rows)]
    return f"<h3>Messages</h3>{_table([*names, ''], shown)}"


def _calls(entries: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        {
            **entry,
            "time": time.strftime("%H:%M:%S", time.gmtime(entry["at"])),
            "status": "–" if entry["status"] is None else entry["status"],
            "params": _short(entry["params"]),
        }
        for entry in reversed(entries)
    ]
    names = ("number", "time", "provider", "account", "function", "rows", "outcome", "status", "params")
    return f"<h2>Last calls</h2><section>{_table(names, rows)}</section>"


def _short(value: Any) -> str:
    text = str(value or "")
    return text if len(text) <= 90 else text[:89] + "…"


def _table(names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    body = "".join("<tr>" + "".join(_cell(row.get(name, "")) for name in names) + "</tr>" for row in rows)
    if not body:
        return "<p class=quiet>none</p>"
    header = "".join(f"<th>{escape(name)}</th>" for name in names)
    return f"<table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    if str(value).startswith("/mail/"):
        return f"<td><a href='{escape(str(value))}'>read</a></td>"
    kind = " class=number" if str(value).replace(".", "", 1).isdecimal() else ""
    return f"<td{kind}>{escape('' if value is None else str(value))}</td>"
