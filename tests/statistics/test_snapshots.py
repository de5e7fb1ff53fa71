"""Recording a campaign that a call has started."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from chalicelib.domain.figures import Snapshot
from chalicelib.providers.spec import CampaignFigures
from chalicelib.statistics.snapshots import record_started
from chalicelib.statistics.store import StatsStore

NOW = datetime(2026, 3, 1, 9, 0, 20, tzinfo=UTC)


class Memory:
    def __init__(self) -> None:
        self.kept: list[Snapshot] = []

    def newest(self, account: str, campaigns: Sequence[str]) -> dict[str, Snapshot]:
        return {each.campaign: each for each in self.kept}

    def record(self, known: Snapshot | None, row: Snapshot, hour: datetime) -> bool:
        assert hour == NOW and known == (self.kept[-1] if self.kept else None)
        self.kept.append(row)
        return True


@pytest.mark.parametrize(
    ("stated", "kept"),
    [
        (None, NOW),
        (NOW + timedelta(days=3), NOW + timedelta(days=3)),
        (NOW - timedelta(hours=2), NOW - timedelta(hours=2)),
        (NOW - timedelta(days=400), NOW),
    ],
    ids=["not stated", "scheduled", "another zone", "cannot be"],
)
def test_the_sending_time_of_a_message_is_recorded(stated: datetime | None, kept: datetime) -> None:
    store = Memory()
    for _ in range(2):
        begun: Any = CampaignFigures("300", "mars", "Été", stated, sent=2)
        record_started(cast(StatsStore, store), "lettre", "toy", begun, NOW)
    row = store.kept[-1]
    assert (row.account, row.provider, row.campaign, row.sent_at, row.taken_at) == ("lettre", "toy", "300", kept, NOW)
    assert (row.name, row.subject, row.sent) == ("mars", "Été", 2)
