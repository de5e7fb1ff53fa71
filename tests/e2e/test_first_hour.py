"""The first hour of a newcomer, as written: a clone, `make run`, a form of one's own, a restart over kept storage.

Everything runs in a clone of this checkout, by the commands of README.md and docs/first-form.md, with other ports.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from local.sandbox import SAMPLE_FILE, Control
from tests.e2e.test_first_form import SECTIONS
from tests.support.documents import ROOT, Documented
from tests.support.required_tools import need
from tests.support.waiting import wait_for

FIRST_FORM = "docs/first-form.md"
LOCAL_ONLY = (".git", ".venv", ".local", "out", "my.toml", "relais.toml", "__pycache__", ".*_cache", ".hypothesis")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.rehearsal,
    pytest.mark.server,
    pytest.mark.no_cover,
    pytest.mark.timeout(300),
]


def free_ports(count: int) -> list[int]:
    """Return ports of this machine that nobody has."""
    with ExitStack() as held:
        return [held.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(count)]


@dataclass
class Newcomer:
    """A folder, ports of one's own, and what runs in the foreground of some shells."""

    folder: Path
    ports: dict[str, str]

    def own(self, text: str) -> str:
        """Return a command or a page with these ports."""
        for port, own in self.ports.items():
            text = re.sub(rf"\b{port}\b", own, text)
        return text

    @property
    def environ(self) -> dict[str, str]:
        """Of the shells: nothing of this test's own Python and AWS."""
        bare = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RELAIS_", "MAKE"))}
        ports = {"PORT": self.ports["8000"], "AWS_PORT": self.ports["4566"], "SANDBOX_PORT": self.ports["8025"]}
        return {**bare, **ports, "PYTHON313": "no"}

    def run(self, command: str) -> str:
        """Run a command that ends well, and return what it prints."""
        done = subprocess.run(
            ["bash", "-euc", self.own(command)],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    @contextmanager
    def foreground(self, command: str, name: str) -> Iterator[Path]:
        """Run a command in the foreground of a shell until Ctrl-C, and give the file of what it prints."""
        said = self.folder.parent / f"{name}.log"
        with said.open("w") as output:
            running = subprocess.Popen(
                ["env", "--default-signal=INT", "bash", "-euc", self.own(command)],
                cwd=self.folder,
                env=self.environ,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield said
        finally:
            os.killpg(running.pid, signal.SIGINT)
            try:
                running.wait(20)
            finally:
                if running.poll() is None:
                    os.killpg(running.pid, signal.SIGKILL)

    def request(self, path: str, data: dict[str, str] | None = None, **headers: str) -> Any:
        """Send a request to Relais; returns the JSON of its answer."""
        body = urlencode(data).encode() if data else None
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports['8000']}{path}", body, headers)
        with urllib.request.urlopen(request, timeout=35) as answer:
            return json.load(answer)

    def is_ready(self) -> bool:
        """Whether Relais answers."""
        try:
            return bool(self.request("/healthz")["status"] == "ok")
        except (urllib.error.URLError, ConnectionError):
            return False

    def rows(self, list_id: str) -> list[dict[str, Any]]:
        """The people on a list of the simulated Ediware."""
        state = Control(f"http://127.0.0.1:{self.ports['8025']}").state()
        found: list[dict[str, Any]] = state["providers"]["ediware"]["accounts"]["paris"]["lists"][list_id]["rows"]
        return found


def published(folder: Path) -> Path:
    """Return a repository of this checkout's files, as others would clone it."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LOCAL_ONLY))
    author = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    for step in (["init", "-q"], ["add", "-A"], [*author, "commit", "-q", "-m", "as it is"]):
        subprocess.run(["git", *step], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def newcomer(tmp_path: Path) -> Newcomer:
    """Somebody with an empty folder."""
    for tool in ("git", "make", "bash", "curl"):
        need(tool, "a newcomer's first hour")
    names = ("8000", "8025", "4566", "5500")
    return Newcomer(tmp_path, dict(zip(names, map(str, free_ports(len(names))), strict=True)))


def cloned(newcomer: Newcomer, clone: str) -> None:
    """Clone, and go into the clone; the packages are those of this checkout."""
    origin = published(newcomer.folder / "origin")
    newcomer.run(clone.replace("URL-of-this-repository", str(origin)))
    newcomer.folder /= "relais"
    for name in (".venv", ".local"):
        (newcomer.folder / name).symlink_to(ROOT / name)


def first_line(block: str, command: str) -> tuple[str, Sequence[str]]:
    """Split a block into its first line, which has to begin with `command`, and the others, without comments."""
    first, *others = (line.partition("  #")[0].strip() for line in block.strip().splitlines())
    assert first.startswith(command), block
    return first, others


def test_a_form_of_ones_own_in_fifteen_minutes(newcomer: Newcomer, documented: Documented) -> None:
    clone, (run,) = first_line(documented.block(FIRST_FORM, "1. Start the sample world"), "git clone")
    cloned(newcomer, clone)
    copy, start = documented.blocks(FIRST_FORM, "2. A configuration of your own")
    assert documented.block("docs/configuration.md", "Trying it on your own machine") == copy + start
    [serve] = documented.blocks(FIRST_FORM, "3. The page")
    look, storage, start_over_it, resend = documented.blocks(
        FIRST_FORM, "5. When the person does not appear on the list"
    )
    sample_world_starts(newcomer, run, documented)

    newcomer.run(copy)
    mine = newcomer.folder / "my.toml"
    text = mine.read_text(encoding="utf-8")
    assert text == SAMPLE_FILE.read_text(encoding="utf-8")
    form, schema = documented.codes(FIRST_FORM, "2. A configuration of your own", "toml")
    changed = re.sub(SECTIONS, f"{newcomer.own(form)}\n", text, flags=re.DOTALL | re.MULTILINE)
    mine.write_text(schema + changed, encoding="utf-8")
    page = newcomer.folder / "page" / "index.html"
    page.parent.mkdir()
    page.write_text(newcomer.own(documented.code(FIRST_FORM, "3. The page", "html")), encoding="utf-8")

    with newcomer.foreground(start, "own-form") as said, newcomer.foreground(serve, "page"):
        wait_for(newcomer.is_ready, 60)
        wait_for(lambda: re.search("^check: ", said.read_text(), re.MULTILINE), 30)
        assert "configuration: my.toml" in said.read_text()
        sign_up(newcomer, "zoe@example.com")
        wait_for(lambda: "zoe@example.com" in [row["EMAIL"] for row in newcomer.rows("4782")], 30)
        report, events = newcomer.run(look.replace("curl ", "curl -s ")).strip().splitlines()
        assert json.loads(report)["accepted"] == 1
        assert json.loads(events)["events"] == []

    refused_signups_outlive_a_restart(newcomer, (storage, start_over_it, resend))


def sample_world_starts(newcomer: Newcomer, run: str, documented: Documented) -> None:
    shown = documented.code(FIRST_FORM, "1. Start the sample world", "text")
    with newcomer.foreground(run, "sample-world") as said:
        wait_for(newcomer.is_ready, 60)
        wait_for(lambda: set(newcomer.own(shown).splitlines()) <= set(said.read_text().splitlines()), 10)


def sign_up(newcomer: Newcomer, email: str) -> str:
    """Send the guide's page, as a browser does that has opened it at the guide's address."""
    site = f"http://localhost:{newcomer.ports['5500']}"
    with urllib.request.urlopen(site, timeout=10) as answer:
        page = answer.read().decode()
    [action] = re.findall(r'action="([^"]+)"', page)
    path = action.removeprefix(f"http://127.0.0.1:{newcomer.ports['8000']}")
    fields = {"courriel": email, "prenom": "Zoé", "postcode": "1000", "website": ""}
    return str(newcomer.request(path, fields, origin=site)["id"])


def refused_signups_outlive_a_restart(newcomer: Newcomer, commands: tuple[str, str, str]) -> None:
    """What was refused is there after a restart over the same storage, and is sent again."""
    storage, start, resend = commands
    admin = {"authorization": "Bearer sample-admin-key-only-for-this-machine-0000"}

    def status(event: str) -> Callable[[], str]:
        return lambda: str(newcomer.request(f"/events/{event}", **admin)["status"])

    page = "python3 -m http.server 5500 -d page"
    with newcomer.foreground(storage, "storage") as said, newcomer.foreground(page, "page"):
        wait_for(lambda: "aws: " in said.read_text(), 60)
        with newcomer.foreground(start, "before"):
            wait_for(newcomer.is_ready, 60)
            Control(f"http://127.0.0.1:{newcomer.ports['8025']}").fault("refuse_rows", contains="mistake")
            event = sign_up(newcomer, "mistake@example.com")
            wait_for(lambda: status(event)() == "refused", 60)
        with newcomer.foreground(start, "after"):
            wait_for(newcomer.is_ready, 60)
            assert status(event)() == "refused"
            assert json.loads(newcomer.run(resend)) == {"resent": 1}
            wait_for(lambda: status(event)() == "delivered", 60)


def test_a_clone_runs_and_its_files_are_as_its_commands_make_them(newcomer: Newcomer, documented: Documented) -> None:
    """`make run` of the README in a fresh clone; then what writes files, which changes nothing in a clean clone."""
    clone, (run,) = first_line(documented.block("README.md", "Two commands"), "git clone")
    cloned(newcomer, clone)
    with newcomer.foreground(run, "run"):
        wait_for(newcomer.is_ready, 60)
    other = documented.command("PORT=8001 make run")
    newcomer.ports["8001"] = newcomer.ports["8000"] = str(free_ports(1)[0])
    with newcomer.foreground(other, "other-port"):
        wait_for(newcomer.is_ready, 60)
    for command in (
        "make format",
        "make imports",
        ".venv/bin/python -m local.price",
        ".venv/bin/python -m local.provider_docs",
        ".venv/bin/python -m local.schemas",
        "make test PYTEST_ARGS=tests/delivery/test_order.py",
        "make test-slow PYTEST_ARGS=tests/delivery/test_signups.py",
    ):
        newcomer.run(documented.command(command))
    changed = "git status --porcelain -- . ':!.venv' ':!.local'"
    assert newcomer.run(changed) == ""
    newcomer.run(documented.command(".venv/bin/python -m tests.ledger.stored_world"))
    assert re.fullmatch(r" M tests/ledger/stored_items/[\d.]+\.json\n|", newcomer.run(changed))
