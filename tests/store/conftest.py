"""What is told to the store, and what it tells, must be the same on every DynamoDB."""

from __future__ import annotations

import pytest

from tests.support.aws import TestAws
from tests.support.backends import BACKENDS


@pytest.fixture
def aws(aws_in_process: TestAws) -> TestAws:
    """No test of this folder starts a process that needs AWS."""
    return aws_in_process


@pytest.fixture(params=[BACKENDS[0], pytest.param(BACKENDS[1], marks=pytest.mark.slow)])
def dynamodb(request: pytest.FixtureRequest) -> str | None:
    """Every test of this folder that uses `aws` runs over both."""
    return None if request.param == BACKENDS[0] else request.getfixturevalue("dynamodb_local")
