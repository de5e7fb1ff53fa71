"""The files of docs/schemas are current; tests/local shows that they are right."""

from __future__ import annotations

from local.schemas.__main__ import FOLDER, files


def test_the_committed_files_are_what_the_definitions_say() -> None:
    for path, text in files():
        assert path.read_text("utf-8") == text, f"{path.name} is not current: run .venv/bin/python -m local.schemas"
    assert {path.name for path, _ in files()} == {path.name for path in FOLDER.glob("*.json")}
