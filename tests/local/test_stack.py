"""The running stack: its output, its errors, and that none of its processes outlives it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest

from local.options import StartFailed, read_options
from local.running_stacks import FOLDER, NoStack, StackState, find
from local.stack import Stack
from tests.support.aws import TestAws
from tests.support.processes import alive, descendants
from tests.support.stack import ROOT, RunningStack, StackNotStarted, StackStarter, starting_stacks
from tests.support.waiting import wait_for

CONFIG = """
[accounts.paris]
provider = "ediware"
api_key = "placeholder-key"
base_url = "http://127.0.0.1:9/ediware/api_http"
[privacy]
address_keys = ["placeholder-address-key-0123456789abcdef"]
"""


class FirstHealth(threading.Thread):
    """Asks a port's `/healthz` from before the start, and looks for the stack as soon as it answers 200."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = str(free.getsockname()[1])
        self.found: StackState | None = None

    def run(self) -> None:
        wait_for(self._is_healthy, 60.0, every_seconds=0.05)
        with suppress(NoStack):
            self.found = find({"PORT": self.port})

    def _is_healthy(self) -> bool:
        url = f"http://127.0.0.1:{self.port}/healthz"
        with suppress(OSError), build_opener(ProxyHandler({})).open(url, timeout=10):
            return True
        return False


@pytest.fixture(scope="module")
def first_health() -> FirstHealth:
    return FirstHealth()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, first_health: FirstHealth) -> Iterator[RunningStack]:
    """One stack for what does not stop it, started by a developer whose own settings lead to another AWS."""
    folder = tmp_path_factory.mktemp("stack")
    settings = folder / "config"
    settings.write_text("[default]\nregion = us-west-2\nignore_configured_endpoint_urls = true\n")
    own = {"AWS_CONFIG_FILE": str(settings), "AWS_PROFILE": "missing", "HTTP_PROXY": "http://127.0.0.1:9"}
    first_health.start()
    with starting_stacks(folder) as start:
        yield start(env=own | {"PORT": first_health.port})


def test_prints_its_addresses_once_ready(stack: RunningStack) -> None:
    assert list(stack.lines) == ["version", "configuration", "http", "aws", "sandbox", "dashboard", "admin key"]
    assert stack.lines["dashboard"] == f"{stack.http}/dashboard"
    assert len(stack.lines["admin key"]) >= 32
    assert stack.request("GET", "/healthz").status == 200
    assert stack.aws.dynamodb.list_tables()["TableNames"] == ["relais-local-ledger", "relais-local-stats"]


def test_healthz_answers_200_once_invoke_finds_the_stack(stack: RunningStack, first_health: FirstHealth) -> None:
    first_health.join()
    assert first_health.found is not None
    assert first_health.found.http == stack.http


def test_says_after_the_start_that_its_accounts_are_in_order(stack: RunningStack) -> None:
    wait_for(lambda: "\ncheck: every account, form and source is in order" in f"\n{stack.logs}")


def test_aws_settings_of_the_developer_are_ignored(stack: RunningStack) -> None:
    assert stack.invoke("sweep") == (0, {"enqueued": 0})


