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
