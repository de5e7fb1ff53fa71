"""A tool missing on a machine skips the test by name, and fails it where everything must run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.required_tools import EVERYTHING, need


def test_an_installed_tool_is_returned_with_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EVERYTHING, "1")
    assert Path(need("sh", "this test")).name == "sh"


@pytest.mark.parametrize("everything", [None, ""])
def test_a_missing_tool_skips_the_test_by_name(everything: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(EVERYTHING, raising=False)
    if everything is not None:
        monkeypatch.setenv(EVERYTHING, everything)
    with pytest.raises(pytest.skip.Exception, match=r"^the page needs no-such-browser$"):
        need("no-such-browser", "the page")


def test_a_missing_tool_fails_the_test_where_everything_must_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EVERYTHING, "1")
    with pytest.raises(pytest.fail.Exception, match="the page needs no-such-browser"):
        need("no-such-browser", "the page")