def test_runs_from_another_folder(stack: RunningStack, tmp_path: Path) -> None:
    done = subprocess.run(
        ["python3", "-m", "local", "invoke", "sweep"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PORT": stack.port},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, '{"enqueued": 0}\n')


def test_reports_every_error_of_a_wrong_configuration(start_stack: StackStarter) -> None:
    with pytest.raises(StackNotStarted) as refused:
        start_stack(CONFIG.replace('provider = "ediware"', 'provider = "ediwear"').replace("[privacy]", "[privacies]"))
    assert refused.value.code == 1
    assert "ediwear" in refused.value.errors
    assert "privacies" in refused.value.errors
    assert "Traceback" not in refused.value.errors


@pytest.mark.server
@pytest.mark.parametrize("name", ["PORT", "AWS_PORT", "SANDBOX_PORT"])
def test_names_a_port_that_is_in_use(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, ExitStack() as started:
        port = str(taken.getsockname()[1])
        environ = {"PORT": "0", "AWS_PORT": "0", "SANDBOX_PORT": "0", name: port}
        stack = Stack(read_options(environ), environ)
        started.callback(stack.stop)
        with pytest.raises(StartFailed) as refused:
            stack.start(threading.Event())
    assert re.search(rf"{port}.*{name}|{name}.*{port}", str(refused.value))
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("host", ["192.0.2.1", "203.0.113.7"])
def test_names_a_host_that_is_not_this_machine(host: str) -> None:
    with pytest.raises(StartFailed, match=f"^HOST is '{host}': it must be an address of this machine"):
        Stack(read_options({"HOST": host, "PORT": "0"}), {}).start(threading.Event())


def test_names_an_invalid_port() -> None:
    with pytest.raises(StartFailed, match="PORT is 'http'"):
        read_options({"PORT": "http"})


@pytest.mark.parametrize("port", ["²", "٣", "+80", "8_000", "0x50", "65536", "99999999999", "-2", " 80"])
def test_hostile_case_10_a_port_that_is_none_is_refused_in_one_line(port: str) -> None:
    for name in ("PORT", "AWS_PORT", "SANDBOX_PORT"):
        with pytest.raises(StartFailed, match=f"{name} is .*: it must be a port number"):
            read_options({name: port})


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "127.0.0.1:4566",
        "http://",
        "ftp://127.0.0.1",
        "http://h:port",
        "http://[::1",
        "http://h:0",
        "http://a b",
    ],
)
def test_hostile_case_18_an_endpoint_that_is_no_url_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(StartFailed, match=r"AWS_ENDPOINT_URL is .*: it must be a URL"):
        read_options({"AWS_ENDPOINT_URL": url})


def test_a_signal_stops_everything_within_five_seconds(start_stack: StackStarter) -> None:
    stack = start_stack()
    stack.invoke("sweep")
    check_that_it_stops(stack, signal.SIGTERM)
    assert _refused(stack.sandbox)


def test_nothing_outlives_a_sigkill(start_stack: StackStarter) -> None:
    stack = start_stack()
    below = descendants(stack.process.pid)
    assert len(below) >= 3
    stack.stop(signal.SIGKILL)
    wait_for(lambda: not alive(below))


def test_workers_restart_over_the_same_aws(start_stack: StackStarter, aws: TestAws) -> None:
    environ = {"AWS_ENDPOINT_URL": aws.endpoint}
    first = start_stack(CONFIG, env=environ)
    assert list(first.lines) == ["version", "configuration", "http", "aws", "dashboard"], "no sandbox unless asked for"
    assert first.lines["aws"] == aws.endpoint
    kept = {"pk": {"S": "kept"}, "sk": {"S": "kept"}}
    first.aws.dynamodb.put_item(TableName="relais-local-ledger", Item=kept)
    first.stop(signal.SIGKILL)
    second = start_stack(CONFIG, env=environ)
    said = (
        "check: account paris: Ediware / MDWorks does not answer as it should: no connection to the provider (refused)"
    )
    wait_for(lambda: said in second.logs)
    assert second.aws.dynamodb.get_item(TableName="relais-local-ledger", Key=kept)["Item"] == kept
    check_that_it_stops(second, signal.SIGINT)


def check_that_it_stops(stack: RunningStack, number: signal.Signals) -> None:
    """Within five seconds of a signal, without remaining processes or files."""
    below = descendants(stack.process.pid)
    known = FOLDER / f"{stack.port}.json"
    assert below
    assert known.exists()
    began = time.monotonic()
    assert stack.stop(number) == 0
    assert time.monotonic() - began < 5
    wait_for(lambda: not alive(below), 5)
    assert not known.exists()
    assert _refused(stack.http)


def _refused(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) != 0
