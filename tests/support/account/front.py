"""The account's endpoint: CloudFormation and Lambda are answered here, all else by the embedded AWS behind it."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.parse
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, SubElement, tostring

from tests.support.account.cloudformation import Refused

if TYPE_CHECKING:
    from tests.support.account.account import Account

_METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS")
_OF_A_CONNECTION = ("connection", "expect", "content-length", "transfer-encoding")


class Front(ThreadingHTTPServer):
    """Listens for `account`."""

    daemon_threads = True

    def __init__(self, account: Account) -> None:
        self.account = account
        super().__init__(("127.0.0.1", 0), _Handler)


def serve(account: Account) -> Front:
    """Serve at a free port of this machine."""
    server = Front(account)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Front

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        scope = self.headers.get("Authorization", "").partition("Credential=")[2].split("/")
        service = scope[3] if len(scope) > 3 else ""
        if self.path.startswith("/_host/"):
            self._browse(body)
        elif service == "cloudformation":
            self._query(body)
        elif service == "lambda":
            status, headers, document = self.server.account.lambda_answer(self.command, self.path, body)
            sent = b"" if status == 204 else json.dumps(document).encode()
            self._send(status, {"Content-Type": "application/json", **headers}, sent)
        elif self.headers.get("X-Amz-Target") == "AmazonSQS.StartMessageMoveTask":
            answer = json.dumps(self.server.account.move_messages(json.loads(body))).encode()
            self._send(200, {"Content-Type": "application/x-amz-json-1.0"}, answer)
        else:
            self._pass_on(body)

    def _browse(self, body: bytes) -> None:
        """Pass on what `curl` sends to a host of the account."""
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        url = "https://" + self.path.removeprefix("/_host/")
        try:
            answer = self.server.account.request(self.command, url, body, headers)
        except LookupError as error:
            self._send(502, {}, str(error).encode())
            return
        self._send(answer.status, answer.headers, answer.body)

    def _query(self, body: bytes) -> None:
        """Answer CloudFormation, which speaks AWS' query protocol."""
        asked = _members(dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True)))
        action = asked.pop("Action")
        root, status = Element(f"{action}Response"), 200
        try:
            _add(SubElement(root, f"{action}Result"), self.server.account.cloudformation.answer(action, asked))
        except Refused as refused:
            root, status = Element("ErrorResponse"), 400
            _add(SubElement(root, "Error"), {"Type": "Sender", "Code": "ValidationError", "Message": str(refused)})
        self._send(status, {"Content-Type": "text/xml"}, tostring(root))

    def _pass_on(self, body: bytes) -> None:
        connection = http.client.HTTPConnection(self.server.account.aws.endpoint.removeprefix("http://"), timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OF_A_CONNECTION}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        self._send(answer.status, dict(answer.getheaders()), answer.read(), answer.getheader("Content-Length"))
        connection.close()

    def _send(self, status: int, headers: Mapping[str, str], body: bytes, length: str | None = None) -> None:
        """Send an answer; `length` is what a HEAD request's answer says."""
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in _OF_A_CONNECTION:
                self.send_header(name, value)
        self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Not on standard error."""


for _method in _METHODS:
    setattr(_Handler, f"do_{_method}", _Handler.answer)


def _members(flat: Mapping[str, str]) -> dict[str, Any]:
    """Return the members of a request of the query protocol: `A.member.1.B` is `B` of the first of the list `A`."""
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        *path, last = name.split(".")
        at = nested
        for part in path:
            at = at.setdefault(part, {})
        at[last] = value
    found: dict[str, Any] = _with_lists(nested)
    return found


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    for kind in ("member", "entry"):
        if set(value) == {kind}:
            entries = [_with_lists(each) for _, each in sorted(value[kind].items(), key=lambda pair: int(pair[0]))]
            return {e["key"]: e["value"] for e in entries} if kind == "entry" else entries
    return {name: _with_lists(each) for name, each in value.items()}


def _add(parent: Element, value: Any) -> None:
    if isinstance(value, Mapping):
        for name, each in value.items():
            if each is not None:
                _add(SubElement(parent, name), each)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for each in value:
            _add(SubElement(parent, "member"), each)
    else:
        parent.text = str(value)
