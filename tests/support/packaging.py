"""A deployment package for tests, made once for the same content, with a configuration under which it can be run."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from local import deployment_zip, package, runtime_python, template
from local.lambdas.runtime_client import is_unreachable
from local.runtime_python import RuntimePython
from local.sandbox import Sandbox, sample_config
from local.template import exclusive_lock
from local.template_reader import Description, describe
from tests.support.aws import REGION

SECRET = "relais/local/paris"
KEY_OF_PARIS = "secret:relais/{stage}/paris#api_key"
_NOWHERE = "http://127.0.0.1:9"
"""Placeholder in the packaged configuration for the URL of a sandbox."""
_IMPORT_ALL = """
import app, importlib, pkgutil, boto3, chalicelib
for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
    importlib.import_module(module.name)
"""


@dataclass(frozen=True)
class Packaged:
    """What `package` made of a copy of the checkout with stray files in it.

    `unpacked` is the zip's content, in which the accounts are those of `sandbox`.
    """

    checkout: Path
    configuration: Path
    out: Path
    unpacked: Path
    said: str
    sandbox: Sandbox
    api_key: str
    """The value of the secret that the configuration refers to."""

    @property
    def description(self) -> Description:
        """What the template beside the zip describes."""
        return describe(json.loads((self.out / "sam.json").read_text()), REGION)

    @property
    def megabytes(self) -> float:
        """The zip's size."""
        return (self.out / "deployment.zip").stat().st_size / 1e6


@functools.cache
def lambdas_python() -> RuntimePython | None:
    """Return the Python that runs the zip in these tests, where this machine has one of Lambda's version."""
    return runtime_python.find()


def interpreter() -> str:
    """Lambda's Python, or the one of the tests where there is none."""
    found = lambdas_python()
    return str(found.path) if found else sys.executable


def make(folder: Path, sandbox: Sandbox) -> Packaged:
    """Return this checkout's package, and in `folder` its content with `sandbox` in its configuration.

    Skips where no wheels can be had.
    """
    fetch_wheels()
    built = _built()
    configuration = built / "mine.toml"
    text = configuration.read_text()
    unpacked = folder / "unpacked"
    shutil.copytree(built / "unpacked", unpacked, copy_function=_link)
    shipped = unpacked / "chalicelib" / "relais.toml"
    shipped.unlink()  # the file itself is others' as well
    shipped.write_text(text.replace(_NOWHERE, sandbox.url))
    said, api_key = (built / "said").read_text(), (built / "api_key").read_text()
    return Packaged(built, configuration, built / "out" / "latest", unpacked, said, sandbox, api_key)


def _built() -> Path:
    """Return a copy of the checkout, packaged and unpacked: made once for the same content, for all test processes."""
    home = template.ROOT / ".local" / "packaged"
    kept = home / _fingerprint()
    with exclusive_lock(home.with_suffix(".lock")):
        if not kept.is_dir():
            shutil.rmtree(home, ignore_errors=True)
            half_done = kept.with_suffix(".half-done")
            half_done.mkdir(parents=True)
            _build(half_done)
            half_done.replace(kept)
    return kept


def _fingerprint() -> str:
    """Return a digest of all that the package is made from, and made by."""
    digest = hashlib.sha256()
    made_by = [Path(module.__file__ or "") for module in (package, template, deployment_zip, runtime_python)]
    root = template.ROOT
    product = [
        root / "app.py",
        *sorted((root / "chalicelib").rglob("*.*")),
        *sorted((root / ".chalice").glob("*.json")),
    ]
    pins = [root / name for name in ("requirements.txt", "constraints.txt")]
    made_by.append(made_by[0].with_name("deploy.sh"))
    for source in (*made_by, *product, *pins, Path(__file__)):
        if source.is_file() and "__pycache__" not in source.parts:
            digest.update(f"{source.name}\0{source.stat().st_size}\0".encode())
            digest.update(source.read_bytes())
    digest.update(f"{sys.version}\0{lambdas_python()}\0{sample_config(_NOWHERE)}".encode())
    return digest.hexdigest()[:16]


def _build(checkout: Path) -> None:
    copy_checkout(checkout)
    (checkout / ".local").symlink_to(template.ROOT / ".local")  # the wheels are kept there
    for stray in (".env", "notes.csv", "web/page.html.orig"):
        (checkout / "chalicelib" / stray).write_text("left lying about")
    (checkout / "chalicelib" / "relais.toml").write_text("another configuration")
    (checkout / "app.py").chmod(0o600)
    configuration = checkout / "mine.toml"
    text, api_key = _configured(sample_config(_NOWHERE))
    configuration.write_text(text)
    with contextlib.redirect_stderr(io.StringIO()) as said:
        package.package("local", configuration, checkout / "out", checkout)
    (checkout / "said").write_text(said.getvalue())
    (checkout / "api_key").write_text(api_key)
    unpacked = checkout / "unpacked"
    with zipfile.ZipFile(checkout / "out" / "latest" / "deployment.zip") as made:
        made.extractall(unpacked)
    if lambdas_python() is None:  # the zip has no bytecode: compile once, so that later imports find it compiled
        subprocess.run([sys.executable, "-S", "-c", _IMPORT_ALL], cwd=unpacked, env={"PYTHONPATH": "."}, check=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # on another disk
        shutil.copy2(source, target)


def copy_checkout(target: Path) -> Path:
    """Copy all that a package is made from, to change it at will."""
    for folder in ("chalicelib", ".chalice"):
        ignored = shutil.ignore_patterns("__pycache__", "deployments", "relais.toml")
        shutil.copytree(template.ROOT / folder, target / folder, ignore=ignored)
    for name in ("app.py", "requirements.txt", "constraints.txt"):
        shutil.copy(template.ROOT / name, target / name)
    return target


def fetch_wheels() -> None:
    """Fetch the wheels once for the whole checkout; without a way to the package index there is nothing to test."""
    try:
        package.install_wheels()
    except package.PackagingError as error:
        if is_unreachable(str(error)):
            pytest.skip("the package index cannot be reached")
        raise


def _configured(sample: str) -> tuple[str, str]:
    """Return the sample with an account's key in a secret, as deployments have it; and that key."""
    before, _, rest = sample.partition('api_key = "')
    value, _, after = rest.partition('"')
    return f'{before}api_key = "{KEY_OF_PARIS}"{after}\n[delivery]\nfirst_retry_seconds = 0.2\n', value
