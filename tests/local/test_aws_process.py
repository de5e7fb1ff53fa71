"""The process of the embedded AWS: when it ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.aws import REGION, TestAws
from tests.support.processes import alive
from tests.support.stack import ROOT
from tests.support.waiting import wait_for


@pytest.mark.server
def test_the_server_ends_with_its_parent_process() -> None:
    child = "from local.aws import process\naws = process.start()\nprint(aws.process.pid, flush=True)\ninput()"
    starter = subprocess.Popen(
        [sys.executable, "-c", child], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout
    pid = int(starter.stdout.readline())
    starter.kill()
    starter.wait()
    wait_for(lambda: not alive({pid}))


def test_started_alone_it_runs_until_a_signal(aws_server: TestAws) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "aws", "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    alone = TestAws(process.stdout.readline().strip().removeprefix("aws: "))
    assert "QueueUrl" in alone.sqs.create_queue(QueueName="here")
    assert alone.region == REGION
    process.terminate()
    assert process.wait(5) == 0
    process.stdout.close()
