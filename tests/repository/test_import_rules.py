"""Import rules: the layers are respected and checked; no code outside a provider's package names the provider."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from chalicelib.providers import registry

ROOT = Path(__file__).resolve().parents[2]
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


@pytest.mark.server
@pytest.mark.parametrize(
    ("module", "imported"), [("domain/ids.py", "..web.cors"), ("ledger/table.py", "..delivery.claims")]
)
def test_an_upward_import_is_detected(tmp_path: Path, module: str, imported: str) -> None:
    for folder in ("chalicelib", "local"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    changed = tmp_path / "chalicelib" / module
    package, _, name = imported.rpartition(".")
    changed.write_text(f"{changed.read_text()}\n\nfrom {package} import {name} as upward\n")
    done = subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout
    assert "each resting on those below it BROKEN" in done.stdout


def test_only_a_providers_package_names_it() -> None:
    graph = grimp.build_graph("chalicelib", "local", cache_dir=None)
    packages = [f"chalicelib.providers.{name}" for name in registry.names()]
    assert packages
    named = {
        (importer, imported)
        for package in packages
        for imported in {package, *graph.find_descendants(package)}
        for importer in graph.find_modules_that_directly_import(imported)
        if importer != package and not importer.startswith(f"{package}.")
    }
    assert not named
