"""One load for all callers, repeated when the value is old or refused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.domain.errors import Kind, ProviderError, RelaisError
from chalicelib.domain.single_flight import SingleFlightCache
from tests.contract.locks import CountedLock


class Clocks:
    def __init__(self) -> None:
        self.readings = [100.0, 5000.0]

    def __call__(self) -> tuple[float, ...]:
        return tuple(self.readings)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def failing(error: Exception) -> Callable[[], str]:
    def load() -> str:
        raise error

    return load


@pytest.mark.parametrize("clock", [0, 1])
def test_a_value_is_loaded_again_when_either_clock_says_so(clock: int, clocks: Clocks) -> None:
    cache = SingleFlightCache[str]("lists", clocks, seconds=10)
    assert cache.get(lambda: "old").value == "old"
    clocks.readings[clock] += 9.5
    assert cache.get(lambda: "new").value == "old"
    clocks.readings[clock] += 0.5
    assert cache.get(lambda: "new").value == "new"


def test_a_refused_value_is_loaded_again_once_for_all_who_refuse_it(clocks: Clocks) -> None:
    cache = SingleFlightCache[str]("lists", clocks, seconds=10)
    refused = cache.get(lambda: "old")
    assert cache.get(lambda: "new", refused=refused).value == "new"
    assert cache.get(lambda: "newer", refused=refused).value == "new"


def test_refreshing_is_limited(clocks: Clocks) -> None:
    cache = SingleFlightCache[str]("lists", clocks, seconds=100, refresh_seconds=30)
    cache.get(lambda: "old")
    assert cache.get(lambda: "new", refused=cache.cached).value == "new"
    clocks.readings[0] += 29
    assert cache.get(lambda: "newer", refused=cache.cached).value == "new"
    clocks.readings[0] += 1
    assert cache.get(lambda: "newer", refused=cache.cached).value == "newer"


def test_a_refusal_during_a_refresh_waits_for_its_value(clocks: Clocks, wait_for: Callable[..., Any]) -> None:
    cache = SingleFlightCache[str]("lists", clocks, seconds=100, refresh_seconds=30)
    refused = cache.get(lambda: "old")
    lock, begun, gate = CountedLock(), threading.Event(), threading.Event()
    vars(cache)["_lock"] = lock

    def slowly() -> str:
        begun.set()
        assert gate.wait(10)
        return "new"

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.get, slowly, refused=refused)
        assert begun.wait(10)
        second = pool.submit(cache.get, lambda: "newer", refused=refused)
        wait_for(lambda: lock.asked == 2)
        gate.set()
        assert (first.result(10).value, second.result(10).value) == ("new", "new")


def test_a_failure_is_raised_and_the_next_call_loads_again(clocks: Clocks) -> None:
    cache = SingleFlightCache[str]("lists", clocks, seconds=10)
    with pytest.raises(RelaisError, match="down"):
        cache.get(failing(RelaisError("down")))
    assert cache.get(lambda: "value").value == "value"


def test_a_stale_value_is_served_during_an_outage_with_one_warning(clocks: Clocks) -> None:
    warned: list[RelaisError] = []
    cache = SingleFlightCache[str]("lists", clocks, seconds=10, stale_seconds=3, on_stale=warned.append)
    cache.get(lambda: "old")
    clocks.readings[1] += 10
    for moment in range(2):
        error = RelaisError(str(moment))
        assert cache.get(failing(error)).value == "old"
        assert cache.get(lambda: "not loaded yet").value == "old"
        clocks.readings[1] += 3
    assert cache.get(lambda: "new").value == "new"
    assert [str(error) for error in warned] == ["0"]


def test_waiting_ends_at_the_timeout(clocks: Clocks) -> None:
    cache = SingleFlightCache[str]("lists", clocks, seconds=10)
    with cache._lock, pytest.raises(ProviderError) as caught:
        cache.get(lambda: "value", timeout=-0.5)
    assert caught.value.kind is Kind.LATER and caught.value.message == "lists: no answer in time"


def test_the_value_is_not_in_the_repr(clocks: Clocks) -> None:
    cache = SingleFlightCache[str]("lists", clocks, seconds=10)
    assert "placeholder" not in repr(cache.get(lambda: "placeholder")) + repr(cache)
