"""One budget of calls, kept by several workers over one table: never more than the limit in any window."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.config.secrets import Secret
from chalicelib.container import Container
from chalicelib.domain.errors import Kind, LedgerUnavailable, ProviderError
from chalicelib.effects import Effects
from chalicelib.ledger.table import Table
from chalicelib.providers import rate_limit
from chalicelib.providers.account import Account
from chalicelib.providers.rate_limit import RateLimiter, rate_key
from local.sandbox import Control, start
from local.sandbox.mailpartner.samples import API_KEY
from tests.support.aws import TestAws
from tests.support.dynamodb_backends import every_dynamodb as dynamodb  # noqa: F401
from tests.support.product import settings

LIMIT = 2000
WINDOW = 60.0
NINE = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


class Simulated:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = NINE

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Simulated:
    return Simulated()


@pytest.fixture
def table(resources: TestAws) -> Table:
    return Table(resources.dynamodb, "relais-local-ledger")


def admitted(budget: RateLimiter, name: str = "provider", calls: int = LIMIT, seconds: float = WINDOW) -> bool:
    try:
        budget.admit(name, calls, seconds)
    except ProviderError:
        return False
    return True


def refusal(budget: RateLimiter, **how: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        budget.admit("provider", how.get("calls", LIMIT), WINDOW)
    return caught.value


def most_in_a_window(times: list[datetime]) -> int:
    """The largest number of calls in any 60 seconds."""
    ordered, first, most = sorted(times), 0, 0
    for last, moment in enumerate(ordered):
        while ordered[first] <= moment - timedelta(seconds=WINDOW):
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.seconds
def test_three_concurrent_workers_never_exceed_the_limit(table: Table, clock: Simulated) -> None:
    """5,000 calls tried in one minute by three workers of several threads each."""
    workers = [RateLimiter(table, clock) for _ in range(3)]
    made: list[bool] = []

    def work(budget: RateLimiter, tries: int) -> None:
        made.extend([admitted(budget) for _ in range(tries)])

    for _ in range(5):
        threads = [threading.Thread(target=work, args=(workers[number % 3], 112)) for number in range(9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        clock.pass_by(11.9)
    assert len(made) >= 5000
    assert LIMIT * 0.8 < sum(made) <= LIMIT


@pytest.mark.seconds
def test_no_sliding_window_exceeds_the_limit(table: Table, clock: Simulated) -> None:
    """Five minutes of more calls than the limit, in bursts that straddle the minutes."""
    limit = 200
    workers = [RateLimiter(table, clock) for _ in range(3)]
    times: list[datetime] = []
    for second in range(300):
        for number in range(15 if second % 60 > 45 or second % 60 < 10 else 2):
            if admitted(workers[number % 3], calls=limit):
                times.append(clock())
        clock.pass_by(1.0)
    assert most_in_a_window(times) <= limit
    assert len(times) > limit * 3, "little of the budget stays unused"


def test_a_late_used_permit_counts_from_its_use(table: Table, clock: Simulated) -> None:
    budget = RateLimiter(table, clock)
    times: list[datetime] = []
    for wait in (rate_limit.BLOCK_SECONDS - 0.1, *[0.0] * (rate_limit.SMALLEST_BLOCK - 1), *[0.1] * 700):
        if admitted(budget, calls=rate_limit.SMALLEST_BLOCK):
            times.append(clock())
        clock.pass_by(wait)
    assert most_in_a_window(times) <= rate_limit.SMALLEST_BLOCK < len(times)


def test_accounts_of_one_provider_share_the_limit(table: Table, clock: Simulated) -> None:
    first, second = RateLimiter(table, clock), RateLimiter(table, clock)
    assert sum(admitted(first, calls=100) for _ in range(70)) == 70
    assert sum(admitted(second, calls=100) for _ in range(70)) <= 30
    assert sum(admitted(second, "another", calls=100) for _ in range(70)) == 70


def test_a_rejection_states_when_half_of_the_limit_is_free(table: Table, clock: Simulated) -> None:
    budget = RateLimiter(table, clock)
    for _ in range(100):
        budget.admit("provider", 100, WINDOW)
        clock.pass_by(0.1)
    error = refusal(budget, calls=100)
    assert (error.kind, error.message) == (Kind.LATER, "provider: the limit of 100 calls is reached")
    assert error.retry_after is not None and 57 < error.retry_after < 67
    clock.pass_by(error.retry_after - 1)
    assert sum(admitted(budget, calls=100) for _ in range(100)) < 50
    clock.pass_by(2)
    fresh = RateLimiter(table, clock)
    assert sum(admitted(fresh, calls=100) for _ in range(100)) > 0


def test_half_of_the_limit_is_free_after_the_wait(table: Table, clock: Simulated) -> None:
    budget = RateLimiter(table, clock)
    while admitted(budget, calls=100):
        clock.pass_by(0.1)
    error = refusal(budget, calls=100)
    clock.pass_by(error.retry_after or 0)
    assert sum(admitted(RateLimiter(table, clock), calls=100) for _ in range(1)) == 1
    free = sum(admitted(budget, calls=100) for _ in range(100))
    assert free >= 45


def test_one_write_serves_many_calls(table: Table, clock: Simulated, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[object] = []
    update = table.update

    def counted(*args: Any, **options: Any) -> Any:
        writes.append(args)
        return update(*args, **options)

    monkeypatch.setattr(table, "update", counted)
    budget = RateLimiter(table, clock)
    for _ in range(1000):
        budget.admit("provider", LIMIT, WINDOW)
    assert len(writes) <= 1000 / rate_limit.LARGEST_BLOCK + 5


def test_unused_permits_expire(table: Table, clock: Simulated) -> None:
    budget = RateLimiter(table, clock)
    budget.admit("provider", LIMIT, WINDOW)
    clock.pass_by(rate_limit.BLOCK_SECONDS)
    budget.admit("provider", LIMIT, WINDOW)
    item = table.get(rate_key("provider"))
    assert item is not None and len(item["blocks"]) == 2
    clock.pass_by(WINDOW + rate_limit.BLOCK_SECONDS + rate_limit.SLACK_SECONDS)
    budget.admit("provider", LIMIT, WINDOW)
    item = table.get(rate_key("provider"))
    assert item is not None and len(item["blocks"]) == 1, "what is out of every window is forgotten"
    assert item["expires_at"] > clock().timestamp()


def test_a_slow_worker_reserves_few_permits(table: Table, clock: Simulated) -> None:
    budget = RateLimiter(table, clock)
    for _ in range(15):
        budget.admit("provider", LIMIT, WINDOW)
        clock.pass_by(6)
    item = table.get(rate_key("provider"))
    assert item is not None and sum(size for _, size in item["blocks"]) <= 12 * rate_limit.SMALLEST_BLOCK


def test_nothing_is_admitted_while_the_ledger_is_unavailable(
    table: Table, clock: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise LedgerUnavailable("the ledger did not answer")

    monkeypatch.setattr(table, "get", broken)
    assert "the ledger is unavailable" in refusal(RateLimiter(table, clock)).message


@pytest.mark.server
def test_the_product_asks_before_every_call_of_a_provider_with_a_limit(resources: TestAws, clock: Simulated) -> None:
    """Two accounts behind one address, each with its own client, and a restarted instance: one budget."""
    with start() as sandbox:
        url, key = f"{sandbox.url}/mailpartner/v1", Secret.plain(API_KEY)
        accounts = {
            name: Account(name, "mailpartner", url, None, {"format": "json"}, {"api_key": key})
            for name in ("lettre", "gazette")
        }
        for name in ("lettre", "gazette"):
            container = Container(settings(accounts=accounts, forms={}), "local", Effects(clock=clock))
            container.provider(name).unsubscribe(f"{name}@example.com", global_scope=False, budget=5)
        item = container.table.get(rate_key("mailpartner"))
        assert item is not None and len(item["blocks"]) == 2

        taken = RateLimiter(container.table, clock)
        while admitted(taken, "mailpartner"):
            pass
        before = len(Control(sandbox.url).calls())
        container = Container(settings(accounts=accounts, forms={}), "local", Effects(clock=clock))
        with pytest.raises(ProviderError) as caught:
            container.provider("lettre").unsubscribe("third@example.com", global_scope=False, budget=5)
        assert caught.value.kind is Kind.LATER and caught.value.retry_after is not None
        assert len(Control(sandbox.url).calls()) == before, "nothing was sent"
