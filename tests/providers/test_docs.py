"""The provider pages match the declarations of the providers."""

from __future__ import annotations

import pytest

from local import provider_docs


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
