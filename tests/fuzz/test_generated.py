"""Requests that schemathesis generates from `/openapi.json` are answered by the running stack as the document says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.generated import LEFT_OUT, Outcome, run
from tests.support.stack import MovableStack

pytestmark = pytest.mark.no_cover


def test_what_is_left_out_is_documented() -> None:
    document = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()
    rows = "\n".join(f"| {check} | {reason} |" for check, reason in LEFT_OUT.items())
    assert rows in document


def sent(stack: MovableStack, phases: tuple[str, ...], examples: int, **only: Any) -> Outcome:
    outcome = run(stack.http, stack.now, stack.request("GET", "/openapi.json").json, phases, examples, **only)
    outcome.require_none()
    return outcome


def test_some_requests_to_every_operation_are_answered_as_described(world: MovableStack) -> None:
    outcome = sent(world, ("examples", "fuzzing", "stateful"), 1, method=["GET", "POST"])
    assert outcome.cases > 80
    reached = {(method, path) for path, method, status in outcome.statuses if status < 400}
    assert {("POST", "/events"), ("GET", "/events/{id}"), ("POST", "/forms/{form}/signup")} <= reached


@pytest.mark.slow
def test_requests_at_the_ends_of_every_schema_are_answered_as_described(world: MovableStack) -> None:
    # HEAD is answered by what answers GET; it is asked in the rehearsal.
    assert sent(world, ("coverage",), 1, method=["GET", "POST", "OPTIONS"]).cases > 1000


@pytest.mark.slow
def test_drawn_requests_and_sequences_are_answered_as_described(world: MovableStack) -> None:
    outcome = sent(world, ("fuzzing", "stateful"), 8, method=["GET", "POST"])
    assert outcome.cases > 250
    assert outcome.statuses["/events/{id}", "GET", 200], "a link leads from an accepted event to its status"


@pytest.mark.slow
@pytest.mark.rehearsal
@pytest.mark.timeout(3600)
def test_a_great_many_requests_are_answered_as_described(world: MovableStack) -> None:
    assert sent(world, ("coverage", "fuzzing", "stateful"), 100).cases > 8_000
    # Without a name of the world: what is outside of the document as it is served is refused, too.
    assert sent(world, ("fuzzing", "stateful"), 30, any_names=True, method=["GET", "POST"]).cases > 1_000
