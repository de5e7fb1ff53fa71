"""What is missing on a machine skips a test there by name, and fails it where everything has to run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.tools import EVERYTHING, need


def test_what_is_there_is_given_with_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EVERYTHING, "1")
    assert Path(need("sh", "this test")).name == "sh"


@pytest.mark.parametrize("everything", [None, ""])
def test_what_is_not_there_is_skipped_by_name(everything: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(EVERYTHING, raising=False)
    if everything is not None:
        monkeypatch.setenv(EVERYTHING, everything)
    with pytest.raises(pytest.skip.Exception, match=r"^the page needs no-such-browser$"):
        need("no-such-browser", "the page")


def test_where_everything_has_to_run_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EVERYTHING, "1")
    with pytest.raises(pytest.fail.Exception, match="the page needs no-such-browser"):
        need("no-such-browser", "the page")
