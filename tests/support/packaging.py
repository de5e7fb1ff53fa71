"""A deployment package for tests, made once a run, with a configuration under which it can be run."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from local import package, template
from local.description import Description, describe
from local.sandbox import Sandbox, sample_config
from tests.support.aws import REGION

SECRET = "relais/paris"
KEY_OF_PARIS = f"secret:{SECRET}#api_key"


@dataclass(frozen=True)
class Packaged:
    """What `package` made of a copy of the checkout with stray files in it; its accounts are those of `sandbox`."""

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


def make(folder: Path, sandbox: Sandbox) -> Packaged:
    """Package a copy of the checkout in `folder` and unpack the zip there; skips where no wheels can be had."""
    fetch_wheels()
    checkout = copy_checkout(folder)
    (checkout / ".local").symlink_to(template.ROOT / ".local")  # the wheels are kept there
    for stray in (".env", "notes.csv", "web/page.html.orig"):
        (checkout / "chalicelib" / stray).write_text("left lying about")
    (checkout / "chalicelib" / "relais.toml").write_text("another configuration")
    (checkout / "app.py").chmod(0o600)
    configuration = checkout / "mine.toml"
    text, api_key = _configured(sample_config(sandbox.url))
    configuration.write_text(text)
    out, unpacked = checkout / "out", checkout / "unpacked"
    with contextlib.redirect_stderr(io.StringIO()) as said:
        package.package("local", configuration, out, checkout)
    with zipfile.ZipFile(out / "deployment.zip") as made:
        made.extractall(unpacked)
    return Packaged(checkout, configuration, out, unpacked, said.getvalue(), sandbox, api_key)


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
        if unreachable(str(error)):
            pytest.skip("the package index cannot be reached")
        raise


def unreachable(said: str) -> bool:
    """Was pip's failure that there is no way to the index?"""
    return any(sign in said for sign in ("NewConnectionError", "ConnectTimeout", "NameResolutionError"))


def _configured(sample: str) -> tuple[str, str]:
    """The sample with an account's key in a secret, as deployments have it; and that key."""
    before, _, rest = sample.partition('api_key = "')
    value, _, after = rest.partition('"')
    return f'{before}api_key = "{KEY_OF_PARIS}"{after}\n[delivery]\nfirst_retry_seconds = 0.2\n', value
