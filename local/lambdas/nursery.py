"""`python -m local.lambdas.nursery FD [MODULE...]`: loads heavy libraries once and forks execution environments.

Fork copies a process with one thread cleanly, and this one has no other. It is asked on a Unix socket, which carries
the new environment's own connection, and ends when that socket closes.
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

# What the functions import first and what costs most; the product itself is imported afterwards, by each environment,
# unless it is among the modules that this is started with.
_HEAVY = ("boto3", "botocore.client", "chalice", "requests", "aws_lambda_powertools.logging", "email_validator")


def main(descriptor: int, modules: Sequence[str] = ()) -> None:
    """Fork one environment for each request on the socket `descriptor`, with `modules` imported."""
    # The stack ends its processes itself, after their invocations: a Ctrl-C or a signal to all is not for them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    os.dup2(2, 1)  # the stack's standard output is for its own words
    for name in _HEAVY:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for name in modules:
        importlib.import_module(name)
    gc.freeze()  # what is shared with all environments is not looked through by each of them
    with socket.socket(fileno=descriptor) as requests:
        while True:
            byte, descriptors, _flags, _address = socket.recv_fds(requests, 1, 1)
            if not byte:
                return
            with socket.socket(fileno=descriptors[0]) as connection:
                if os.fork() == 0:
                    requests.close()
                    _become(connection)


def _become(connection: socket.socket) -> None:
    """In the child: serve, and leave without running what the parent had meant for its own end."""
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
