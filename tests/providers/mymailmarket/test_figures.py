"""Figures of myMailMarket, whose names are not documented."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.domain.figures import FIGURES
from chalicelib.providers.mymailmarket.figures import MAX_RAW, figures, sent_at

ROW = {"Id": "0616074267001", "Name": "November", "Subject": "Nieuws"}


def known(stats: Any) -> dict[str, int]:
    """The shared figures that are known."""
    found = asdict(figures(ROW, stats))
    return {name: found[name] for name in FIGURES if found[name] is not None}


ALL = {"sent": 100, "opens": 50, "clicks": 20, "hard_bounces": 4, "unsubscribes": 2}


@pytest.mark.parametrize(
    "stats",
    [
        {"sent": 100, "opened": 50, "clicked": 20, "bounced": 4, "unsubscribed": 2},
        {"Sent": "100", "Opened": "50", "Clicked": "20", "Bounced": "4", "Unsubscribed": "2"},
        {"SENT": 100, "OPENED": 50, "CLICKED": 20, "BOUNCED": 4, "UNSUBSCRIBED": 2},
        {"NumberSent": 100, "NumberOpened": 50, "NumberClicked": 20, "NumberBounced": 4, "NumberUnsubscribed": 2},
        {"sent_count": 100.0, "opens": 50, "total_clicks": 20, "hard_bounces": 4, "un_subscribes": 2},
        {"TotalSent": 100, "totalOpens": 50, "ClicksTotal": 20, "HardBounced": 4, "UnSubscribed": 2},
        {"Stats": {"Mails": {"Sent": 100}, "Opened": {"Total": 50}, "Clicks": {"Nr": 20}, "Bounced": 4, "OptOut": 2}},
        [
            {"Name": "Sent", "Value": 100},
            {"Name": "Opened", "Value": 50},
            {"Name": "Clicked", "Value": "20"},
            {"Name": "Bounced", "Value": 4},
            {"Name": "Unsubscribed", "Value": 2},
        ],
        {"Figures": [{"Key": "sent", "Count": 100}, {"Key": "opened", "Count": 50}, {"Key": "clicked", "Count": 20}],
         "Bounced": 4, "Unsubscribed": 2},
        {"Campaign": [{"Sent": 100, "Opened": 50, "Clicked": 20, "Bounced": 4, "Unsubscribed": 2}]},
    ],
)  # fmt: skip
def test_known_names_are_found_in_any_case_spelling_and_nesting(stats: Any) -> None:
    assert known(stats) == ALL


@pytest.mark.parametrize(
    ("stats", "expected"),
    [
        ({"UniqueOpened": 5, "Opened": 9}, {"unique_opens": 5, "opens": 9}),
        ({"Opened": {"Unique": 5, "Total": 9}}, {"unique_opens": 5, "opens": 9}),
        ({"clicks_unique": 5}, {"unique_clicks": 5}),
        ({"HardBounced": 1, "SoftBounced": 2, "Bounced": 3}, {"hard_bounces": 1, "soft_bounces": 2}),
        ({"Bounces": {"Hard": 1, "Soft": 2}}, {"hard_bounces": 1, "soft_bounces": 2}),
        ({"SoftBounced": 2, "Bounced": 3}, {"soft_bounces": 2}),
        ({"Delivered": 7, "Undelivered": 8, "NotDelivered": 9}, {"delivered": 7}),
    ],
)
def test_distinct_figures_stay_distinct(stats: Any, expected: dict[str, int]) -> None:
    assert known(stats) == expected


@pytest.mark.parametrize(
    "stats",
    [
        {"OpenRate": 0, "OpenedPercentage": 50, "ClickRatio": 3, "OPENRATE": 7, "AverageOpens": 4},
        {"SendTimestamp": 1384207200000, "SentDate": 20131111, "LastOpened": 1384207200, "SentAt": 5},
        {"NotOpened": 5, "Unopened": 6, "NotSent": 7, "Resent": 8, "NotClicked": 9, "notopened": 4},
        {"Sent": -1, "Opened": 1.5, "Clicked": "many", "Bounced": True, "Unsubscribed": None},
        {"CampaignId": "0616074267001", "SentId": "7", "Forwarded": 3},
        {
            "Links": [
                {"Url": "https://www.example.com/", "Clicks": 3},
                {"Url": "https://www.example.com/b", "Clicks": 4},
            ]
        },
        {},
        [],
    ],
)
def test_other_values_are_not_counts(stats: Any) -> None:
    assert known(stats) == {}


def test_the_plainest_name_wins() -> None:
    assert known({"OpenedHtml": 1, "TotalOpened": 9, "OpenedOnMobile": 2})["opens"] == 9
    assert known({"ClickedUnsubscribe": 1, "Unsubscribed": 9}) == {"unsubscribes": 9}
    assert known({"Links": [{"Clicks": 3}, {"Clicks": 4}], "Clicks": 7}) == {"clicks": 7}


def test_every_number_is_kept_under_its_own_name_and_nothing_else() -> None:
    stats = {"A": 1, "B": {"C": "2", "D": 0.5}, "E": [{"F": 3}, {"F": 4}], "Words": "x", "None": None, "Yes": True}
    assert figures(ROW, stats).raw == {"A": 1, "B.C": 2, "B.D": 0.5, "E.0.F": 3, "E.1.F": 4}


def test_no_personal_data_and_no_infinite_number_is_kept() -> None:
    stats = {
        "Opens": [{"Name": "person@example.com", "Count": 3}],
        "person@example.com": 4,
        "Big": float("inf"),
        "Ok": 1,
    }
    raw = figures(ROW, stats).raw
    assert raw == {"Ok": 1} and json.dumps(raw, allow_nan=False)
    assert len(figures(ROW, {str(number): number for number in range(1000)}).raw) == MAX_RAW


def test_the_campaign_is_described_by_its_row() -> None:
    found = figures({"id": 616, "CampaignName": "November", "SubjectMail": "Nieuws"}, {})
    assert (found.campaign, found.name, found.subject, found.sent_at) == ("616", "November", "Nieuws", None)


@pytest.mark.parametrize(
    ("row", "moment"),
    [
        ({"SendTimestamp": datetime(2026, 3, 1, tzinfo=UTC)}, datetime(2026, 3, 1, tzinfo=UTC)),
        ({"sent_date": "2026-07-01T10:00:00"}, datetime(2026, 7, 1, 8, tzinfo=UTC)),
        ({"DateSent": "2026-07-01 10:00:00Z"}, datetime(2026, 7, 1, 10, tzinfo=UTC)),
        (
            {"SendTimestamp": datetime(1, 1, 1, tzinfo=UTC), "SentDate": "2026-03-01"},
            datetime(2026, 2, 28, 23, tzinfo=UTC),
        ),
        ({"SendTimestamp": None, "UserLastUpdate": datetime(2026, 3, 1, tzinfo=UTC)}, None),
        ({"Sent": 1200}, None),
    ],
)
def test_the_sending_time_is_read(row: dict[str, Any], moment: datetime | None) -> None:
    assert sent_at(row) == moment
