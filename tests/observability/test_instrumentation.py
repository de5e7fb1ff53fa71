from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.observability import instrumentation, instrumented, logger, metrics
from chalicelib.observability.instrumentation import HandlerFailed


@pytest.fixture(autouse=True)
def _no_leftovers(capsys: pytest.CaptureFixture[str]) -> None:
    metrics.flush()
    capsys.readouterr()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


CONTEXT = SimpleNamespace(aws_request_id="req-7")


@pytest.mark.parametrize("args", [({}, CONTEXT), (SimpleNamespace(context=CONTEXT),)])
def test_a_handler_logs_under_its_name_and_request(args: tuple[Any, ...], capsys: pytest.CaptureFixture[str]) -> None:
    @instrumented
    def sweep(event: object, context: object = None) -> dict[str, int]:
        logger.info("at work")
        metrics.count("accepted")
        return {"n": 1}

    assert sweep(*args) == {"n": 1}
    assert sweep.__name__ == "sweep"
    at_work, done, counted = lines(capsys)
    assert (at_work["function"], at_work["request_id"]) == ("sweep", "req-7")
    assert done["message"] == "done"
    assert done["seconds"] >= 0
    assert counted["accepted"] == 1


def test_a_cold_start_is_logged_once(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instrumentation, "_first", True)
    for _ in range(2):
        with instrumentation.observing("sweep"):
            pass
    assert [line["cold_start"] for line in lines(capsys)] == [True, False]


def test_of_frequent_invocations_cold_and_slow_ones_are_logged(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instrumentation, "_first", True)
    passed = iter((0.0, 0.01, 10.0, 10.01, 20.0, 21.0))
    monkeypatch.setattr(instrumentation.time, "monotonic", lambda: next(passed))
    for _ in range(3):
        with instrumentation.observing("api_handler"):
            pass
    assert [(line["cold_start"], line["seconds"]) for line in lines(capsys)] == [(True, 0.01), (False, 1.0)]


def test_a_failure_is_logged_counted_and_raised_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    @instrumented
    def sweep(event: object) -> None:
        metrics.count("enqueued", 3)
        raise LookupError("no table")

    with pytest.raises(LookupError, match="no table"):
        sweep({})
    failed, counted = lines(capsys)
    assert (failed["message"], failed["exception_name"], failed["function"]) == ("failed", "LookupError", "sweep")
    assert (counted["enqueued"], counted["failures"]) == (3, 1)


@pytest.mark.parametrize("place", ["text", "cause", "note", "group"])
def test_a_failure_containing_an_address_is_raised_without_it(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    address = "zoe@example.com"

    @instrumented
    def sweep(event: object) -> None:
        if place == "text":
            raise ValueError(address)
        if place == "note":
            error = ValueError("x")
            error.add_note(address)
            raise error
        if place == "group":
            raise ExceptionGroup("x", [ValueError(address)])
        try:
            raise KeyError(address)
        except KeyError as error:
            raise ValueError("x") from error

    with pytest.raises(HandlerFailed) as caught:
        sweep({})
    assert address not in str(caught.value)
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None
    assert "example.com" not in capsys.readouterr().out


def test_metrics_are_flushed_on_sigterm(capsys: pytest.CaptureFixture[str]) -> None:
    @instrumented
    def signups(event: object) -> None:
        metrics.count("accepted")
        raise SystemExit(0)

    with pytest.raises(SystemExit):
        signups({})
    assert lines(capsys)[-1]["accepted"] == 1
