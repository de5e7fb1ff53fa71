"""A function's role grants what its AWS calls take, and nothing else.

That no right is missing is held in every test over the shared stack: a call without one is refused there, and fails the
test. Here every function makes all of its calls, so that a right that none of them takes is one too many.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from local import template
from tests.e2e.every_right import everything_driven
from tests.support.rights import ELSEWHERE, Right, allows, granted, is_taken_by_aws
from tests.support.stack import SharedStack

FUNCTIONS = template.functions()


@pytest.fixture(scope="module")
def called(shared_stack: SharedStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, set[Right]]]:
    with everything_driven(shared_stack, tmp_path_factory.mktemp("rights")):
        yield shared_stack.called_rights


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_grants_the_calls_of_its_function_and_no_other(called: dict[str, set[Right]], function: str) -> None:
    name = f"relais-local-{function}"
    rights, taken = granted()[name], called[name] - {ELSEWHERE}
    assert [right for right in sorted(taken) if not allows(rights, right)] == [], "a right is missing"
    used = {right for right in rights if any(allows([right], one) for one in taken)}
    unused = {right for right in rights - used if not is_taken_by_aws(right, name)}
    assert sorted(unused) == [], "no call takes it: take it away, or have tests/e2e/every_right.py make that call"


def test_functions_that_call_providers_join_the_vpc_and_no_others(called: dict[str, set[Right]]) -> None:
    """So that providers see a declared address, and nothing else takes a longer way to AWS."""
    callers = {name for name, taken in called.items() if ELSEWHERE in taken}
    callers -= {"relais-local-canary"}  # it calls Relais' own public URL, as a browser would
    resources = template.build("local")["Resources"]
    functions = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::Serverless::Function"]
    assert {each["FunctionName"] for each in functions if "VpcConfig" in each} == callers
    roles = {each["FunctionName"]: each["Role"]["Fn::GetAtt"][0] for each in functions}
    assert {name for name, role in roles.items() if "CreateNetworkInterface" in json.dumps(resources[role])} == callers
    document = (template.ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    sentence, *_ = document.partition("Only these functions join the VPC: ")[2].split(". ")
    assert {f"relais-local-{name}" for name in re.findall(r"`(\w+)`", sentence)} == callers
