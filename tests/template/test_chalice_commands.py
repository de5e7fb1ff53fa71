"""Chalice's own commands in the checkout: each ends with what to use instead, and nothing is done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from local import template
from tests.support.packaging import copy_checkout

pytestmark = pytest.mark.server
CHALICE = str(Path(sys.executable).with_name("chalice"))
COMMANDS = ("local --port 0", "deploy --no-autogen-policy", "package --stage prod made")


@pytest.mark.parametrize(
    "command",
    ["local --port 0", "deploy --no-autogen-policy", "package --stage prod made"],
    ids=lambda text: text.split()[0],
)
def test_chalice_commands_are_refused_with_what_to_use(command: str, tmp_path: Path) -> None:
    """Also where the stage is set already and a region is not; `chalice local` would wait for a change of files."""
    checkout = copy_checkout(tmp_path / "checkout")
    (checkout / "Makefile").write_text((template.ROOT / "Makefile").read_text())
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "RELAIS_STAGE": "prod",
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    before = set(checkout.rglob("*"))
    done = subprocess.run(
        [CHALICE, *command.split()], cwd=checkout, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    # `chalice local` runs the server in a process of its own, and does not pass its exit code on.
    assert done.returncode == (0 if command.startswith("local") else 2), done.stdout + done.stderr
    for said in ("`make run`", "`make package`", "deploy.sh"):
        assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert set(checkout.rglob("*")) == before
