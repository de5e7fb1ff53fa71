"""A client of an engine in this process, used like boto3's: `client.put_item(TableName=..., ...)`.

It takes and gives what boto3's low-level client does, raises botocore's ClientError, and asks nothing of the network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from .engine import OPERATIONS, Engine
from .errors import DynamoError
from .values import copied

METHODS = {re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower(): operation for operation in OPERATIONS}
_TIMES = (
    "CreationDateTime",
    "LastUpdateToPayPerRequestDateTime",
    "EarliestRestorableDateTime",
    "LatestRestorableDateTime",
)


class Exceptions:
    """Exception classes by their codes, such as `client.exceptions.ConditionalCheckFailedException`."""

    def __getattr__(self, code: str) -> type[ClientError]:
        if code == "ClientError":
            return ClientError
        if code.startswith("_"):
            raise AttributeError(code)
        made: type[ClientError] = type(code, (ClientError,), {})
        setattr(self, code, made)
        return made


class Client:
    """boto3's DynamoDB client over an engine in memory; `counts` are its calls by method name.

    Answers come without ResponseMetadata.
    """

    exceptions = Exceptions()

    def __init__(self, engine: Engine | None = None) -> None:
        self.engine = engine or Engine()
        self.counts: dict[str, int] = {}

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Callable[..., Any]: ...

    def call(self, name: str, request: dict[str, Any]) -> Any:
        """Runs the operation of a method, such as `put_item`. Raises ClientError."""
        with self.engine.lock:
            self.counts[name] = self.counts.get(name, 0) + 1
            try:
                return _given(self.engine.call(METHODS[name], request))
            except DynamoError as error:
                raise _client_error(error, METHODS[name]) from None

    def get_paginator(self, name: str) -> Paginator:
        """Returns a paginator of `query`, `scan` or `list_tables`."""
        return Paginator(getattr(self, name))

    def get_waiter(self, name: str) -> Waiter:
        """Returns a waiter; tables are active at once, so it never waits."""
        return Waiter()


def _method(name: str) -> Callable[..., Any]:
    def method(self: Client, **request: Any) -> Any:
        return self.call(name, request)

    method.__name__ = name
    return method


for _name in METHODS:
    setattr(Client, _name, _method(_name))


class Paginator:
    """Reads page after page."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def paginate(self, **request: Any) -> Iterator[Any]:
        """Yields pages."""
        while True:
            page = self._call(**request)
            yield page
            if "LastEvaluatedKey" in page:
                request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
            elif "LastEvaluatedTableName" in page:
                request["ExclusiveStartTableName"] = page["LastEvaluatedTableName"]
            else:
                return


class Waiter:
    """A waiter that never waits."""

    def wait(self, **_: Any) -> None:
        """Returns at once."""


def _client_error(error: DynamoError, operation: str) -> ClientError:
    response: Any = {
        "Error": {"Code": error.code, "Message": error.message},
        "ResponseMetadata": {"HTTPStatusCode": 400, "RequestId": "in this process"},
        **{name: _copied_answer(member) for name, member in error.members.items()},
    }
    made: ClientError = getattr(Client.exceptions, error.code)(response, operation)
    return made


def _given(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an answer of which the caller may change every part, with times as datetimes."""
    given: dict[str, Any] = {}
    for name, member in answer.items():
        if name in ("Item", "Attributes", "LastEvaluatedKey"):
            given[name] = copied(member)
        elif name == "Items":
            given[name] = [copied(item) for item in member]
        elif name == "Responses" and isinstance(member, dict):
            given[name] = {table: [copied(item) for item in items] for table, items in member.items()}
        else:
            given[name] = _copied_answer(member)
    return given


def _copied_answer(member: Any) -> Any:
    if isinstance(member, Mapping):
        return {
            name: datetime.fromtimestamp(each, UTC) if _is_time(name, each) else _copied_answer(each)
            for name, each in member.items()
        }
    return [_copied_answer(each) for each in member] if isinstance(member, list) else member


def _is_time(name: str, value: Any) -> bool:
    return name in _TIMES and isinstance(value, float)
