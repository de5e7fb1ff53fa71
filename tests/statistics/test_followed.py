"""Campaigns of all three providers, followed through weeks."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.times import format_time
from chalicelib.statistics.reading_schedule import hours_due
from tests.statistics.world import StatisticsWorld
from tests.support.aws import TestAws

pytestmark = [pytest.mark.server, pytest.mark.no_cover]

OPEN_FIGURES = ("opens", "unique_opens", "clicks", "unique_clicks")


def test_the_history_of_a_campaign_that_the_provider_forgot(world: StatisticsWorld) -> None:
    world.control.set(
        "ediware", add_campaign={"id": "900", "reference": "Mars", "subject": "Bonjour", "volume": 90_000}
    )
    sent_at, written = world.now, 0
    for day in range(40):
        outcome = world.collect()["paris"]
        assert outcome["error"] is None
        written += outcome["written"]
        world.forward(days=1, hours=-1 if day == 5 else 0)
    assert "900" not in {row["id"] for row in world.call("paris", "campaigns_stats")["result"]}
    found = world.get("/paris/900")
    assert (found["campaign"]["name"], found["campaign"]["subject"]) == ("Mars", "Bonjour")
    assert found["campaign"]["sent_at"] == format_time(sent_at)
    snapshots = found["snapshots"]
    taken = [datetime.fromisoformat(one["taken_at"]) for one in snapshots]
    assert taken == sorted(taken) and taken[0] - sent_at < timedelta(minutes=1)
    assert len(snapshots) > 5
    for figure in OPEN_FIGURES:
        values = [one[figure] for one in snapshots]
        assert values == sorted(values) and values[0] == 0 < values[-1]
    assert not any(same_figures(one, other) for one, other in itertools.pairwise(snapshots))
    assert found["campaign"] == snapshots[-1]
    assert written == sum(len(world.get(f"/paris/{each['campaign']}")["snapshots"]) for each in listed(world, "paris"))


def test_a_message_sent_by_an_operator_appears_with_its_figures(world: StatisticsWorld) -> None:
    answer = world.call(
        "lettre", "send", subject="Été", html="<p>Bonjour</p>", to=["a@example.com", "bounce@example.com"], tag="mars"
    )
    assert set(answer) == {"result"}
    (before,) = listed(world, "lettre")
    assert (before["campaign"], before["name"], before["subject"]) == (answer["result"]["message_id"], "mars", "Été")
    assert (before["sent"], before["delivered"]) == (2, None)
    world.forward(minutes=2)
    assert world.collect()["lettre"] == {"read": 1, "written": 1, "error": None}
    (after,) = listed(world, "lettre")
    assert (after["sent"], after["delivered"], after["hard_bounces"]) == (2, 1, 1)
    assert after["sent_at"] == before["sent_at"]
    assert "@" not in str(world.get(f"/lettre/{after['campaign']}"))


def test_a_message_that_cannot_be_recorded_is_still_reported_as_sent(world: StatisticsWorld, aws: TestAws) -> None:
    aws.dynamodb.delete_table(TableName="relais-local-stats")
    answer = world.call("lettre", "send", subject="Été", html="<p>Bonjour</p>", to=["a@example.com"])
    assert answer["result"]["nb_mail"] == 1
    assert "collect_stats will not read" in answer["warning"] and "ResourceNotFoundException" in answer["warning"]
    assert world.calls("lettre", "send") == 1


def test_test_messages_reads_and_refusals_record_no_campaign(world: StatisticsWorld) -> None:
    mail = {"subject": "Bonjour", "html": "<p>Bonjour</p>", "to": ["a@example.com"]}
    assert "result" in world.call("lettre", "send", **mail, sandbox=True)
    assert "result" in world.call("lettre", "me")
    assert "error" in world.call("lettre", "send", **{**mail, "tag": "No"})
    assert listed(world, "lettre") == []


def test_a_scheduled_message_is_read_once_its_time_has_come(world: StatisticsWorld) -> None:
    later = world.now.replace(minute=30, second=0, microsecond=0) + timedelta(hours=5)
    mail = {"subject": "Bonjour", "html": "<p>Bonjour</p>", "to": ["a@example.com"]}
    assert "result" in world.call("lettre", "send", **mail, scheduled_at=format_time(later))
    asked = []
    for _ in range(8):
        world.collect()
        asked.append(world.calls("lettre", "bulk-status"))
        world.forward(hours=1)
    assert asked == [0, 0, 0, 0, 0, 1, 1, 1]


def test_calls_shrink_as_campaigns_age_and_unchanged_ones_are_not_written(world: StatisticsWorld) -> None:
    world.control.set("mymailmarket", "brussel", add_campaign={"id": "77", "name": "Nieuw", "sent_seconds_ago": 0})
    ages = {"77": 0.0, "0616074267001": 5.0, "0616074267002": 25 * 24.0, "0616074267003": 120 * 24.0}
    sent = {campaign: world.now - timedelta(hours=age) for campaign, age in ages.items()}
    assert world.collect()["brussel"]["read"] == world.calls("brussel", "campaign_stats") == 4, "new ones are read"
    last = world.now
    made: list[int] = []
    for _ in range(26):
        world.forward(hours=1)
        assert world.collect()["brussel"]["error"] is None
        made.append(world.calls("brussel", "campaign_stats"))
        assert made[-1] == due(sent, world.now, last)
        last = world.now
    assert set(made) == {2, 3} and made.count(3) in (1, 2), "two young ones hourly, one daily, one never"
    world.forward(days=4)
    world.collect()
    assert world.calls("brussel", "campaign_stats") == due(sent, world.now, last) == 3, "what was missed is read once"
    last, made = world.now, []
    for _ in range(24):
        world.forward(hours=1)
        assert world.collect()["brussel"]["error"] is None
        made.append(world.calls("brussel", "campaign_stats"))
    assert sum(made) == 2, "two daily ones, and the third has come of age"
    world.forward(days=40)
    world.collect()
    world.forward(hours=1)
    world.calls("brussel", "campaign_stats")
    assert world.collect()["brussel"] == {"read": 0, "written": 0, "error": None}
    assert world.calls("brussel", "campaign_stats") == 0


def test_a_campaign_that_was_not_due_is_read_after_a_run_that_failed(world: StatisticsWorld) -> None:
    world.collect()
    world.forward(hours=1)
    world.control.fault("status", status=503, function="campaign_stats")
    for _ in range(30):
        assert "later" in world.collect()["brussel"]["error"]
        world.forward(hours=1)
    world.control.clear_faults()
    world.calls("brussel", "campaign_stats")
    outcome = world.collect()["brussel"]
    assert (outcome["read"], outcome["error"]) == (2, None)
    assert world.calls("brussel", "campaign_stats") == 2


def due(sent: dict[str, datetime], now: datetime, last: datetime) -> int:
    return sum(hours_due(campaign, at, now, last) is not None for campaign, at in sent.items())


def listed(world: StatisticsWorld, account: str) -> list[dict[str, Any]]:
    return [each for each in world.get("")["campaigns"] if each["account"] == account]


def same_figures(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one[name] == other[name] for name in one if name != "taken_at")
