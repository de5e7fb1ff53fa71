"""Teaches moto's CloudFormation the resource types of the template that it lacks, by moto's own services.

What stays different from AWS is in docs/testing.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

Properties = dict[str, Any]
Made = tuple[str, dict[str, str]]
"""The physical id of a resource (what `Ref` gives), and its attributes (what `Fn::GetAtt` gives)."""
Make = Callable[[Properties, str, str], Made]
"""Makes a resource from its properties, the account and the region."""
_TAUGHT: list[Any] = []
"""The classes: moto finds subclasses that exist, and nothing else refers to these."""


@cache
def teach() -> None:
    """Teach this process' moto; before its first stack, since moto lists the types that it knows once."""
    from moto.cloudformation import parsing

    _teach("AWS::ApiGateway::RestApi", _rest_api)
    _teach("AWS::ApiGateway::Stage", _api_stage)
    _teach("AWS::ApiGateway::DomainName", _domain, name="DomainName", attributes=("RegionalDomainName",))
    _teach("AWS::ApiGateway::BasePathMapping", _mapping)
    _teach("AWS::WAFv2::WebACLAssociation", _web_acl_association)
    _teach("AWS::CloudWatch::Alarm", _alarm, name="AlarmName", attributes=("Arn",))
    _teach("AWS::CloudWatch::CompositeAlarm", _alarm, name="AlarmName", attributes=("Arn",))
    _teach("AWS::Lambda::EventInvokeConfig", _invoke_config)
    _read_json_as_json()
    for remembered in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        remembered.cache_clear()


def _read_json_as_json() -> None:
    """moto has YAML's parser read every template, which takes a second for one of ours."""
    from moto.cloudformation.models import Stack

    as_yaml = Stack.parse_template

    def parse_template(template: str) -> Any:
        return json.loads(template) if template.startswith("{") else as_yaml(template)

    Stack.parse_template = staticmethod(parse_template)


class _Resource:
    """What moto's CloudFormation asks of a type and of a resource of it; the class attributes differ by type."""

    kind: str
    name: str
    attribute_names: tuple[str, ...]
    make: Make
    physical_resource_id: str
    attributes: dict[str, str]

    @classmethod
    def cloudformation_type(cls) -> str:
        return cls.kind

    @classmethod
    def cloudformation_name_type(cls) -> str:
        return cls.name

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in cls.attribute_names

    def get_cfn_attribute(self, attribute: str) -> str:
        return self.attributes[attribute]

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> Any:
        properties = {cls.name: resource_name, **cloudformation_json["Properties"]}
        resource = cls()
        resource.physical_resource_id, resource.attributes = cls.make(properties, account_id, region_name)
        return resource

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> Any:
        """Made anew over the old one: its service replaces what has the same name."""
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    def is_created(self) -> bool:
        return True


def _teach(kind: str, make: Make, name: str = "", attributes: tuple[str, ...] = ()) -> None:
    """Add a type to moto's: `make` makes one, `name` is the property that names it, `attributes` are its GetAtts."""
    from moto.core.common_models import CloudFormationModel

    own = {"kind": kind, "name": name, "attribute_names": attributes, "make": staticmethod(make)}
    _TAUGHT.append(type("Resource", (_Resource, CloudFormationModel), own))


def _api_backend(account: str, region: str) -> Any:
    from moto.apigateway.models import apigateway_backends

    return apigateway_backends[account][region]


def _rest_api(properties: Properties, account: str, region: str) -> Made:
    """Made with its paths and methods, which moto's own type ignores; as OpenAPI 3, of which moto reads the same."""
    api = _api_backend(account, region).create_rest_api(name=properties["Name"], description="")
    body = {name: value for name, value in properties["Body"].items() if name != "swagger"}
    root = body["paths"].pop("/", None)
    _api_backend(account, region).put_rest_api(api.id, {**body, "openapi": "3.0.1"}, fail_on_warnings=False)
    for method in root or ():
        _api_backend(account, region).put_method(api.id, api.root_resource_id, method.upper(), None)
    return api.id, {}


def _api_stage(properties: Properties, account: str, region: str) -> Made:
    backend, name = _api_backend(account, region), properties["StageName"]
    api = backend.get_rest_api(properties["RestApiId"])
    api.stages.pop(name, None)
    stage = backend.create_stage(api.id, name, properties["DeploymentId"])
    for setting in properties.get("MethodSettings", ()):
        path, limits = setting["ResourcePath"].removeprefix("/"), ("Rate", "Burst")
        place = f"/{path or '/'}/{setting['HttpMethod']}/throttling"
        patches = [
            {"op": "replace", "path": f"{place}/{one.lower()}Limit", "value": str(setting[f"Throttling{one}Limit"])}
            for one in limits
        ]
        stage.apply_operations(patches)
    return name, {}


def _web_acl_association(properties: Properties, account: str, region: str) -> Made:
    """moto associates nothing: the stage has to exist, as AWS checks."""
    _, _, api_id, _, stage = properties["ResourceArn"].split(":", 5)[5].split("/")
    _api_backend(account, region).get_stage(api_id, stage)
    return f"{properties['ResourceArn']}|{properties['WebACLArn']}", {}


def _domain(properties: Properties, account: str, region: str) -> Made:
    """Create a domain name. Its certificate has to be in the stack's region, as AWS checks."""
    name, certificate = properties["DomainName"], properties["RegionalCertificateArn"]
    if certificate.split(":")[3] != region:
        raise ValueError(f"the certificate of {name} is not in {region}")
    others = "name arn body private_key chain"
    nothing = dict.fromkeys(["tags", "regional_certificate_name", *(f"certificate_{one}" for one in others.split())])
    made = _api_backend(account, region).create_domain_name(
        domain_name=name,
        regional_certificate_arn=certificate,
        endpoint_configuration=properties["EndpointConfiguration"],
        security_policy=properties["SecurityPolicy"],
        **nothing,
    )
    return name, {"RegionalDomainName": made.regional_domain_name}


def _mapping(properties: Properties, account: str, region: str) -> Made:
    backend = _api_backend(account, region)
    backend.base_path_mappings.pop(properties["DomainName"], None)
    backend.create_base_path_mapping(properties["DomainName"], properties["RestApiId"], "", properties["Stage"])
    return f"{properties['DomainName']}|", {}


def _alarm(properties: Properties, account: str, region: str) -> Made:
    from moto.cloudwatch.models import cloudwatch_backends

    backend, name = cloudwatch_backends[account][region], properties["AlarmName"]
    made = backend.put_metric_alarm(
        name=name,
        namespace=properties.get("Namespace"),
        metric_name=properties.get("MetricName"),
        comparison_operator=properties.get("ComparisonOperator"),
        evaluation_periods=properties.get("EvaluationPeriods"),
        period=properties.get("Period"),
        threshold=properties.get("Threshold"),
        statistic=properties.get("Statistic"),
        description=properties.get("AlarmDescription"),
        dimensions=properties.get("Dimensions", []),
        alarm_actions=[one for one in properties.get("AlarmActions", ()) if one],  # None: AWS::NoValue, as moto has it
        treat_missing_data=properties.get("TreatMissingData"),
        rule=properties.get("AlarmRule"),
    )
    return name, {"Arn": made.alarm_arn}


def _invoke_config(properties: Properties, account: str, region: str) -> Made:
    from moto.awslambda.utils import get_backend

    name = properties["FunctionName"]
    get_backend(account, region).put_function_event_invoke_config(name, properties)
    return f"{name}|EventInvokeConfig|{properties['Qualifier']}", {}
