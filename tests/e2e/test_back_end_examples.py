"""Runs the examples of docs/back-ends.md as written."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from local.sandbox import SAMPLE_WEBHOOK_SECRET
from tests.e2e.world import Ediware, event
from tests.support.required_tools import need
from tests.support.stack import ROOT, RunningStack
from tests.support.waiting import wait_for

GUIDE = (ROOT / "docs" / "back-ends.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)


def example(language: str, holding: str) -> str:
    """The only block of `language` that contains `holding`."""
    [found] = [code for name, code in BLOCKS if name == language and holding in code]
    return found


def run(stack: RunningStack, folder: Path, program: str, code: str) -> str:
    """What the example prints."""
    path = folder / "example"
    path.write_text(code, encoding="utf-8")
    given = {"RELAIS_URL": stack.http, "RELAIS_SECRET": SAMPLE_WEBHOOK_SECRET, "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [program, str(path)],
        env=given | stack.aws.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.mark.parametrize(
    ("language", "program", "address"),
    [
        ("python", sys.executable, "python@example.com"),
        ("php", "php", "php@example.com"),
        ("javascript", "node", "node@example.com"),
        ("sh", "sh", "curl@example.com"),
    ],
)
def test_a_signed_request(stack: RunningStack, tmp_path: Path, language: str, program: str, address: str) -> None:
    needed = [program, "curl", "openssl"] if language == "sh" else [program]
    for one in needed:
        need(one, f"the example in {language}")
    answer = json.loads(run(stack, tmp_path, program, example(language, address)))
    assert (answer["accepted"], answer["rejected"]) == (1, [])
    wait_for(lambda: event(stack, answer["events"][0]["id"])["status"] == "delivered")
    assert Ediware(stack.sandbox).emails()[address] == 1


def test_boto3(stack: RunningStack, tmp_path: Path) -> None:
    run(stack, tmp_path, sys.executable, example("python", "boto3.client"))
    wait_for(lambda: Ediware(stack.sandbox).emails()["boto3-two@example.com"] == 1)
    wait_for(lambda: event(stack, "customer-17-newsletter")["status"] == "delivered")


def test_the_aws_command_line(stack: RunningStack, tmp_path: Path) -> None:
    need("aws", "the example of the AWS command line")
    assert "MessageId" in json.loads(run(stack, tmp_path, "sh", example("sh", "send-message")))
    wait_for(lambda: "cli@example.com" in Ediware(stack.sandbox).unsubscribed())
    assert event(stack, "customer-19-left")["type"] == "unsubscribe"


def test_the_sample_secret_is_the_one_the_guide_names() -> None:
    assert f"RELAIS_SECRET={SAMPLE_WEBHOOK_SECRET}\n" in GUIDE
