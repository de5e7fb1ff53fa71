"""HTTPS for tests: a certificate of the run's own, and a front that passes everything on to a server without TLS."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path

from tests.support.certificates import self_signed


def server_context(folder: Path) -> ssl.SSLContext:
    """TLS of a server at 127.0.0.1, with a new certificate that nobody trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed("127.0.0.1", folder))
    return context


class TlsFront:
    """Takes TLS connections and passes them on to `port` of this machine."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self._port, self._context = port, context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                accepted, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(accepted,), daemon=True).start()

    def _serve(self, accepted: socket.socket) -> None:
        with (
            suppress(OSError),
            self._context.wrap_socket(accepted, server_side=True) as outside,
            socket.create_connection(("127.0.0.1", self._port)) as inside,
        ):
            back = threading.Thread(target=self._copy, args=(inside, outside), daemon=True)
            back.start()
            self._copy(outside, inside)
            back.join()

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while part := source.recv(65536):
                target.sendall(part)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
