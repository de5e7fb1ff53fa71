"""The packages whose cold starts are measured: Relais as it is deployed, and the floor packaged the plain way."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

from local import package
from local.template_reader import Description, describe

_FLOOR = Path(__file__).with_name("floor.py")


def unpacked_product(configuration: Path, folder: Path, region: str, python: str) -> tuple[Path, Description]:
    """Packages Relais of the stage `local` into `folder`; returns the unpacked zip and what its template describes.

    Where this machine has no Python of Lambda's version, the zip has no bytecode; `python`, which runs it, makes some.
    """
    with contextlib.redirect_stderr(io.StringIO()):
        out = package.package("local", configuration, folder / "out")
    root = folder / "product"
    with zipfile.ZipFile(out / "deployment.zip") as made:
        made.extractall(root)
    if json.loads((out / "package.json").read_text())["bytecode"] is None:
        command = [python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(root)]
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    return root, describe(json.loads((out / "sam.json").read_text()), region)


def plain_floor(folder: Path, product: Path) -> Path:
    """Lays out the floor as pip and Chalice leave it, without bytecode: `app.py`, packages, Chalice's router."""
    root = folder / "floor"
    root.mkdir()
    shutil.copy(_FLOOR, root / "app.py")
    for each in package.install_wheels().iterdir():
        (root / each.name).symlink_to(each)
    shutil.copytree(product / "chalice", root / "chalice", ignore=shutil.ignore_patterns("__pycache__"))
    return root
