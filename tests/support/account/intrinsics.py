"""Evaluates a translated CloudFormation template: parameters, rules, conditions, references between resources."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

ACCOUNT_ID = "123456789012"
NOTHING = object()
"""What `AWS::NoValue` leaves: the property is not there."""


class InvalidTemplate(Exception):
    """What CloudFormation would answer as ValidationError."""


@dataclass(frozen=True)
class Made:
    """A resource that exists: what `Ref` and `Fn::GetAtt` give, and the properties that it was made with."""

    type: str
    ref: str
    properties: Mapping[str, Any]
    attributes: Mapping[str, str] = field(default_factory=dict)
    retained: bool = False
    """Whether the table or queue stays when its stack goes."""


class Evaluation:
    """One template with one set of parameters. Raises InvalidTemplate for what CloudFormation refuses at once."""

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, str], pseudo: Mapping[str, str]) -> None:
        self.template = template
        self.parameters = self._checked(parameters)
        self._pseudo = pseudo
        self._check_rules()
        self.resources: dict[str, Mapping[str, Any]] = {
            name: each
            for name, each in template["Resources"].items()
            if "Condition" not in each or self.condition(each["Condition"])
        }

    def _checked(self, given: Mapping[str, str]) -> dict[str, str]:
        declared = self.template.get("Parameters", {})
        for name in given.keys() - declared.keys():
            raise InvalidTemplate(f"Parameters: [{name}] do not exist in the template")
        values = {}
        for name, about in declared.items():
            if name not in given and "Default" not in about:
                raise InvalidTemplate(f"Parameters: [{name}] must have values")
            value = values[name] = str(given.get(name, about.get("Default", "")))
            allowed, pattern = about.get("AllowedValues"), about.get("AllowedPattern")
            if allowed is not None and value not in map(str, allowed):
                raise InvalidTemplate(f"Parameter {name} must be one of AllowedValues")
            if pattern is not None and re.fullmatch(pattern, value) is None:
                raise InvalidTemplate(f"Parameter {name} failed to satisfy constraint: {pattern}")
        return values

    def _check_rules(self) -> None:
        for name, rule in self.template.get("Rules", {}).items():
            if "RuleCondition" in rule and not self.value(rule["RuleCondition"]):
                continue
            for each in rule["Assertions"]:
                if not self.value(each["Assert"]):
                    raise InvalidTemplate(f"Template rule {name} failed: {each.get('AssertDescription', '')}")

    def condition(self, name: str) -> bool:
        """Return a condition's value."""
        return bool(self.value(self.template["Conditions"][name]))

    def value(self, value: Any, made: Mapping[str, Made] | None = None) -> Any:
        """Return a value with its intrinsics resolved; `made` are the resources that exist by now."""
        if isinstance(value, list):
            found = [self.value(each, made) for each in value]
            return [each for each in found if each is not NOTHING]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            if name == "Condition" and isinstance(argument, str):
                return self.condition(argument)
            if name == "Ref" or name.startswith("Fn::"):
                return self._intrinsic(name, argument, made)
        found_of = {name: self.value(each, made) for name, each in value.items()}
        return {name: each for name, each in found_of.items() if each is not NOTHING}

    def _intrinsic(self, name: str, argument: Any, made: Mapping[str, Made] | None) -> Any:
        if name == "Ref":
            return self._reference(argument, made)
        if name == "Fn::GetAtt":
            resource, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
            return self._attribute(resource, attribute, made)
        if name == "Fn::If":
            return self.value(argument[1 if self.condition(argument[0]) else 2], made)
        if name == "Fn::Sub":
            return self._substituted(argument, made)
        operations: dict[str, Callable[[Any], Any]] = {
            "Fn::Equals": lambda given: given[0] == given[1],
            "Fn::Not": lambda given: not given[0],
            "Fn::And": all,
            "Fn::Or": any,
            "Fn::Join": lambda given: given[0].join(given[1]),
            "Fn::FindInMap": lambda given: self.template["Mappings"][given[0]][given[1]][given[2]],
            "Fn::Select": lambda given: given[1][int(given[0])],
            "Fn::Split": lambda given: given[1].split(given[0]),
        }
        if name not in operations:
            raise InvalidTemplate(f"Template error: {name} is not played here")
        return operations[name](self.value(argument, made))

    def _substituted(self, argument: Any, made: Mapping[str, Made] | None) -> str:
        text, values = (argument, {}) if isinstance(argument, str) else argument

        def replaced(found: re.Match[str]) -> str:
            name = found[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in values:
                return str(self.value(values[name], made))
            resource, dot, attribute = name.partition(".")
            return str(self._attribute(resource, attribute, made) if dot else self._reference(name, made))

        return re.sub(r"\$\{([^}]+)\}", replaced, text)

    def _reference(self, name: str, made: Mapping[str, Made] | None) -> Any:
        if name == "AWS::NoValue":
            return NOTHING
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self.parameters:
            listed = self.template["Parameters"][name]["Type"] == "CommaDelimitedList"
            return self.parameters[name].split(",") if listed else self.parameters[name]
        return self._existing(name, made).ref

    def _attribute(self, name: str, attribute: str, made: Mapping[str, Made] | None) -> str:
        existing = self._existing(name, made)
        if attribute not in existing.attributes:
            raise InvalidTemplate(f"Template error: {existing.type} {name} has no attribute {attribute} here")
        return existing.attributes[attribute]

    def _existing(self, name: str, made: Mapping[str, Made] | None) -> Made:
        if name not in self.template["Resources"]:
            raise InvalidTemplate(f"Template error: instance of Ref or Fn::GetAtt references undefined resource {name}")
        if made is None or name not in made:
            raise InvalidTemplate(f"Unresolved resource dependencies [{name}]")
        return made[name]

    def in_order(self) -> list[str]:
        """Return the resources so that each comes after those that it needs. Raises InvalidTemplate for a circle."""
        done: dict[str, bool] = {}

        def visit(name: str) -> Iterator[str]:
            if name in done:
                if not done[name]:
                    raise InvalidTemplate(f"Circular dependency between resources: {name}")
                return
            done[name] = False
            for other in sorted(self._needed_by(self.resources[name])):
                yield from visit(other)
            done[name] = True
            yield name

        return [each for name in self.resources for each in visit(name)]

    def _needed_by(self, resource: Mapping[str, Any]) -> set[str]:
        depends = resource.get("DependsOn", [])
        found = {depends} if isinstance(depends, str) else set(depends)
        found |= set(self._named(resource.get("Properties", {})))
        return found & self.resources.keys()

    def _named(self, value: Any) -> Iterator[str]:
        if isinstance(value, list):
            for each in value:
                yield from self._named(each)
        if not isinstance(value, Mapping):
            return
        for name, argument in value.items():
            if name == "Fn::If":
                yield from self._named(argument[1 if self.condition(argument[0]) else 2])
            elif name in ("Ref", "Fn::GetAtt", "Fn::Sub"):
                yield from _names_in(name, argument)
                yield from self._named([] if isinstance(argument, str) else argument[1:])
            else:
                yield from self._named(argument)


def _names_in(intrinsic: str, argument: Any) -> list[str]:
    """Return the names of parameters and resources that a reference has."""
    text = argument if isinstance(argument, str) else argument[0]
    if intrinsic == "Fn::Sub":
        return [found.partition(".")[0] for found in re.findall(r"\$\{([^!}][^}]*)\}", text)]
    return [text.partition(".")[0]]
