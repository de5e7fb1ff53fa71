"""Operations on tables themselves: create, describe, change, delete, time to live, backups, tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .database import Answer, Database, Request
from .definitions import describe_index, make_index, make_table, set_billing, set_options
from .errors import DynamoError, invalid, not_found
from .tables import Table
from .values import item_size

MAX_NAMES = 100


def create_table(database: Database, request: Request) -> Answer:
    """Creates a table, which is active at once."""
    table = make_table(database, request)
    if table.name in database.tables:
        raise DynamoError("ResourceInUseException", f"Table already exists: {table.name}")
    database.tables[table.name] = table
    return {"TableDescription": description_of(table)}


def describe_table(database: Database, request: Request) -> Answer:
    """Returns a table's description."""
    return {"Table": description_of(_table(database, request))}


def delete_table(database: Database, request: Request) -> Answer:
    """Deletes a table with everything in it."""
    table = _table(database, request)
    if table.description["DeletionProtectionEnabled"]:
        raise invalid(
            "Resource cannot be deleted as it is currently protected against deletion. "
            "Disable deletion protection first."
        )
    del database.tables[table.name]
    return {"TableDescription": {**description_of(table), "TableStatus": "DELETING"}}


def list_tables(database: Database, request: Request) -> Answer:
    """Returns a page of table names in order."""
    limit = request.get("Limit", MAX_NAMES)
    if not isinstance(limit, int) or not 1 <= limit <= MAX_NAMES:
        bound = "greater than or equal to 1" if isinstance(limit, int) and limit < 1 else "less than or equal to 100"
        raise invalid(
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
            f"Member must have value {bound}"
        )
    start = request.get("ExclusiveStartTableName", "")
    names = sorted(name for name in database.tables if name > start)
    answer: Answer = {"TableNames": names[:limit]}
    if len(names) > limit:
        answer["LastEvaluatedTableName"] = names[limit - 1]
    return answer


def update_table(database: Database, request: Request) -> Answer:
    """Changes billing, throughput, stream, encryption, class, protection and global indexes."""
    table = _table(database, request)
    description = dict(table.description)
    if request.get("BillingMode") or request.get("ProvisionedThroughput"):
        set_billing(description, request, database.clock())
    set_options(description, request, database.clock())
    if request.get("DeletionProtectionEnabled") is not None:
        description["DeletionProtectionEnabled"] = bool(request["DeletionProtectionEnabled"])
    if request.get("AttributeDefinitions"):
        known = {each["AttributeName"]: each for each in description["AttributeDefinitions"]}
        known.update({each["AttributeName"]: each for each in request["AttributeDefinitions"]})
        description["AttributeDefinitions"] = list(known.values())
    for change in request.get("GlobalSecondaryIndexUpdates") or ():
        _change_index(table, description, change)
    used = {name for each in (table.schema, *(index.schema for index in table.indexes.values())) for name in each.names}
    description["AttributeDefinitions"] = [
        each for each in description["AttributeDefinitions"] if each["AttributeName"] in used
    ]
    table.description = description
    return {"TableDescription": description_of(table)}


def _change_index(table: Table, description: dict[str, Any], change: Mapping[str, Any]) -> None:
    ((action, given),) = change.items()
    name = given["IndexName"]
    shown = [each for each in description.get("GlobalSecondaryIndexes", ()) if each["IndexName"] != name]
    index = table.indexes.get(name)
    if action == "Create":
        if index is not None:
            raise invalid(f"Attempting to create an index which already exists: {name}")
        types = {each["AttributeName"]: each["AttributeType"] for each in description["AttributeDefinitions"]}
        made = make_index(given, types, table.schema, is_global=True)
        for key, item in table.items.items():
            made.replace(key, None, item)
        table.indexes[name] = made
        shown.append(describe_index(description, given, is_global=True))
    elif index is None or not index.is_global:
        raise not_found(f"Requested resource not found: Index: {name} not found")
    elif action == "Delete":
        del table.indexes[name]
    else:
        changed = describe_index(description, {**index.definition, **given}, is_global=True)
        shown.append(changed)
    description["GlobalSecondaryIndexes"] = shown
    if not shown:
        del description["GlobalSecondaryIndexes"]


