"""The generated template of every stage, and ways to look into it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local import template
from tests.support.emulator import transformed
from tests.support.packaging import copy_checkout

STAGES = ("local", *(pytest.param(stage, marks=pytest.mark.slow) for stage in ("dev", "prod")))
"""Templates differ by their stage's name alone, which a test shows; so all is looked at in one of them."""


@dataclass(frozen=True)
class Generated:
    """A stage and its template."""

    stage: str
    body: dict[str, Any]

    def __getitem__(self, resource: str) -> dict[str, Any]:
        properties: dict[str, Any] = self.body["Resources"][resource]["Properties"]
        return properties

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Name and properties of every resource of a type."""
        return {name: self[name] for name, made in self.body["Resources"].items() if made["Type"] == kind}

    @property
    def functions(self) -> dict[str, dict[str, Any]]:
        """The functions, by resource name."""
        return self.of_type("AWS::Serverless::Function")

    @property
    def sqs_triggers(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Function and properties of every SQS trigger."""
        for name, function in self.functions.items():
            for event in function.get("Events", {}).values():
                if event["Type"] == "SQS":
                    yield name, event["Properties"]

    def statements(self, function: str) -> list[dict[str, Any]]:
        """The statements of a function's role, also those that only apply in a VPC."""
        role, _ = self.functions[function]["Role"]["Fn::GetAtt"]
        (policy,) = self[role]["Policies"]
        return [each.get("Fn::If", [None, each])[1] for each in policy["PolicyDocument"]["Statement"]]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Have the local template made before any test runs: that takes a process, which tests that need none must not."""
    if any("made" in getattr(item, "fixturenames", ()) for item in session.items):
        with suppress(template.TemplateError):  # tests set the stage
            template.build("local")


@pytest.fixture(scope="session", params=STAGES)
def made(request: pytest.FixtureRequest) -> Generated:
    """A stage's template: the local one, and in `make test-all` the others in turn."""
    return Generated(request.param, template.build(request.param))


@pytest.fixture(scope="session")
def translated(made: Generated) -> dict[str, Any]:
    """That template as CloudFormation's transform leaves it; for reading alone."""
    return transformed(made.body)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout."""
    return copy_checkout(tmp_path)
