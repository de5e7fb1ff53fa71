"""Lambda's runtime client in a folder of its own, so that a function finds nothing beside it but its own zip.

It is the one for the Python that runs the zip: Lambda's, where this machine has it.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.template import RUNTIME_PYTHON, exclusive_lock
from tests.support.packaging import lambdas_python, unreachable
from tests.support.stack import ROOT

PINS = Path(__file__).with_name("requirements.txt")


def folder() -> Path:
    """Where the client is, kept under `.local/` while its pins do not change; skips where it cannot be had."""
    version = RUNTIME_PYTHON if lambdas_python() else f"{sys.version_info.major}.{sys.version_info.minor}"
    kept = ROOT / ".local" / "lambda-client" / f"{version}-{hashlib.sha256(PINS.read_bytes()).hexdigest()[:16]}"
    with exclusive_lock(kept.parent.with_suffix(".lock")):
        if not kept.is_dir():
            half_done = kept.with_suffix(".half-done")
            shutil.rmtree(half_done, ignore_errors=True)
            _install(half_done, version)
            half_done.replace(kept)
    return kept


def _install(target: Path, version: str) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check"]
    command += ["--only-binary=:all:", "--no-deps", "--requirement", str(PINS), "--target", str(target)]
    command += ["--implementation", "cp", "--python-version", version]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    shutil.rmtree(target, ignore_errors=True)
    if unreachable(done.stderr):
        pytest.skip("the package index cannot be reached")
    if "No matching distribution found" in done.stderr:
        pytest.skip("awslambdaric has no wheel for this machine and Python")
    raise AssertionError(done.stderr)
