"""Starts the embedded AWS in a process that ends with this one, however this one ends."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


class AwsNotStarted(Exception):
    """The embedded AWS did not start; the text says why."""


@dataclass(frozen=True)
class Aws:
    """A running embedded AWS."""

    endpoint: str
    process: subprocess.Popen[str]

    def stop(self) -> None:
        """Ends it; its data is lost."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        self.process.kill()
        self.process.wait()


def start(port: int = 0, host: str = "127.0.0.1", module: str = "local.aws") -> Aws:
    """Starts an empty AWS at `port` (0: a free one); returns when it answers. Raises AwsNotStarted.

    `module` is what the process runs; it takes the arguments of `local.aws` and prints the same first line.
    """
    command = [sys.executable, "-m", module, "--host", host, "--port", str(port), "--with-parent"]
    # moto itself reads boto3's settings, so a developer's profile would affect it.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    process = subprocess.Popen(
        command, cwd=_ROOT, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    line = process.stdout.readline() if process.stdout else ""
    name, _, endpoint = line.strip().partition(": ")
    if name != "aws":
        process.wait()
        raise AwsNotStarted(line.strip() or "The embedded AWS ended at once; its output is above.")
    return Aws(endpoint, process)
