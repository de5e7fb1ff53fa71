"""`python -m tests.conformance.record`: records the answers of DynamoDB Local to the programs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from local.dynamodb_local import start
from tests.conformance.play import client_of, play, prepare
from tests.conformance.programs import PROGRAMS

ANSWERS = Path(__file__).with_name("answers.json")


def main() -> int:
    """Play every program on tables of its own."""
    answers = {}
    with start() as endpoint:
        for number, (name, program) in enumerate(PROGRAMS.items()):
            client = client_of(endpoint, f"record{number}")
            prepare(client)
            answers[name] = play(client, program)
    parts = [json.dumps(name) + ": [\n" + ",\n".join(map(json.dumps, found)) + "\n]" for name, found in answers.items()]
    ANSWERS.write_text("{\n" + ",\n".join(parts) + "\n}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
