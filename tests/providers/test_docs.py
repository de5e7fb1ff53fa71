"""The provider pages match the declarations of the providers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chalicelib.providers import registry
from local import provider_docs

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


def test_provider_pages_are_current() -> None:
    stale = [path.name for path, text, made in provider_docs.pages() if text != made]
    assert not stale, "run python -m local.provider_docs"


def test_the_check_detects_a_stale_page(tmp_path, monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    for path, text, _ in list(provider_docs.pages()):
        (tmp_path / path.name).write_text(text.replace("255", "256"), encoding="utf-8")
    monkeypatch.setattr(provider_docs, "DOCS", tmp_path)
    assert provider_docs.main(["--check"]) == 1
    assert "README.md is not current" in capsys.readouterr().err
    assert provider_docs.main([]) == 0
    assert provider_docs.main(["--check"]) == 0


def test_the_first_table_of_the_readme_says_what_each_provider_can() -> None:
    [table] = re.findall(r"^What Relais can do at each provider:\n\n(.*?)\n\n", README, re.DOTALL | re.MULTILINE)
    titles, _, *rows = ([cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines())
    every = [registry.spec(name) for name in registry.names()]
    specs = [spec for spec in every if not spec.capabilities.keeps_nothing]
    assert sorted(titles[1:]) == sorted(spec.title for spec in specs), "a provider is missing"
    columns = {title: [row[place] for row in rows] for place, title in enumerate(titles) if place}
    for spec in specs:
        signup, _, reads, takes_back, statistics = columns[spec.title]
        assert signup.startswith("yes") == bool(spec.capabilities.signup_batch)
        assert str(spec.capabilities.signup_batch) in signup or spec.capabilities.signup_batch < 2
        assert reads.startswith("yes") == spec.capabilities.reads_unsubscribes
        assert takes_back.startswith("yes") == spec.capabilities.lifts_suppression
        assert bool(statistics) == (spec.capabilities.statistics != "none")
