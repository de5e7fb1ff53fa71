"""The version is the same wherever it stands, and what a release needs is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from chalicelib import __version__

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_deployed_version_is_that_of_the_project() -> None:
    assert PROJECT["version"] == __version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


def test_the_licence_is_stated_wherever_it_is_looked_for() -> None:
    assert PROJECT["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License\n\nCopyright (c) ")
    assert "[MIT licence](LICENSE)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_guides_show_the_version_of_today() -> None:
    for guide in ("README.md", "docs/upgrading.md"):
        assert __version__ in (ROOT / guide).read_text(encoding="utf-8"), f"{guide} shows another version"
