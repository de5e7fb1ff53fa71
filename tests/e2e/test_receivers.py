"""Runs the receivers of docs/receivers.md as written: they take what the product tells them, once, and nothing else."""

from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from local.sandbox import sample_config
from tests.e2e.copied import Document, environment
from tests.e2e.world import event, submit
from tests.support.stack import MovableStack, SharedStack
from tests.support.waiting import wait_for

PAGE = Document("receivers.md")
[SECRET] = re.findall(r"RELAIS_NOTICE_SECRET=(\S+)", PAGE.block("Receivers to copy"))
PORTS = dict.fromkeys(("Python", "PHP", "Node"), 0)


@pytest.fixture(scope="module")
def reserved() -> Iterator[dict[str, socket.socket]]:
    """A socket bound to each port, so that no other process is given it before the receiver starts."""
    with ExitStack() as sockets:
        bound = {name: sockets.enter_context(socket.socket()) for name in PORTS}
        for name, each in bound.items():
            each.bind(("127.0.0.1", 0))
            PORTS[name] = each.getsockname()[1]
        yield bound


@pytest.fixture(scope="module")
def notifying(shared_stack: SharedStack, reserved: dict[str, socket.socket]) -> Iterator[MovableStack]:
    """A stack with an account and a form for each receiver, at a port of its own."""
    config = sample_config(shared_stack.sandbox)
    for name in PORTS:
        account, documented = name.lower(), PAGE.block("Receivers to copy", "toml")
        for value in ("https://crm.example.com/relais", "secret:relais/{stage}/crm#whsec"):
            assert f'"{value}"' in documented
            mine = SECRET if "whsec" in value else f"http://127.0.0.1:{PORTS[name]}/relais"
            documented = documented.replace(value, mine)
        config += (
            documented.replace("crm", account)
            + f"""
[forms.{account}]
account = "{account}"
[forms.{account}.fields]
email = "@email"
prenom = "prenom"
"""
        )
    yield shared_stack.reset(config)
    shared_stack.idle()


@pytest.fixture(params=PORTS, ids=str.lower)
def receiver(
    request: pytest.FixtureRequest, notifying: MovableStack, reserved: dict[str, socket.socket], tmp_path: Path
) -> Iterator[str]:
    """A receiver that runs in the test's folder: its name."""
    name = str(request.param)
    program, port = PAGE.program(name), PORTS[name]
    program.write(tmp_path)
    setup = PAGE.block("Receivers to copy")
    assert "9000" in program.command
    reserved[name].close()
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            ["sh", "-euc", f"{setup}\nexec {program.command.replace('9000', str(port))}"],
            cwd=tmp_path,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            wait_for(lambda: listens(port) or process.poll() is not None)
            assert process.poll() is None, (tmp_path / "log").read_text()
            yield name
        finally:
            process.kill()
            process.wait()


def listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def notices(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted((folder / "inbox").glob("*.json"))]


def post(name: str, body: bytes, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", PORTS[name], timeout=10)
    try:
        connection.request("POST", "/relais", body, {"content-type": "application/json", **headers})
        return connection.getresponse().status
    finally:
        connection.close()


def signed(body: bytes, webhook_id: str, secret: str = SECRET, minutes: int = 0) -> dict[str, str]:
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    signature = Webhook(secret).sign(webhook_id, at, body.decode())
    timestamp = str(int(at.timestamp()))
    return {"webhook-id": webhook_id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,other= {signature}"}


def test_a_signup_is_stored_once_and_a_forgery_never(notifying: MovableStack, receiver: str, tmp_path: Path) -> None:
    account = receiver.lower()
    accepted = submit(notifying, "signup", {"email": f"{account}@example.com", "prenom": "Zoé"}, account)
    event_id = accepted.json["id"]
    wait_for(lambda: event(notifying, event_id)["status"] == "delivered")
    [notice] = notices(tmp_path)
    assert notice["type"] == "subscriber.signed_up"
    assert notice["data"]["id"] == event_id
    assert (notice["data"]["email"], notice["data"]["fields"]) == (f"{account}@example.com", {"prenom": "Zoé"})

    body = json.dumps(notice, ensure_ascii=False).encode()
    assert post(receiver, body, signed(body, event_id)) == 204
    assert len(notices(tmp_path)) == 1, "a repeat"
    other = b'{"type": "subscriber.unsubscribed", "data": {"email": "zoe@example.com"}}'
    good = signed(other, "forged")
    forged = [
        signed(other, "forged", "whsec_YW5vdGhlci1zZWNyZXQtdGhhdC1pcy13cm9uZw=="),
        signed(other, "forged", minutes=-6),
        signed(other, "forged", minutes=6),
        signed(body, "forged"),
        good | {"webhook-id": "other"},
        good | {"webhook-timestamp": ""},
        {},
    ]
    assert [post(receiver, other, one) for one in forged] == [401] * len(forged)
    assert notices(tmp_path) == [notice]
    assert post(receiver, other, good) == 204
    assert len(notices(tmp_path)) == 2
