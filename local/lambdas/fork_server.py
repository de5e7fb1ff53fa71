"""`python -m local.lambdas.fork_server FD [MODULE...]`: loads heavy libraries once and forks execution environments.

Fork copies a process of one thread cleanly, and this one has no other. Requests come on a Unix socket, each with the
new environment's own connection; the process ends when that socket closes.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import socket
import sys
from collections.abc import Sequence

from local.lambdas import environment

# The slowest imports of the functions; each environment imports the product itself afterwards, unless it is among the
# modules on the command line.
_HEAVY = ("boto3", "botocore.client", "chalice", "requests", "aws_lambda_powertools.logging", "email_validator")


def main(descriptor: int, modules: Sequence[str] = ()) -> None:
    """Forks one environment for each request on the socket `descriptor`, with `modules` imported."""
    # The stack ends its processes itself, after their invocations: they ignore a Ctrl-C or a signal to the group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    os.dup2(2, 1)  # standard output is the stack's own
    for name in _HEAVY:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for name in modules:
        importlib.import_module(name)
    gc.freeze()  # keeps the memory shared: no environment's collector scans these objects
    with socket.socket(fileno=descriptor) as requests:
        while True:
            byte, descriptors, _flags, _address = socket.recv_fds(requests, 1, 1)
            if not byte:
                return
            with socket.socket(fileno=descriptors[0]) as connection:
                if os.fork() == 0:
                    requests.close()
                    _serve(connection)


def _serve(connection: socket.socket) -> None:
    """Serves in the child, and exits without running the parent's exit handlers."""
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        environment.serve(connection)
        status = 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
