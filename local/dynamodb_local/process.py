"""Runs DynamoDB Local in a process that ends with this one, however this one ends."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from .install import Unavailable, install

_SOURCE = Path(__file__).with_name("Loopback.java")
# It runs for seconds or minutes: a fast start matters more than speed later.
_OPTIONS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx512m")


@contextmanager
def start() -> Iterator[str]:
    """Starts an empty one on a free loopback port and yields its endpoint. Raises Unavailable.

    Every access key and every region has its own tables.
    """
    folder = install()
    classes = [folder / "DynamoDBLocal.jar", folder / "DynamoDBLocal_lib" / "*"]
    command = ["java", *_OPTIONS, f"-Djava.library.path={folder / 'DynamoDBLocal_lib'}"]
    command += ["-cp", os.pathsep.join(map(str, classes)), str(_SOURCE)]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            yield _endpoint(process, errors)
        finally:
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()
            process.kill()
            process.wait()


def _endpoint(process: subprocess.Popen[str], errors: IO[str]) -> str:
    for line in process.stdout or ():
        name, _, endpoint = line.strip().partition(": ")
        if name == "dynamodb":
            return endpoint
    errors.seek(0)
    raise Unavailable(f"DynamoDB Local did not start: {errors.readline().strip() or 'no output'}")
