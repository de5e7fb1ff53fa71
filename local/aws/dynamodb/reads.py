"""GetItem, Query and Scan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import capacity
from .bindings import Bindings, Condition, bind
from .database import Answer, Database, Request, choice, condition_of, refuse_legacy
from .errors import DynamoError, invalid, invalid_value
from .key_conditions import KeyRange, compile_key_condition
from .paths import Projection, Tree, compile_projection, projected
from .schema import Key
from .tables import Index, Table
from .values import Item, canonical, item_size, ordered, type_of

PAGE_BYTES = 1024 * 1024
MAX_SEGMENTS = 1_000_000
_SELECTS = ("ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES", "COUNT")


def get_item(database: Database, request: Request) -> Answer:
    """Returns one item, or the selected parts of it."""
    refuse_legacy(request)
    table = database.table(request.get("TableName"))
    kind = capacity.wanted(request)
    tree = projection_tree(request)
    key, _ = table.schema.key_of_request(request["Key"])
    item = table.items.get(key)
    answer: Answer = {}
    if item is not None:
        answer["Item"] = item if tree is None else projected(item, tree)
    if kind:
        size = 0 if item is None else table.size_of(key)
        consistent = bool(request.get("ConsistentRead"))
        answer["ConsumedCapacity"] = capacity.of_read(table, None, size, consistent).shown(kind)
    return answer


def projection_of(request: Request) -> Projection | None:
    """Returns a request's compiled projection, if it has one. Raises DynamoError."""
    text = request.get("ProjectionExpression")
    return None if text is None else compile_projection(text)


def projection_tree(request: Request) -> Tree | None:
    """Returns the projection of a request that has no other expression; None: everything. Raises DynamoError."""
    projection = projection_of(request)
    bindings = bind(request, (projection,))
    return None if projection is None else projection.tree(bindings)


@dataclass(slots=True)
class _Page:
    """One page of a query or scan."""

    table: Table
    index: Index | None
    request: Request
    kind: str | None
    limit: int | None
    start: Item | None
    counts_only: bool
    whole_items: bool
    """True if attributes are selected that the index does not have."""
    tree: Tree | None
    filter: Condition | None
    bindings: Bindings

    def read(self, keys: Iterable[Key]) -> Answer:
        """Reads items until the page is full, and returns the answer."""
        found: list[Item] = []
        size = scanned = count = 0
        last: Item | None = None
        for key in keys:
            item = self.table.items[key]
            seen = item if self.index is None or self.whole_items else self.index.view(item)
            scanned += 1
            size += self.table.size_of(key) if seen is item else item_size(seen)
            if self.filter is None or self.filter.test(seen, self.bindings):
                count += 1
                if not self.counts_only:
                    found.append(seen if self.tree is None else projected(seen, self.tree))
            if size >= PAGE_BYTES or scanned == self.limit:
                last = item
                break
        answer: Answer = {"Count": count, "ScannedCount": scanned}
        if not self.counts_only:
            answer["Items"] = found
        if last is not None:
            answer["LastEvaluatedKey"] = self.table.keys_at(self.index, last)
        if self.kind:
            consistent = bool(self.request.get("ConsistentRead"))
            answer["ConsumedCapacity"] = capacity.of_read(self.table, self.index, size, consistent).shown(self.kind)
        return answer


def query(database: Database, request: Request) -> Answer:
    """Returns a page of one partition, in the order of its sort keys."""
    refuse_legacy(request)
    table = database.table(request.get("TableName"))
    index = table.index(request.get("IndexName"))
    schema = table.schema if index is None else index.schema
    text = request.get("KeyConditionExpression")
    if text is None:
        raise invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
    condition = compile_key_condition(text)
    filter_, projection = condition_of(request, "FilterExpression"), projection_of(request)
    bindings = bind(request, (condition, filter_, projection))
    wanted = condition.of(schema, bindings)
    for path in filter_.paths if filter_ else ():
        name = bindings.path(path)[0]
        if name in schema.names:
            raise invalid(
                f"Filter Expression can only contain non-primary key attributes: Primary key attribute: {name}"
            )
    page = _page(table, index, request, filter_, projection, bindings)
    if page.start is not None:
        _check_start_in(page.start, schema.hash_name, wanted)
    forward = request.get("ScanIndexForward") is not False
    return page.read(table.in_range(index, wanted, forward, page.start))


def scan(database: Database, request: Request) -> Answer:
    """Returns a page of a table or an index, or of a segment of it."""
    refuse_legacy(request)
    table = database.table(request.get("TableName"))
    index = table.index(request.get("IndexName"))
    filter_, projection = condition_of(request, "FilterExpression"), projection_of(request)
    bindings = bind(request, (filter_, projection))
    segment, segments = _segment(request)
    page = _page(table, index, request, filter_, projection, bindings)
    return page.read(table.in_segment(index, segment, segments, page.start))


