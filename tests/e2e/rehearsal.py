"""How a runbook is rehearsed: an operator, the deployed stage `prod`, and the steps that run its blocks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.support.account.account import BUCKET, Account, Shell
from tests.support.account.operator import Operator
from tests.support.documents import Documented

STACK = "relais-prod"


@dataclass
class Rehearsal:
    """An operator, and what earlier steps left."""

    account: Account
    operator: Operator
    documented: Documented
    first_package: str = ""
    seen: dict[str, Any] = field(default_factory=dict)

    def run(self, block: str, **values: str) -> Shell:
        """Run a block with what it leaves open filled in; it has to end well."""
        return self.operator.succeed(filled(block, values))

    def deploys(self, block: str, *changed: tuple[str, str]) -> Shell:
        """Run a block that deploys."""
        text = block.replace("YOUR-BUCKET", BUCKET)
        for old, new in changed:
            assert old in text, f"{old} is not in\n{text}"
            text = text.replace(old, new)
        assert "…" not in re.sub(" #.*", "", text), text
        return self.operator.succeed(text)

    @property
    def url(self) -> str:
        """The API's URL."""
        return self.account.output(STACK, "EndpointURL")

    @property
    def parameters(self) -> dict[str, str]:
        """Of the stack."""
        evaluation = self.account.cloudformation.stacks[STACK].evaluation
        assert evaluation is not None
        return evaluation.parameters

    @property
    def status(self) -> str:
        """Of the stack."""
        return self.account.cloudformation.stacks[STACK].status

    def sign_up(self, email: str, **fields: str) -> str:
        """Sign somebody up by the form; returns the event's id."""
        body = urlencode({"email": email, **fields})
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = self.account.request("POST", f"{self.url}/forms/footer/signup", body, headers)
        assert answer.status == 202, answer.json
        return str(answer.json["id"])

    def delivery(self, event: str) -> dict[str, Any]:
        """Return what became of a signup."""
        key = self.secret("admin")["key"]
        answer = self.account.request("GET", f"{self.url}/events/{event}", headers={"authorization": f"Bearer {key}"})
        [delivery] = answer.json["deliveries"]
        found: dict[str, Any] = delivery
        return found

    def until(self, event: str, status: str) -> dict[str, Any]:
        """Let time pass until a signup has a status."""
        return self.account.until(lambda: (found := self.delivery(event))["status"] == status and found)

    def secret(self, name: str) -> dict[str, str]:
        """Return the value of a secret of the stage."""
        manager = self.account.aws.client("secretsmanager")
        value: dict[str, str] = json.loads(manager.get_secret_value(SecretId=f"relais/prod/{name}")["SecretString"])
        return value

    def rows(self) -> list[str]:
        """The addresses of the list of paris."""
        state = self.account.control.state()["providers"]["ediware"]["accounts"]["paris"]
        return [row["email"] for row in state["lists"]["4781"]["rows"]]


Step = Callable[[Rehearsal, str], None]
STEPS: list[tuple[str, Step]] = []


def step(heading: str) -> Callable[[Step], Step]:
    """Declare what rehearses the next block below a heading of these pages. Steps run in the order declared."""

    def declared(function: Step) -> Step:
        STEPS.append((heading, function))
        return function

    return declared


def filled(block: str, values: dict[str, str]) -> str:
    """Return a block with placeholders replaced; each has to be there."""
    for placeholder, value in values.items():
        assert placeholder in block, f"{placeholder} is not in\n{block}"
        block = block.replace(placeholder, value)
    return block


def with_input(block: str, text: str) -> str:
    """Return a block that finds `text` on its standard input."""
    return f"{{ {block}\n}} <<'END'\n{text}\nEND\n"
