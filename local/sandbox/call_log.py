"""The log of calls to the simulated providers: counts since the start, and the newest calls in full."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .exchange import Call

_MAX_ENTRIES = 20_000
_SECRET_NAMES = frozenset({"api_key", "apikey", "pass", "password", "userpass", "session", "sharedsecret", "token"})


@dataclass(slots=True)
class Entry:
    """One call. `outcome` is `answered` or the kind of its fault; `worked`: the provider did its work.

    `status` is the HTTP status that was sent, None when there was none.
    """

    number: int
    provider: str
    call: Call
    method: str
    content_type: str
    connection: int
    at: float = field(default_factory=time.time)
    outcome: str = "under way"
    worked: bool = False
    status: int | None = None

    def shown(self) -> dict[str, Any]:
        """Returns the entry as JSON values, secrets masked."""
        return {
            "number": self.number,
            "at": self.at,
            "provider": self.provider,
            "function": self.call.function,
            "account": self.call.account,
            "method": self.method,
            "content_type": self.content_type,
            "rows": len(self.call.addresses),
            "addresses": list(self.call.addresses),
            "params": masked(self.call.data),
            "connection": self.connection,
            "outcome": self.outcome,
            "worked": self.worked,
            "status": self.status,
        }


class CallLog:
    """Every call since the start or the last `clear`. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self.clear()

    def clear(self) -> None:
        """Deletes all calls and counts; numbering continues."""
        with self._lock:
            self._entries: deque[Entry] = deque(maxlen=_MAX_ENTRIES)
            self._counts: dict[str, Counter[str]] = {}
            self._rows: dict[str, Counter[str]] = {}
            self._connections: dict[str, set[int]] = {}
            self._in_flight: Counter[str] = Counter()
            self._most_in_flight: Counter[str] = Counter()

    def begin(self, provider: str, call: Call, method: str, content_type: str, connection: int) -> Entry:
        """Logs a received call."""
        with self._lock:
            self._number += 1
            entry = Entry(self._number, provider, call, method, content_type, connection)
            self._entries.append(entry)
            self._counts.setdefault(provider, Counter())[call.function] += 1
            self._rows.setdefault(provider, Counter())[call.function] += len(call.addresses)
            self._connections.setdefault(provider, set()).add(connection)
            self._in_flight[provider] += 1
            self._most_in_flight[provider] = max(self._most_in_flight[provider], self._in_flight[provider])
            return entry

    def end(self, entry: Entry) -> None:
        """Logs that a call has been answered, or dropped."""
        with self._lock:
            self._in_flight[entry.provider] = max(0, self._in_flight[entry.provider] - 1)

    def entries(
        self, provider: str = "", function: str = "", after: int = 0, newest: int = _MAX_ENTRIES
    ) -> list[dict[str, Any]]:
        """Returns the newest matching calls, oldest first."""
        with self._lock:
            found = [
                entry
                for entry in self._entries
                if entry.number > after and provider in ("", entry.provider) and function in ("", entry.call.function)
            ]
        return [entry.shown() for entry in (found[-newest:] if newest else [])]

    def summary(self) -> dict[str, Any]:
        """Returns for each provider calls and rows by function, connections used, the most concurrent calls."""
        with self._lock:
            return {
                provider: {
                    "calls": dict(counts),
                    "rows": dict(self._rows[provider]),
                    "connections": len(self._connections[provider]),
                    "most_in_flight": self._most_in_flight[provider],
                }
                for provider, counts in self._counts.items()
            }


def masked(value: Any) -> Any:
    """Returns `value` with everything named like a secret replaced by asterisks."""
    if isinstance(value, Mapping):
        return {
            key: "***" if str(key).lower().replace("_", "") in _MASKED and item else masked(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [masked(item) for item in value]
    return value


_MASKED = frozenset(name.replace("_", "") for name in _SECRET_NAMES)
