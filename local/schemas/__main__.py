"""`python -m local.schemas` writes docs/schemas/; with `--check` it only says whether the files are current."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from chalicelib.providers import registry
from local.schemas.annotations import ROOT, read_annotations
from local.schemas.configuration import FILE, configuration_schema
from local.schemas.events import EVENT_FILE, QUEUE_FILE, queue_message_schema, strict_event_schema

FOLDER = ROOT / "docs" / "schemas"


def files() -> Iterator[tuple[Path, str]]:
    """Yields each file and its text as it should be."""
    specs = {name: registry.spec(name) for name in registry.names()}
    schemas = {
        FILE: configuration_schema(specs, read_annotations()),
        EVENT_FILE: strict_event_schema(),
        QUEUE_FILE: queue_message_schema(),
    }
    for name, schema in schemas.items():
        yield FOLDER / name, json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def main(arguments: list[str]) -> None:
    """Writes the files, or ends with status 1 if `--check` finds one that is not current."""
    stale = [(path, text) for path, text in files() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in arguments:
        sys.exit("\n".join(f"{path.name} is not current: run python -m local.schemas" for path, _ in stale) or None)
    FOLDER.mkdir(exist_ok=True)
    for path, text in stale:
        path.write_text(text, "utf-8")
        print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main(sys.argv[1:])
