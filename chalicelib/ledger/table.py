"""Wraps the ledger's DynamoDB table: a few operations, one error for every AWS failure.

Items are plain Python values: whole numbers as `int`, None for an attribute that is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from threading import local
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from ..domain.errors import LedgerUnavailable
from ..effects import Effects
from ..observability import ContextPool
from .batched_reads import BATCH_GET_LIMIT, KeysUnprocessed, batch_get
from .item_values import pack, unpack

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

Key = tuple[str, str]
In = TypeVar("In")
Out = TypeVar("Out")

TRANSACTION_LIMIT = 100
# A transaction locks its items for some milliseconds; boto3 itself does not retry on a conflict with one.
CONFLICT_WAITS = (0.02, 0.05, 0.1, 0.2, 0.4)
PARALLEL = 16


_thread = local()


def _enter_pool() -> None:
    _thread.in_pool = True


class ConditionFailed(Exception):
    """The condition of a write was not met; `found` is the current item (empty: there is none)."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        self.found = found
        super().__init__("the condition of the write was not met")


@dataclass(frozen=True, slots=True)
class Write:
    """One update of a transaction, as the parameters of `Table.update`; without a `change` only its condition."""

    key: Key
    condition: str
    values: Mapping[str, Any] = field(default_factory=dict)
    change: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)


