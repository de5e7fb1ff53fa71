"""The sandbox as a server, its control API, its page and its sample configuration."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from local.sandbox import SAMPLE_ADMIN_KEY, Control, Sandbox, sample_config, start
from local.sandbox.ediware.samples import API_KEY
from local.sandbox.provider import SettingError


def unsubscribe(sandbox: Sandbox, session: requests.Session, address: str) -> None:
    body = {"api_key": API_KEY, "email": address}
    session.post(f"{sandbox.url}/ediware/api_http/unsub_add", json=body, timeout=10).raise_for_status()


def test_connections_are_kept_alive_and_counted(sandbox: Sandbox, control: Control) -> None:
    with requests.Session() as session:
        for n in range(5):
            unsubscribe(sandbox, session, f"a{n}@example.com")
    seen = control.state()["providers"]["ediware"]
    assert (seen["connections"], seen["calls"], seen["rows"]) == (1, {"unsub_add": 5}, {"unsub_add": 5})


def test_concurrent_calls_are_all_recorded(sandbox: Sandbox, control: Control) -> None:
    def some(worker: int) -> None:
        with requests.Session() as session:
            for n in range(20):
                unsubscribe(sandbox, session, f"w{worker}-{n}@example.com")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(some, range(8)))
    seen = control.state()["providers"]["ediware"]
    assert len(seen["accounts"]["paris"]["unsubscribed"]) == 160
    assert seen["connections"] == 8 and seen["most_in_flight"] >= 2


def test_the_journal_shows_calls_without_secrets(sandbox: Sandbox, control: Control) -> None:
    unsubscribe(sandbox, requests.Session(), "a@example.com")
    first = control.calls()[0]
    assert first["params"] == {"api_key": "***", "email": "a@example.com"}
    assert (first["function"], first["account"], first["addresses"]) == ("unsub_add", "paris", ["a@example.com"])
    unsubscribe(sandbox, requests.Session(), "b@example.com")
    assert [call["addresses"] for call in control.calls(after=first["number"])] == [["b@example.com"]]
    control.forget_calls()
    assert control.calls() == [] and control.state()["providers"]["ediware"]["calls"] == {}


def test_reset_restores_the_samples(sandbox: Sandbox, control: Control) -> None:
    before = control.state()["providers"]["ediware"]["accounts"]["paris"]["lists"]
    control.set("ediware", delete_list="4781", api_key="placeholder")
    control.fault("status")
    control.clock(freeze=True)
    control.reset()
    state = control.state()
    assert state["providers"]["ediware"]["accounts"]["paris"]["lists"] == before
    assert state["faults"] == [] and not state["clock"]["frozen"]


def test_accounts_and_lists_can_be_added(sandbox: Sandbox, control: Control) -> None:
    control.set("ediware", add_account={"name": "lyon", "api_key": "placeholder-of-lyon"})
    control.set("ediware", "lyon", add_list={"id": "7", "fields": ["mail"], "field_email": "mail"})
    body = {"api_key": "placeholder-of-lyon"}
    rows = requests.post(f"{sandbox.url}/ediware/api_http/list_list", json=body, timeout=10).json()
    assert [row["id"] for row in rows] == ["7"]


@pytest.mark.parametrize("command", [{"colour": 1}, {"protect_list": "1"}, {"options": {"colour": 1}}])
def test_an_invalid_command_is_rejected_with_a_reason(control: Control, command: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        control.set("ediware", **command)


def test_unknown_paths_are_404(sandbox: Sandbox) -> None:
    for path in ("/nothing", "/ediware/api_http/nothing", "/ediware", "/_control/nothing", "/_control/state/more"):
        assert requests.get(sandbox.url + path, timeout=10).status_code == 404


@pytest.mark.server
def test_stop_frees_the_port_and_ends_every_thread() -> None:
    before = threading.active_count()
    sandbox = start()
    with socket.create_connection(("127.0.0.1", sandbox.port)) as idle:
        requests.get(sandbox.url, timeout=10)
        sandbox.stop()
        idle.settimeout(5)
        assert idle.recv(1) == b""
    again = start(sandbox.port)
    again.stop()
    again.stop()
    deadline = threading.Event()
    for _ in range(100):
        if threading.active_count() <= before:
            break
        deadline.wait(0.05)
    assert threading.active_count() <= before


def test_the_page_shows_the_state_and_no_secret(sandbox: Sandbox, control: Control) -> None:
    unsubscribe(sandbox, requests.Session(), "<left>@example.com")
    control.fault("status", function="list_list")
    answer = requests.get(sandbox.url + "/?refresh=5", timeout=10)
    assert answer.headers["Content-Type"].startswith("text/html")
    for text in (
        "camille@example.com",
        "&lt;left&gt;@example.com",
        "Lettre de novembre",
        "Faults in force",
        "unsub_add",
    ):
        assert text in answer.text
    assert 'http-equiv="refresh"' in answer.text
    for secret in (API_KEY, "placeholder-pass", "<left>"):
        assert secret not in answer.text


def test_the_sample_configuration_names_the_sandbox(sandbox: Sandbox) -> None:
    config = tomllib.loads(sample_config(sandbox.url))
    assert config["accounts"]["paris"]["base_url"] == f"{sandbox.url}/ediware/api_http"
    assert config["accounts"]["paris"]["api_key"] == API_KEY
    link = {"@unsubscribe_url": "lien_desabo"}
    assert config["forms"]["footer"]["fields"] == {"email": "@email", "prenom": "prenom", "nom": "nom"} | link
    assert config["api"]["public_url"] == "http://127.0.0.1:8000"
    assert config["api"]["admin_key"] == SAMPLE_ADMIN_KEY and len(SAMPLE_ADMIN_KEY) >= 32


@pytest.mark.server
def test_it_runs_standalone_until_stopped() -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-m", "local.sandbox"], cwd=root, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        name, url = process.stdout.readline().split()
        assert name == "sandbox:" and requests.get(url, timeout=10).status_code == 200
        process.terminate()
        assert process.wait(5) == 0
