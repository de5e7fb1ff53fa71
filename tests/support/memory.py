"""DynamoDB and SQS in this process's memory, for tests that need tens of thousands of calls: no network, no botocore.

The product's own `Table` stands in front of it, with its requests as they are. What a condition or an update means is
asked of moto's parser, the one that the embedded AWS uses; only keys, pages and the index are done here. The same
programs run on the embedded AWS, too, and must end there with the same items (`tests/delivery/test_model_aws.py`).
"""

from __future__ import annotations

import copy
import functools
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from botocore.exceptions import ClientError

from local.aws.dynamodb_updates import simple_update

Item = dict[str, Any]
Keys = tuple[str, str]
# Any: what is used of moto has no types.
_models: Any = import_module("moto.dynamodb.models.dynamo_type")
_conditions: Any = import_module("moto.dynamodb.comparisons")
_expressions: Any = import_module("moto.dynamodb.parsing.expressions")
_validators: Any = import_module("moto.dynamodb.parsing.validators")
_executors: Any = import_module("moto.dynamodb.parsing.executors")
_parse_update = functools.lru_cache(maxsize=256)(_expressions.UpdateExpressionParser.make)


class _Condition(_conditions.ConditionExpressionParser):  # type: ignore[misc]
    """moto's parser of conditions, which remembers the words of those it has read: taking them apart costs 1 ms."""

    def _lex_condition_expression(self) -> Any:
        return deque(_words(self.condition_expression))


@functools.lru_cache(maxsize=256)
def _words(condition: str) -> tuple[Any, ...]:
    parser = _conditions.ConditionExpressionParser(condition, None, None)
    return tuple(parser._lex_condition_expression())


class _Schema:
    """What moto's validator asks of a table."""

    attribute_keys = table_key_attrs = ("pk", "sk")
    hash_key_attr = "pk"
    range_key_attr = "sk"
    attr = tuple(
        {"AttributeName": name, "AttributeType": kind}
        for name, kind in {"pk": "S", "sk": "S", "due_pk": "S", "due_at": "N"}.items()
    )


@dataclass
class MemoryDynamo:
    """One table with the keys `pk` and `sk`, as far as the product's `Table` uses its client."""

    items: dict[str, dict[str, Item]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def put_item(self, **request: Any) -> Any:
        return self._do("put_item", request, self._put)

    def update_item(self, **request: Any) -> Any:
        return self._do("update_item", request, self._update)

    def delete_item(self, **request: Any) -> Any:
        return self._do("delete_item", request, self._delete)

    def get_item(self, **request: Any) -> Any:
        return self._do("get_item", request, self._get)

    def batch_get_item(self, **request: Any) -> Any:
        return self._do("batch_get_item", request, self._batch_get)

    def query(self, **request: Any) -> Any:
        return self._do("query", request, self._query)

    def scan(self, **request: Any) -> Any:
        return self._do("scan", request, self._scan)

    def transact_write_items(self, **request: Any) -> Any:
        return self._do("transact_write_items", request, self._put_together)

    def _do(self, operation: str, request: Any, work: Callable[[Any], Any]) -> Any:
        _check_names(request)
        with self._lock:
            self.counts[operation] = self.counts.get(operation, 0) + 1
            return copy.deepcopy(work(request))

    def _put(self, request: Any) -> Any:
        pk, sk = _keys(request["Item"])
        self._check(request, self._find(pk, sk))
        self.items.setdefault(pk, {})[sk] = copy.deepcopy(request["Item"])
        return {}

    def _put_together(self, request: Any) -> Any:
        puts = [item["Put"] for item in request["TransactItems"]]
        assert len(puts) <= 100
        reasons = [self._reason_against(put) for put in puts]
        if any(reason["Code"] != "None" for reason in reasons):
            error: Any = {"Error": {"Code": "TransactionCanceledException", "Message": "Transaction cancelled"}}
            raise ClientError({**error, "CancellationReasons": reasons}, "TransactWriteItems")
        for put in puts:
            self._put(put)
        return {}

    def _reason_against(self, put: Any) -> dict[str, Any]:
        _check_names(put)
        try:
            self._check(put, self._find(*_keys(put["Item"])))
        except ClientError as error:
            found: Any = error.response
            return {"Code": "ConditionalCheckFailed", "Item": found.get("Item")}
        return {"Code": "None"}

    def _update(self, request: Any) -> Any:
        pk, sk = _keys(request["Key"])
        found = self._find(pk, sk)
        self._check(request, found)
        names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
        after = _updated(found if found is not None else request["Key"], request["UpdateExpression"], names, values)
        self.items.setdefault(pk, {})[sk] = after
        return {"Attributes": after}

    def _delete(self, request: Any) -> Any:
        pk, sk = _keys(request["Key"])
        self._check(request, self._find(pk, sk))
        self.items.get(pk, {}).pop(sk, None)
        return {}

    def _get(self, request: Any) -> Any:
        found = self._find(*_keys(request["Key"]))
        return {"Item": found} if found is not None else {}

    def _batch_get(self, request: Any) -> Any:
        ((table, wanted),) = request["RequestItems"].items()
        keys = [_keys(key) for key in wanted["Keys"]]
        assert len(set(keys)) == len(keys) <= 100
        found = [item for key in keys if (item := self._find(*key)) is not None]
        return {"Responses": {table: found}, "UnprocessedKeys": {}}

    def _query(self, request: Any) -> Any:
        values, limit = request["ExpressionAttributeValues"], request.get("Limit", 1_000_000)
        if "IndexName" not in request:
            partition = self.items.get(values[":pk"]["S"], {})
            return {"Items": [partition[sk] for sk in sorted(partition)]}
        exactly = values.get(":at")
        horizon = float((exactly or values.get(":horizon", {"N": "inf"}))["N"])
        due = sorted(
            (float(item["due_at"]["N"]), *_keys(item))
            for items in self.items.values()
            for item in items.values()
            if item.get("due_pk") == values[":pk"] and float(item["due_at"]["N"]) <= horizon
            if exactly in (None, item["due_at"])
        )
        start = request.get("ExclusiveStartKey", {}).get("n", 0)
        page = due[start : start + limit]
        more = {"LastEvaluatedKey": {"n": start + limit}} if start + limit < len(due) else {}
        fields = [{"pk": {"S": pk}, "sk": {"S": sk}, "due_at": {"N": f"{at:.0f}"}} for at, pk, sk in page]
        return {"Items": fields, **more}

    def _scan(self, request: Any) -> Any:
        """Everything in one page of the first part."""
        if request.get("Segment"):
            return {"Items": []}
        names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
        meaning = _Condition(request["FilterExpression"], names, values).parse()
        items = [item for partition in self.items.values() for item in partition.values()]
        shown = [names[name] for name in request["ProjectionExpression"].split(", ")]
        found = [item for item in items if meaning.expr(_moto_item(item))]
        return {"Items": [{name: item[name] for name in shown if name in item} for item in found]}

    def _find(self, pk: str, sk: str) -> Item | None:
        return self.items.get(pk, {}).get(sk)

    def _check(self, request: Any, found: Item | None) -> None:
        condition = request.get("ConditionExpression")
        if condition is None:
            return
        names, values = request.get("ExpressionAttributeNames"), request.get("ExpressionAttributeValues")
        meaning = _Condition(condition, names, values).parse()
        if meaning.expr(_moto_item(found) if found is not None else None):
            return
        error: Any = {"Error": {"Code": "ConditionalCheckFailedException", "Message": "The conditional request failed"}}
        if found is not None and request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD":
            error["Item"] = copy.deepcopy(found)
        raise ClientError(error, "UpdateItem")


def _check_names(request: Mapping[str, Any]) -> None:
    """DynamoDB refuses names and values that are given and not used, or used and not given."""
    text = " ".join(str(request[name]) for name in request if name.endswith("Expression"))
    for mark, given in (("#", "ExpressionAttributeNames"), (":", "ExpressionAttributeValues")):
        used = set(re.findall(rf"{mark}\w+", text))
        assert used == set(request.get(given, ())), f"{used ^ set(request.get(given, ()))} in {text}"


def _keys(item: Mapping[str, Any]) -> Keys:
    """The keys of an item or request, refused as DynamoDB refuses them: 2,048 bytes of UTF-8, and not empty."""
    pk, sk = item["pk"]["S"], item["sk"]["S"]
    for value in (pk, sk):
        if not 0 < len(value.encode("utf-8", "surrogatepass")) <= 2048 or not value.isprintable():
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "a key is wrong"}}, "Operation")
    return pk, sk


