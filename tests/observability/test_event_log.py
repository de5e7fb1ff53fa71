"""Every event can be followed by its id, and every change of state is counted by account."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.domain.events import Delivery, Event, EventType, Status
from chalicelib.domain.reasons import ReasonCode
from chalicelib.observability import event_log, metrics

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_leftovers(capsys: pytest.CaptureFixture[str]) -> None:
    metrics.flush()
    capsys.readouterr()


def said(capsys: pytest.CaptureFixture[str]) -> tuple[list[dict[str, Any]], dict[tuple[str, str], float]]:
    """The lines of the log, and the counts by account and metric."""
    metrics.flush()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    counts: dict[tuple[str, str], float] = {}
    for line in lines:
        if "message" not in line:
            counts.update({(line["account"], name): value for name, value in line.items() if type(value) is int})
    return [line for line in lines if "message" in line], counts


def event(event_id: str, *accounts: str, refused: str | None = None, code: ReasonCode = ReasonCode.TRAP) -> Event:
    return Event(
        event_id, EventType.UNSUBSCRIBE, "zoe@example.com", accounts, NOW, NOW, refused=refused, refused_code=code
    )


def test_accepted_events_are_counted_per_account_and_logged(capsys: pytest.CaptureFixture[str]) -> None:
    event_log.accepted([event("a", "paris", "lyon"), event("b", "paris"), event("c", "paris", refused="trap")])
    (good, trapped), counts = said(capsys)
    assert (good["message"], good["event_type"], good["event_ids"]) == ("accepted", "unsubscribe", ["a", "b"])
    assert (trapped["event_ids"], trapped["status"], trapped["reason"]) == (["c"], "refused", "trap")
    assert counts == {("paris", "accepted"): 3, ("lyon", "accepted"): 1, ("paris", "refused"): 1}


def test_an_event_that_is_refused_as_invalid_counts_as_unexpected(capsys: pytest.CaptureFixture[str]) -> None:
    event_log.accepted([event("a", "paris", refused="invalid: email", code=ReasonCode.INVALID_MESSAGE)])
    (line,), counts = said(capsys)
    assert line["reason_code"] == "invalid_message"
    assert counts == {("paris", "accepted"): 1, ("paris", "refused"): 1, ("paris", "unexpected_refusals"): 1}


@pytest.mark.parametrize("code", list(ReasonCode))
def test_refusals_are_warnings_and_counted_unless_they_are_expected(
    code: ReasonCode, capsys: pytest.CaptureFixture[str]
) -> None:
    event_log.ended([("a", Delivery("paris", Status.REFUSED, reason="no", reason_code=code))])
    (line,), counts = said(capsys)
    expected = code in {"trap", "spam", "suppressed", "unconfirmed", "quarantined", "discarded"}
    assert (line["level"], line["reason_code"]) == ("INFO" if expected else "WARNING", code)
    assert counts == {("paris", "refused"): 1} | ({} if expected else {("paris", "unexpected_refusals"): 1})


def test_final_deliveries_are_counted_and_logged_by_status(capsys: pytest.CaptureFixture[str]) -> None:
    delivered = Delivery("paris", Status.DELIVERED)
    texts = "no such address zoe@example.com"
    event_log.ended(
        [
            ("a", delivered),
            ("b", delivered),
            ("c", Delivery("paris", Status.REFUSED, reason=texts)),
            ("d", Delivery("lyon", Status.PARKED, reason="down", unknown_outcome=True)),
        ]
    )
    (first, refused, parked), counts = said(capsys)
    assert (first["message"], first["account"], first["event_ids"]) == ("delivered", "paris", ["a", "b"])
    assert "reason" not in first
    assert (refused["message"], refused["event_ids"], refused["level"]) == ("refused", ["c"], "WARNING")
    assert "example.com" not in json.dumps(refused)
    assert (parked["message"], parked["level"], parked["unknown_outcome"]) == ("parked", "WARNING", True)
    refusals = {("paris", "refused"): 1, ("paris", "unexpected_refusals"): 1}
    assert counts == {("paris", "delivered"): 2, ("lyon", "parked"): 1, **refusals}


def test_a_thousand_events_are_a_few_lines_with_every_id(capsys: pytest.CaptureFixture[str]) -> None:
    ids = [f"event-{number}" for number in range(1001)]
    event_log.retry_scheduled("paris", ids, "down", NOW)
    lines, counts = said(capsys)
    assert len(lines) == 5
    assert [event_id for line in lines for event_id in line["event_ids"]] == ids
    assert {(line["message"], line["until"]) for line in lines} == {("delivery retry scheduled", NOW.isoformat())}
    assert counts == {}


def test_no_events_write_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    event_log.accepted([])
    event_log.ended([])
    event_log.retry_scheduled("paris", [], "down", NOW)
    assert said(capsys) == ([], {})