class Table:
    """Conditional writes and consistent reads of one table. Every AWS failure is raised as `LedgerUnavailable`."""

    def __init__(self, client: DynamoDBClient, name: str, effects: Effects | None = None) -> None:
        self._client = client
        self._name = name
        self._effects = effects or Effects()
        self._pool = ContextPool(PARALLEL, thread_name_prefix="ledger", initializer=_enter_pool)

    def in_parallel(self, work: Callable[[In], Out], values: Iterable[In]) -> list[Out]:
        """Runs `work` on every value, `PARALLEL` at a time; returns the results in order.

        A nested call runs in the calling thread: a pool thread that waits for its own pool could deadlock.
        """
        given = list(values)
        if len(given) < 2 or getattr(_thread, "in_pool", False):
            return [work(value) for value in given]
        return list(self._pool.map(work, given))

    def put_new(self, item: Mapping[str, Any]) -> None:
        """Puts a new item. Raises ConditionFailed with the existing item if the key exists."""
        self._call(
            self._client.put_item,
            Item=pack(item),
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    def put_new_together(self, items: Sequence[Mapping[str, Any]]) -> bool:
        """Puts new items in one transaction, all or none, at twice the price of single writes.

        Returns False if it is not possible now: there are too many items, an item other than the first exists, or
        another transaction writes to them. Raises ConditionFailed with the current first item if that exists.
        """
        if len(items) > TRANSACTION_LIMIT:
            return False
        puts: Any = [
            {
                "Put": {
                    "TableName": self._name,
                    "Item": pack(item),
                    "ConditionExpression": "attribute_not_exists(pk)",
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
            }
            for item in items
        ]
        try:
            self._client.transact_write_items(TransactItems=puts)
        except ClientError as error:
            found = _found_first(error)
            if found:
                raise ConditionFailed(found) from None
            return False
        except BotoCoreError as error:
            raise _unavailable(error) from error
        return True

    def update(
        self,
        key: Key,
        change: str,
        values: Mapping[str, Any] | None = None,
        *,
        condition: str | None = None,
        names: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Applies one update expression; `values` and `names` are given without `:` and `#`. Returns the new item.

        Raises ConditionFailed with the current item.
        """
        request: dict[str, Any] = {
            "Key": pack({"pk": key[0], "sk": key[1]}),
            "UpdateExpression": change,
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if values:
            request["ExpressionAttributeValues"] = {f":{name}": value for name, value in pack(values).items()}
        if names:
            request["ExpressionAttributeNames"] = {f"#{name}": attribute for name, attribute in names.items()}
        if condition:
            request["ConditionExpression"] = condition
        return unpack(self._call(self._client.update_item, **request).get("Attributes", {}))

    def try_update(
        self,
        key: Key,
        change: str,
        values: Mapping[str, Any],
        *,
        condition: str,
        names: Mapping[str, str] | None = None,
    ) -> bool:
        """Applies one update as `update` does; False, with nothing changed, if `condition` does not hold."""
        return self.changed(key, change, values, condition=condition, names=names) is not None

    def changed(
        self,
        key: Key,
        change: str,
        values: Mapping[str, Any],
        *,
        condition: str,
        names: Mapping[str, str] | None = None,
    ) -> dict[str, Any] | None:
        """Applies one update as `update` does; None, with nothing changed, if `condition` does not hold."""
        try:
            return self.update(key, change, values, condition=condition, names=names)
        except ConditionFailed:
            return None

    def write_together(self, writes: Sequence[Write]) -> bool:
        """Applies updates of several items in one transaction, all or none, at twice the price of single writes.

        Returns False if a condition does not hold, or another transaction writes to one of the items.
        """
        parts: Any = []
        for write in writes:
            request = {
                "TableName": self._name,
                "Key": pack({"pk": write.key[0], "sk": write.key[1]}),
                "ConditionExpression": write.condition,
            }
            if write.values:
                request["ExpressionAttributeValues"] = pack({f":{name}": one for name, one in write.values.items()})
            if write.names:
                request["ExpressionAttributeNames"] = {f"#{name}": one for name, one in write.names.items()}
            if write.change is None:
                parts.append({"ConditionCheck": request})
            else:
                parts.append({"Update": {**request, "UpdateExpression": write.change}})
        try:
            self._client.transact_write_items(TransactItems=parts)
        except ClientError as error:
            if _code(error) == "TransactionCanceledException":
                return False
            raise _unavailable(error) from error
        except BotoCoreError as error:
            raise _unavailable(error) from error
        return True

    def get(self, key: Key) -> dict[str, Any] | None:
        """Reads one item consistently; None if it does not exist."""
        answer = self._call(self._client.get_item, Key=pack({"pk": key[0], "sk": key[1]}), ConsistentRead=True)
        return unpack(answer["Item"]) if "Item" in answer else None

    def get_many(self, keys: Iterable[Key]) -> dict[Key, dict[str, Any]]:
        """Reads the existing items of `keys` consistently, a hundred per call, with concurrent calls."""
        unique = [pack({"pk": pk, "sk": sk}) for pk, sk in dict.fromkeys(keys)]
        batches = [unique[start : start + BATCH_GET_LIMIT] for start in range(0, len(unique), BATCH_GET_LIMIT)]
        read = partial(batch_get, self._client, self._name, effects=self._effects)
        try:
            answers = self.in_parallel(read, batches)
        except (ClientError, BotoCoreError, KeysUnprocessed) as error:
            raise _unavailable(error) from error
        items = map(unpack, chain.from_iterable(answers))
        return {(item["pk"], item["sk"]): item for item in items}

    def query(
        self, pk: str, between: tuple[str, str] | None = None, *, consistent: bool = True
    ) -> list[dict[str, Any]]:
        """Reads the items under `pk`, all or those `between` two sort keys (included), in their order.

        Not `consistent`: an item may be as it was a moment ago, at half the price. Write on condition that it still is.
        """
        condition, values = "pk = :pk", {":pk": pk}
        if between is not None:
            condition += " AND sk BETWEEN :first AND :last"
            values |= {":first": between[0], ":last": between[1]}
        request = {"KeyConditionExpression": condition, "ExpressionAttributeValues": pack(values)}
        return list(self._pages(**request, ConsistentRead=consistent))

    def query_due(
        self, index: str, due_pk: str, between: tuple[str, str], limit: int, attributes: str = "pk, sk, due_sk"
    ) -> list[dict[str, Any]]:
        """Reads up to `limit` entries of a partition of the `due` index `between` two sort keys (included), in order.

        Of each the keys, or other `attributes` of the index.
        """
        pages = self._pages(
            IndexName=index,
            KeyConditionExpression="due_pk = :pk AND due_sk BETWEEN :first AND :last",
            ExpressionAttributeValues=pack({":pk": due_pk, ":first": between[0], ":last": between[1]}),
            ProjectionExpression=attributes,
            Limit=limit,
        )
        return list(islice(pages, limit))

    def query_due_at(self, index: str, due_pk: str, due_sk: str) -> Iterator[dict[str, Any]]:
        """Reads the keys in a partition of the `due` index with exactly that sort key."""
        return self._pages(
            IndexName=index,
            KeyConditionExpression="due_pk = :pk AND due_sk = :at",
            ExpressionAttributeValues=pack({":pk": due_pk, ":at": due_sk}),
        )

    def query_newest(
        self,
        index: str,
        due_pk: str,
        between: tuple[str, str],
        *,
        after: Mapping[str, str] | None,
        limit: int,
        equal: Mapping[str, str],
        within: Mapping[str, tuple[int, int]],
    ) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        """Reads one page of a partition of the `due` index, the largest sort key first, `between` two (included).

        Reads at most `limit` entries, or 1 MB, after the key `after`; returns those with the attributes `equal` and
        `within` two numbers (included), and the key after which more follows (None: the end).
        """
        bounds = {f"{name}_{end}": value for name, two in within.items() for end, value in zip("ab", two, strict=True)}
        values = {"pk": due_pk, "from": between[0], "to": between[1], **equal, **bounds}
        request: dict[str, Any] = {
            "IndexName": index,
            "KeyConditionExpression": "due_pk = :pk AND due_sk BETWEEN :from AND :to",
            "ExpressionAttributeValues": pack({f":{name}": value for name, value in values.items()}),
            "ScanIndexForward": False,
            "Limit": limit,
        }
        if equal or within:
            conditions = [f"#{name} = :{name}" for name in equal]
            conditions += [f"#{name} BETWEEN :{name}_a AND :{name}_b" for name in within]
            request["FilterExpression"] = " AND ".join(conditions)
            request["ExpressionAttributeNames"] = {f"#{name}": name for name in (*equal, *within)}
        if after is not None:
            request["ExclusiveStartKey"] = pack({"due_pk": due_pk, **after})
        answer = self._call(self._client.query, **request)
        last = answer.get("LastEvaluatedKey")
        return [unpack(item) for item in answer["Items"]], unpack(last) if last else None

    def scan(
        self, part: int, parts: int, wanted: str, attributes: Sequence[str], values: Mapping[str, Any]
    ) -> Iterator[list[dict[str, Any]]]:
        """Scans segment `part` of `parts` of the table consistently; yields pages with `attributes` of matching items.

        `wanted` is a filter expression with `:name` for values and `#name` for those attributes. Items that it excludes
        are read and charged too, so scan only on an operator's call or once a day, never for each event.
        """
        request = {"Segment": part, "TotalSegments": parts, **_search(wanted, attributes, values)}
        while True:
            answer = self._call(self._client.scan, **request)
            yield [unpack(item) for item in answer["Items"]]
            if not answer.get("LastEvaluatedKey"):
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def scan_page(
        self, after: Key | None, limit: int, wanted: str, attributes: Sequence[str], values: Mapping[str, Any]
    ) -> tuple[list[dict[str, Any]], Key | None]:
        """Scans at most `limit` items after the key `after`; returns matching items and the next key (None: end).

        `limit` counts all items that are read, matching or not. An item may be read as it was a moment ago, at half the
        price: write on condition that it is still so. Parameters otherwise as for `scan`.
        """
        request = {"Limit": limit, **_search(wanted, attributes, values), "ConsistentRead": False}
        if after is not None:
            request["ExclusiveStartKey"] = pack({"pk": after[0], "sk": after[1]})
        answer = self._call(self._client.scan, **request)
        last = unpack(answer.get("LastEvaluatedKey") or {})
        return [unpack(item) for item in answer["Items"]], (last["pk"], last["sk"]) if last else None

    def _pages(self, **request: Any) -> Iterator[dict[str, Any]]:
        start: Mapping[str, Any] | None = None
        while True:
            answer = self._call(self._client.query, **request, **({"ExclusiveStartKey": start} if start else {}))
            yield from (unpack(item) for item in answer["Items"])
            start = answer.get("LastEvaluatedKey")
            if not start:
                return

    def _call(self, operation: Callable[..., Any], **request: Any) -> Any:
        """Makes one call on this table, and repeats it while a transaction on its item conflicts.

        Raises ConditionFailed with the current item, or LedgerUnavailable.
        """
        waits = iter(CONFLICT_WAITS)
        while True:
            try:
                return operation(TableName=self._name, **request)
            except ClientError as error:
                if _code(error) == "ConditionalCheckFailedException":
                    found: Any = error.response.get("Item") or {}
                    raise ConditionFailed(unpack(found)) from None
                wait = next(waits, None) if _code(error) == "TransactionConflictException" else None
                if wait is None:
                    raise _unavailable(error) from error
            except BotoCoreError as error:
                raise _unavailable(error) from error
            self._effects.sleep(wait)


def _search(wanted: str, attributes: Sequence[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Builds the request parameters that both scans have in common."""
    return {
        "ConsistentRead": True,
        "FilterExpression": wanted,
        "ProjectionExpression": ", ".join(f"#{name}" for name in attributes),
        "ExpressionAttributeNames": {f"#{name}": name for name in attributes},
        "ExpressionAttributeValues": {f":{name}": value for name, value in pack(values).items()},
    }


def _found_first(error: ClientError) -> dict[str, Any]:
    """Returns the current first item of a cancelled transaction if that was the reason; empty for other reasons.

    Raises LedgerUnavailable if the transaction was not cancelled but failed.
    """
    if _code(error) != "TransactionCanceledException":
        raise _unavailable(error) from error
    reasons: Any = error.response.get("CancellationReasons") or [{}]
    return unpack(reasons[0].get("Item") or {})


def _unavailable(error: ClientError | BotoCoreError | KeysUnprocessed) -> LedgerUnavailable:
    if isinstance(error, KeysUnprocessed):
        return LedgerUnavailable(f"the ledger did not answer: {error}")
    code = _code(error) if isinstance(error, ClientError) else type(error).__name__
    return LedgerUnavailable(f"the ledger did not answer: {code}")


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")
