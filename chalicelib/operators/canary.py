"""`canary`: posts a signup through the public URL every hour, and checks that the one before was delivered.

The signup takes the way of a visitor's: DNS, certificate, gateway, throttles, the HTTP function, the ledger, a queue
and a worker. The account of its form keeps nothing, so no provider learns of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import requests

from ..config.model import Form, Settings
from ..domain.events import Status
from ..domain.ids import is_valid_id
from ..domain.times import epoch_milliseconds
from ..ledger.keys import CANARY_KEY, delivery_key, event_key
from ..observability import logger, metrics
from ..providers import registry
from ..services import Services

ADDRESS = "relais-canary@example.com"
"""Belongs to nobody: the domain is reserved for examples (RFC 2606)."""
TIMEOUT = (5.0, 15.0)
"""Seconds for the connection, and without a byte of the answer."""
DELIVERED_WITHIN = timedelta(minutes=5)
"""A signup younger than this may still be on its way: somebody has invoked the function by hand."""
Post = Callable[[str, Mapping[str, str]], str]
"""Posts a form to a URL; returns the id of its event. Raises CanaryFailed."""


class CanaryFailed(Exception):
    """The signup was not accepted; the text says why, without a secret."""


def canary_form(settings: Settings) -> Form | None:
    """Returns the form whose account keeps nothing, the first one by name; None if there is none."""
    suitable = [
        form
        for name, form in sorted(settings.forms.items())
        if form.confirm is None and registry.keeps_nothing(settings.accounts, form.account)
    ]
    return suitable[0] if suitable else None


@dataclass(frozen=True, slots=True)
class _Earlier:
    """What the last run recorded: the signup that it posted, and since when the canary fails (ms; 0: it does not)."""

    event_id: str | None = None
    posted: int = 0
    failing_since: int = 0


class Canary:
    """Makes one run: checks the signup of the run before, posts another, and measures for how long this has failed."""

    def __init__(self, services: Services, post: Post) -> None:
        self._services = services
        self._post = post

    def run(self) -> dict[str, Any]:
        """Returns the form, the id of the new signup, the status of the one before, and `error` if something failed.

        Without a suitable form or a public URL it posts nothing, returns `{"skipped": reason}` and measures 0. Raises
        LedgerUnavailable.
        """
        settings, now = self._services.settings, self._services.effects.clock()
        form, public_url = canary_form(settings), settings.api.public_url
        if form is None or public_url is None:
            lacking = "form whose account keeps nothing" if form is None else "public URL"
            logger.info("canary skipped", extra={"lacking": lacking})
            metrics.seconds("canary_failing_seconds", 0)
            return {"skipped": f"there is no {lacking}"}
        earlier = self._read()
        previous = self._previous(earlier, form.account, now)
        posted, error = None, None if previous in (None, Status.DELIVERED.value) else f"the one before is {previous}"
        try:
            posted = self._post(f"{public_url}/forms/{form.name}/signup", {form.email_field: ADDRESS})
        except CanaryFailed as failed:
            error = str(failed)
        since = (earlier.failing_since or epoch_milliseconds(now)) if error else 0
        self._write(posted, since, now)
        metrics.seconds("canary_failing_seconds", max(1.0, (epoch_milliseconds(now) - since) / 1000) if since else 0)
        facts = {"form": form.name, "posted": posted, "previous": previous}
        if error is None:
            logger.info("canary posted", extra=facts)
            return facts
        logger.error("canary failed", extra={**facts, "previous_id": earlier.event_id, "error": error})
        return {**facts, "error": error}

    def _previous(self, earlier: _Earlier, account: str, now: datetime) -> str | None:
        """Returns the status at `account` of the signup of the run before; None if there is none, or it is too young.

        "gone": the signup is not stored, or is no longer for that account.
        """
        if earlier.event_id is None:
            return None
        status = self._status(earlier.event_id, account)
        young = epoch_milliseconds(now - DELIVERED_WITHIN) < earlier.posted
        return None if young and status != Status.DELIVERED.value else status

    def _status(self, event_id: str, account: str) -> str:
        """Reads item by item: the canary has the right to neither batches nor the secrets of the ledger's addresses."""
        item = self._services.table.get(event_key(event_id)) or {}
        accounts = item.get("accounts")
        if not isinstance(accounts, list) or account not in accounts:
            return "gone"
        if len(accounts) > 1:
            item = self._services.table.get(delivery_key(event_id, account, accounts)) or {}
        return str(item.get("status", "gone"))

    def _read(self) -> _Earlier:
        item = self._services.table.get(CANARY_KEY) or {}
        event_id, posted, since = (item.get(name) for name in ("event_id", "posted", "failing_since"))
        known = isinstance(event_id, str) and is_valid_id(event_id) and isinstance(posted, int)
        return _Earlier(
            event_id if known else None,
            posted if isinstance(posted, int) else 0,
            since if isinstance(since, int) else 0,
        )

    def _write(self, posted: str | None, failing_since: int, now: datetime) -> None:
        values: dict[str, Any] = {"since": failing_since}
        change = "SET failing_since = :since"
        if posted is not None:
            change += ", event_id = :id, posted = :now"
            values |= {"id": posted, "now": epoch_milliseconds(now)}
        self._services.table.update(CANARY_KEY, change, values)


def post_form(url: str, fields: Mapping[str, str]) -> str:
    """Posts a form as JSON, as a website's script does; returns the event's id. Raises CanaryFailed."""
    headers = {"accept": "application/json", "user-agent": "Relais-Canary"}
    try:
        answer = requests.post(url, json=fields, headers=headers, timeout=TIMEOUT, allow_redirects=False)
    except requests.RequestException as error:
        raise CanaryFailed(f"the public URL cannot be reached: {type(error).__name__}") from None
    try:
        event_id = answer.json()["id"]
    except (ValueError, KeyError, TypeError):
        event_id = None
    if answer.status_code != 202 or not isinstance(event_id, str) or not is_valid_id(event_id):
        raise CanaryFailed(f"the form answered {answer.status_code}")
    return event_id
