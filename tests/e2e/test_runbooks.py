"""Runbooks are run: every command of docs/operations.md, upgrading.md and operators.md, or it says that it cannot be.

Those for a deployed stage run in an AWS that is played here (`tests/support/account`), by the packaged `deploy.sh`;
those for `make run` on the local stack.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.e2e import runbook_steps
from tests.e2e.rehearsal import STEPS, Rehearsal
from tests.e2e.test_readme import SLEEP, pastes, shell, sleeping
from tests.e2e.world import ADMIN_KEY, FORM
from tests.support.account.account import opened
from tests.support.account.operator import Operator
from tests.support.required_tools import need
from tests.support.runbooks import unmarked
from tests.support.stack import ROOT, MovableStack, SharedStack

assert runbook_steps.RESTORED  # its import declares the steps
DOCS = ROOT / "docs"
HERE: dict[str, dict[str, int]] = {
    "operations.md": {"Rehearsing an outage": 1},
    "operators.md": {"Listing events": 1, "`resend`": 1, "`resume`": 1, "`forget`": 1},
}
"""How many blocks of a section are run on the local stack, by the tests below."""


@pytest.mark.parametrize("document", ["operations.md", "upgrading.md", "operators.md"])
def test_every_command_is_rehearsed_or_says_what_it_needs(document: str) -> None:
    deployed = Counter(heading for heading, _ in STEPS) if document == "operations.md" else Counter[str]()
    rehearsed = deployed + Counter(HERE.get(document, {}))
    blocks = unmarked(DOCS / document)
    for heading, found in blocks.items():
        shown = "\n".join(block.text for block in found)
        assert len(found) == rehearsed[heading], (
            f'{document}, "{heading}": {rehearsed[heading]} of these blocks have a step in tests/e2e/runbook_steps.py. '
            f'Write one, or "Not rehearsed: needs …" into the paragraph before the block:\n{shown}'
        )
    assert rehearsed.keys() == blocks.keys(), "a section that is rehearsed is gone"


@pytest.mark.rehearsal
@pytest.mark.slow
@pytest.mark.server
@pytest.mark.no_cover
@pytest.mark.timeout(1800)
def test_the_runbooks_of_a_deployed_stage_work_as_written(tmp_path: Path) -> None:
    for tool in ("aws", "curl", "bash", "openssl"):
        need(tool, "a runbook")
    blocks = {heading: iter(found) for heading, found in unmarked(DOCS / "operations.md").items()}
    with opened(tmp_path) as account:
        on = Rehearsal(account, Operator(account, tmp_path / "checkout"))
        for heading, run in STEPS:
            run(on, next(blocks[heading]).text)
        assert not account.refused_calls()


# --- on the local stack ---


@pytest.fixture
def stack(shared_stack: SharedStack) -> Iterator[MovableStack]:
    yield shared_stack.reset()
    shared_stack.idle()


def on_local_stack(document: str, heading: str, stack: MovableStack) -> str:
    """Run a block as `make run`'s user would, at the stack's own addresses; returns what it printed."""
    [block] = unmarked(DOCS / document)[heading]
    text = block.text.replace("http://127.0.0.1:8000", stack.http).replace("http://127.0.0.1:8025", stack.sandbox)
    with sleeping(stack) as url:
        return shell(f"ADMIN_KEY={ADMIN_KEY}\n{SLEEP.replace('@URL@', url)}{text}", stack.port)


def sign_up(stack: MovableStack, email: str) -> str:
    answer = stack.request("POST", "/forms/footer/signup", urlencode({"email": email}), FORM)
    assert answer.status == 202
    return str(answer.json["id"])


def status(stack: MovableStack, event: str) -> Callable[[], str]:
    """Return what asks for an event's status."""
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    return lambda: str(stack.request("GET", f"/events/{event}", headers=headers).json["status"])


@pytest.mark.rehearsal
@pytest.mark.slow
@pastes
def test_an_outage_is_rehearsed_as_written(stack: MovableStack) -> None:
    printed = on_local_stack("operations.md", "Rehearsing an outage", stack)
    during, after = map(json.loads, re.findall(r'\{"accepted".*', printed))
    assert during["pending"] == 3 and during["accounts"]["paris"]["paused"], during
    assert (after["pending"], after["delivered"]) == (0, 3)


@pytest.mark.rehearsal
@pytest.mark.slow
@pastes
def test_refused_signups_are_listed_resent_and_forgotten_as_written(stack: MovableStack) -> None:
    curl = json.dumps({"kind": "refuse_rows", "contains": "zoe", "provider": "ediware"})
    shell(f"curl -s {stack.sandbox}/_control/faults -d '{curl}' > /dev/null", stack.port)
    event = sign_up(stack, "zoe@example.com")
    stack.until(lambda: status(stack, event)() == "refused")
    [listed] = json.loads(on_local_stack("operators.md", "Listing events", stack))["events"]
    assert listed["id"] == event
    assert json.loads(on_local_stack("operators.md", "`resend`", stack)) == {"resent": 0}, "it is not parked"
    answer = json.loads(on_local_stack("operators.md", "`resume`", stack))
    assert answer["resumed"] is False
    forgotten = json.loads(on_local_stack("operators.md", "`forget`", stack))
    assert forgotten["erased"] >= 1, forgotten
    assert not re.search("zoe@", stack.logs)
