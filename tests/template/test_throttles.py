"""Throttles by route: every path of the API but unsubscribe links has one, and each is for a path that exists."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pytest

import app
from local.template import ROOT
from local.template_reader import Throttle, describe
from local.throttles import MOST_A_SECOND, UNTHROTTLED

from .conftest import Generated


def throttles(made: Generated) -> Mapping[tuple[str, str], Throttle]:
    return describe(made.body, "eu-west-3").api.throttles


def test_each_throttle_is_for_a_method_of_a_path_of_the_swagger(made: Generated) -> None:
    paths = made["RestAPI"]["DefinitionBody"]["paths"]
    settings = made["RestAPI"]["MethodSettings"]
    for setting in settings:
        assert re.fullmatch("/|/~1[^/]+", setting["ResourcePath"]), "as API Gateway writes a path"
        assert setting.keys() == {"ResourcePath", "HttpMethod", "ThrottlingRateLimit", "ThrottlingBurstLimit"}
    found = throttles(made)
    assert len(found) == len(settings), "each once"
    for method, path in found:
        assert method.lower() in {each.lower() for each in paths[path]}


def test_every_path_has_throttles_but_those_of_unsubscribe_links(made: Generated) -> None:
    """For the methods that do something: the others are answered with 405."""
    found = throttles(made)
    for path in made["RestAPI"]["DefinitionBody"]["paths"]:
        throttled = {method for method, known in found if known == path}
        preflights = {"OPTIONS"} if path.startswith("/forms/") else set()
        assert throttled == (set() if path in UNTHROTTLED else {"GET", "HEAD", "POST"} | preflights), path
    declared = re.findall(r"methods=\[(.*?)\]", (ROOT / "app.py").read_text())
    assert {method for methods in declared for method in re.findall(r"\w+", methods)} == {"GET", "POST"}


def test_an_unsubscribe_link_with_something_appended_has_none_either() -> None:
    assert "/unsubscribe/{token}" in UNTHROTTLED and "/{proxy+}" in UNTHROTTLED
    assert not [path for path in app.app.routes if path.startswith("/unsubscribe") and path not in UNTHROTTLED]


@pytest.mark.parametrize(
    ("method", "path", "throttle"),
    [
        ("POST", "/forms/{form}/signup", Throttle(50, 100)),
        ("OPTIONS", "/forms/{form}/signup", Throttle(50, 100)),
        ("GET", "/forms/{form}", Throttle(50, 100)),
        ("POST", "/forms/{form}/unsubscribe", Throttle(200, 400)),
        ("OPTIONS", "/forms/{form}/unsubscribe", Throttle(200, 400)),
        ("POST", "/events", Throttle(20, 40)),
        ("GET", "/events", Throttle(20, 40)),
        ("GET", "/dashboard", Throttle(20, 40)),
        ("GET", "/stats/campaigns/{account}/{campaign}", Throttle(20, 40)),
    ],
)
def test_the_rates_and_bursts_by_default(made: Generated, method: str, path: str, throttle: Throttle) -> None:
    assert throttles(made)[method, path] == throttle


def test_a_parameter_moves_its_routes_alone_and_bursts_with_it(made: Generated) -> None:
    body = json.loads(json.dumps(made.body))
    body["Parameters"]["EventsRate"]["Default"] = 7
    found = describe(body, "eu-west-3").api.throttles
    changed = {route: throttle for route, throttle in found.items() if throttle != throttles(made)[route]}
    assert changed == {("POST", "/events"): Throttle(7, 14)}
    for name in ("FormsRate", "EventsRate", "OtherRate"):
        parameter = made.body["Parameters"][name]
        assert (parameter["MinValue"], parameter["MaxValue"]) == (1, MOST_A_SECOND)
    assert made.body["Mappings"]["Multiples"].keys() == {str(rate) for rate in range(1, MOST_A_SECOND + 1)}


def test_concurrency_is_reserved_for_the_http_function_alone_and_only_if_asked_for(made: Generated) -> None:
    given = {
        name: each["ReservedConcurrentExecutions"] for name, each in made.functions.items() if "Reserved" in str(each)
    }
    asked = {"Fn::If": ["HasReservedConcurrency", {"Ref": "ReservedConcurrency"}, {"Ref": "AWS::NoValue"}]}
    assert given == {"APIHandler": asked}
    assert made.body["Parameters"]["ReservedConcurrency"]["Default"] == ""


def test_a_web_acl_is_for_the_stage_of_the_api(made: Generated) -> None:
    association = made.body["Resources"]["WebAclAssociation"]
    assert association["Condition"] == "HasWebAcl"
    assert association["Properties"]["WebACLArn"] == {"Ref": "WebAclArn"}
    text, names = association["Properties"]["ResourceArn"]["Fn::Sub"]
    assert text.endswith("::/restapis/${RestAPI}/stages/${Stage}") and names == {"Stage": {"Ref": "RestAPI.Stage"}}
    assert made.body["Parameters"]["WebAclArn"]["Default"] == ""