def description_of(table: Table) -> dict[str, Any]:
    """Returns a table's description with its present numbers of items and bytes."""
    description = dict(table.description)
    description["ItemCount"] = len(table.items)
    description["TableSizeBytes"] = sum(map(item_size, table.items.values()))
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        if kind in description:
            description[kind] = [_with_numbers(table, each) for each in description[kind]]
    return description


def _with_numbers(table: Table, shown: Mapping[str, Any]) -> dict[str, Any]:
    index = table.indexes[shown["IndexName"]]
    indexed = [item for item in table.items.values() if index.schema.stored_key(item) is not None]
    return {**shown, "ItemCount": len(indexed), "IndexSizeBytes": sum(item_size(index.view(item)) for item in indexed)}


def _table(database: Database, request: Request) -> Table:
    """Returns the table of an operation on tables. Raises DynamoError with its name."""
    name = request.get("TableName")
    try:
        return database.table(name)
    except DynamoError as error:
        if error.code != "ResourceNotFoundException":
            raise
        raise not_found(f"Requested resource not found: Table: {name} not found") from None


def update_time_to_live(database: Database, request: Request) -> Answer:
    """Sets the attribute of time to live. Nothing expires here; the service, too, deletes within days."""
    table, given = _table(database, request), request["TimeToLiveSpecification"]
    name = given["AttributeName"]
    if given["Enabled"]:
        if table.ttl_attribute is not None:
            raise invalid("TimeToLive is already enabled")
        table.ttl_attribute = name
    else:
        if table.ttl_attribute is None:
            raise invalid("TimeToLive is already disabled")
        if table.ttl_attribute != name:
            raise invalid(
                f"TimeToLive is active on a different AttributeName: current AttributeName is {table.ttl_attribute}"
            )
        table.ttl_attribute = None
    return {"TimeToLiveSpecification": dict(given)}


def describe_time_to_live(database: Database, request: Request) -> Answer:
    """Returns the attribute of time to live, if any."""
    name = _table(database, request).ttl_attribute
    if name is None:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
    return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": name}}


def update_continuous_backups(database: Database, request: Request) -> Answer:
    """Enables or disables point-in-time recovery."""
    table = _backed_up(database, request)
    table.recovery = bool(request["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"])
    return describe_continuous_backups(database, request)


def describe_continuous_backups(database: Database, request: Request) -> Answer:
    """Returns whether point-in-time recovery is enabled."""
    table = _backed_up(database, request)
    recovery: dict[str, Any] = {"PointInTimeRecoveryStatus": "ENABLED" if table.recovery else "DISABLED"}
    if table.recovery:
        recovery["EarliestRestorableDateTime"] = table.description["CreationDateTime"]
        recovery["LatestRestorableDateTime"] = database.clock()
    return {
        "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": recovery,
        }
    }


def _backed_up(database: Database, request: Request) -> Table:
    name = request.get("TableName")
    if isinstance(name, str) and name.rpartition("table/")[2] not in database.tables:
        raise DynamoError("TableNotFoundException", f"Table not found: {name}")
    return database.table(name)


def tag_resource(database: Database, request: Request) -> Answer:
    """Sets tags of a table."""
    _tagged(database, request).tags.update({tag["Key"]: tag["Value"] for tag in request["Tags"]})
    return {}


def untag_resource(database: Database, request: Request) -> Answer:
    """Removes tags from a table."""
    tags = _tagged(database, request).tags
    for name in request["TagKeys"]:
        tags.pop(name, None)
    return {}


def list_tags_of_resource(database: Database, request: Request) -> Answer:
    """Returns a table's tags."""
    tags = _tagged(database, request).tags
    return {"Tags": [{"Key": name, "Value": value} for name, value in tags.items()]}


def _tagged(database: Database, request: Request) -> Table:
    arn = request.get("ResourceArn")
    if not isinstance(arn, str) or ":table/" not in arn:
        raise invalid(f"Invalid TableArn: Invalid ResourceArn provided as input {arn}")
    if arn.rpartition("table/")[2] not in database.tables:
        raise not_found(f"Requested resource not found: ResourcArn: {arn} not found")
    return database.table(arn)


def describe_limits(database: Database, request: Request) -> Answer:
    """Returns an account's usual limits."""
    return {
        "AccountMaxReadCapacityUnits": 80_000,
        "AccountMaxWriteCapacityUnits": 80_000,
        "TableMaxReadCapacityUnits": 40_000,
        "TableMaxWriteCapacityUnits": 40_000,
    }
