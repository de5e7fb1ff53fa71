"""A figure once known is never forgotten, and figures are read as people and web pages write them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest

from chalicelib.domain.figures import FIGURES
from chalicelib.observability import metrics
from chalicelib.providers.ediware.figures import figures as ediware_figures
from chalicelib.providers.mailpartner import figures as mailpartner
from chalicelib.providers.mymailmarket.figures import figures as market_figures
from chalicelib.providers.spec import CampaignFigures, KnownCampaign
from chalicelib.statistics.queries import StatsReader
from chalicelib.statistics.snapshots import snapshot_from
from chalicelib.statistics.store import StatsStore
from tests.statistics.test_collect import run
from tests.support.aws import TestAws

NINE = datetime(2026, 3, 1, 9, 0, 20, tzinfo=UTC)
TABLE = "relais-local-stats"
ALL = {name: 10 + number for number, name in enumerate(FIGURES)}
VOLUME = {"id": "7", "reference": "Mars", "subject": "Bonjour", "sent": "2026-03-01 09:00:00"}


class Readings:
    """Readings of campaign `c1`, one after another, as stored and shown."""

    def __init__(self) -> None:
        self.client: Any = boto3.client("dynamodb")
        self.store, self.reader = StatsStore(self.client, TABLE), StatsReader(self.client, TABLE)

    def read(self, at: datetime, **stated: Any) -> bool:
        row = snapshot_from("paris", "toy", CampaignFigures("c1", **stated), at)
        return self.store.record(self.store.newest("paris", ["c1"]).get("c1"), row, at)

    def shown(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        newest = self.reader.campaign("paris", "c1")
        figures = [{name: getattr(one, name) for name in FIGURES} for one in self.reader.history("paris", "c1")]
        return {name: getattr(newest, name) for name in FIGURES}, figures


@pytest.fixture
def readings(resources: TestAws) -> Readings:
    return Readings()


@pytest.mark.parametrize("minutes", [30, 60, 60 * 30], ids=["the same hour", "the next hour", "the next day"])
@pytest.mark.parametrize(
    "lacking",
    [("clicks", "sent", "unsubscribes"), ("opens",), ("sent", "delivered"), tuple(FIGURES[1:]), ("hard_bounces",)],
    ids=["field-23", "opens", "totals", "all but one", "bounces"],
)
def test_field_case_23_a_lacking_figure_keeps_its_last_known_value(
    readings: Readings, lacking: tuple[str, ...], minutes: int
) -> None:
    assert readings.read(NINE, **ALL)
    later = {name: value + 100 for name, value in ALL.items() if name not in lacking}
    assert readings.read(NINE + timedelta(minutes=minutes), **later)
    newest, history = readings.shown()
    assert newest == history[-1] == {**ALL, **later}
    assert len(history) == (1 if minutes < 60 else 2)


def test_a_figure_is_kept_through_several_readings_that_lack_it(readings: Readings) -> None:
    readings.read(NINE, opens=1, clicks=2)
    for hour in range(1, 4):
        assert readings.read(NINE + timedelta(hours=hour), opens=1 + hour)
    newest, history = readings.shown()
    assert [(one["opens"], one["clicks"]) for one in history] == [(1, 2), (2, 2), (3, 2), (4, 2)]
    assert newest["clicks"] == 2


def test_nothing_is_written_when_a_reading_only_lacks_figures(readings: Readings) -> None:
    readings.read(NINE, **ALL)
    before = readings.client.scan(TableName=TABLE)["Items"]
    for stated in ({}, {"opens": ALL["opens"]}, {"sent": ALL["sent"], "clicks": ALL["clicks"]}):
        assert not readings.read(NINE + timedelta(hours=1), **stated)
    assert readings.client.scan(TableName=TABLE)["Items"] == before


def test_a_figure_that_fell_to_zero_is_a_change(readings: Readings) -> None:
    readings.read(NINE, opens=5, clicks=1)
    assert readings.read(NINE + timedelta(hours=1), opens=0)
    assert (readings.shown()[0]["opens"], readings.shown()[0]["clicks"]) == (0, 1)


def test_name_subject_and_time_of_sending_are_kept_too(readings: Readings) -> None:
    readings.read(NINE, opens=1, name="Mars", subject="Bonjour", sent_at=NINE)
    readings.read(NINE + timedelta(hours=1), opens=2)
    newest = readings.reader.campaign("paris", "c1")
    assert newest is not None
    assert (newest.name, newest.subject, newest.sent_at) == ("Mars", "Bonjour", NINE.replace(microsecond=0))


def test_a_figure_that_another_run_has_just_stored_is_kept(readings: Readings) -> None:
    """Both runs read the table before either writes."""
    readings.read(NINE, sent=1)
    known = readings.store.newest("paris", ["c1"])["c1"]
    seconds = timedelta(seconds=1)
    first = snapshot_from("paris", "toy", CampaignFigures("c1", sent=1, clicks=7), NINE + seconds)
    second = snapshot_from("paris", "toy", CampaignFigures("c1", sent=1, opens=9), NINE + 2 * seconds)
    last = readings.store._last_snapshot(first)
    interrupted = readings.store._last_snapshot

    def while_reading(row: Any) -> Any:
        readings.store._last_snapshot = interrupted  # type: ignore[method-assign]
        assert readings.store.record(known, first, NINE)
        return last

    readings.store._last_snapshot = while_reading  # type: ignore[method-assign]
    assert readings.store.record(known, second, NINE)
    newest, history = readings.shown()
    assert history == [newest]
    assert (newest["sent"], newest["opens"], newest["clicks"]) == (1, 9, 7)


def test_a_figure_of_a_snapshot_whose_campaign_was_not_updated_is_kept(readings: Readings) -> None:
    """A crash between the two writes leaves it in the history alone."""
    readings.read(NINE, opens=1)
    put = readings.store._put_campaign
    readings.store._put_campaign = lambda snapshot: None  # type: ignore[method-assign]
    readings.read(NINE + timedelta(minutes=1), opens=1, clicks=3)
    readings.store._put_campaign = put  # type: ignore[method-assign]
    readings.read(NINE + timedelta(hours=1), opens=2)
    newest, history = readings.shown()
    assert (newest["opens"], newest["clicks"]) == (2, 3)
    assert [(one["opens"], one["clicks"]) for one in history] == [(1, 3), (2, 3)]


GROUPED = {
    "12 480": 12480,
    "1,234": 1234,
    "12.480": 12480,
    "12\u00a0480": 12480,
    "12\u202f480": 12480,
    "12\u2009480": 12480,
    "12'480": 12480,
    "12\u2019480": 12480,
    "1.234.567": 1234567,
    "1,234,567": 1234567,
    " 1 234 567 ": 1234567,
    "12&nbsp;480": 12480,
    "1,234.00": 1234,
    "1.234,0": 1234,
    "12.000": 12000,
    "12.00": 12,
    "12,0": 12,
    "+42": 42,
    "007": 7,
    "\uff11\uff12": 12,
    12: 12,
    13.0: 13,
    "0": 0,
}
UNREADABLE = [
    "²",
    "12²",
    "n/a",
    "-",
    "12 %",
    "12.5",
    "1,23",
    "12 34",
    "-3",
    -3,
    True,
    [],
    "1e3",
    "1.234,567",
    "0.123",
    10**20,
    0.5,
]


def ediware(value: Any) -> tuple[int | None, tuple[str, ...]]:
    read = ediware_figures({**VOLUME, "click": value})
    return read.clicks, read.unreadable


def market(value: Any) -> tuple[int | None, tuple[str, ...]]:
    read = market_figures({"Id": "7", "Name": "Mars"}, {"Clicks": value, "Opened": 3})
    assert read.opens == 3
    return read.clicks, read.unreadable


READERS = [pytest.param(ediware, id="ediware"), pytest.param(market, id="mymailmarket")]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("written", GROUPED)
def test_grouped_thousands_are_read(reader: Callable[[Any], Any], written: Any) -> None:
    assert reader(written) == (GROUPED[written], ())


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("written", UNREADABLE, ids=repr)
def test_a_figure_that_cannot_be_read_counts_as_lacking_and_is_named(
    reader: Callable[[Any], Any], written: Any
) -> None:
    clicks, unreadable = reader(written)
    assert clicks is None
    assert [name.lower() for name in unreadable] in (["click"], ["clicks"]) or written == [] or written is True


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("lacking", [None, "", "  "])
def test_an_empty_figure_is_lacking_without_a_complaint(reader: Callable[[Any], Any], lacking: Any) -> None:
    assert reader(lacking) == (None, ())


def test_a_date_or_a_rate_is_not_an_unreadable_figure() -> None:
    stats = {"Sent": "2026-03-01T10:00:00", "OpenRate": "12.5 %", "Clicks": 3}
    read = market_figures({"Id": "7"}, cast(Any, stats))
    assert (read.clicks, read.unreadable) == (3, ())


def test_unreadable_figures_are_logged_by_name_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    run({"paris": lambda _: [CampaignFigures("c1", opens=1, unreadable=("click", "volume"))]})
    metrics.flush()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [logged] = [line for line in lines if line.get("message") == "figures not readable"]
    assert (logged["account"], logged["campaign"], logged["figures"]) == ("paris", "c1", "click, volume")
    assert sum(line.get("unreadable_figures", 0) for line in lines) == 2


def mailpartner_figures(*states: str) -> CampaignFigures:
    rows = tuple(SimpleNamespace(status=state, stop_mail=0) for state in states)
    known = KnownCampaign("c1", "Mars", "Bonjour", NINE)
    return mailpartner.figures(known, cast(Any, SimpleNamespace(statut_response_list=rows)))


FULL_AND_LACKING = {
    "ediware": (
        ediware_figures({**VOLUME, "id": "c1", "volume": "12 480", "open": 5, "click": 3, "unsubscribe": 2}),
        ediware_figures({"id": "c1", "open": 6, "volume": None, "unsubscribe": "n/a"}),
        {"sent": 12480, "opens": 6, "clicks": 3, "unsubscribes": 2},
    ),
    "mymailmarket": (
        market_figures({"Id": "c1", "Name": "Mars"}, {"Sent": "12.480", "Opened": 5, "Clicks": 3, "Unsubscribed": 2}),
        market_figures({"Id": "c1"}, {"Opened": 6, "Clicks": "n/a", "Sent": ""}),
        {"sent": 12480, "opens": 6, "clicks": 3, "unsubscribes": 2},
    ),
    "mailpartner": (
        mailpartner_figures("delivered", "not delivered"),
        mailpartner_figures(),
        {"sent": 2, "delivered": 1, "hard_bounces": 1},
    ),
}


@pytest.mark.parametrize("provider", FULL_AND_LACKING)
def test_field_case_23_at_each_provider(readings: Readings, provider: str) -> None:
    full, lacking, right = FULL_AND_LACKING[provider]
    for at, figures in ((NINE, full), (NINE + timedelta(minutes=1), lacking), (NINE + timedelta(hours=1), lacking)):
        row = snapshot_from("paris", provider, figures, at)
        readings.store.record(readings.store.newest("paris", ["c1"]).get("c1"), row, at)
    newest, history = readings.shown()
    assert {name: newest[name] for name in right} == right
    assert {name: history[-1][name] for name in right} == right
    assert newest == history[-1]
