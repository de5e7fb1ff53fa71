"""Each sample of `events/` gives the same through `app` directly as through the local stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.sandbox import Control, sample_config
from tests.support.aws import TestAws
from tests.support.stack import ROOT, RunningStack, SharedStack

SAMPLES = sorted(path for path in (ROOT / "events").glob("*.json") if not path.stem.startswith("http_form_signup-"))
"""Without those of docs/form-recipes.md, whose forms are not in the sample world."""
FUNCTIONS = {"http": "api_handler", "sqs": "", "schedule": "", "call": "call_provider"}
VARYING_HEADERS = {"x-request-id", "date"}
Direct = Callable[[str, Any, dict[str, str]], Any]


def function_of(sample: Path) -> str:
    """The function that a sample is for, from its file name; the part behind a hyphen names the example."""
    trigger, _, rest = sample.stem.partition("-")[0].partition("_")
    return FUNCTIONS.get(trigger, sample.stem) or rest


def begin_anew(stack: RunningStack) -> None:
    """Reset the sandbox to its samples, at a fixed time."""
    sandbox = Control(stack.sandbox)
    sandbox.reset()
    sandbox.clock(freeze=True)


@pytest.fixture
def stack_of_samples(shared_stack: SharedStack) -> Iterator[RunningStack]:
    """Isolate one sample: leftovers of another one would show in its result."""
    stack = shared_stack.reset()
    begin_anew(stack)
    yield stack
    shared_stack.idle()


@pytest.fixture(scope="module")
def direct(aws_server: TestAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Direct]:
    """`direct(name, event, environ)`: the function's result in a process that knows nothing of the stack."""
    log = tmp_path_factory.mktemp("direct") / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.directly"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "RELAIS_STAGE": "local", **aws_server.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )

    def run(name: str, event: Any, environ: dict[str, str]) -> Any:
        assert process.stdin is not None
        assert process.stdout is not None
        asked = {"name": name, "event": event, "environ": {"PATH": os.environ["PATH"], **environ}}
        process.stdin.write(f"{json.dumps(asked)}\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        assert "result" in answer, log.read_text()
        return answer["result"]

    with process:  # closes its input and waits
        yield run


def settled(result: Any) -> Any:
    """A result without what differs from one call to the next by its nature."""
    if not isinstance(result, dict) or "statusCode" not in result:
        return {name: value for name, value in result.items() if name != "made_at"}
    kept = {name: value for name, value in result["headers"].items() if name.lower() not in VARYING_HEADERS}
    return {**result, "headers": kept}


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.stem for sample in SAMPLES])
def test_a_sample_event_gives_the_same_result_invoked_directly_and_by_its_trigger(
    sample: Path,
    stack_of_samples: RunningStack,
    direct: Direct,
    resources: TestAws,
    tmp_path: Path,
) -> None:
    event, name = json.loads(sample.read_text()), function_of(sample)
    config = tmp_path / "relais.toml"
    config.write_text(sample_config(stack_of_samples.sandbox))
    environ = {**resources.environ, "RELAIS_CONFIG": str(config), "RELAIS_STAGE": "local"}
    by_itself = direct(name, event, environ)
    begin_anew(stack_of_samples)  # the stack comes second: its workers process what its run has put on queues
    code, through_the_stack = stack_of_samples.invoke(name, event)
    assert code == 0
    assert through_the_stack is not None
    assert settled(by_itself) == settled(through_the_stack)


def test_every_kind_of_trigger_has_a_sample_event() -> None:
    assert {function_of(sample) for sample in SAMPLES} >= {
        *("api_handler", "signups", "unsubscribes", "syncs", "collect_stats", "sync_unsubscribes", "sweep"),
        *("audit", "call_provider", "forget", "export_person", "resume", "check", "canary"),
    }


@pytest.mark.parametrize("event", [{}, {"time": "2026-03-01T09:30:00Z"}])
@pytest.mark.parametrize("name", ["audit", "canary", "check", "collect_stats", "sync_unsubscribes", "sweep"])
def test_a_scheduled_function_can_be_invoked_manually(
    stack_of_samples: RunningStack, name: str, event: dict[str, str]
) -> None:
    code, result = stack_of_samples.invoke(name, event)
    assert code == 0, result
