"""Runbooks are run: every command of the pages on operating Relais, or it says that it cannot be.

Those for a deployed stage run in an AWS that is played here (`tests/support/account`), by the packaged `deploy.sh`;
those for `make run` on the local stack.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.e2e import runbook_steps_restoring
from tests.e2e.rehearsal import STEPS, Rehearsal
from tests.e2e.test_readme import SLEEP, pastes, shell, sleeping
from tests.e2e.world import ADMIN_KEY, FORM
from tests.support.account.account import opened
from tests.support.account.operator import Operator
from tests.support.documents import Documented, pages, runners
from tests.support.required_tools import need
from tests.support.stack import MovableStack, SharedStack

assert runbook_steps_restoring.RESTORED  # its import declares the steps, after those of `runbook_steps.py`
RUNBOOKS = "tests/e2e/test_runbooks.py::test_the_runbooks_of_a_deployed_stage_work_as_written"


def test_every_block_of_the_runbooks_has_a_step() -> None:
    steps = Counter(heading for heading, _ in STEPS)
    own = [block for page in pages() for block, runner in runners(page) if runner == RUNBOOKS]
    blocks = Counter(block.heading for block in own)
    assert steps == blocks, "write a step in tests/e2e/runbook_steps.py for each block"


@pytest.mark.rehearsal
@pytest.mark.slow
@pytest.mark.server
@pytest.mark.no_cover
@pytest.mark.timeout(1800)
def test_the_runbooks_of_a_deployed_stage_work_as_written(tmp_path: Path, documented: Documented) -> None:
    for tool in ("aws", "curl", "bash", "openssl"):
        need(tool, "a runbook")
    blocks = {heading: iter(found) for heading, found in documented.by_heading().items()}
    with opened(tmp_path) as account:
        on = Rehearsal(account, Operator(account, tmp_path / "checkout"), documented)
        for heading, run in STEPS:
            run(on, next(blocks[heading]))
        assert not account.refused_calls()


# --- on the local stack ---


@pytest.fixture
def stack(shared_stack: SharedStack) -> Iterator[MovableStack]:
    yield shared_stack.reset()
    shared_stack.idle()


def on_local_stack(block: str, stack: MovableStack) -> str:
    """Run a block as `make run`'s user would, at the stack's own addresses; returns what it printed."""
    text = block.replace("http://127.0.0.1:8000", stack.http).replace("http://127.0.0.1:8025", stack.sandbox)
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
def test_an_outage_is_rehearsed_as_written(stack: MovableStack, documented: Documented) -> None:
    printed = on_local_stack(documented.block("docs/operations.md", "Rehearsing an outage"), stack)
    during, after = map(json.loads, re.findall(r'\{"accepted".*', printed))
    assert during["pending"] == 3 and during["accounts"]["paris"]["paused"], during
    assert (after["pending"], after["delivered"]) == (0, 3)


@pytest.mark.rehearsal
@pytest.mark.slow
@pastes
def test_refused_signups_are_listed_resent_and_forgotten_as_written(
    stack: MovableStack, documented: Documented
) -> None:
    def printed_by(heading: str) -> Any:
        return json.loads(on_local_stack(documented.block("docs/operators.md", heading), stack))

    curl = json.dumps({"kind": "refuse_rows", "contains": "zoe", "provider": "ediware"})
    shell(f"curl -s {stack.sandbox}/_control/faults -d '{curl}' > /dev/null", stack.port)
    event = sign_up(stack, "zoe@example.com")
    stack.until(lambda: status(stack, event)() == "refused")
    [listed] = printed_by("Listing events")["events"]
    assert listed["id"] == event
    assert printed_by("`resend`") == {"resent": 0}, "it is not parked"
    answer = printed_by("`resume`")
    assert answer["resumed"] is False
    forgotten = printed_by("`forget`")
    assert forgotten["erased"] >= 1, forgotten
    assert not re.search("zoe@", stack.logs)
