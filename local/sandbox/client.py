"""A client of the control API, for tests and for operators who rehearse an outage from Python."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from .provider import SettingError


class Control:
    """The control API of the sandbox at `url`. Every method raises `SettingError` with the sandbox's message."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def state(self, newest: int | None = None) -> dict[str, Any]:
        """Returns the sandbox's state; at most `newest` rows of each list."""
        found: dict[str, Any] = self._ask("GET", "state", {} if newest is None else {"newest": newest})
        return found

    def calls(self, provider: str = "", function: str = "", after: int = 0) -> list[dict[str, Any]]:
        """Returns the matching calls, oldest first."""
        query = {"provider": provider, "function": function, "after": after}
        found: list[dict[str, Any]] = self._ask("GET", "calls", query)
        return found

    def forget_calls(self) -> None:
        """Deletes logged calls and counts."""
        self._ask("DELETE", "calls")

    def fault(self, kind: str, **rule: Any) -> int:
        """Adds a fault and returns its number."""
        number: int = self._ask("POST", "faults", body={"kind": kind, **rule})["rules"][0]["number"]
        return number

    def faults(self) -> list[dict[str, Any]]:
        """Returns the active rules, with how often each fired."""
        found: list[dict[str, Any]] = self._ask("GET", "faults")["rules"]
        return found

    def clear_faults(self, number: int | None = None) -> None:
        """Removes all faults, or one."""
        self._ask("DELETE", "faults", {} if number is None else {"number": number})

    def set(self, provider: str, account: str | None = None, **commands: Any) -> None:
        """Changes an account (the provider's first when none is named)."""
        named = {} if account is None else {"account": account}
        self._ask("POST", "set", body={"provider": provider, **named, **commands})

    def clock(self, *, freeze: bool | None = None, advance: float = 0) -> str:
        """Stops, starts or advances the sandbox's clock; returns its time, ISO 8601."""
        frozen = {} if freeze is None else {"freeze": freeze}
        return str(self._ask("POST", "clock", body={**frozen, "advance": advance})["now"])

    def reset(self) -> None:
        """Restores the sample accounts."""
        self._ask("POST", "reset")

    def _ask(self, method: str, name: str, query: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        url = f"{self.url}/_control/{name}" + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise SettingError(error.read().decode()) from error
