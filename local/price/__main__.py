"""`python -m local.price [--measure]`: writes the table of `docs/costs-and-limits.md`; with `--measure` it counts anew.

The counts are kept in `counts.json`, so that the table can be computed, and checked, without measuring.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from local.price.bill import table
from local.price.measure import measure
from local.template import ROOT

COUNTS = Path(__file__).with_name("counts.json")
DOCUMENT = ROOT / "docs" / "costs-and-limits.md"
BEGIN, END = "<!-- price: written by python -m local.price -->\n", "<!-- price: end -->"


def stored() -> dict[str, Any]:
    """Returns the counts that were measured last."""
    counts: dict[str, Any] = json.loads(COUNTS.read_text())
    return counts


def with_table(document: str, text: str) -> str:
    """Returns the document with `text` between its two marks."""
    before, _, rest = document.partition(BEGIN)
    return before + BEGIN + text + "\n" + END + rest.partition(END)[2]


def main(arguments: list[str]) -> int:
    """Measures if asked to, and writes the table; returns 2 for unknown arguments."""
    if arguments not in ([], ["--measure"]):
        print("usage: python -m local.price [--measure]", file=sys.stderr)
        return 2
    if arguments:
        COUNTS.write_text(json.dumps(measure(), indent=1) + "\n")
    text = table(stored())
    DOCUMENT.write_text(with_table(DOCUMENT.read_text(), text))
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
