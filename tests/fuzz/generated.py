"""Runs schemathesis against a running stack and counts what it did."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import schemathesis
from schemathesis import engine
from schemathesis.core.failures import Failure
from schemathesis.engine import events
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.hooks import HookContext

from tests.fuzz.world import Sender, narrowed

SEED = int(os.environ.get("RELAIS_FUZZ_SEED", "1"))
EXAMPLES = os.environ.get("RELAIS_FUZZ_EXAMPLES")
"""How many requests are drawn for each operation, and how many sequences; by default as many as the test says."""

LEFT_OUT = {
    "`object_level_authorization`": "Who reads is always the same: the holder of the admin key.",
    "`max_response_time`": "No test asks for a certain speed; `make bench` measures.",
    "`positive_data_acceptance` where the answer is 404 or 409": "An id may be unknown, or in use; the statuses are"
    " described, and reached by a test.",
    "`negative_data_rejection` of OPTIONS": "OPTIONS names the methods of a path, whatever stands in the place of a"
    " name, and reads nothing else.",
    "`negative_data_rejection` of a form's body that is no object": "A form's coding can say nothing but fields: a body"
    " that is no object is sent as a form without any.",
    "`ignored_auth` where the answer is 429": "After ten wrong keys the next wrong one is answered with 429, which"
    " refuses it as well.",
    "Generated keys and signatures": "Every request has right ones, so that it is read; `ignored_auth` tries without"
    " any, and with wrong ones.",
}
"""Checks of schemathesis that are not made, or not there, with the reason; docs/testing.md lists the same."""


@dataclass
class Outcome:
    """What one run did."""

    cases: int = 0
    statuses: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    """Answers by the document's path, method and status."""
    failures: list[str] = field(default_factory=list)

    def require_none(self) -> None:
        """Fail with all failures; else print the number of cases."""
        print(f"schemathesis: {self.cases} cases, {len(self.failures)} failures")  # noqa: T201
        assert not self.failures, "\n\n".join(self.failures[:20])

    def add(self, recorder: ScenarioRecorder) -> None:
        """Count the requests of a scenario and its failed checks."""
        for name, interaction in recorder.interactions.items():
            self.cases += 1
            if interaction.response is not None:
                case = recorder.cases[name].value
                self.statuses[case.operation.path, case.method, interaction.response.status_code] += 1
            else:
                self.failures.append(f"no answer to {interaction.request.method} {interaction.request.uri}")
        for checks in recorder.checks.values():
            self.failures += [_shown(check.name, check.failure_info) for check in checks if check.failure_info]


def _shown(check: str, info: Any) -> str:
    failure = info.failure
    return f"{check}: {failure.operation}: {failure.title}\n{failure.message}\n{info.code_sample[:1500]}"


def run(
    url: str,
    now: Callable[[], datetime],
    served: dict[str, Any],
    phases: Sequence[str],
    examples: int,
    *,
    any_names: bool = False,
    **only: Any,
) -> Outcome:
    """Send requests to `url` that are generated from the document that it serves.

    `any_names`: also names that are not configured, so that what is inside of the document may be refused. `only`
    selects operations, as schemathesis' `include` has it.
    """
    config = _config(url, phases, examples, any_names)
    schema = schemathesis.openapi.from_dict(served if any_names else narrowed(served), config=config)
    if only:
        schema = schema.include(**only)
    schema.auth.set_from_requests(Sender(now))
    schema.hook("filter_failure")(_counts)
    outcome = Outcome()
    for event in engine.from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            outcome.add(event.recorder)
        elif isinstance(event, events.NonFatalError):
            outcome.failures.append(f"{event.label}: {event.value!r}")
        elif isinstance(event, events.FatalError):
            raise event.exception
    return outcome


def _config(url: str, phases: Sequence[str], examples: int, any_names: bool) -> schemathesis.Config:
    searching = "RELAIS_FUZZ_SEED" in os.environ
    learns = {"extra-data-sources": {"responses": searching}}  # from answers, which differ from run to run
    return schemathesis.Config.from_dict(
        {
            "base-url": url,
            "cache": {"enabled": False},
            "seed": SEED,
            "continue-on-failure": True,
            "generation": {
                "max-examples": int(EXAMPLES or examples),
                "deterministic": not searching,
                "no-shrink": True,
                "with-security-parameters": False,  # the sender signs; `ignored_auth` tries without and with wrong ones
                "database": "none",
            },
            "checks": {
                "positive_data_acceptance": {
                    "enabled": not any_names,
                    "expected-statuses": ["2xx", "3xx", "404", "409"],
                },
                "object_level_authorization": {"enabled": False},
            },
            "phases": {
                "examples": {"enabled": "examples" in phases, **learns},
                "coverage": {"enabled": "coverage" in phases, **learns},
                "fuzzing": {"enabled": "fuzzing" in phases, **learns, "error-feedback": {"enabled": searching}},
                "stateful": {"enabled": "stateful" in phases},
            },
        }
    )


def _counts(context: HookContext, failure: Failure, case: schemathesis.Case, response: schemathesis.Response) -> bool:
    """Return whether a failed check is a failure; see `LEFT_OUT`."""
    check = type(failure).__name__
    if check == "IgnoredAuth":
        return "got `429 Too Many Requests`" not in failure.message
    if check == "AcceptedNegativeData":
        coded = (case.media_type or "").endswith(("form-data", "form-urlencoded")) and not isinstance(case.body, dict)
        return not coded and case.method != "OPTIONS"
    return True
