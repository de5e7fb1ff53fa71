"""The product over an AWS in the test's own process."""

from __future__ import annotations

import pytest

from tests.support.aws import TestAws


@pytest.fixture
def aws(aws_in_process: TestAws) -> TestAws:
    """No test of this folder starts a process that needs AWS."""
    return aws_in_process
