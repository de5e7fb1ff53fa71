from __future__ import annotations

import pkgutil
import tomllib
from pathlib import Path

from chalicelib import providers

ROOT = Path(__file__).resolve().parents[2]


def test_every_provider_is_one_that_nothing_else_may_name() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    protected = {
        module
        for contract in settings["tool"]["importlinter"]["contracts"]
        for module in contract.get("protected_modules", [])
    }
    packages = [found.name for found in pkgutil.iter_modules(providers.__path__) if found.ispkg]
    assert packages
    assert protected == {f"chalicelib.providers.{name}" for name in packages}
