"""The statistics routes: parameters, answers, authentication."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest

from chalicelib.domain.errors import StatsUnavailable
from chalicelib.domain.figures import Snapshot
from chalicelib.statistics.queries import BadCursor, Page
from tests.web.surroundings import ADMIN_KEY, Send, World, ask, gateway_event, make_app, make_settings

KEY = {"Authorization": f"Bearer {ADMIN_KEY}"}
FIELDS = [
    "account", "provider", "campaign", "name", "subject", "sent_at", "taken_at", "sent", "delivered", "opens",
    "unique_opens", "clicks", "unique_clicks", "hard_bounces", "soft_bounces", "unsubscribes",
]  # fmt: skip
LIST, ONE = "/stats/campaigns", "/stats/campaigns/paris/c%2F1%23"
NEWEST = Snapshot(
    "paris", "any", "c/1#", "=Été", "Bonjour, à tous", datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    datetime(2026, 3, 2, 9, 30, tzinfo=UTC), sent=10, opens=0, raw={"hidden": 1},
)  # fmt: skip


def at(year: int, month: int, day: int, *time: int) -> datetime:
    hour, minute, second = (*time, 0, 0, 0)[:3]
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def test_campaigns_are_returned_in_pages(send: Send, world: World) -> None:
    world.campaigns.answer = Page((NEWEST,), "next")
    answer = send("GET", LIST, KEY)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    (campaign,) = answer.json["campaigns"]
    assert list(campaign) == FIELDS
    assert campaign["sent_at"] == "2026-03-01T09:30:00Z"
    assert (campaign["sent"], campaign["opens"], campaign["clicks"]) == (10, 0, None)
    assert answer.json["cursor"] == "next"
    assert world.campaigns.asked == [{"account": None, "since": None, "until": None, "limit": 100, "cursor": None}]


def test_the_last_page_has_no_cursor(send: Send) -> None:
    assert send("GET", LIST, KEY).json == {"campaigns": [], "cursor": None}


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("account=paris", {"account": "paris"}),
        ("account=removed", {"account": "removed"}),
        ("limit=1", {"limit": 1}),
        ("limit=500", {"limit": 500}),
        ("cursor=abc", {"cursor": "abc"}),
        ("since=2026-03-01", {"since": at(2026, 3, 1)}),
        ("until=2026-03-01", {"until": at(2026, 3, 1, 23, 59, 59)}),
        ("until=9999-12-31", {"until": at(9999, 12, 31, 23, 59, 59)}),
        ("since=2026-03-01&until=2026-03-01", {"since": at(2026, 3, 1), "until": at(2026, 3, 1, 23, 59, 59)}),
        ("since=2026-03-01T01:00:00%2B01:00", {"since": at(2026, 3, 1)}),
        ("since=2026-03-01T01:00:00+01:00", {"since": at(2026, 3, 1)}),
        ("account=&since=&until=&limit=&cursor=&format=", {}),
        ("unknown=1&format=json", {}),
    ],
)
def test_parameters_filter_campaigns(send: Send, world: World, query: str, asked: dict[str, Any]) -> None:
    assert send("GET", f"{LIST}?{query}", KEY).status == 200
    given = {name: value for name, value in world.campaigns.asked[0].items() if value is not None}
    assert given == {"limit": 100, **asked}


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("limit=0", ["limit"]),
        ("limit=501", ["limit"]),
        ("limit=-1", ["limit"]),
        ("limit=ten", ["limit"]),
        ("limit=%D9%A1", ["limit"]),
        ("limit=1e2", ["limit"]),
        ("since=yesterday", ["since"]),
        ("since=20260301", ["since"]),
        ("since=2026-02-30", ["since"]),
        ("since=2026-03-01T09:30:00", ["since"]),
        ("until=1772357400", ["until"]),
        ("since=2026-03-02&until=2026-03-01", ["until"]),
        ("account=a%23b", ["account"]),
        ("account=" + "a" * 64, ["account"]),
        ("format=xml", ["format"]),
        ("limit=0&since=x&until=y&format=z&account=%20", ["account", "since", "until", "limit", "format"]),
    ],
)
def test_422_names_every_wrong_parameter(send: Send, world: World, query: str, fields: list[str]) -> None:
    answer = send("GET", f"{LIST}?{query}", KEY)
    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [error["field"] for error in answer.json["errors"]] == fields
    assert all(error["message"] for error in answer.json["errors"])
    assert world.campaigns.asked == []


def test_422_for_a_foreign_cursor(send: Send, world: World) -> None:
    world.campaigns.failure = BadCursor("no")
    answer = send("GET", f"{LIST}?cursor=x", KEY)
    assert answer.status == 422
    assert [error["field"] for error in answer.json["errors"]] == ["cursor"]


def test_a_page_can_be_csv(send: Send, world: World) -> None:
    world.campaigns.answer = Page((NEWEST,), "next")
    answer = send("GET", f"{LIST}?format=csv&account=paris&since=2026-03-01&limit=1&cursor=this", KEY)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert answer.headers["content-disposition"] == 'attachment; filename="campaigns.csv"'
    assert answer.body.startswith("\ufeffaccount,")
    header, row = csv.reader(io.StringIO(answer.body.removeprefix("\ufeff"), newline=""))
    assert header == FIELDS
    assert row == [
        "paris", "any", "c/1#", "'=Été", "Bonjour, à tous", "2026-03-01T09:30:00Z", "2026-03-02T09:30:00Z",
        "10", "", "0", "", "", "", "", "", "",
    ]  # fmt: skip


def test_the_next_csv_page_is_a_link_header(send: Send, world: World) -> None:
    world.campaigns.answer = Page((NEWEST,), "next")
    answer = send("GET", f"{LIST}?format=csv&account=paris&since=2026-03-01T00:00:00%2B01:00&limit=1&cursor=this", KEY)
    reference, relation = answer.headers["link"].split("; ")
    assert relation == 'rel="next"'
    url = urlsplit(urljoin("https://example.com/api/stats/campaigns?x=y", reference.strip("<>")))
    assert url.path == "/api/stats/campaigns"
    assert {name: value for name, (value,) in parse_qs(url.query).items()} == {
        "account": "paris", "since": "2026-03-01T00:00:00+01:00", "limit": "1", "format": "csv", "cursor": "next"
    }  # fmt: skip
    world.campaigns.answer = Page((NEWEST,), None)
    assert "link" not in send("GET", f"{LIST}?format=csv", KEY).headers


def test_the_history_of_a_campaign_is_returned(send: Send, world: World) -> None:
    older = Snapshot("paris", "any", "c/1#", None, None, None, at(2026, 3, 1, 10), sent=1)
    world.campaigns.snapshots = [older, NEWEST]
    answer = send("GET", ONE, KEY)
    assert answer.status == 200
    assert list(answer.json) == ["campaign", "snapshots"]
    assert answer.json["campaign"]["name"] == "=Été"
    assert [list(each) for each in answer.json["snapshots"]] == [FIELDS, FIELDS]
    assert [each["sent"] for each in answer.json["snapshots"]] == [1, 10]
    assert answer.json["snapshots"][0]["sent_at"] is None


def test_a_history_can_be_csv(send: Send, world: World) -> None:
    world.campaigns.snapshots = [NEWEST]
    answer = send("GET", f"{ONE}?format=csv", KEY)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="campaign-paris-c_1_.csv"'
    assert len(answer.body.splitlines()) == 2
    assert send("GET", f"{ONE}?format=pdf", KEY).status == 422


@pytest.mark.parametrize("path", ["paris/other", "a%23b/c", "a/b%23c", "x" * 64 + "/c", "paris/" + "%C3%A9" * 513])
def test_404_for_an_unknown_campaign(send: Send, world: World, path: str) -> None:
    world.campaigns.snapshots = [NEWEST]
    assert send("GET", f"{LIST}/{path}", KEY).status == 404


@pytest.mark.parametrize("path", ["/stats", "/stats/", "/stats/campaigns/", "/stats/campaigns/paris", f"{ONE}/"])
def test_404_for_other_paths(send: Send, path: str) -> None:
    assert send("GET", path, KEY).status == 404


@pytest.mark.parametrize("path", [LIST, f"{LIST}?format=csv", ONE])
def test_the_admin_key_is_required(send: Send, world: World, path: str) -> None:
    world.campaigns.snapshots = [NEWEST]
    assert send("GET", path).status == 401
    assert send("GET", path, {"Authorization": "Bearer wrong"}).status == 401
    assert world.campaigns.asked == []
    app = make_app(world, make_settings(admin_key=None))
    assert ask(app, gateway_event("GET", path, KEY)).status == 403


def test_parameter_errors_are_shown_only_with_the_admin_key(send: Send) -> None:
    assert send("GET", f"{LIST}?limit=0").status == 401


@pytest.mark.parametrize("path", [LIST, f"{LIST}?format=csv", ONE])
def test_head_works_and_other_methods_are_405(send: Send, world: World, path: str) -> None:
    world.campaigns.snapshots = [NEWEST]
    head, get = send("HEAD", path, KEY), send("GET", path, KEY)
    assert (head.status, head.body) == (200, "")
    assert {**head.headers, "x-request-id": ""} == {**get.headers, "x-request-id": ""}
    assert send("POST", path, KEY).status == 405


@pytest.mark.parametrize("path", [LIST, ONE])
def test_503_when_the_table_is_unavailable(send: Send, world: World, path: str) -> None:
    world.campaigns.failure = StatsUnavailable("the statistics table did not answer: ThrottlingException")
    answer = send("GET", path, KEY)
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
