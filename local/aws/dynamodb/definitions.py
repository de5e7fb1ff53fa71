"""Checks CreateTable's parameters and makes tables and their descriptions."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from .database import Database, Request
from .errors import DynamoError, invalid, invalid_value
from .schema import KeySchema
from .tables import Index, Table

_NAME = re.compile(r"[a-zA-Z0-9_.-]+")
_PROJECTIONS = ("ALL", "KEYS_ONLY", "INCLUDE")
_MAX_GLOBAL, _MAX_LOCAL = 20, 5
_KINDS = (("GlobalSecondaryIndexes", True), ("LocalSecondaryIndexes", False))


def check_name(name: Any, parameter: str = "tableName") -> str:
    """Returns a valid name of a table or index. Raises DynamoError."""
    if not isinstance(name, str):
        raise invalid("The parameter 'TableName' is required but was not present in the request")
    if not 3 <= len(name) <= 255:
        raise invalid(
            f"{parameter[0].upper()}{parameter[1:]} must be at least 3 characters long and at most 255 characters long"
        )
    if not _NAME.fullmatch(name):
        raise invalid(
            f"1 validation error detected: Value '{name}' at '{parameter}' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
        )
    return name


def make_table(database: Database, request: Request) -> Table:
    """Returns the table that a CreateTable describes. Raises DynamoError."""
    name = check_name(request.get("TableName"))
    types = _types(request.get("AttributeDefinitions") or ())
    schema = key_schema(request.get("KeySchema") or (), types)
    indexes = [
        make_index(given, types, schema, is_global) for kind, is_global in _KINDS for given in request.get(kind) or ()
    ]
    _check_indexes(request, schema, indexes)
    used = {name for each in (schema, *(index.schema for index in indexes)) for name in each.names}
    if used != types.keys():
        raise invalid_value(
            "Some AttributeDefinitions are not used. AttributeDefinitions: "
            f"[{', '.join(types)}], keys used: [{', '.join(sorted(used))}]"
            if types.keys() > used
            else "Number of attributes in KeySchema does not exactly match number of attributes defined in "
            "AttributeDefinitions"
        )
    table = Table(name, schema, {index.name: index for index in indexes}, {})
    table.tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or ()}
    table.description = _description(database, name, request)
    return table


def _types(definitions: Iterable[Mapping[str, str]]) -> dict[str, str]:
    types: dict[str, str] = {}
    for each in definitions:
        name, kind = each["AttributeName"], each["AttributeType"]
        if kind not in ("S", "N", "B"):
            raise invalid(
                f"1 validation error detected: Value '{kind}' at 'attributeDefinitions.1.member.attributeType' failed "
                "to satisfy constraint: Member must satisfy enum value set: [B, N, S]"
            )
        if types.setdefault(name, kind) != kind:
            raise invalid_value(f"Cannot redefine an attribute: {name}")
    return types


def key_schema(given: Iterable[Mapping[str, str]], types: Mapping[str, str]) -> KeySchema:
    """Returns a key schema. Raises DynamoError."""
    keys = list(given)
    kinds = [key["KeyType"] for key in keys]
    if not keys:
        raise invalid(
            "1 validation error detected: Value null at 'keySchema' failed to satisfy constraint: "
            "Member must not be null"
        )
    if kinds[0] != "HASH":
        raise invalid_value("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if kinds not in (["HASH"], ["HASH", "RANGE"]):
        raise invalid_value("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
    names = [key["AttributeName"] for key in keys]
    if len(set(names)) < len(names):
        raise invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")
    missing = [name for name in names if name not in types]
    if missing:
        raise invalid_value(
            "Some index key attributes are not defined in AttributeDefinitions. "
            f"Keys: [{', '.join(missing)}], AttributeDefinitions: [{', '.join(types)}]"
        )
    return KeySchema(names[0], types[names[0]], *((names[1], types[names[1]]) if names[1:] else ()))


def make_index(given: Mapping[str, Any], types: Mapping[str, str], table: KeySchema, is_global: bool) -> Index:
    """Returns an empty index. Raises DynamoError."""
    name = check_name(given.get("IndexName"), "indexName")
    schema = key_schema(given.get("KeySchema") or (), types)
    projection = given.get("Projection") or {}
    kind = projection.get("ProjectionType")
    if kind not in _PROJECTIONS:
        raise invalid_value(f"Unknown ProjectionType: {kind}")
    more = projection.get("NonKeyAttributes")
    if (kind == "INCLUDE") != bool(more):
        raise invalid_value(
            "ProjectionType is INCLUDE, but NonKeyAttributes is not specified"
            if kind == "INCLUDE"
            else f"ProjectionType is {kind}, but NonKeyAttributes is specified"
        )
    if not is_global and (schema.hash_name != table.hash_name or schema.range_name is None):
        raise invalid_value(
            f"Index KeySchema does not have the same leading hash key as table KeySchema for index: {name}"
            if schema.range_name
            else f"Index KeySchema does not have a range key for index: {name}"
        )
    attributes = None if kind == "ALL" else frozenset([*table.names, *schema.names, *(more or ())])
    definition = {"IndexName": name, "KeySchema": list(given["KeySchema"]), "Projection": dict(projection)}
    return Index(name, schema, is_global, definition, attributes)


def _check_indexes(request: Request, schema: KeySchema, indexes: list[Index]) -> None:
    names = [index.name for index in indexes]
    for name in names:
        if names.count(name) > 1:
            raise invalid_value(f"Duplicate index name: {name}")
    for kind, most in (("GlobalSecondaryIndexes", _MAX_GLOBAL), ("LocalSecondaryIndexes", _MAX_LOCAL)):
        given = request.get(kind)
        if given is not None and not given:
            raise invalid_value("List of " + kind + " is empty")
        if given and len(given) > most:
            raise DynamoError(
                "ValidationException" if kind.startswith("Local") else "LimitExceededException",
                f"One or more parameter values were invalid: {kind} count exceeds the per-table limit of {most}",
            )
    if request.get("LocalSecondaryIndexes") and schema.range_name is None:
        raise invalid_value(
            "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"
        )


def _description(database: Database, name: str, request: Request) -> dict[str, Any]:
    arn, now = database.arn(name), database.clock()
    description: dict[str, Any] = {
        "TableName": name,
        "TableArn": arn,
        "TableId": str(uuid.uuid4()),
        "TableStatus": "ACTIVE",
        "CreationDateTime": now,
        "AttributeDefinitions": list(request["AttributeDefinitions"]),
        "KeySchema": list(request["KeySchema"]),
        "DeletionProtectionEnabled": bool(request.get("DeletionProtectionEnabled")),
    }
    set_billing(description, request, now)
    set_options(description, request, now)
    for kind, is_global in _KINDS:
        if request.get(kind):
            description[kind] = [describe_index(description, each, is_global) for each in request[kind]]
    return description


def set_billing(description: dict[str, Any], request: Request, now: float) -> None:
    """Puts the billing mode and throughput of a CreateTable or UpdateTable into a description. Raises DynamoError."""
    mode, throughput = request.get("BillingMode"), request.get("ProvisionedThroughput")
    if mode == "PAY_PER_REQUEST":
        if throughput:
            raise invalid_value(
                "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
            )
        description["BillingModeSummary"] = {"BillingMode": mode, "LastUpdateToPayPerRequestDateTime": now}
    elif throughput is None:
        raise invalid_value(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
        )
    else:
        description.pop("BillingModeSummary", None)
    description["ProvisionedThroughput"] = _throughput(throughput)


def _throughput(given: Mapping[str, int] | None) -> dict[str, int]:
    values = {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0, **(given or {})}
    return {"NumberOfDecreasesToday": 0, **values}


def set_options(description: dict[str, Any], request: Request, now: float) -> None:
    """Puts stream, encryption and table class of a CreateTable or UpdateTable into a description."""
    stream = request.get("StreamSpecification")
    if stream:
        if stream.get("StreamEnabled"):
            label = f"{now:.3f}"
            description["StreamSpecification"] = dict(stream)
            description["LatestStreamLabel"] = label
            description["LatestStreamArn"] = f"{description['TableArn']}/stream/{label}"
        else:
            description.pop("StreamSpecification", None)
    encryption = request.get("SSESpecification")
    if encryption is not None:
        enabled = encryption.get("Enabled")
        description.pop("SSEDescription", None)
        if enabled:
            key = encryption.get("KMSMasterKeyId", "alias/aws/dynamodb")
            description["SSEDescription"] = {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key}
    if request.get("TableClass"):
        description["TableClassSummary"] = {"TableClass": request["TableClass"]}


def describe_index(description: Mapping[str, Any], given: Mapping[str, Any], is_global: bool) -> dict[str, Any]:
    """Returns DescribeTable's description of an index, without its numbers of items."""
    shown: dict[str, Any] = {
        "IndexName": given["IndexName"],
        "KeySchema": list(given["KeySchema"]),
        "Projection": dict(given["Projection"]),
        "IndexArn": f"{description['TableArn']}/index/{given['IndexName']}",
    }
    if is_global:
        shown["IndexStatus"] = "ACTIVE"
        shown["ProvisionedThroughput"] = _throughput(given.get("ProvisionedThroughput"))
    return shown
