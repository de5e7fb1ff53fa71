"""Statistics of all three providers on the running stack: the schedule's function, the table, the HTTP answers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.times import format_time
from local.sandbox import Control
from tests.e2e.world import ADMIN_KEY
from tests.support.stack import RunningStack

ACCOUNTS = ("paris", "lettre", "brussel")


def test_statistics_of_all_providers_are_served_over_http(running: RunningStack) -> None:
    control = Control(running.sandbox)
    now = datetime.fromisoformat(control.clock(freeze=True))
    control.set("ediware", add_campaign={"id": "900", "reference": "Mars", "volume": 50_000})
    control.set("mymailmarket", add_campaign={"id": "77", "name": "Maart", "sent_seconds_ago": 0, "volume": 50_000})
    message = sent_message(running)
    campaigns = {"paris": "900", "lettre": message, "brussel": "77"}
    for age in (timedelta(hours=2), timedelta(days=1), timedelta(days=20), timedelta(days=40)):
        present = datetime.fromisoformat(control.clock(advance=(now + age - time_of(control)).total_seconds()))
        outcomes = collect(running, present)
        assert {outcomes[name]["error"] for name in ACCOUNTS} == {None}
    shown = {name: get(running, f"/{name}/{campaign}") for name, campaign in campaigns.items()}
    for name in ("paris", "brussel"):
        opens = [one["opens"] for one in shown[name]["snapshots"]]
        assert len(opens) >= 3 and opens == sorted(opens), "the history goes on where the provider's own has ended"
    assert [one["delivered"] for one in shown["lettre"]["snapshots"]] == [None, 1]
    unchanged = collect(running, time_of(control))
    assert {outcomes["written"] for outcomes in unchanged.values()} == {0}
    assert {each["account"] for each in get(running, "?limit=500")["campaigns"]} == set(ACCOUNTS)


def sent_message(running: RunningStack) -> str:
    """The id of a message that an operator sends."""
    params = {"subject": "Été", "html": "<p>Bonjour</p>", "to": ["a@example.com"]}
    call = {"account": "lettre", "function": "send", "params": params, "confirm": True}
    code, answer = running.invoke("call_provider", call)
    assert code == 0 and set(answer) == {"result"}
    return str(answer["result"]["message_id"])


def time_of(control: Control) -> datetime:
    return datetime.fromisoformat(control.clock())


def collect(running: RunningStack, at: datetime) -> dict[str, Any]:
    """The schedule's run of that time."""
    code, result = running.invoke("collect_stats", {"time": format_time(at.replace(microsecond=0))})
    assert code == 0
    accounts: dict[str, Any] = result["accounts"]
    return accounts


def get(running: RunningStack, path: str) -> Any:
    answer = running.request("GET", f"/stats/campaigns{path}", headers={"authorization": f"Bearer {ADMIN_KEY}"})
    assert answer.status == 200, answer.body
    return answer.json
