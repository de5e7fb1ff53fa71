"""Limits are constants: no message spells one by hand, and the documents say the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import chalicelib
from chalicelib.config import value_limits
from chalicelib.domain import limits
from chalicelib.domain.ids import ID_RULE, is_valid_id

ROOT = Path(chalicelib.__file__).parent.parent
SIZE = re.compile(r"\b\d[\d,]* ?(?:KB|MB|characters|events|contacts)\b")
HELP_OF_A_PARAMETER = "chalicelib/providers/"
"""`Annotated` texts of a provider's parameters describe the vendor's own limits; docs/providers is made from them."""


def _messages(path: Path) -> list[str]:
    """The texts of a module but its docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare
    ]


@pytest.mark.seconds
def test_no_message_spells_a_limit_by_hand() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {text}"
        for path in sorted((ROOT / "chalicelib").rglob("*.py"))
        if not str(path.relative_to(ROOT)).startswith(HELP_OF_A_PARAMETER)
        for text in _messages(path)
        if SIZE.search(text)
    }
    assert found == set()


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("costs-and-limits.md", f"| {limits.FORM_KB} KB, at most {limits.FORM_PARTS:,} parts, no files |"),
        ("costs-and-limits.md", f"| an event | {limits.EVENT_KB} KB |"),
        ("costs-and-limits.md", f"| {limits.EVENTS_A_REQUEST:,} events, {limits.EVENTS_REQUEST_MB} MB;"),
        ("back-ends.md", f"An event has at most {limits.EVENT_KB} KB"),
        ("back-ends.md", f"`id` is yours: 1 to {limits.ID_CHARACTERS} of"),
        ("forms.md", f"more than {limits.FORM_KB} KB"),
        ("contacts-sync.md", f"Up to {limits.CONTACTS_A_SYNC:,} contacts and {limits.CONTACTS_SYNC_KB} KB"),
        ("configuration.md", f"at most {value_limits.TEXT_CHARACTERS:,} characters, a secret"),
        ("configuration.md", f"a secret {value_limits.SECRET_CHARACTERS:,}, the"),
        ("configuration.md", f"a field, list or trap {limits.NAME_CHARACTERS};"),
        ("configuration.md", f"at most {value_limits.LIST_ITEMS:,} items"),
        ("configuration.md", f"the file {value_limits.FILE_KB // 1024} MB"),
        ("configuration.md", f"at least {value_limits.OWN_KEY_CHARACTERS} characters"),
    ],
)
def test_the_documents_say_the_same(document: str, says: str) -> None:
    assert says in (ROOT / "docs" / document).read_text("utf-8")


def test_the_longest_id_is_the_constant() -> None:
    assert is_valid_id("a" * limits.ID_CHARACTERS)
    assert not is_valid_id("a" * (limits.ID_CHARACTERS + 1))
    assert f"1 to {limits.ID_CHARACTERS} of" in ID_RULE
