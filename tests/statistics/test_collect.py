"""One run over all accounts, against a store in memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import pytest

from chalicelib.domain.errors import Kind, LedgerUnavailable, ProviderError, StatsUnavailable
from chalicelib.domain.figures import Snapshot, changed
from chalicelib.effects import Effects
from chalicelib.observability import hide, metrics
from chalicelib.providers.account import Account
from chalicelib.providers.spec import CampaignFigures, Capabilities, KnownCampaign, Provider
from chalicelib.services import Services
from chalicelib.statistics.collect import OUT_OF_TIME, collect
from chalicelib.statistics.snapshots import snapshot_from
from chalicelib.statistics.store import StatsStore

NOW = datetime(2026, 3, 1, 9, 0, 20, tzinfo=UTC)
Answer = Callable[[float], Iterable[CampaignFigures]]


class Memory:
    """Keeps the newest snapshot of each campaign, and fails for given campaigns."""

    def __init__(self, failing: frozenset[str] = frozenset()) -> None:
        self.kept: dict[tuple[str, str], Snapshot] = {}
        self.failing = failing
        self.batches: list[int] = []

    def newest(self, account: str, campaigns: Sequence[str]) -> Mapping[str, Snapshot]:
        assert len(set(campaigns)) == len(campaigns) <= 100
        self.batches.append(len(campaigns))
        return {name: self.kept[account, name] for name in campaigns if (account, name) in self.kept}

    def listed(self, account: str) -> Iterable[Snapshot]:
        return [kept for (of, _), kept in self.kept.items() if of == account]

    def record(self, known: Snapshot | None, row: Snapshot, hour: datetime) -> bool:
        if row.campaign in self.failing:
            raise StatsUnavailable("the statistics table did not answer: ThrottlingException")
        if changed(known, row):
            self.kept[row.account, row.campaign] = row
            return True
        return False


class Runs:
    def __init__(self, failing: bool = False) -> None:
        self.good: dict[str, datetime] = {}
        self.hours: dict[str, datetime] = {}
        self.failing = failing
        self.tried: dict[str, datetime] = {}

    def first_tried(self, account: str, at: datetime) -> datetime:
        return self.tried.setdefault(account, at)

    def last_good(self, account: str) -> datetime | None:
        if self.failing:
            raise LedgerUnavailable("the ledger did not answer")
        return self.good.get(account)

    def last_hour(self, account: str) -> datetime | None:
        if self.failing:
            raise LedgerUnavailable("the ledger did not answer")
        return self.hours.get(account)

    def record_success(self, account: str, at: datetime, hour: datetime) -> None:
        if self.failing:
            raise LedgerUnavailable("the ledger did not answer")
        self.good[account], self.hours[account] = at, hour


class Asked:
    """A provider that gets known campaigns and returns the figures of those that are due."""

    def __init__(self) -> None:
        self.known: list[KnownCampaign] = []

    def campaigns(self, *, budget: float, known: Sequence[KnownCampaign] = ()) -> Iterable[CampaignFigures]:
        self.known = list(known)
        return [CampaignFigures(each.campaign, sent_at=each.sent_at, sent=1) for each in known if each.due]


class Toy:
    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def campaigns(self, *, budget: float, known: Sequence[KnownCampaign] = ()) -> Iterable[CampaignFigures]:
        assert not known, "a provider that lists all campaigns gets no known ones"
        return self._answer(budget)


def rows(count: int, sent: int = 1) -> Answer:
    return lambda _: [CampaignFigures(f"c{n}", sent=sent) for n in range(count)]


def failing(error: Exception, after: int = 0) -> Answer:
    def answer(_: float) -> Iterator[CampaignFigures]:
        for n in range(after):
            yield CampaignFigures(f"c{n}", sent=1)
        raise error

    return answer


def services_of(accounts: Iterable[str], now: datetime) -> Services:
    """The services that a run uses: accounts and clock."""
    configured = {name: Account(name, "toy") for name in accounts}
    settings = SimpleNamespace(accounts=configured)
    return cast(Services, SimpleNamespace(settings=settings, effects=Effects(clock=lambda: now), table=None))


def run(
    answers: Mapping[str, Answer],
    store: Memory | None = None,
    runs: Runs | None = None,
    remaining: Callable[[], float] = lambda: 500.0,
    now: datetime = NOW,
) -> dict[str, Any]:
    with patch("chalicelib.statistics.collect.LastRuns", return_value=runs or Runs()):
        result = collect(
            services_of(answers, now),
            cast(StatsStore, store or Memory()),
            lambda account: cast(Provider, Toy(answers[account])),
            lambda account: Capabilities(True, statistics="none" if account.startswith("mute") else "all_at_once"),
            hour=now,
            remaining_seconds=remaining,
        )
    assert set(result) == {"accounts"}
    accounts: dict[str, Any] = json.loads(json.dumps(result["accounts"]))
    return accounts


def test_a_second_run_without_change_writes_nothing() -> None:
    store = Memory()
    answers = {"paris": rows(250), "lyon": rows(3)}
    assert run(answers, store) == {
        "paris": {"read": 250, "written": 250, "error": None},
        "lyon": {"read": 3, "written": 3, "error": None},
    }
    assert run(answers, store) == {
        "paris": {"read": 250, "written": 0, "error": None},
        "lyon": {"read": 3, "written": 0, "error": None},
    }
    assert sorted(store.batches) == sorted([100, 100, 50, 3] * 2)


def test_a_failing_account_does_not_affect_the_others() -> None:
    hide("placeholder-of-a-key")
    error = ProviderError(Kind.ACCOUNT, "key placeholder-of-a-key of owner@example.com refused")
    result = run({"paris": failing(error), "lyon": rows(2), "nice": failing(KeyError("owner@example.com"))})
    assert result["lyon"] == {"read": 2, "written": 2, "error": None}
    assert result["paris"] == {"read": 0, "written": 0, "error": "account: key *** of …@… refused"}
    assert result["nice"] == {"read": 0, "written": 0, "error": "unexpected: KeyError"}


def test_accounts_without_statistics_are_skipped() -> None:
    assert set(run({"mute": failing(AssertionError()), "paris": rows(1)})) == {"paris"}


def test_figures_read_before_a_failure_are_stored() -> None:
    store = Memory()
    result = run({"paris": failing(ProviderError(Kind.LATER, "busy"), after=130)}, store)
    assert result["paris"] == {"read": 130, "written": 130, "error": "later: busy"}


def test_a_run_stops_in_time_and_the_next_one_continues() -> None:
    store, runs = Memory(), Runs()
    left = iter([100.0, 100.0, 100.0, 100.0, 2.0])
    result = run({"paris": rows(500)}, store, runs, remaining=lambda: next(left, 2.0))
    stopped = result["paris"]
    assert stopped["error"] == OUT_OF_TIME
    assert 0 < stopped["written"] == stopped["read"] < 500
    assert runs.good == {}
    again = run({"paris": rows(500)}, store, runs)["paris"]
    assert again == {"read": 500, "written": 500 - stopped["written"], "error": None}


@pytest.mark.seconds
def test_a_provider_that_ignores_its_budget_does_not_delay_the_answer() -> None:
    released = threading.Event()

    def stuck(_: float) -> Iterable[CampaignFigures]:
        released.wait(30)
        return []

    try:
        result = run({"paris": stuck, "lyon": rows(1)}, remaining=lambda: 2.6)
        assert not released.is_set()
    finally:
        released.set()
    assert result["paris"] == {"read": 0, "written": 0, "error": OUT_OF_TIME}


def test_the_budget_leaves_time_to_write() -> None:
    budgets: list[float] = []

    def answer(budget: float) -> Iterable[CampaignFigures]:
        budgets.append(budget)
        return []

    run({"paris": answer}, remaining=lambda: 100.0)
    assert budgets == [95.0]


def test_partial_write_failures_are_reported_and_the_rest_is_written() -> None:
    store = Memory(failing=frozenset({"c1"}))
    assert run({"paris": rows(4)}, store)["paris"] == {
        "read": 4,
        "written": 3,
        "error": "the statistics table did not answer: ThrottlingException",
    }


def test_a_campaign_shown_twice_counts_once() -> None:
    def twice(_: float) -> list[CampaignFigures]:
        return [CampaignFigures("c1", sent=1), CampaignFigures("c1", sent=2)]

    store = Memory()
    assert run({"paris": twice}, store)["paris"]["written"] == 1
    assert run({"paris": twice}, store)["paris"]["written"] == 0


def test_the_time_of_the_last_good_run_and_the_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    metrics.flush()
    capsys.readouterr()
    store, runs = Memory(), Runs()
    run({"paris": rows(2)}, store, runs)
    assert runs.good == {"paris": NOW}
    run({"paris": failing(ProviderError(Kind.LATER, "busy"))}, store, runs, now=NOW + timedelta(hours=2))
    assert runs.good == {"paris": NOW}
    metrics.flush()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (figures,) = [line for line in lines if "_aws" in line]
    assert figures["account"] == "paris"
    assert (figures["campaigns_read"], figures["snapshots_written"], figures["stats_failures"]) == (2, 2, 1)
    assert figures["stats_age_seconds"] == [0.0, 7200.0]
    (warning,) = [line for line in lines if line.get("level") == "WARNING"]
    assert (warning["account"], warning["kind"]) == ("paris", "later")


def test_the_age_of_missing_statistics_counts_from_the_first_attempt(capsys: pytest.CaptureFixture[str]) -> None:
    metrics.flush()
    capsys.readouterr()
    store, runs, broken = Memory(), Runs(), failing(ProviderError(Kind.ACCOUNT, "key"))
    run({"paris": broken}, store, runs)
    run({"paris": broken}, store, runs, now=NOW + timedelta(hours=3))
    metrics.flush()
    (figures,) = [line for line in map(json.loads, capsys.readouterr().out.splitlines()) if "_aws" in line]
    assert figures["stats_age_seconds"] == [0.0, 10800.0]


def test_an_unavailable_ledger_loses_no_figures() -> None:
    store = Memory()
    assert run({"paris": rows(2)}, store, Runs(failing=True))["paris"] == {"read": 2, "written": 2, "error": None}


def test_a_provider_read_by_campaign_gets_the_due_ones() -> None:
    ages = {"young": 1, "daily": 10 * 24, "old": 31 * 24}
    store, runs, asked = Memory(), Runs(), Asked()
    for name, hours in ages.items():
        sent_at = NOW - timedelta(hours=hours)
        store.kept["paris", name] = snapshot_from("paris", "toy", CampaignFigures(name, sent_at=sent_at), NOW)
    store.kept["lyon", "other"] = snapshot_from("lyon", "toy", CampaignFigures("other", sent_at=NOW), NOW)

    def due(now: datetime, runs: Runs = runs) -> set[str]:
        with patch("chalicelib.statistics.collect.LastRuns", return_value=runs):
            collect(
                services_of(["paris"], now),
                cast(StatsStore, store),
                lambda _: cast(Provider, asked),
                lambda _: Capabilities(False, statistics="per_campaign"),
                hour=now,
                remaining_seconds=lambda: 500.0,
            )
        assert {each.campaign for each in asked.known} == set(ages)
        return {each.campaign for each in asked.known if each.due}

    assert due(NOW) == {"young", "daily", "old"}, "the first run makes good what the last thirty days missed"
    assert runs.hours == {"paris": NOW}
    day = [due(NOW + timedelta(hours=hours)) for hours in range(1, 25)]
    assert sorted(day, key=len) == [{"young"}] * 23 + [{"young", "daily"}]
    later = NOW + timedelta(hours=30)
    assert due(later, Runs(failing=True)) == {"young", "daily"}, "missed readings are unknown: a day of them is read"
