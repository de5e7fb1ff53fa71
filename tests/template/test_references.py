"""Everything that the template refers to exists: in the SAM template, and as CloudFormation's transform leaves it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from .conftest import Generated

PSEUDO = {
    f"AWS::{name}" for name in ("AccountId", "NoValue", "Partition", "Region", "StackId", "StackName", "URLSuffix")
}
STAGE_OF_API = "RestAPI.Stage"
"""What SAM calls the stage that it makes for an API."""


class Reference(NamedTuple):
    """What is named, its attribute (None: a plain `Ref`), and the conditions that hold where it is named."""

    name: str
    attribute: str | None
    under: frozenset[str]


def nodes(value: Any, under: frozenset[str] = frozenset()) -> Iterator[tuple[str, Any, frozenset[str]]]:
    """Every member of every object in a part of a template, with the conditions that hold there."""
    if isinstance(value, list):
        for each in value:
            yield from nodes(each, under)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield key, inner, under
            if key == "Fn::If":
                condition, where_true, otherwise = inner
                yield from nodes(where_true, under | {condition})
                inner = otherwise
            yield from nodes(inner, under)


def references(value: Any, under: frozenset[str] = frozenset()) -> Iterator[Reference]:
    """Every reference in a part of a template: `Ref`, `Fn::GetAtt`, `Fn::Sub`, `DependsOn`."""
    for key, inner, holding in nodes(value, under):
        names: list[tuple[str, str | None]] = []
        if key in ("Ref", "DependsOn"):
            names = [(name, None) for name in (inner if isinstance(inner, list) else [inner])]
        elif key == "Fn::GetAtt":
            names = [tuple(inner if isinstance(inner, list) else inner.split(".", 1))]
        elif key == "Fn::Sub":
            text, own = (inner, {}) if isinstance(inner, str) else inner
            found = (name.partition(".") for name in re.findall(r"\$\{([^!}]+)\}", text))
            names = [(name, attribute or None) for name, _, attribute in found if name not in own]
        yield from (Reference(name, attribute, holding) for name, attribute in names)


def conditions(value: Any) -> Iterator[str]:
    """Every condition that a part of a template names."""
    for key, inner, _ in nodes(value):
        if key == "Fn::If":
            yield inner[0]
        elif key == "Condition" and isinstance(inner, str):
            yield inner


def unresolved(body: Mapping[str, Any]) -> list[str]:
    """What a template refers to and does not have, or not under the conditions under which it refers to it."""
    resources, parameters = body["Resources"], body.get("Parameters", {})
    faults = [f"condition {name}" for name in set(conditions(body)) - body.get("Conditions", {}).keys()]
    parts = {**resources, **{f"output {name}": output for name, output in body.get("Outputs", {}).items()}}
    for place, part in parts.items():
        own = frozenset([part["Condition"]] if "Condition" in part else [])
        for name, _, under in references(part, own):
            if name in PSEUDO or name in parameters or name == STAGE_OF_API:
                continue
            if name not in resources:
                faults.append(f"{place}: {name}")
            elif resources[name].get("Condition", None) not in (None, *under):
                faults.append(f"{place}: {name}, which is there only if {resources[name]['Condition']}")
    return sorted({*faults, *_unknown_methods(body)})


def _unknown_methods(body: Mapping[str, Any]) -> Iterator[str]:
    """Methods with settings of their own that the API does not have: API Gateway would take them for new ones."""
    apis = [each["Properties"] for each in body["Resources"].values() if each["Type"].endswith(("::RestApi", "::Api"))]
    definitions = [api.get("Body") or api["DefinitionBody"] for api in apis]
    known = {
        (path, method.upper()) for each in definitions for path, methods in each["paths"].items() for method in methods
    }
    for resource in body["Resources"].values():
        for setting in resource.get("Properties", {}).get("MethodSettings", ()):
            path, method = setting["ResourcePath"].replace("~1", "/"), setting["HttpMethod"]
            path = path.removeprefix("/") if path.startswith("//") else path
            if path != "/*" and method != "*" and (path, method) not in known:
                yield f"method {method} {path}"


def unknown_attributes(body: Mapping[str, Any]) -> list[str]:
    """Attributes in `Fn::GetAtt` and `Fn::Sub` that AWS' own descriptions of the types do not have."""
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

    faults = []
    for name, attribute, _ in references([body["Resources"], body.get("Outputs", {})]):
        if attribute is not None and name in body["Resources"]:
            kind = body["Resources"][name]["Type"]
            if attribute not in PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-west-3", kind).get_atts:
                faults.append(f"{name}.{attribute} of {kind}")
    return faults


def test_every_reference_of_the_template_resolves(made: Generated) -> None:
    assert unresolved(made.body) == []


@pytest.mark.seconds
def test_every_reference_of_the_translation_resolves(translated: dict[str, Any]) -> None:
    assert unresolved(translated) == []
    assert unknown_attributes(translated) == []


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        ({"Ref": "Nowhere"}, "Other: Nowhere"),
        ({"Fn::Sub": "${Nowhere.Arn}/*"}, "Other: Nowhere"),
        ({"Fn::Sub": ["${One}", {"One": {"Ref": "Nowhere"}}]}, "Other: Nowhere"),
        ({"Fn::If": ["Unknown", 1, 2]}, "condition Unknown"),
        ({"Ref": "Sometimes"}, "Other: Sometimes, which is there only if Rarely"),
        ({"Fn::If": ["Rarely", 1, {"Ref": "Sometimes"}]}, "Other: Sometimes, which is there only if Rarely"),
        ({"Fn::If": ["Rarely", {"Ref": "Sometimes"}, 2]}, None),
    ],
)
def test_what_is_not_there_is_found(part: Any, fault: str | None) -> None:
    body = {
        "Conditions": {"Rarely": {"Fn::Equals": [1, 2]}},
        "Resources": {
            "Sometimes": {"Type": "AWS::SNS::Topic", "Condition": "Rarely"},
            "Other": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": part}},
        },
    }
    assert unresolved(body) == ([] if fault is None else [fault])


def test_settings_of_a_method_that_the_api_does_not_have_are_found(made: Generated) -> None:
    body = json.loads(json.dumps(made.body))
    settings = [
        {"ResourcePath": "/*", "HttpMethod": "*"},
        {"ResourcePath": "/~1forms~1{form}~1signup", "HttpMethod": "POST"},
        {"ResourcePath": "/~1forms~1{name}~1signup", "HttpMethod": "POST"},
    ]
    body["Resources"]["RestAPI"]["Properties"]["MethodSettings"] = settings
    assert unresolved(body) == ["method POST /forms/{name}/signup"]
