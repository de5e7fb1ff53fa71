"""`python -m tests.chaos.providers`: the sandbox in a process of its own, until standard input closes."""

from __future__ import annotations

import sys

from local.sandbox import start


def main() -> None:
    """The first line names where it is."""
    with start() as sandbox:
        sys.stdout.write(f"{sandbox.url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
