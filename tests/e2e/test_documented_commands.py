"""Commands of the documents that are pasted beside `make run`, as written but for its addresses."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.e2e.test_readme import pastes, shell
from tests.e2e.world import ADMIN_KEY, FORM
from tests.support.documents import Documented
from tests.support.stack import ROOT, MovableStack, SharedStack


@pytest.fixture
def stack(shared_stack: SharedStack) -> Iterator[MovableStack]:
    yield shared_stack.reset()
    shared_stack.idle()


def pasted(stack: MovableStack, command: str) -> str:
    """Return what a command prints whose addresses are those of the stack."""
    for address, own in (
        ("https://relais.example.com", stack.http),
        ("http://127.0.0.1:8000", stack.http),
        ("localhost:8000", stack.http),
        ("localhost:8025", stack.sandbox),
    ):
        command = command.replace(address, own)
    quiet = "curl() { command curl -s -w '\\n' \"$@\"; }\n"
    return shell(f"ADMIN_KEY={ADMIN_KEY}\n{quiet}{command}", stack.port)


def sign_up(stack: MovableStack, email: str) -> str:
    answer = stack.request("POST", "/forms/footer/signup", urlencode({"email": email}), FORM)
    assert answer.status == 202
    return str(answer.json["id"])


@pastes
def test_an_event_is_asked_for_and_listed(stack: MovableStack, documented: Documented) -> None:
    event = sign_up(stack, "ana@example.com")
    [one] = documented.blocks("docs/troubleshooting.md")
    assert json.loads(pasted(stack, one.replace("THE-ID", event)))["id"] == event
    every = documented.command('curl -H "Authorization: Bearer $ADMIN_KEY" http://127.0.0.1:8000/events')
    assert [each["id"] for each in json.loads(pasted(stack, every))["events"]] in ([event], [])
    own = documented.command(
        'curl -H "Authorization: Bearer $RELAIS_ADMIN_KEY" "$RELAIS_URL/events/customer-17-newsletter"'
    )
    variables = f"RELAIS_ADMIN_KEY={ADMIN_KEY} RELAIS_URL={stack.http}\n"
    assert json.loads(pasted(stack, variables + own.replace("customer-17-newsletter", event)))["id"] == event
    synced = json.loads(pasted(stack, documented.command("python3 -m local invoke sync_unsubscribes")))
    assert all(account["error"] is None for account in synced["accounts"].values()), synced


@pastes
def test_campaigns_are_asked_for(stack: MovableStack, documented: Documented) -> None:
    stack.invoke("collect_stats")
    answer = json.loads(pasted(stack, documented.block("docs/statistics-api.md", "Statistics API")))
    assert {one["account"] for one in answer["campaigns"]} <= {"paris"}
    assert "cursor" in answer


@pastes
def test_an_account_in_trouble_is_shown_and_mended(stack: MovableStack, documented: Documented) -> None:
    event = json.loads(pasted(stack, documented.block("docs/dashboard.md", "Trying it")).splitlines()[-1])["id"]

    def shown() -> dict[str, object]:
        answer = stack.request("GET", f"/events/{event}", headers={"authorization": f"Bearer {ADMIN_KEY}"}).json
        delivery: dict[str, object] = answer["deliveries"][0]
        return delivery

    stack.until(lambda: shown()["reason_code"] == "wrong_key")
    pasted(stack, documented.command("curl -X DELETE localhost:8025/_control/faults"))
    stack.until(lambda: shown()["status"] == "delivered")


@pastes
def test_a_file_is_imported(stack: MovableStack, documented: Documented, tmp_path: Path) -> None:
    page, heading = "docs/contacts-sync.md", "A file of this machine"
    people = tmp_path / "people.csv"
    [content] = documented.codes(page, heading, "csv")
    people.write_text(content, encoding="utf-8")
    commands, shown = documented.blocks(page, heading), documented.codes(page, heading, "text")
    for command, says in zip(commands, shown, strict=True):
        printed = pasted(stack, command.replace("people.csv", str(people)))
        printed = re.sub("^line 2: under way.*\n", "", printed, flags=re.MULTILINE)  # whether it is seen is chance
        assert re.sub(r"import-\w+", "import-3f0c…", printed) == says


@pastes
@pytest.mark.server
def test_the_sandbox_alone_is_told_to_fail(documented: Documented) -> None:
    page = "local/sandbox/README.md"
    start = documented.block(page, "The provider sandbox").replace("8025", "0")
    running = subprocess.Popen(["bash", "-c", f"exec {start}"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        [port] = re.findall(r"^sandbox: http://127\.0\.0\.1:(\d+)$", running.stdout.readline())
        faults = documented.block(page, "Faults").replace("PORT", port).replace("curl", "curl -s")
        shell(faults, port)
        listed = json.loads(shell(f"curl -s localhost:{port}/_control/faults", port))
        assert [rule["kind"] for rule in listed["rules"]] == ["status", "reset"]
    finally:
        running.terminate()
        running.communicate(timeout=10)


@pastes
@pytest.mark.server
def test_keys_and_fingerprints_are_made(documented: Documented) -> None:
    key = shell(documented.command("openssl rand -base64 32"), "0").strip()
    assert len(key) >= 32
    secret = shell(documented.block("docs/back-ends.md", "Signed webhooks"), "0")
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=\n", secret)
    script = 'TEXT="J\'accepte de recevoir la lettre."\n' + documented.command('printf %s "$TEXT" | sha256sum')
    assert shell(script, "0").split()[0] == hashlib.sha256(b"J'accepte de recevoir la lettre.").hexdigest()


@pytest.mark.server
def test_help_lists_the_commands(documented: Documented) -> None:
    asked = documented.command("make help").split()
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert all(f"make {target}" in done.stdout for target in ("run", "check", "test", "package", "bench"))
