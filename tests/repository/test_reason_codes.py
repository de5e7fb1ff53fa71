"""The table of reason codes in the documents has every code."""

from __future__ import annotations

import re
from pathlib import Path

from chalicelib.domain.reasons import ReasonCode

OPERATORS = Path(__file__).parents[2] / "docs" / "operators.md"


def test_the_documents_explain_every_reason_code_and_no_other() -> None:
    section = OPERATORS.read_text("utf-8").partition("### Reason codes")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE)
    assert sorted(listed[1:]) == sorted(ReasonCode), "without the table's head"
