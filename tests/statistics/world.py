"""Actions of the statistics tests: move time, run the schedule, read the table."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from chalicelib.config.load import load
from chalicelib.domain.times import format_time
from local.sandbox import SAMPLE_ADMIN_KEY, Control, sample_config
from tests.support.http import request
from tests.support.product import FakeContext, MovableClock, Product

ACCOUNTS = {"paris": "ediware", "lettre": "mailpartner", "brussel": "mymailmarket"}


class StatisticsWorld:
    """`paris`, `lettre` and `brussel` at the sandbox at `url`."""

    def __init__(self, url: str, config: Path) -> None:
        config.write_text(sample_config(url))
        self.control = Control(url)
        now = datetime.fromisoformat(self.control.clock(freeze=True))
        self.product = Product(load(config, {}), MovableClock(now), providers={})

    @property
    def now(self) -> datetime:
        """The moment that the product and the providers live in."""
        return self.product.clock()

    def forward(self, **duration: float) -> None:
        """Let time pass for the product and the providers alike."""
        step = timedelta(**duration)
        self.control.clock(advance=step.total_seconds())
        self.product.clock.now += step

    def collect(self, *, hour: datetime | None = None) -> dict[str, Any]:
        """One run of the schedule, with its time to the second as EventBridge states it."""
        event = {"time": format_time((hour or self.now).replace(microsecond=0))}
        accounts: dict[str, Any] = self.product.container.collect_stats(event, FakeContext(600_000))["accounts"]
        return accounts

    def call(self, account: str, function: str, **params: Any) -> dict[str, Any]:
        """`call_provider`, confirmed."""
        event = {"account": account, "function": function, "params": params, "confirm": True}
        return self.product.container.call_provider(event, FakeContext())

    def calls(self, account: str, function: str) -> int:
        """How many calls of a function the account's provider has had since this was last asked."""
        provider = self.control.state(newest=0)["providers"][ACCOUNTS[account]]
        self.control.forget_calls()
        return int(provider["calls"].get(function, 0))

    def get(self, path: str) -> Any:
        """What `GET /stats/campaigns…` shows."""
        headers = {"authorization": f"Bearer {SAMPLE_ADMIN_KEY}"}
        answer = request(self.product.container, "GET", f"/stats/campaigns{path}", headers)
        assert answer.status == 200, answer.body
        return answer.json
