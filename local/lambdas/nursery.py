"""`python -m local.lambdas.nursery FD`: loads the heavy libraries once and forks execution environments from there.

Fork copies a process with one thread cleanly, and this one has no other. It is asked on a Unix socket, which carries
the new environment's own connection, and ends when that socket closes.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import socket
import sys

from local.lambdas import environment

# What the functions import first and what costs most; the product itself is imported afterwards, by each environment.
_HEAVY = ("boto3", "botocore.client", "chalice", "requests", "aws_lambda_powertools.logging", "email_validator")


def main(descriptor: int) -> None:
    """Fork one environment for each request on the socket `descriptor`."""
    # The stack ends its processes itself, after their invocations: a Ctrl-C or a signal to all is not for them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    os.dup2(2, 1)  # the stack's standard output is for its own words
    for name in _HEAVY:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
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
    main(int(sys.argv[1]))
