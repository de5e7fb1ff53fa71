"""Lambda's own runtime client in a folder by itself, so that a function finds nothing beside it but its own zip."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from local.template import ROOT, exclusive_lock

PINS = Path(__file__).with_name("runtime-client.txt")


class ClientUnavailable(Exception):
    """The runtime client cannot be had here; the text says why."""


def client_folder(python: str = sys.executable) -> Path:
    """Returns where the client for that Python is, kept under `.local/` while its pins do not change.

    Raises ClientUnavailable without a way to the package index, and where no wheel fits this machine.
    """
    show = "import sys; print('{}.{}'.format(*sys.version_info))"
    version = subprocess.run([python, "-c", show], capture_output=True, text=True, check=True).stdout.strip()
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
    if is_unreachable(done.stderr):
        raise ClientUnavailable("the package index cannot be reached")
    if "No matching distribution found" in done.stderr:
        raise ClientUnavailable("awslambdaric has no wheel for this machine and Python")
    raise RuntimeError(done.stderr)


def is_unreachable(said: str) -> bool:
    """Returns whether pip failed because there is no way to the index."""
    return any(sign in said for sign in ("NewConnectionError", "ConnectTimeout", "NameResolutionError"))


def isolated(*args: str, python: str = sys.executable) -> list[str]:
    """Returns the command of a Python without installed packages: those of the virtual environment are not found."""
    return [python, "-S", "-B", *args]


def clean_environ(root: Path, *others: Path) -> dict[str, str]:
    """Returns an environment in which Python imports from the task root first, as Lambda's does, then from `others`."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "LAMBDA_TASK_ROOT": str(root),
        "PYTHONPATH": ":".join(map(str, (root, *others))),
    }


def function_environ(name: str, handler: str, memory_mb: int) -> Mapping[str, str]:
    """Returns the variables that Lambda sets for a function."""
    return {
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "_HANDLER": handler,
    }