def _page(
    table: Table,
    index: Index | None,
    request: Request,
    filter_: Condition | None,
    projection: Projection | None,
    bindings: Bindings,
) -> _Page:
    select = request.get("Select")
    if select is not None:
        choice(request, "Select", _SELECTS)
    _check_select(select, index, projection)
    if index is not None and index.is_global and request.get("ConsistentRead"):
        raise invalid("Consistent reads are not supported on global secondary indexes")
    tree = None if projection is None else projection.tree(bindings)
    if index is not None and index.is_global:
        paths = (*(projection.paths if projection else ()), *(filter_.paths if filter_ else ()))
        _check_projected(index, [bindings.path(path)[0] for path in paths])
    local = index is not None and not index.is_global and index.attributes is not None
    return _Page(
        table=table,
        index=index,
        request=request,
        kind=capacity.wanted(request),
        limit=_limit(request),
        start=_start(table, index, request),
        counts_only=select == "COUNT",
        whole_items=local and (select == "ALL_ATTRIBUTES" or _asks_for_more(index, tree)),
        tree=tree,
        filter=filter_,
        bindings=bindings,
    )


def _check_projected(index: Index, names: list[str | int]) -> None:
    missing = [str(name) for name in names if index.attributes is not None and name not in index.attributes]
    if missing:
        raise invalid_value(f"Global secondary index {index.name} does not project [{', '.join(missing)}]")


def _asks_for_more(index: Index | None, tree: Tree | None) -> bool:
    """Returns whether attributes are selected that a local index does not have; they are fetched from the table."""
    return index is not None and index.attributes is not None and bool(set(tree or ()) - index.attributes)


def _check_select(select: str | None, index: Index | None, projection: Projection | None) -> None:
    if projection is not None and select not in (None, "SPECIFIC_ATTRIBUTES"):
        raise invalid(f"Cannot specify the ProjectionExpression when choosing to get {select}")
    if select == "SPECIFIC_ATTRIBUTES" and projection is None:
        raise invalid(
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
        )
    if select == "ALL_PROJECTED_ATTRIBUTES" and index is None:
        raise invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
    if select == "ALL_ATTRIBUTES" and index is not None and index.is_global and index.attributes is not None:
        kind = index.definition["Projection"]["ProjectionType"]
        raise invalid_value(
            f"Select type ALL_ATTRIBUTES is not supported for global secondary index {index.name} because its "
            f"projection type is not ALL ({kind})"
        )


def _limit(request: Request) -> int | None:
    limit = request.get("Limit")
    if limit is None:
        return None
    if not isinstance(limit, int) or limit < 1:
        raise invalid(
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1"
        )
    return limit


def _segment(request: Request) -> tuple[int, int]:
    segment, segments = request.get("Segment"), request.get("TotalSegments")
    if segment is None and segments is None:
        return 0, 1
    if segment is None:
        raise invalid(
            "The Segment parameter is required but was not present in the request when TotalSegments is present"
        )
    if segments is None:
        raise invalid(
            "The TotalSegments parameter is required but was not present in the request "
            "when Segment parameter is present"
        )
    if not 1 <= segments <= MAX_SEGMENTS:
        raise invalid(
            f"1 validation error detected: Value '{segments}' at 'totalSegments' failed to satisfy constraint: "
            f"Member must have value between 1 and {MAX_SEGMENTS}"
        )
    if not 0 <= segment < segments:
        raise invalid(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            f"Segment: {segment} is not less than TotalSegments: {segments}"
        )
    return segment, segments


def _start(table: Table, index: Index | None, request: Request) -> Item | None:
    start: Any = request.get("ExclusiveStartKey")
    if start is None:
        return None
    keys = {name: canonical(value) for name, value in start.items()}
    schemas = [table.schema] if index is None else [table.schema, index.schema]
    if keys.keys() != {name for schema in schemas for name in schema.names}:
        raise _wrong_start("The provided key element does not match the schema")
    for schema in schemas:
        if any(type_of(keys[name]) != kind for name, kind in schema.keys):
            raise _wrong_start("The provided key element does not match the schema")
    return keys


def _check_start_in(start: Item, hash_name: str, wanted: KeyRange) -> None:
    if ordered(start[hash_name]) != ordered(wanted.partition):
        raise invalid("The provided starting key is outside query boundaries based on provided conditions")


def _wrong_start(why: str) -> DynamoError:
    return invalid(f"The provided starting key is invalid: {why}")
