"""A website of another origin than Relais, which shows the examples of docs/forms.md, on http or https."""

from __future__ import annotations

import re
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.stack import ROOT

GUIDE = (ROOT / "docs" / "forms.md").read_text(encoding="utf-8")
PLAIN, FRAME, SCRIPT, UNSUBSCRIBE = re.findall(r"^```html\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
FORM, HOSTED, *_ = re.findall(r"^```toml\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
HIDING = ("no-referrer", "same-origin")
SHOWING = "strict-origin-when-cross-origin"
POLICIES = (*HIDING, SHOWING)


class Website:
    """Each example of the guide under each referrer policy (`/POLICY/plain`, …), and the page of thanks."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.pages: dict[str, str] = {"/merci": "<title>Merci</title>", "/favicon.ico": " "}
        website = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                policy, _, name = self.path.lstrip("/").partition("/")
                shown = website.pages.get(f"/{name}" if policy in POLICIES else self.path)
                self.send_response(200 if shown else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                if policy in POLICIES:
                    self.send_header("Referrer-Policy", policy)
                self.end_headers()
                self.wfile.write((shown or "").encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server.server_port}"
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def serve(self, relais: str) -> None:
        """Show the guide's examples, with Relais at `relais`."""
        for name, example in (("plain", PLAIN), ("frame", FRAME), ("script", SCRIPT), ("unsubscribe", UNSUBSCRIBE)):
            page = f"<!doctype html><title>{name}</title>{example}"
            self.pages[f"/{name}"] = page.replace("https://relais.example.com", relais)

    def close(self) -> None:
        """Stop it."""
        self.server.shutdown()
        self.server.server_close()
