"""The DynamoDB in memory answers like DynamoDB Local, to fixed programs of requests and to generated ones.

`answers.json` contains the answers of DynamoDB Local; `python -m tests.conformance.record` records it again. Where the
service is known to differ from DynamoDB Local, `tests/local/test_aws_dynamodb.py` shows our answer.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from local.aws.dynamodb import Client
from tests.conformance.generated import calls, numbered
from tests.conformance.play import client_of, play, prepare
from tests.conformance.programs import PROGRAMS
from tests.conformance.record import ANSWERS
from tests.support.aws import TestAws
from tests.support.dynamodb_backends import on_both

ANSWERED: dict[str, list[Any]] = json.loads(ANSWERS.read_text())


@pytest.fixture
def client(aws: TestAws) -> Any:
    """A client of empty tables."""
    found = client_of(aws.dynamodb_endpoint or aws.endpoint, "local")
    prepare(found)
    return found


@on_both
@pytest.mark.parametrize("name", PROGRAMS)
def test_answers_over_http(client: Any, name: str) -> None:
    assert_same(play(client, PROGRAMS[name]), name)


@pytest.mark.parametrize("name", PROGRAMS)
def test_answers_in_this_process(name: str) -> None:
    client = Client()
    prepare(client)
    assert_same(play(client, PROGRAMS[name]), name)


def assert_same(answers: list[Any], name: str) -> None:
    assert len(answers) == len(ANSWERED[name])
    for call, one, other in zip(PROGRAMS[name], answers, ANSWERED[name], strict=True):
        assert one == other, f"to {str(call)[:500]}"


@pytest.mark.slow
@pytest.mark.server
def test_generated_programs_are_answered_alike(dynamodb_local: str) -> None:
    there, here = client_of(dynamodb_local, "generated"), Client()
    prepare(there)
    prepare(here)
    number = 0

    @settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)
    @given(st.lists(calls(), min_size=5, max_size=25))
    def compare(program: list[Any]) -> None:
        nonlocal number
        number += 1
        own = numbered(program, number)
        for call, one, other in zip(own, play(here, own), play(there, own), strict=True):
            assert one == other, f"to {call}"

    compare()