def _updated(item: Item, change: str, names: Mapping[str, str], values: Mapping[str, Any]) -> Item:
    """The item after an update; one that sets and removes whole attributes needs no syntax tree (3 ms)."""
    simple = simple_update(change)
    if simple is not None:
        after = copy.deepcopy(dict(item))
        after.update({names.get(name, name): copy.deepcopy(values[value]) for name, value in simple.sets})
        for name in simple.removes:
            after.pop(names.get(name, name), None)
        return after
    whole = _moto_item(item)
    checked = _validators.UpdateExpressionValidator(_parse_update(change), names, values, whole, _Schema).validate()
    checked.normalize()
    _executors.UpdateExpressionExecutor(checked, whole, names).execute()
    return dict(whole.to_json()["Attributes"])


def _moto_item(attributes: Mapping[str, Any]) -> Any:
    return _models.Item(
        _models.DynamoType(attributes["pk"]), _models.DynamoType(attributes["sk"]), copy.deepcopy(dict(attributes))
    )


@dataclass
class MemoryQueues:
    """Queues by name; their messages' bodies, oldest first."""

    bodies: dict[str, list[str]] = field(default_factory=dict)

    def get_queue_url(self, QueueName: str) -> Any:  # noqa: N803 (boto3's own spelling)
        return {"QueueUrl": QueueName}

    def send_message(self, **request: Any) -> Any:
        self._send(request["QueueUrl"], [request["MessageBody"]])
        return {}

    def send_message_batch(self, **request: Any) -> Any:
        self._send(request["QueueUrl"], [entry["MessageBody"] for entry in request["Entries"]])
        return {}

    def get_queue_attributes(self, **request: Any) -> Any:
        return {"Attributes": {"ApproximateNumberOfMessages": str(len(self.bodies.get(request["QueueUrl"], [])))}}

    def rung(self) -> list[tuple[str, Any]]:
        """What waits in the queues, queue by queue, as JSON values, taken out of them."""
        waiting, self.bodies = self.bodies, {}
        return [(name, json.loads(body)) for name, bodies in sorted(waiting.items()) for body in bodies]

    def _send(self, name: str, bodies: Iterable[str]) -> None:
        self.bodies.setdefault(name, []).extend(bodies)
