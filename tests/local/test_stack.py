"""The running stack: what it prints, what it refuses, and that nothing of it outlives its end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from local.state import FOLDER
from tests.support.aws import TestAws
from tests.support.processes import alive, descendants
from tests.support.stack import ROOT, RunningStack, StackNotStarted, StackStarter
from tests.support.waiting import wait_for

CONFIG = """
[accounts.paris]
provider = "ediware"
api_key = "placeholder-key"
base_url = "http://127.0.0.1:9/ediware/api_http"
[privacy]
address_keys = ["placeholder-address-key-0123456789abcdef"]
"""


def test_prints_where_everything_is_once_it_is_ready(stack: RunningStack) -> None:
    assert list(stack.lines) == ["http", "aws", "sandbox", "dashboard", "admin key"]
    assert stack.lines["dashboard"] == f"{stack.http}/dashboard"
    assert len(stack.lines["admin key"]) >= 32
    assert stack.request("GET", "/healthz").status == 200
    assert stack.aws.dynamodb.list_tables()["TableNames"] == ["relais-local-ledger", "relais-local-stats"]


def test_starts_no_sandbox_with_a_configuration(start_stack: StackStarter) -> None:
    stack = start_stack(CONFIG)
    assert list(stack.lines) == ["http", "aws", "dashboard"]


def test_says_every_mistake_of_a_wrong_configuration(start_stack: StackStarter) -> None:
    with pytest.raises(StackNotStarted) as refused:
        start_stack(CONFIG.replace('provider = "ediware"', 'provider = "ediwear"').replace("[privacy]", "[privacies]"))
    assert refused.value.code == 1
    assert "ediwear" in refused.value.errors
    assert "privacies" in refused.value.errors
    assert "Traceback" not in refused.value.errors


@pytest.mark.parametrize("name", ["PORT", "AWS_PORT", "SANDBOX_PORT"])
def test_names_a_port_that_is_in_use(start_stack: StackStarter, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(StackNotStarted) as refused:
            start_stack(env={name: port})
    assert refused.value.code == 1
    assert re.search(rf"{port}.*{name}|{name}.*{port}", refused.value.errors)
    assert len(refused.value.errors.strip().splitlines()) == 1


def test_names_a_port_that_is_none(start_stack: StackStarter) -> None:
    with pytest.raises(StackNotStarted, match="PORT is 'http'"):
        start_stack(env={"PORT": "http"})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_within_five_seconds(start_stack: StackStarter, number: signal.Signals) -> None:
    stack = start_stack()
    stack.invoke("sweep")
    below = descendants(stack.process.pid)
    known = FOLDER / f"{stack.port}.json"
    assert len(below) >= 3
    assert known.exists()
    began = time.monotonic()
    assert stack.stop(number) == 0
    assert time.monotonic() - began < 5
    wait_for(lambda: not alive(below), 1)
    assert not known.exists()
    assert _refused(stack.http)
    assert _refused(stack.sandbox)


def test_nothing_outlives_a_sigkill(start_stack: StackStarter) -> None:
    stack = start_stack()
    stack.request("GET", "/healthz")
    below = descendants(stack.process.pid)
    stack.stop(signal.SIGKILL)
    wait_for(lambda: not alive(below), 5)


def test_workers_come_and_go_over_the_same_aws(start_stack: StackStarter, aws: TestAws) -> None:
    environ = {"AWS_ENDPOINT_URL": aws.endpoint}
    first = start_stack(CONFIG, env=environ)
    assert first.lines["aws"] == aws.endpoint
    kept = {"pk": {"S": "kept"}, "sk": {"S": "kept"}}
    first.aws.dynamodb.put_item(TableName="relais-local-ledger", Item=kept)
    first.stop(signal.SIGKILL)
    second = start_stack(CONFIG, env=environ)
    assert second.aws.dynamodb.get_item(TableName="relais-local-ledger", Key=kept)["Item"] == kept


def test_a_developers_own_aws_settings_do_not_matter(start_stack: StackStarter, tmp_path: Path) -> None:
    settings = tmp_path / "config"
    settings.write_text("[default]\nregion = us-west-2\nignore_configured_endpoint_urls = true\n")
    stack = start_stack(
        env={"AWS_CONFIG_FILE": str(settings), "AWS_PROFILE": "missing", "HTTP_PROXY": "http://127.0.0.1:9"}
    )
    assert stack.invoke("sweep") == (0, {"rung": 0})


def test_it_starts_a_second_time(start_stack: StackStarter) -> None:
    start_stack().stop()
    assert start_stack().invoke("sweep") == (0, {"rung": 0})


def test_runs_from_another_folder(stack: RunningStack, tmp_path: Path) -> None:
    done = subprocess.run(
        ["python3", "-m", "local", "invoke", "sweep"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PORT": stack.port},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, '{"rung": 0}\n')


def _refused(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) != 0
