"""An `aws` command for tests of deployments: a script that plays one CloudFormation stack, kept in a file beside it.

Run as `aws SERVICE COMMAND --option value …`. It records its arguments in `calls`, a JSON list a line.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import jmespath

HERE = Path(os.environ.get("FAKE_AWS", "."))
ABSENT = "An error occurred (ValidationError): Stack with id {} does not exist"
OUTPUTS = [{"OutputKey": "DeploymentAlarmArn", "OutputValue": "arn:aws:cloudwatch:eu-west-3:1:alarm:deployment"}]


def main(arguments: list[str]) -> int:
    """Answer one command; returns the exit code, which is 255 for a wait that ends otherwise, as AWS CLI's."""
    with (HERE / "calls").open("a") as calls:
        calls.write(json.dumps(arguments) + "\n")
    state: dict[str, Any] = json.loads((HERE / "state").read_text())
    options = {name: value for name, value in pairwise(arguments) if name.startswith("--")}
    options["outfile"] = arguments[-1]
    code = answer(arguments[:3], options, state)
    (HERE / "state").write_text(json.dumps(state))
    return code


def answer(command: list[str], options: dict[str, str], state: dict[str, Any]) -> int:
    """Change `state` as the command does, and print what it answers."""
    if command[1] == "describe-stacks":
        return describe(options, state)
    if command[1] == "describe-table":
        return 0 if options["--table-name"] in state.get("tables", ()) else 255
    if command[1] == "list-tables":
        print("\t".join(jmespath.search(options["--query"], {"TableNames": state.get("tables", [])})))  # noqa: T201
        return 0
    if command[1] == "wait":
        failing = {"change-set-create-complete": "unchanged", "stack-delete-complete": ""}.get(command[2], "errors")
        return 255 if state.get(failing) else 0
    if command[1] == "get" and state.get("no_region"):
        return 1
    said = {
        "describe-change-set": state.get("unchanged"),
        "describe-stack-events": "SweepErrorsAlarm: Rollback trigger: alarm in state ALARM",
        "get": "eu-west-3",
    }
    if command[1] == "invoke":
        return invoke(options["outfile"], state)
    if command[1] in said:
        print(said[command[1]])  # noqa: T201
    else:
        change(command[1], options, state)
    return 0


def invoke(outfile: str, state: dict[str, Any]) -> int:
    """Write what `check` answers, or say why it was not called."""
    if "cannot_invoke" in state:
        print(state["cannot_invoke"], file=sys.stderr)  # noqa: T201
        return 254
    Path(outfile).write_text(state.get("check", '{"ok": true}'))
    print('{"StatusCode": 200}')  # noqa: T201
    return 0


def describe(options: dict[str, str], state: dict[str, Any]) -> int:
    """Print what `--query` asks of the stack as text, or that there is none."""
    if state.get("error") or "stack" not in state:
        print(state.get("error") or ABSENT.format(options["--stack-name"]), file=sys.stderr)  # noqa: T201
        return 254
    found = jmespath.search(options["--query"], {"Stacks": [state["stack"]]})
    print("\t".join(map(str, found)) if isinstance(found, list) else found)  # noqa: T201
    return 0


def change(verb: str, options: dict[str, str], state: dict[str, Any]) -> None:
    """Make a change set, carry it out, or delete the stack."""
    if verb == "create-change-set":
        state["next"] = options["--change-set-type"]
    elif verb == "execute-change-set":
        rolled_back = f"{state['next']}_ROLLBACK_COMPLETE".removeprefix("CREATE_")
        status = rolled_back if state.get("errors") else f"{state['next']}_COMPLETE"
        state["stack"] = {"Parameters": [], "Outputs": OUTPUTS, **state.get("stack", {}), "StackStatus": status}
    elif verb == "delete-stack":
        del state["stack"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
