"""Throttles by route: every path of the API but unsubscribe links has one, and each is for a path that exists."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping

import pytest

import app
from local.template import ROOT
from local.template_reader import Throttle, describe
from local.throttles import MOST_A_SECOND, MOST_FORMS, OF_A_FORM, UNTHROTTLED, apply, with_own

from .conftest import Generated

INTEGRATION = "x-amazon-apigateway-integration"


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


def with_forms(made: Generated, *forms: str) -> Generated:
    """The template that is packaged with these forms."""
    body = copy.deepcopy(made.body)
    apply(body, forms)
    return Generated(made.stage, body)


def test_each_form_has_paths_and_throttles_of_its_own(made: Generated) -> None:
    packaged = with_forms(made, "footer", "a.b-c", "unsubscribe")
    test_each_throttle_is_for_a_method_of_a_path_of_the_swagger(packaged)
    shared, found = throttles(made), throttles(packaged)
    own = {route: throttle for route, throttle in found.items() if route not in shared}
    assert {route: found[route] for route in shared} == shared
    assert own.keys() == {
        (method.upper(), path.replace("{form}", form))
        for path, methods in OF_A_FORM.items()
        for method in methods
        for form in ("footer", "a.b-c", "unsubscribe")
    }
    for method, path in own:
        assert own[method, path] == shared[method, re.sub("^/forms/[^/]+", "/forms/{form}", path)]
    assert own["POST", "/forms/a.b-c/signup"] == Throttle(50, 100)


def test_a_forms_own_path_invokes_the_function_as_the_shared_one_does(made: Generated) -> None:
    paths = with_forms(made, "footer")["RestAPI"]["DefinitionBody"]["paths"]
    for shared, methods in OF_A_FORM.items():
        own = paths[shared.replace("{form}", "footer")]
        assert own.keys() == set(methods)
        for method in methods:
            without = {k: v for k, v in paths[shared][method][INTEGRATION].items() if k != "responses"}
            assert own[method] == {"responses": {}, INTEGRATION: without}, "a parameter would not be in the path"


def test_all_that_visitors_do_at_a_form_is_among_its_own_paths() -> None:
    """By the declarations in `app.py`, and what browsers ask before a script's request."""
    routes = re.findall(r'@app\.route\("(/forms/[^"]+)"(.*)\)\n', (ROOT / "app.py").read_text())
    declared = {path: {method.lower() for method in re.findall("[A-Z]+", rest) or ["GET"]} for path, rest in routes}
    assert declared == {path: set(methods) - {"options"} for path, methods in OF_A_FORM.items()}
    assert {path for path, methods in OF_A_FORM.items() if "options" not in methods} == {"/forms/{form}"}


def test_above_the_most_forms_the_last_by_name_share_theirs(made: Generated) -> None:
    """An API has at most 300 resources, one for each path and for each beginning of one."""
    forms = [f"form-{number:03}" for number in range(2 * MOST_FORMS)]
    packaged = with_forms(made, *reversed(forms))
    paths = packaged["RestAPI"]["DefinitionBody"]["paths"]
    own = {path.split("/")[2] for path in paths if path.startswith("/forms/form-")}
    assert sorted(own) == with_own(forms) == forms[:MOST_FORMS]
    resources = {path[:end] for path in paths for end in (*(at.start() for at in re.finditer("/", path)), None)}
    assert len(resources) < 250


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
