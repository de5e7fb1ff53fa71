"""The provider pages match the declarations of the providers."""

from __future__ import annotations

import pytest

from local import providers_table


def test_provider_pages_are_current() -> None:
    stale = [path.name for path, text, made in providers_table.pages() if text != made]
    assert not stale, "run python -m local.providers_table"


def test_the_check_detects_a_stale_page(tmp_path, monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    for path, text, _ in list(providers_table.pages()):
        (tmp_path / path.name).write_text(text.replace("255", "256"), encoding="utf-8")
    monkeypatch.setattr(providers_table, "DOCS", tmp_path)
    assert providers_table.main(["--check"]) == 1
    assert "README.md is not current" in capsys.readouterr().err
    assert providers_table.main([]) == 0
    assert providers_table.main(["--check"]) == 0
